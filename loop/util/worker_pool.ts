import {
  checkOptions,
  ClosedError,
  Deque,
  PeerError,
  show,
  type Undo,
  UsageError,
  type Workers,
} from "@anyevent/backends/contract";
import type { CallOutcome } from "../io/outcome.ts";
import { checkLoop } from "../check_loop.ts";
import type { Loop } from "../loop.ts";
import { type Seconds, seconds } from "../time.ts";
import { type HeldJob, lostWith, PoolWorker, type WorkerOwner } from "./pool_worker.ts";
import type { WorkerTask } from "./worker_task.ts";

const DEFAULT_MAX_QUEUED = 100_000;

/** Options of {@linkcode WorkerPool}. */
export interface WorkerPoolOptions {
  /** Most workers, asked for at each job. Default: as many as the host runs at the same time. */
  readonly size?: number | (() => number);
  /** Most jobs that a worker holds, of which it runs one; more hide the way there and back. Default 1. */
  readonly perWorker?: number;
  /** Seconds until a worker without a job is ended; 0: at once. Default 0. */
  readonly idle?: Seconds;
  /** Most jobs that wait for a worker. Default 100000. */
  readonly maxQueued?: number;
}

/** Who is told of a job; never inside a call, and not after it was cancelled. */
export interface JobEvents {
  /** What came of it; once. */
  settled(outcome: CallOutcome<unknown>): void;
  /** It called `progress` of its context. */
  progress?(value: unknown): void;
}

/** A job given to a {@linkcode WorkerPool}. */
export interface WorkerJob {
  /** Whether its outcome may still be told. */
  readonly active: boolean;
  /** Tells it, by its context, to end; it goes on to its own end all the same. No effect before it has begun. */
  abort(): void;
  /**
   * Forgets it, if it has not begun: it will not run, and nothing is told. One whose arguments moved over may have
   * lost them.
   *
   * @returns whether it had not
   */
  withdraw(): boolean;
  /**
   * Its outcome is not told. One that has not begun is forgotten, one that runs is aborted and keeps its place
   * until its own end. Idempotent.
   */
  cancel(): void;
  /**
   * As `cancel`, but ends the worker of one that has begun. Deno 2.9 cannot stop one that computes without ever
   * coming back to its event loop: it is forgotten, but uses its core on; a job that may be cancelled looks at
   * its context. Others that this worker holds are given to another; one whose arguments moved there fails with
   * a `PeerError` with code `ECANCELED`, and so does one whose result was on its way.
   */
  terminate(): void;
}

/** What a pool has; all zero when nothing is left. */
export interface WorkerPoolStats {
  /** Workers, idle ones included. */
  readonly workers: number;
  /** Jobs that workers hold, cancelled ones that run on included. */
  readonly running: number;
  /** Jobs that wait for a worker. */
  readonly queued: number;
}

class Job implements WorkerJob, HeldJob {
  active = true;
  /** Where it is; none while it waits in the queue, and at its end. */
  worker: PoolWorker | undefined;
  slot = -1;

  constructor(
    readonly task: WorkerTask,
    readonly events: JobEvents,
    readonly pool: PoolParts,
  ) {}

  withdraw(): boolean {
    if (!this.active || (this.worker !== undefined && !this.worker.withdraw(this.slot))) {
      return false;
    }
    const { worker } = this;
    this.worker = undefined;
    this.active = false;
    this.pool.withdrawn(worker);
    return true;
  }

  abort(): void {
    this.worker?.abort(this.slot);
  }

  cancel(): void {
    if (!this.active || this.withdraw()) return;
    this.active = false;
    this.abort();
    this.pool.deactivated();
  }

  terminate(): void {
    if (this.withdraw()) return;
    const { worker } = this;
    if (this.active) {
      this.active = false;
      this.pool.deactivated();
    }
    if (worker !== undefined) this.pool.kill(worker, this);
  }

  settle(outcome: CallOutcome<unknown>): void {
    this.worker = undefined;
    if (!this.active) return;
    this.active = false;
    this.pool.deactivated();
    this.events.settled(outcome);
  }

  progressed(value: unknown): void {
    if (!this.active) return;
    try {
      this.events.progress?.(value);
    } catch (error) {
      this.pool.loop.callbackFailed(error, `progress of job ${this.task.label}`);
    }
  }
}

/** What jobs ask of their pool. */
interface PoolParts extends WorkerOwner {
  /** One was taken back, from the worker or the queue. */
  withdrawn(worker: PoolWorker | undefined): void;
  /** The outcome of one more is not waited for any more. */
  deactivated(): void;
  /** Ends the worker of a job that has begun. */
  kill(worker: PoolWorker, job: Job): void;
}

