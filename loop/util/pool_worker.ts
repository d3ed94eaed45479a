import { type HostWorker, PeerError, UsageError, type Workers } from "@anyevent/backends/contract";
import { type CallOutcome, errorOf } from "../io/outcome.ts";
import type { Loop } from "../loop.ts";
import type { Watcher } from "../watcher.ts";
import {
  ABORT,
  ABORTED,
  BEGUN,
  DEFINE,
  ERROR,
  errorFrom,
  FORGET,
  type PlainError,
  PROGRESS,
  QUEUED,
  RUN,
  RUN_CONTEXT,
  RUN_ONE,
  SKIPPED,
  WITHDRAWN,
  WORKER_PROGRAM,
} from "./worker_program.ts";
import type { WorkerTask } from "./worker_task.ts";

/** Functions that a worker remembers. */
const MAX_FUNCTIONS = 1000;

/** What a worker asks of who has it. */
export interface WorkerOwner {
  readonly loop: Loop;
  /** A job has come to its end, or was found to have been taken back: there is room for another. */
  freed(worker: PoolWorker): void;
  /** It has ended by itself, with `lost` begun and `spared` not. */
  died(worker: PoolWorker, lost: readonly HeldJob[], spared: readonly HeldJob[], why: Error): void;
}

/** A job, as its worker sees it. */
export interface HeldJob {
  readonly task: WorkerTask;
  /** Tells the outcome, at the end of all. */
  settle(outcome: CallOutcome<unknown>): void;
  progressed(value: unknown): void;
}

/**
 * A worker and the jobs it holds, each in a slot. The state of a slot is shared, so a job that has not
 * begun can be taken back at once, even while the worker computes.
 */
export class PoolWorker {
  /** Ends it, unless it gets a job before. */
  idle: Watcher | undefined;
  live = true;
  readonly #owner: WorkerOwner;
  readonly #worker: HostWorker;
  readonly #states: Int32Array;
  readonly #free: number[];
  /** By slot, oldest first. Those that were taken back are not here, but their slots are not free. */
  readonly #jobs = new Map<number, HeldJob>();
  readonly #functions = new Map<string, number>();
  #lastFunction = 0;
  /** What the worker's program gets; see there. */
  #outbox: unknown[] = [];
  /** What moves over, by the slots of jobs in the outbox. */
  readonly #transfers = new Map<number, readonly Transferable[]>();

  constructor(owner: WorkerOwner, workers: Workers, slots: number) {
    this.#owner = owner;
    this.#states = new Int32Array(new SharedArrayBuffer(4 * slots));
    this.#free = Array.from({ length: slots }, (_, i) => slots - 1 - i);
    const later = (cb: () => void): void =>
      owner.loop.env.backend.post(() => {
        if (this.live) cb();
      });
    this.#worker = workers.start(WORKER_PROGRAM, {
      message: (data) => later(() => this.#received(data as readonly unknown[])),
      ended: (error) => later(() => this.#ended(error)),
    });
    this.#worker.post({ slots: this.#states }, []);
  }

  /** Jobs it holds and has not been told to forget. */
  get load(): number {
    return this.#jobs.size;
  }

  /** Whether it can take one more. */
  get hasRoom(): boolean {
    return this.#free.length > 0;
  }

