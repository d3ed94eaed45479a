import { show, UsageError } from "@anyevent/backends/contract";

/**
 * The highest priority: runs before all others.
 *
 * @example
 * ```ts
 * import { async, PRIO_MAX } from "@anyevent/coro";
 *
 * const thread = async(() => undefined);
 * thread.prio(1000);
 * console.log(thread.prio() === PRIO_MAX); // true
 * await thread.join();
 * ```
 */
export const PRIO_MAX: number = 3;
/**
 * A high priority.
 *
 * @example
 * ```ts
 * import { async, Coro, PRIO_HIGH } from "@anyevent/coro";
 *
 * const usual = async(() => console.log("second"));
 * const first = new Coro(() => console.log("first"));
 * first.prio(PRIO_HIGH); // counts when it is queued
 * first.ready();
 * for (const thread of [usual, first]) await thread.join();
 * ```
 */
export const PRIO_HIGH: number = 1;
/**
 * The priority a thread starts with.
 *
 * @example
 * ```ts
 * import { async, PRIO_NORMAL } from "@anyevent/coro";
 *
 * const thread = async(() => undefined);
 * console.log(thread.prio() === PRIO_NORMAL); // true
 * await thread.join();
 * ```
 */
export const PRIO_NORMAL: number = 0;
/**
 * A low priority.
 *
 * @example
 * ```ts
 * import { async, Coro, PRIO_LOW } from "@anyevent/coro";
 *
 * const usual = async(() => console.log("first"));
 * const late = new Coro(() => console.log("second"));
 * late.prio(PRIO_LOW); // counts when it is queued
 * late.ready();
 * for (const thread of [usual, late]) await thread.join();
 * ```
 */
export const PRIO_LOW: number = -1;
/**
 * For threads that run when nothing else wants to.
 *
 * @example
 * ```ts
 * import { async, Coro, PRIO_IDLE } from "@anyevent/coro";
 *
 * const usual = async(() => console.log("first"));
 * const idle = new Coro(() => console.log("when there was time"));
 * idle.prio(PRIO_IDLE); // counts when it is queued
 * idle.ready();
 * for (const thread of [usual, idle]) await thread.join();
 * ```
 */
export const PRIO_IDLE: number = -3;
/**
 * The lowest priority.
 *
 * @example
 * ```ts
 * import { async, PRIO_MIN } from "@anyevent/coro";
 *
 * const thread = async(() => undefined);
 * thread.prio(-1000);
 * console.log(thread.prio() === PRIO_MIN); // true
 * await thread.join();
 * ```
 */
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
