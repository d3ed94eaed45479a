import { show, UsageError } from "@anyevent/backends/contract";
import { type Seconds, seconds } from "@anyevent/loop";

/**
 * A timeout that may be missing.
 *
 * @param value seconds or a `Temporal.Duration`, not negative; `undefined`: none
 * @param what completes "Cannot …" in the error
 * @returns seconds, or `undefined`
 * @throws {UsageError} for anything else
 */
export function timeoutSeconds(value: Seconds | undefined, what: string): number | undefined {
  if (value === undefined) return undefined;
  const length = seconds(value, what);
  if (length < 0) throw new UsageError(`Cannot ${what}: timeout ${show(length)} is negative`);
  return length;
}
