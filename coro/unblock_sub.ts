import { show, UsageError } from "@anyevent/backends/contract";
import { currentEngine } from "./default_engine.ts";
import { type Engine, runningEngine } from "./engine.ts";
import { isGenerator, isOperation } from "./steps.ts";
import { adopt } from "./thread.ts";

const generatorPrototype: unknown = Object.getPrototypeOf(function* () {});
const asyncGeneratorPrototype: unknown = Object.getPrototypeOf(async function* () {});

/**
 * Makes a callback that may block: what it is called for runs in a thread of its own, so the one who calls
 * it, such as a watcher, goes on at once.
 *
 * With a generator function each call starts a thread; they begin in the order of the calls, after the
 * callback has returned. Any other function cannot block and is called at once; a generator or operation
 * that it returns runs in a thread. What the thread throws, or the promise of an async function is rejected
 * with, is treated as what a callback throws: it goes to `onCallbackError` of the loop. The threads belong
 * to the scheduler of the thread that called `unblockSub`, else to the default one.
 *
 * Follows `Coro::unblock_sub`.
 *
 * @param body what to run, with the arguments of the call
 * @returns the callback; it returns `undefined`
 * @throws {UsageError} when `body` is no function, or an async generator function
 * @example
 * ```ts
 * import { sleep, unblockSub } from "@anyevent/coro";
 * import { AE } from "@anyevent/loop";
 *
 * const done = AE.cv();
 * AE.timer(
 *   0.01,
 *   0,
 *   unblockSub(function* () {
 *     yield* sleep(0.01);
 *     done.send();
 *   }),
 * );
 * await done.recv();
 * ```
 */
export function unblockSub<A extends readonly unknown[] = []>(
  body: (...args: A) => unknown,
): (...args: A) => void {
  if (typeof body !== "function") {
    throw new UsageError(`Cannot unblock sub: ${show(body)} is not a function`);
  }
  const prototype: unknown = Object.getPrototypeOf(body);
  if (prototype === asyncGeneratorPrototype) {
    throw new UsageError(
      `Cannot unblock sub: ${show(body)} is an async generator function; use function* and yield*`,
    );
  }
  const what = `unblockSub(${body.name})`;
  const home = runningEngine();
  if (prototype === generatorPrototype) {
    return (...args) => begin(home ?? currentEngine(), () => body(...args), what);
  }
  return (...args) => {
    const result = body(...args);
    if (typeof result !== "object" || result === null) return;
    if (isGenerator(result) || isOperation(result)) {
      begin(home ?? currentEngine(), () => result, what);
    } else if (typeof (result as Partial<PromiseLike<unknown>>).then === "function") {
      const { loop } = home ?? currentEngine();
      Promise.resolve(result).then(undefined, (error) => loop.callbackFailed(error, what));
    }
  };
}

function begin(engine: Engine, body: () => unknown, what: string): void {
  const task = engine.create(body, undefined);
  task.extra.desc = "[unblockSub]";
  task.extra.onEnd = (outcome) => {
    if (outcome.kind === "failed") engine.loop.callbackFailed(outcome.error, what);
  };
  adopt(task);
  engine.enlist(task);
  engine.ready(task);
}