  /** @returns its slot */
  take(job: HeldJob): number {
    this.idle?.cancel();
    this.idle = undefined;
    const slot = this.#free.pop()!;
    this.#jobs.set(slot, job);
    Atomics.store(this.#states, slot, QUEUED);
    const { args, transfer, context } = job.task;
    if (transfer.length > 0) this.#transfers.set(slot, transfer);
    const id = this.#define(job.task);
    if (context) this.#send(RUN_CONTEXT, slot, id, args);
    else if (args.length === 1) this.#send(RUN_ONE, slot, id, args[0]);
    else this.#send(RUN, slot, id, args);
    return slot;
  }

  /** Takes a job back. @returns false when it has begun */
  withdraw(slot: number): boolean {
    const before = Atomics.compareExchange(this.#states, slot, QUEUED, WITHDRAWN);
    if (before !== QUEUED) return false;
    this.#jobs.delete(slot);
    return true;
  }

  /** Tells a job that has begun to end. */
  abort(slot: number): void {
    if (Atomics.compareExchange(this.#states, slot, BEGUN, ABORTED) !== BEGUN) return;
    if (this.#jobs.get(slot)?.task.context) this.#send(ABORT, slot, 0, 0);
  }

  /** Takes back up to `count` jobs, latest first, that can be given to another. @returns oldest first */
  release(count: number): HeldJob[] {
    const released: HeldJob[] = [];
    for (const [slot, job] of [...this.#jobs].reverse()) {
      if (released.length >= count) break;
      if (!this.#hasMoved(slot, job) && this.withdraw(slot)) released.push(job);
    }
    return released.reverse();
  }

  /**
   * Ends it.
   *
   * @returns what it held: begun, or with arguments that moved over; and not
   */
  end(): { readonly lost: readonly HeldJob[]; readonly spared: readonly HeldJob[] } {
    this.live = false;
    this.idle?.cancel();
    this.idle = undefined;
    const spared = this.release(Infinity);
    const lost = [...this.#jobs.values()];
    this.#jobs.clear();
    this.#outbox = [];
    this.#worker.terminate();
    return { lost, spared };
  }

  #ended(why: Error): void {
    let begun = false;
    for (const slot of this.#jobs.keys()) begun ||= Atomics.load(this.#states, slot) !== QUEUED;
    const { lost, spared } = this.end();
    // With nobody to blame the next one would die, too.
    if (begun) this.#owner.died(this, lost, spared, why);
    else this.#owner.died(this, [...lost, ...spared], [], why);
  }

  #hasMoved(slot: number, { task }: HeldJob): boolean {
    return task.transfer.length > 0 && !this.#transfers.has(slot);
  }

  /** @returns the number of its function, which the worker has been told */
  #define({ source, module, name }: WorkerTask): number {
    const key = source ?? `${name} ${module}`;
    const known = this.#functions.get(key);
    if (known !== undefined) return known;
    if (this.#functions.size >= MAX_FUNCTIONS) {
      this.#functions.clear();
      this.#send(FORGET, 0, 0, 0);
    }
    const id = ++this.#lastFunction;
    this.#functions.set(key, id);
    this.#send(DEFINE, id, source, [module, name]);
    return id;
  }

  /** All of a turn goes in one message. */
  #send(kind: number, a: number, b: unknown, c: unknown): void {
    this.#outbox.push(kind, a, b, c);
    if (this.#outbox.length === 4) this.#owner.loop.env.backend.post(() => this.#flush());
  }

  #flush(): void {
    const all = this.#outbox;
    this.#outbox = [];
    if (all.length === 0) return;
    const transfers = new Map(this.#transfers);
    this.#transfers.clear();
    try {
      this.#worker.post(all, [...transfers.values()].flat());
    } catch {
      // One of them cannot be cloned: each for itself.
      for (let i = 0; i < all.length; i += 4) this.#flushOne(all.slice(i, i + 4), transfers);
    }
  }

  #flushOne(
    message: readonly unknown[],
    transfers: ReadonlyMap<number, readonly Transferable[]>,
  ): void {
    const kind = message[0];
    const slot = message[1] as number;
    const begins = kind === RUN || kind === RUN_ONE || kind === RUN_CONTEXT;
    try {
      this.#worker.post(message, begins ? transfers.get(slot) ?? [] : []);
    } catch (thrown) {
      if (!begins) throw thrown;
      const job = this.#jobs.get(slot);
      this.#jobs.delete(slot);
      this.#free.push(slot);
      if (job !== undefined) {
        const why = `Cannot send job ${job.task.label}: ${errorOf(thrown).message}`;
        job.settle({ error: new UsageError(why, { cause: thrown }) });
      }
      this.#owner.freed(this);
    }
  }

  /** Room is told when all is: what is begun then goes in one message. */
  #received(replies: readonly unknown[]): void {
    let freed = false;
    for (let i = 0; i < replies.length; i += 3) {
      const slot = replies[i] as number;
      const kind = replies[i + 1];
      const value = replies[i + 2];
      const job = this.#jobs.get(slot);
      if (kind === PROGRESS) {
        job?.progressed(value);
        // It may have ended this very worker.
        if (!this.live) return;
        continue;
      }
      freed = true;
      this.#jobs.delete(slot);
      this.#free.push(slot);
      if (kind === SKIPPED || job === undefined) continue;
      job.settle(kind === ERROR ? { error: errorFrom(value as PlainError) } : { value });
      if (!this.live) return;
    }
    if (freed) this.#owner.freed(this);
  }
}

/** Why a job is lost whose worker was ended for another's sake. */
export function lostWith(task: WorkerTask): PeerError {
  return new PeerError(
    `Cannot go on with job ${task.label}: its worker was ended while it ran there`,
    "ECANCELED",
  );
}