/**
 * Workers that do jobs: CPU work in parallel, while the loop goes on.
 *
 * Workers are started when there are jobs for them, up to `size`; a job goes to the one that holds fewest,
 * and waits in order when all hold `perWorker`. A worker that has nothing to do takes over jobs that have not
 * begun from one that has several. All that is sent to a worker in a turn goes in one message, and so do
 * results of quick jobs on their way back. A worker that dies (an exception outside of a job, `Deno.exit`) fails
 * what it has begun, and nothing else.
 *
 * Jobs that wait or run keep the process alive, cancelled ones do not; idle workers do not.
 *
 * `forkCall` is the simple way to use one.
 *
 * @example
 * ```ts
 * import { defaultLoop, WorkerPool, workerTask } from "@anyevent/loop";
 *
 * using pool = new WorkerPool(defaultLoop(), { size: 2, idle: 1 });
 * const task = workerTask((n: number) => n * n, [12]);
 * const square = await new Promise((resolve, reject) =>
 *   pool.run(task, {
 *     settled: (outcome) => "value" in outcome ? resolve(outcome.value) : reject(outcome.error),
 *   })
 * );
 * console.log(square); // 144
 * ```
 */
export class WorkerPool implements Disposable {
  readonly #loop: Loop;
  readonly #size: () => number;
  readonly #perWorker: number;
  readonly #idle: number;
  readonly #maxQueued: number;
  /** Those taken back are still in it. */
  readonly #queue = new Deque<Job>();
  readonly #workers = new Set<PoolWorker>();
  readonly #parts: PoolParts;
  /** Jobs in the queue that were not taken back. */
  #queued = 0;
  /** Jobs whose outcome is waited for. */
  #active = 0;
  #hold: Undo | undefined;
  #forget: Undo | undefined;
  #disposed = false;

