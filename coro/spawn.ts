import { UsageError } from "@anyevent/backends/contract";
import {
  type Abort,
  defaultLoop,
  type Operation,
  type Seconds,
  WaitOperation,
  type Waker,
} from "@anyevent/loop";
import { currentEngine } from "./default_engine.ts";
import { runningEngine } from "./engine.ts";
import { limited, type WaitOptions } from "./limited.ts";
import { start, startPooled } from "./scheduler.ts";
import { checkBody, type Coro, coroOf, type ThreadBody } from "./thread.ts";
import * as switching from "./switching.ts";

// Constants of this file are folded into the machine code, imports looked up at each use.
const { CEDE, CEDE_NOTSELF, SCHEDULE } = switching;

/**
 * Starts a thread: makes it and puts it at the tail of the ready queue. The body has not run when this
 * returns.
 *
 * An error of its body that nobody joins ends the program; see {@linkcode Scheduler}. Follows
 * `Coro::async`.
 *
 * @param body what it runs: a generator function, or another {@linkcode ThreadBody}
 * @param args what the body gets
 * @returns the thread
 * @throws {UsageError} when `body` is no function, or an async generator function
 * @example
 * ```ts
 * import { async, cede } from "@anyevent/coro";
 *
 * async(function* () {
 *   console.log("2");
 *   yield* cede(); // back to main
 *   console.log("4");
 * });
 * console.log("1");
 * await cede(); // to the thread
 * console.log("3");
 * await cede(); // and again
 * ```
 */
export function async<T, A extends readonly unknown[]>(
  body: ThreadBody<T, A>,
  ...args: A
): Coro<T> {
  checkBody(body);
  return start<T>(currentEngine(), body as (...args: never[]) => unknown, args);
}

/**
 * Runs a body in a thread of the pool: an idle one, or a new one. For short jobs without an end to wait for.
 *
 * Such a thread does not end with its body, it waits for the next one: `join` on it waits for ever, and
 * `onDestroy` is not called, unless it was cancelled or `terminate`d, or there are more than
 * {@linkcode Coro.poolSize} idle ones. What the body throws goes to the thread's `onUncaught`, else to the
 * scheduler's, else into the log; it never ends the program. After each body priority, description, handlers,
 * data and the count of uses are as in a new thread. So do not keep the thread beyond the job. Follows
 * `Coro::async_pool`.
 *
 * @param body what it runs
 * @param args what the body gets
 * @returns the thread
 * @throws {UsageError} when `body` is no function, or an async generator function
 * @example
 * ```ts
 * import { asyncPool, cede } from "@anyevent/coro";
 *
 * asyncPool(function* (name: string) {
 *   console.log("job for", name);
 * }, "you");
 * await cede();
 * ```
 */
export function asyncPool<T, A extends readonly unknown[]>(
  body: ThreadBody<T, A>,
  ...args: A
): Coro<T> {
  checkBody(body);
  return startPooled<T>(currentEngine(), body as (...args: never[]) => unknown, args);
}

/**
 * Cancels all threads but the one that runs, newest first; idle pool threads too. One made by `new Coro` and
 * never readied is not known, and stays; so does a bare `State`. Follows `Coro::killall`.
 *
 * @example
 * ```ts
 * import { async, killall, schedule } from "@anyevent/coro";
 *
 * const thread = async(() => schedule());
 * killall();
 * await thread.join(); // it has ended
 * ```
 */
export function killall(): void {
  currentEngine().killAll();
}

/**
 * Lets other threads run: queues the caller at the tail of its own priority, so that those of the same
 * and of higher priorities run before it goes on. With none of them ready it goes on at once.
 *
 * Follows `Coro::cede`.
 *
 * @example
 * ```ts
 * import { async, cede } from "@anyevent/coro";
 *
 * async(function* () {
 *   console.log(2);
 *   yield* cede();
 *   console.log(4);
 * });
 * console.log(1);
 * await cede();
 * console.log(3);
 * await cede();
 * ```
 */
export function cede(): Operation<void> {
  return CEDE;
}

