import { show, UsageError } from "@anyevent/backends/contract";
import { type Operation, operation } from "@anyevent/loop";
import { currentEngine } from "./default_engine.ts";
import type { ThreadSteps } from "./thread.ts";

/**
 * Runs `body` as a pinned section: meanwhile `safeCancel` of the thread is refused, as it is in Coro inside a
 * callback of C code. `cancel` and `throw` work as ever. Sections may nest.
 *
 * @param body may block
 * @returns what the body returns
 * @throws {UsageError} when it is no function
 * @example
 * ```ts
 * import { async, cede, pin, schedule } from "@anyevent/coro";
 *
 * const thread = async(function* () {
 *   yield* pin(function* () {
 *     yield* schedule();
 *   });
 * });
 * await cede();
 * try {
 *   thread.safeCancel();
 * } catch (error) {
 *   console.log((error as Error).name); // CancelRefused
 * }
 * thread.cancel();
 * ```
 */
export function pin<T>(body: () => ThreadSteps<T>): Operation<T> {
  if (typeof body !== "function") {
    throw new UsageError(`Cannot pin: ${show(body)} is not a generator function`);
  }
  return operation(() => "pin()", function* () {
    const { extra } = currentEngine().current;
    extra.pins++;
    try {
      return yield* body();
    } finally {
      extra.pins--;
    }
  });
}
