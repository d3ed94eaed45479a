import { show, UsageError } from "@anyevent/backends/contract";
import type { Loop, Operation } from "@anyevent/loop";
import { defaultEngine } from "./default_engine.ts";
import { Engine } from "./engine.ts";
import type { Outcome } from "./task.ts";
import { checkSignal } from "./limited.ts";
import { isOperation } from "./steps.ts";
import {
  adopt,
  checkBody,
  checkPoolSize,
  type Coro,
  coroOf,
  getIdle,
  getUncaught,
  listThreads,
  setIdle,
  setUncaught,
  type ThreadBody,
} from "./thread.ts";

/** Options of {@linkcode Scheduler.spawn}. */
export interface ThreadOptions {
  /** What the thread is, for people. */
  readonly desc?: string;
  /** Its priority; default `PRIO_NORMAL`. */
  readonly prio?: number;
  /** Cancels it when it is aborted. */
  readonly signal?: AbortSignal;
  /**
   * Called once when the thread has ended in whatever way, after its clean-up and before those who join.
   * With it, an error of the body counts as taken care of. Must not throw.
   */
  readonly onEnd?: (outcome: Outcome) => void;
}

/** The engine behind a scheduler. */
export let engineOf: (scheduler: Scheduler) => Engine;

/**
 * Runs threads on a loop. Programs mostly use the default one, through {@linkcode async} and the other
 * functions, which act on the scheduler of the running thread, else on the default one.
 *
 * ## Order
 *
 * Higher priorities first; within one, first come, first served. A thread runs until it blocks: nothing
 * else switches. Making a thread ready never runs it.
 *
 * Code outside threads that awaits an operation is the main thread. If it has to wait, its `await` takes a
 * place in the queues as a thread would, and threads run inside the `await`. When its turn comes its
 * promise is settled, and threads stop until it blocks again, or else until the next turn of the loop.
 * So one async function and any number of threads run in exactly the order in which as many threads
 * would. Several async functions that wait at once each have their own place, and their promises are
 * settled in that order, one each time; but as promise code goes on some microtasks after its promise was
 * settled, others that await meanwhile may let threads run first.
 *
 * ## Fairness
 *
 * In each turn of the loop threads run for about 0.2 ms (at most 65536 switches), whoever makes them run;
 * what is still ready runs in the next turn (in virtual time, where computing takes none, 2 ms later). So
 * threads, or an async function, that cede without end neither stop timers nor I/O, nor are stopped by them.
 * Sockets are looked at in each turn on the ffi backend, every 2 ms on native, and on pure when the host does
 * (Deno: once in 61 turns). A thread that does not block holds up all; `cedeIfDue()` in its loops helps.
 *
 * ## Errors
 *
 * What a thread throws is thrown by `join` in those who wait for it. When nobody does, or all who did ended
 * before they could throw it, it goes to the thread's `onUncaught`, else to the scheduler's, else the thread's
 * line of the listing is logged, and the error is thrown from the loop and ends the program with status 1 as
 * any uncaught error does. With a handler, all other threads go on. Errors of pool threads, and of those
 * with `onEnd` (ports), never end the program. What the clean-up of a cancelled thread throws takes the same way, but is only
 * logged in the end. The log is the loop's, in the context `Coro`.
 *
 * @example
 * ```ts
 * import { Scheduler, cede } from "@anyevent/coro";
 * import { defaultLoop } from "@anyevent/loop";
 *
 * const threads = new Scheduler(defaultLoop());
 * threads.async(function* () {
 *   yield* cede();
 *   console.log("in a thread");
 * });
 * await threads.run(cede());
 * await threads.run(cede());
 * ```
 */
export class Scheduler {
  readonly #engine: Engine;

  static {
    engineOf = (scheduler) => scheduler.#engine;
  }

  /**
   * A scheduler without threads.
   *
   * @param loop what it runs on
   * @throws {UsageError} when it is no loop
   */
  constructor(loop: Loop) {
    if (typeof loop?.env?.backend?.post !== "function") {
      throw new UsageError(`Cannot make scheduler: ${show(loop)} is not a Loop`);
    }
    this.#engine = taken ?? new Engine(loop);
    taken = undefined;
  }