/**
 * Lets any other thread run, whatever its priority: the caller is queued after the choice. Does nothing
 * when no other is ready. Follows `Coro::cede_notself`.
 *
 * @example
 * ```ts
 * import { async, cedeNotself } from "@anyevent/coro";
 *
 * async(function* () {
 *   console.log("first");
 * });
 * await cedeNotself();
 * console.log("then");
 * ```
 */
export function cedeNotself(): Operation<void> {
  return CEDE_NOTSELF;
}

/**
 * Blocks until somebody calls `ready()` on the caller; at its next turn when somebody has. Many things may
 * wake a thread, so call it in a loop that checks what was waited for. Follows `Coro::schedule`.
 *
 * @example
 * ```ts
 * import { async, current, schedule } from "@anyevent/coro";
 * import { AE } from "@anyevent/loop";
 *
 * const thread = async(function* () {
 *   const me = current();
 *   let done = false;
 *   AE.timer(0.01, 0, () => {
 *     done = true;
 *     me.ready();
 *   });
 *   while (!done) yield* schedule();
 *   return "done";
 * });
 * console.log(await thread.join());
 * ```
 */
export function schedule(options?: WaitOptions): Operation<void> {
  return limited(SCHEDULE, options);
}

/**
 * Ends the running thread with values for those who join, from any depth of `yield*`; `finally` runs on
 * the way. It never returns. In main it blocks for ever, and so it does awaited in an async function that is a
 * thread's body: that one returns, or throws, to end. Follows `Coro::terminate`.
 *
 * @example
 * ```ts
 * import { async, terminate } from "@anyevent/coro";
 *
 * const thread = async(function* () {
 *   yield* terminate(1, 2);
 * });
 * console.log(await thread.join()); // [ 1, 2 ]
 * ```
 */
export function terminate(...values: unknown[]): Operation<never> {
  return new Terminate(values);
}

/**
 * The running thread; main in code outside threads. Follows `Coro::current`.
 *
 * @example
 * ```ts
 * import { async, current } from "@anyevent/coro";
 *
 * const thread = async(function* () {
 *   current().setDesc("I know myself");
 * });
 * await thread.join();
 * console.log(thread.desc); // I know myself
 * ```
 */
export function current(): Coro {
  return coroOf(currentEngine().current);
}

/**
 * Stands for the code outside threads. Follows `$Coro::main`.
 *
 * @example
 * ```ts
 * import { current, main } from "@anyevent/coro";
 *
 * console.log(current() === main()); // true
 * ```
 */
export function main(): Coro {
  return coroOf(currentEngine().main);
}

/**
 * How many threads are ready to run, the running one not counted. Follows `Coro::nready`.
 *
 * @example
 * ```ts
 * import { async, nready } from "@anyevent/coro";
 *
 * const thread = async(function* () {});
 * console.log(nready()); // 1
 * await thread.join();
 * ```
 */
export function nready(): number {
  return currentEngine().readyCount;
}

/**
 * Blocks the caller for some time; zero and less: until the next turn of the loop. A cancelled thread's
 * timer is cancelled. Follows `Coro::AnyEvent::sleep`.
 *
 * @param length seconds
 * @param options for its signal
 * @throws {UsageError} when it is no time
 * @example
 * ```ts
 * import { async, sleep } from "@anyevent/coro";
 *
 * const thread = async(function* () {
 *   yield* sleep(0.01);
 *   return "rested";
 * });
 * console.log(await thread.join()); // rested
 * ```
 */
export function sleep(length: Seconds, options?: WaitOptions): Operation<void> {
  return limited((runningEngine()?.loop ?? defaultLoop()).sleep(length), options);
}

class Terminate extends WaitOperation<never> {
  readonly #values: readonly unknown[];

  constructor(values: readonly unknown[]) {
    super();
    this.#values = values;
  }

  describe(): string {
    return "terminate()";
  }

  /** Runs in the thread: marks it, so that the suspension that follows is its last. */
  protected poll(): boolean {
    const engine = runningEngine();
    if (engine?.inThread) {
      engine.cancel(engine.current, this.#values);
    }
    return false;
  }

  protected result(): never {
    throw new UsageError("Cannot go on after terminate()");
  }

  start(_waker: Waker): Abort {
    return () => undefined;
  }
}
