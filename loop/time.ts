import { show, UsageError } from "@anyevent/backends/contract";

/** A span of time that can say how many seconds it is, such as a `Temporal.Duration`. */
export interface DurationLike {
  /** The whole span in seconds, fractions included. */
  total(unit: "seconds"): number;
}

/** A span of time: a number of seconds, fractions allowed, or a `Temporal.Duration`. */
export type Seconds = number | DurationLike;

/**
 * Turns a span of time into a number of seconds.
 *
 * @param value seconds or a `Temporal.Duration`
 * @param what completes "Cannot …" in the error, as in `"start timer: after"`
 * @returns seconds; may be negative or infinite
 * @throws {UsageError} when it is neither, or not a number (NaN)
 * @example
 * ```ts
 * import { seconds } from "@anyevent/loop";
 *
 * console.log(seconds(1.5, "wait"), seconds({ total: () => 90 }, "wait")); // 1.5 90
 * ```
 */
export function seconds(value: Seconds, what: string): number {
  if (typeof value === "number") {
    if (value === value) return value;
  } else if (typeof value === "object" && value !== null && typeof value.total === "function") {
    let total: unknown;
    try {
      total = value.total("seconds");
    } catch (cause) {
      throw new UsageError(`Cannot ${what}: a duration of ${String(value)} has no fixed length`, {
        cause,
      });
    }
    if (typeof total === "number" && total === total) return total;
  }
  throw new UsageError(
    `Cannot ${what}: ${show(value)} is neither a number of seconds nor a Temporal.Duration`,
  );
}
