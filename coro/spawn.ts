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
import { start } from "./scheduler.ts";
import { CEDE, CEDE_NOTSELF, SCHEDULE } from "./switching.ts";
import { checkBody, type Coro, coroOf, type ThreadBody } from "./thread.ts";

/**
 * Starts a thread: makes it and puts it at the tail of the ready queue. The body has not run when this
 * returns.
 *
 * An error of its body that nobody joins ends the program; see {@linkcode Scheduler}. Follows
 * `Coro::async`.
 *
 * @param body what it runs: a generator function
 * @param args what the body gets
 * @returns the thread
 * @throws {UsageError} when `body` is no function, or an async one
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
 * Lets other threads run: queues the caller at the tail of its own priority, so that those of the same
 * and of higher priorities run before it goes on. With none of them ready it goes on at once.
 *
 * Follows `Coro::cede`.
 */
export function cede(): Operation<void> {
  return CEDE;
}

/**
 * Lets any other thread run, whatever its priority: the caller is queued after the choice. Does nothing
 * when no other is ready. Follows `Coro::cede_notself`.
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
export function schedule(): Operation<void> {
  return SCHEDULE;
}

/**
 * Ends the running thread with values for those who join, from any depth of `yield*`; `finally` runs on
 * the way. It never returns. In main it blocks for ever. Follows `Coro::terminate`.
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

/** The running thread; main in code outside threads. Follows `Coro::current`. */
export function current(): Coro {
  return coroOf(currentEngine().current);
}

/** Stands for the code outside threads. Follows `$Coro::main`. */
export function main(): Coro {
  return coroOf(currentEngine().main);
}

/** How many threads are ready to run, the running one not counted. Follows `Coro::nready`. */
export function nready(): number {
  return currentEngine().readyCount;
}

/**
 * Blocks the caller for some time; zero and less: until the next turn of the loop. A cancelled thread's
 * timer is cancelled. Follows `Coro::AnyEvent::sleep`.
 *
 * @param length seconds
 * @throws {UsageError} when it is no time
 */
export function sleep(length: Seconds): Operation<void> {
  return (runningEngine()?.loop ?? defaultLoop()).sleep(length);
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
