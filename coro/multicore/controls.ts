import { show, UsageError } from "@anyevent/backends/contract";
import { type Loop, type Seconds, seconds, WorkerPool, type WorkerPoolStats } from "@anyevent/loop";
import { currentEngine } from "../default_engine.ts";
import { scope, scopedSetting } from "./scope.ts";

/** Seconds until a worker without a job is ended. */
const IDLE = 5;
/** Jobs that a worker holds: enough to keep it busy while its results and the next jobs are on their way. */
const PER_WORKER = 512;

/** Options of {@linkcode MulticoreControls.configure}; those left out stay as they were. */
export interface MulticoreOptions {
  /** Most workers. Default: as many as the host runs at the same time (`navigator.hardwareConcurrency`). */
  readonly workers?: number;
  /** Seconds until a worker without a job is ended; 0: at once. Default 5. */
  readonly idle?: Seconds;
  /** Most calls that wait for a worker, beyond 512 for each worker. Default 100000. */
  readonly maxQueued?: number;
}

/** Where multicore calls run on a loop, and with what: {@linkcode Multicore} is the one of the default loop. */
export interface MulticoreControls {
  /**
   * Sets whether calls run in workers, where the running thread has not said otherwise. At first they do. Follows
   * `Coro::Multicore::enable`.
   *
   * @returns what it was
   * @throws {UsageError} when `on` is no boolean
   */
  enable(on?: boolean): boolean;
  /**
   * Whether a call that the running thread makes now would run in a worker. Never, where the host has none: in
   * virtual time (sim), and on a pure backend without a host.
   */
  readonly enabled: boolean;
  /**
   * Lets calls of the running thread run in workers, from now to the end of the scope: take it with `using`. What
   * is said last counts; unlike Perl's they nest. Main is one thread: all code outside threads, and what a thread
   * with an async function as its body does after its first `await`.
   */
  scopedEnable(): Disposable;
  /** The opposite of `scopedEnable`: calls run in the thread, and hold up all others. */
  scopedDisable(): Disposable;
  /**
   * Sets how many workers there are and how long.
   *
   * @throws {UsageError} when an option makes no sense, or while calls run
   */
  configure(options: MulticoreOptions): void;
  /** Workers, and calls that run or wait; all zero when nothing is left. */
  stats(): WorkerPoolStats;
  /**
   * Ends all workers at once, idle ones too; calls that run in them fail with a `ClosedError`. A later call starts
   * new ones. For the end of a test, or of a program.
   */
  stop(): void;
}

/** See {@linkcode MulticoreControls}. */
export class Controls implements MulticoreControls {
  /** Whose. */
  readonly loop: Loop;
  #on = true;
  #options: MulticoreOptions = {};
  #pool: WorkerPool | undefined;

  constructor(loop: Loop) {
    this.loop = loop;
  }

  enable(on = true): boolean {
    if (typeof on !== "boolean") {
      throw new UsageError(`Cannot enable multicore: ${show(on)} is not a boolean`);
    }
    const was = this.#on;
    this.#on = on;
    return was;
  }

  get enabled(): boolean {
    return this.loop.env.host.workers !== undefined && (scopedSetting() ?? this.#on);
  }

  scopedEnable(): Disposable {
    return scope(true);
  }

  scopedDisable(): Disposable {
    return scope(false);
  }

  configure(options: MulticoreOptions): void {
    const { workers, idle, maxQueued } = options ?? {};
    if (typeof options !== "object" || options === null) {
      throw new UsageError(`Cannot configure multicore: options ${show(options)} are no object`);
    }
    checkCount(workers, "workers");
    checkCount(maxQueued, "maxQueued");
    if (idle !== undefined && seconds(idle, "configure multicore: idle") < 0) {
      throw new UsageError(`Cannot configure multicore: idle ${show(idle)} is negative`);
    }
    const { running, queued } = this.stats();
    if (running + queued > 0) {
      throw new UsageError(`Cannot configure multicore: ${running + queued} calls are running`);
    }
    this.stop();
    this.#options = {
      workers: workers ?? this.#options.workers,
      idle: idle ?? this.#options.idle,
      maxQueued: maxQueued ?? this.#options.maxQueued,
    };
  }

  stats(): WorkerPoolStats {
    return this.#pool?.stats() ?? { workers: 0, running: 0, queued: 0 };
  }

  stop(): void {
    this.#pool?.dispose();
    this.#pool = undefined;
  }

  /** Made by the first call. */
  get pool(): WorkerPool {
    const { workers, idle = IDLE, maxQueued } = this.#options;
    return this.#pool ??= new WorkerPool(this.loop, {
      idle,
      perWorker: PER_WORKER,
      ...workers === undefined ? {} : { size: workers },
      ...maxQueued === undefined ? {} : { maxQueued },
    });
  }
}

function checkCount(value: unknown, name: string): void {
  if (value === undefined || (Number.isSafeInteger(value) && (value as number) >= 1)) return;
  throw new UsageError(`Cannot configure multicore: ${name} ${show(value)} is not 1 or more`);
}

const known = new WeakMap<Loop, Controls>();

/** Those of a loop, with the pool. */
export function controlsOf(loop: Loop): Controls {
  let found = known.get(loop);
  if (found === undefined) {
    found = new Controls(loop);
    known.set(loop, found);
  }
  return found;
}

/**
 * The controls of a loop of your own; its schedulers share them.
 *
 * @returns the same for the same loop
 * @throws {UsageError} when it is no loop
 * @example
 * ```ts
 * import { multicoreOf } from "@anyevent/coro";
 * import { defaultLoop } from "@anyevent/loop";
 *
 * multicoreOf(defaultLoop()).configure({ workers: 2, idle: 1 });
 * ```
 */
export function multicoreOf(loop: Loop): MulticoreControls {
  if (typeof loop?.env?.backend?.post !== "function") {
    throw new UsageError(`Cannot control multicore: ${show(loop)} is not a Loop`);
  }
  return controlsOf(loop);
}

const here = (): Controls => controlsOf(currentEngine().loop);

/**
 * Controls of {@linkcode multicore} calls on the loop of the running thread, else on the default one.
 *
 * @example
 * ```ts
 * import { async, Multicore, multicore } from "@anyevent/coro";
 *
 * const square = multicore((n: number) => n * n);
 * Multicore.enable(false);
 * const thread = async(function* () {
 *   using _ = Multicore.scopedEnable();
 *   return yield* square(12);
 * });
 * console.log(await thread.join()); // [ 144 ]
 * Multicore.stop();
 * ```
 */
export const Multicore: MulticoreControls = {
  enable: (on) => here().enable(on),
  get enabled() {
    return here().enabled;
  },
  scopedEnable: () => scope(true),
  scopedDisable: () => scope(false),
  configure: (options) => here().configure(options),
  stats: () => here().stats(),
  stop: () => here().stop(),
};