  /**
   * Starts nothing yet.
   *
   * @throws {UsageError} when an option makes no sense
   */
  constructor(loop: Loop, options: WorkerPoolOptions = {}) {
    checkOptions(options, "make worker pool");
    const { size, perWorker = 1, idle = 0, maxQueued = DEFAULT_MAX_QUEUED } = options;
    this.#loop = checkLoop(loop, "make worker pool");
    this.#perWorker = checkCount(perWorker, "perWorker");
    this.#maxQueued = checkCount(maxQueued, "maxQueued");
    this.#idle = Math.max(0, seconds(idle, "make worker pool: idle"));
    if (typeof size === "function") this.#size = () => checkCount(size(), "size");
    else if (size !== undefined) {
      checkCount(size, "size");
      this.#size = () => size;
    } else this.#size = () => Math.max(1, this.#host().parallelism);
    this.#parts = {
      loop,
      freed: (worker) => this.#freed(worker),
      died: (worker, lost, spared, why) => this.#died(worker, lost, spared, why),
      withdrawn: (worker) => this.#withdrawn(worker),
      deactivated: () => this.#deactivated(),
      kill: (worker, job) => this.#kill(worker, job),
    };
  }

  /**
   * Gives it a job.
   *
   * @throws {UsageError} for what is no task or takes no outcome, and where there are no workers
   * @throws {PeerError} with code `EAGAIN`, when `maxQueued` wait already
   * @throws {ClosedError} when it was disposed of
   */
  run(task: WorkerTask, events: JobEvents): WorkerJob {
    if (this.#disposed) throw new ClosedError("Cannot run job: the worker pool was disposed of");
    if (!Array.isArray(task?.args)) {
      throw new UsageError(`Cannot run job: ${show(task)} is no task that workerTask made`);
    }
    if (typeof events?.settled !== "function") {
      throw new UsageError(`Cannot run job: events ${show(events)} have no settled method`);
    }
    this.#host();
    const size = this.#size();
    if (this.#queued >= this.#maxQueued) {
      throw new PeerError(`Cannot run job: ${this.#queued} wait for a worker already`, "EAGAIN");
    }
    this.#forget ??= this.#loop.onDispose(() => this.dispose());
    const job = new Job(task, events, this.#parts);
    this.#queue.push(job);
    this.#queued++;
    this.#active++;
    try {
      this.#dispatch(size);
    } catch (thrown) {
      job.withdraw();
      throw thrown;
    }
    this.#hold ??= this.#loop.hold();
    return job;
  }

  /** What there is, for leak checks. */
  stats(): WorkerPoolStats {
    let running = 0;
    for (const { load } of this.#workers) running += load;
    return { workers: this.#workers.size, running, queued: this.#queued };
  }

  /** Ends all workers; jobs fail with a `ClosedError`. Idempotent. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    const jobs: HeldJob[] = [];
    for (const worker of this.#workers) {
      const { lost, spared } = worker.end();
      jobs.push(...lost, ...spared);
    }
    this.#workers.clear();
    for (let job = this.#queue.shift(); job !== undefined; job = this.#queue.shift()) {
      jobs.push(job);
    }
    this.#queued = 0;
    this.#forget?.();
    const error = new ClosedError("Cannot go on with job: the worker pool was disposed of");
    if (jobs.length > 0) {
      this.#loop.env.backend.post(() => {
        for (const job of jobs) job.settle({ error });
      });
    }
    this.#hold?.();
    this.#hold = undefined;
  }

  /** Same as `dispose`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  #host(): Workers {
    const { host, name } = this.#loop.env;
    if (host.workers === undefined) {
      throw new UsageError(`Cannot run job: backend ${name} has no workers here`);
    }
    return host.workers;
  }

  #dispatch(size: number): void {
    while (this.#queued > 0) {
      let job = this.#queue.peek();
      while (job !== undefined && !job.active) {
        this.#queue.shift();
        job = this.#queue.peek();
      }
      if (job === undefined) break;
      const worker = this.#place(size);
      if (worker === undefined) break;
      this.#queue.shift();
      this.#queued--;
      give(worker, job);
    }
  }

  /** The worker for the next job, if any has room. */
  #place(size: number): PoolWorker | undefined {
    let best: PoolWorker | undefined;
    for (const worker of this.#workers) {
      if (worker.hasRoom && (best === undefined || worker.load < best.load)) best = worker;
    }
    if (best !== undefined && best.load === 0) return best;
    if (this.#workers.size >= size) return best;
    const worker = new PoolWorker(this.#parts, this.#host(), this.#perWorker);
    this.#workers.add(worker);
    return worker;
  }

  #freed(worker: PoolWorker): void {
    if (!this.#disposed) this.#dispatch(this.#size());
    if (worker.load > 0 || !worker.live) return;
    this.#share(worker);
    if (worker.load > 0) return;
    const end = (): void => {
      if (worker.live && worker.load === 0) this.#remove(worker);
    };
    if (this.#idle > 0) {
      worker.idle?.cancel();
      worker.idle = this.#loop.addTimer(this.#idle, 0, end).unref();
    } // What is begun in this turn takes it over.
    else this.#loop.env.backend.post(end);
  }

  /** One that has nothing to do takes over what waits behind another's job. */
  #share(idle: PoolWorker): void {
    let busiest: PoolWorker | undefined;
    for (const worker of this.#workers) {
      if (busiest === undefined || worker.load > busiest.load) busiest = worker;
    }
    if (busiest === undefined || busiest.load < 2) return;
    for (const job of busiest.release(busiest.load >> 1) as Job[]) {
      if (idle.hasRoom) give(idle, job);
      else this.#requeue(job);
    }
  }

  #requeue(job: Job): void {
    job.worker = undefined;
    this.#queue.unshift(job);
    this.#queued++;
  }

  #withdrawn(worker: PoolWorker | undefined): void {
    this.#deactivated();
    if (worker !== undefined) return;
    // It stays in the queue, and is passed over there.
    this.#queued--;
    if (this.#queued === 0) this.#queue.clear();
    else if (this.#queue.size > 2 * this.#queued + 64) this.#prune();
  }

  /** Drops cancelled jobs, so that they do not pile up behind one that runs for long. */
  #prune(): void {
    for (let left = this.#queue.size; left > 0; left--) {
      const job = this.#queue.shift()!;
      if (job.active) this.#queue.push(job);
    }
  }

  #kill(worker: PoolWorker, job: Job): void {
    const { lost, spared } = this.#remove(worker);
    job.worker = undefined;
    for (const other of [...spared].reverse() as Job[]) {
      if (other.active) this.#requeue(other);
    }
    if (lost.some((other) => other !== job)) {
      this.#loop.env.backend.post(() => {
        for (const other of lost) {
          if (other !== job) other.settle({ error: lostWith(other.task) });
        }
      });
    }
    if (!this.#disposed) this.#dispatch(this.#size());
  }

  #died(
    worker: PoolWorker,
    lost: readonly HeldJob[],
    spared: readonly HeldJob[],
    error: Error,
  ): void {
    this.#workers.delete(worker);
    for (const job of [...spared].reverse() as Job[]) this.#requeue(job);
    if (!this.#disposed) this.#dispatch(this.#size());
    for (const job of lost) job.settle({ error });
  }

  /** Ends a worker. @returns what it held */
  #remove(worker: PoolWorker): ReturnType<PoolWorker["end"]> {
    this.#workers.delete(worker);
    return worker.end();
  }

  #deactivated(): void {
    this.#active--;
    if (this.#active > 0) return;
    this.#hold?.();
    this.#hold = undefined;
  }
}

function give(worker: PoolWorker, job: Job): void {
  job.worker = worker;
  job.slot = worker.take(job);
}

function checkCount(value: number, name: string): number {
  if (typeof value !== "number" || !Number.isInteger(value) || value < 1) {
    throw new UsageError(`Cannot make worker pool: ${name} ${show(value)} is not 1 or more`);
  }
  return value;
}
