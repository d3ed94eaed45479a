import { show, UsageError } from "@anyevent/backends/contract";
import type { Operation } from "@anyevent/loop";
import { limited, type WaitOptions } from "./limited.ts";
import { PromiseWait } from "./promise_wait.ts";
import { isOperation } from "./steps.ts";

/**
 * Blocks until a promise is settled: the way from promise code into threads.
 *
 * It always switches, as nobody can tell whether a promise is settled; those made ready meanwhile run first.
 * A thread that is cancelled or thrown into stops waiting; the promise goes on, and its rejection then counts
 * as taken. To stop what the promise stands for too, give it the thread's `signal`.
 *
 * @param promise anything with a `then`; an operation is run as it is
 * @param options limits
 * @returns the value
 * @throws what the promise is rejected with, what `options` say
 * @throws {UsageError} when it is no promise
 * @example
 * ```ts
 * import { async, current, wait } from "@anyevent/coro";
 *
 * const load = (_signal: AbortSignal) => Promise.resolve("text");
 * const thread = async(function* () {
 *   return yield* wait(load(current().signal));
 * });
 * console.log(await thread.join()); // [ "text" ]
 * ```
 */
export function wait<T>(promise: PromiseLike<T>, options?: WaitOptions): Operation<T> {
  if (typeof promise !== "object" || promise === null || typeof promise.then !== "function") {
    throw new UsageError(`Cannot wait for ${show(promise)}: it is not a promise`);
  }
  if (isOperation(promise)) return limited(promise as Operation<T>, options);
  return limited(new PromiseWait(promise, "promise"), options);
}
