import { show, UsageError } from "@anyevent/backends/contract";

/** Anything that can be told, such as a condvar: accepted wherever a callback is. */
export interface Sendable {
  /** Called in place of the callback, with what the callback would get. */
  send(...values: unknown[]): unknown;
}

/**
 * What a watcher calls: a function, async ones included, or anything with a `send` method.
 *
 * The result is ignored, except that the rejection of a returned promise is treated like a throw. A
 * returned operation is run as `await` would.
 */
export type Callback<A extends readonly unknown[] = []> = ((...args: A) => unknown) | Sendable;

const generatorPrototype: unknown = Object.getPrototypeOf(function* () {});
const asyncGeneratorPrototype: unknown = Object.getPrototypeOf(async function* () {});

/**
 * Checks a callback and makes it a plain function.
 *
 * @param cb what the user gave
 * @param what completes "Cannot …" in the error, as in `"start timer"`
 * @throws {UsageError} when it is no callback, or a generator function, whose body would never run
 */
export function toFunction<A extends readonly unknown[]>(
  cb: Callback<A>,
  what: string,
): (...args: A) => unknown {
  if (typeof cb === "function") {
    const prototype: unknown = Object.getPrototypeOf(cb);
    if (prototype === generatorPrototype || prototype === asyncGeneratorPrototype) {
      throw new UsageError(
        `Cannot ${what}: callback ${show(cb)} is a generator function, which nobody would run; ` +
          "wrap it in `unblockSub` of @anyevent/coro",
      );
    }
    return cb;
  }
  if (typeof cb === "object" && cb !== null && typeof cb.send === "function") {
    return (...args) => cb.send(...args);
  }
  throw new UsageError(
    `Cannot ${what}: callback ${show(cb)} is neither a function nor has a send method`,
  );
}

/** Whether a callback's result is something that may fail later. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null &&
    typeof (value as Partial<PromiseLike<unknown>>).then === "function";
}
