import type { Seconds, Watcher } from "@anyevent/loop";
import { currentEngine } from "./default_engine.ts";

/** Tells whether a time is over; made by {@linkcode timeout}. */
export interface TimeoutFlag extends Disposable {
  /** Whether it is. */
  readonly expired: boolean;
  /** Stops it: it will neither expire nor wake anybody. Idempotent. */
  cancel(): void;
}

/**
 * A flag that becomes true after some time, when the thread that made it is readied once: for own loops
 * around `schedule()`. Follows `Coro::Timer::timeout`.
 *
 * @param length seconds
 * @throws {UsageError} when it is no time
 * @example
 * ```ts
 * import { async, schedule, timeout } from "@anyevent/coro";
 *
 * const thread = async(function* () {
 *   using limit = timeout(0.01);
 *   const done = false; // would be set by a callback that readies the thread
 *   while (!done && !limit.expired) yield* schedule();
 *   return limit.expired;
 * });
 * console.log(await thread.join()); // [ true ]
 * ```
 */
export function timeout(length: Seconds): TimeoutFlag {
  return new Flag(length);
}

class Flag implements TimeoutFlag {
  expired = false;
  readonly #timer: Watcher;

  constructor(length: Seconds) {
    const engine = currentEngine();
    const task = engine.inThread ? engine.current : engine.main;
    this.#timer = engine.loop.addTimer(length, 0, () => {
      this.expired = true;
      engine.ready(task);
    });
  }

  cancel(): void {
    this.#timer.cancel();
  }

  [Symbol.dispose](): void {
    this.cancel();
  }
}
