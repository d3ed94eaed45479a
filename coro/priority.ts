import { show, UsageError } from "@anyevent/backends/contract";

/** The highest priority: runs before all others. */
export const PRIO_MAX: number = 3;
/** A high priority. */
export const PRIO_HIGH: number = 1;
/** The priority a thread starts with. */
export const PRIO_NORMAL: number = 0;
/** A low priority. */
export const PRIO_LOW: number = -1;
/** For threads that run when nothing else wants to. */
export const PRIO_IDLE: number = -3;
/** The lowest priority. */
export const PRIO_MIN: number = -4;

/** @returns the priority, limited to `PRIO_MIN`…`PRIO_MAX`; @throws {UsageError} when it is no integer */
export function clampPriority(value: unknown, what: string): number {
  checkPriority(value, `set priority of ${what}`);
  return Math.min(PRIO_MAX, Math.max(PRIO_MIN, value));
}

/** @param what completes "Cannot …" @throws {UsageError} when it is no integer */
export function checkPriority(value: unknown, what: string): asserts value is number {
  if (!Number.isInteger(value)) {
    throw new UsageError(`Cannot ${what}: ${show(value)} is not an integer`);
  }
}