  /** The running thread; `main` when none runs. */
  get current(): Coro {
    return coroOf(this.#engine.current);
  }

  /** Stands for code outside threads. */
  get main(): Coro {
    return coroOf(this.#engine.main);
  }

  /** How many threads (and awaits) are ready to run, the running one not counted. */
  get nready(): number {
    return this.#engine.readyCount;
  }

  /** As {@linkcode async}, on this scheduler. */
  async<T, A extends readonly unknown[]>(body: ThreadBody<T, A>, ...args: A): Coro<T> {
    checkBody(body);
    return start<T>(this.#engine, body as (...args: never[]) => unknown, args);
  }

  /** As {@linkcode asyncPool}, on this scheduler. */
  asyncPool<T, A extends readonly unknown[]>(body: ThreadBody<T, A>, ...args: A): Coro<T> {
    checkBody(body);
    return startPooled<T>(this.#engine, body as (...args: never[]) => unknown, args);
  }

  /** As {@linkcode Coro.list}. */
  list(): Coro[] {
    return listThreads(this.#engine);
  }

  /** As {@linkcode killall}. */
  killall(): void {
    this.#engine.killAll();
  }

  /** As {@linkcode Coro.poolSize}. */
  get poolSize(): number {
    return this.#engine.poolSize;
  }

  set poolSize(size: number) {
    this.#engine.poolSize = checkPoolSize(size);
  }

  /** As {@linkcode Coro.idle}. */
  get idle(): (() => void) | Coro | undefined {
    return getIdle(this.#engine);
  }

  set idle(idle: (() => void) | Coro | undefined) {
    setIdle(this.#engine, idle);
  }

  /**
   * Takes the time of each thread, or stops to; off at first, as it costs two looks at the clock a switch.
   * See {@linkcode Coro.times}.
   *
   * @returns whether it was on
   * @throws {UsageError} when `on` is no boolean
   */
  enableTimes(on = true): boolean {
    if (typeof on !== "boolean") {
      throw new UsageError(`Cannot enable times: ${show(on)} is not a boolean`);
    }
    const was = this.#engine.timing;
    if (on !== was) this.#engine.timing = on;
    return was;
  }

  /**
   * Makes and readies a thread whose end its maker wants to know: as a port of a node does.
   *
   * @throws {UsageError} when `body` is no function, or an async generator function, or an option is wrong
   */
  spawn<T>(body: ThreadBody<T>, options: ThreadOptions = {}): Coro<T> {
    checkBody(body);
    if (typeof options !== "object" || options === null) {
      throw new UsageError(`Cannot make thread: options ${show(options)} are no object`);
    }
    const { desc, prio, signal, onEnd } = options;
    if (signal !== undefined) checkSignal(signal, "make thread");
    if (onEnd !== undefined && typeof onEnd !== "function") {
      throw new UsageError(`Cannot make thread: onEnd ${show(onEnd)} is not a function`);
    }
    const task = this.#engine.create(body as () => unknown, undefined);
    const coro = adopt<T>(task);
    if (desc !== undefined) coro.desc = desc;
    if (onEnd !== undefined) task.extra.onEnd = onEnd;
    if (prio !== undefined) coro.prio(prio);
    coro.ready();
    if (signal !== undefined) coro.cancelOn(signal);
    return coro;
  }

  /**
   * Runs an operation as `await` does for the default scheduler: as main, in the order of this one.
   *
   * @returns settled with what the operation gives or throws
   */
  run<T>(op: Operation<T>): Promise<T> {
    if (typeof op !== "object" || op === null || !isOperation(op)) {
      throw new UsageError(`Cannot run ${show(op)}: it is not an operation`);
    }
    return this.#engine.run(op);
  }

  /**
   * Gets errors of threads that nobody joins and that have no handler of their own, and what clean-ups and
   * callbacks throw. `undefined`: the default, which ends the program.
   */
  get onUncaught(): ((error: unknown, coro: Coro) => void) | undefined {
    return getUncaught(this.#engine);
  }

  set onUncaught(handler: ((error: unknown, coro: Coro) => void) | undefined) {
    setUncaught(this.#engine, handler);
  }
}

let taken: Engine | undefined;
let standard: Scheduler | undefined;

/**
 * The scheduler of the free functions outside of other schedulers' threads, on the default loop. Made when
 * first asked for.
 *
 * @returns always the same
 * @example
 * ```ts
 * import { async, cede, defaultScheduler } from "@anyevent/coro";
 *
 * const coro = async(function* () {
 *   yield* cede();
 * });
 * console.log(defaultScheduler().list().includes(coro)); // true
 * await coro.join();
 * ```
 */
export function defaultScheduler(): Scheduler {
  if (standard === undefined) {
    const engine = defaultEngine();
    taken = engine;
    standard = new Scheduler(engine.loop);
  }
  return standard;
}

/** Makes and readies a thread. */
export function start<T>(
  engine: Engine,
  body: (...args: never[]) => unknown,
  args: readonly unknown[],
): Coro<T> {
  const task = engine.create(body, args.length === 0 ? undefined : args);
  const coro = adopt<T>(task);
  engine.enlist(task);
  engine.ready(task);
  return coro;
}

/** Readies a thread of the pool. */
export function startPooled<T>(
  engine: Engine,
  body: (...args: never[]) => unknown,
  args: readonly unknown[],
): Coro<T> {
  return coroOf(engine.pooled(body, args.length === 0 ? undefined : args)) as Coro<T>;
}
