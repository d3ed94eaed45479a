/**
 * The trampoline under all threads: takes the next task from the ready queue, runs it until it blocks,
 * and so on. Synchronous: a switch is a function return and a call, not a promise.
 *
 * ## When it runs
 *
 * `drain` runs in a turn of the loop (a posted callback), and inside an `await` of an operation that has
 * to wait. It ends when nothing is ready, when the turn of an `await` has come (whose promise is settled,
 * and whose code then runs before any thread), or when the batch is used up. What is left is posted.
 *
 * A batch is all switches in one turn of the loop: at most {@linkcode BATCH_SWITCHES}, and not many more
 * after {@linkcode BATCH_SECONDS}. So ceding without end, in threads or in awaiting code, delays timers and
 * I/O by about that, and never stops them. On a clock that stands still while there is something to do, as
 * that of the sim backend, a batch that was used up takes 2 ms of its time.
 *
 * Longer than other files because the loop and all its rare cases share private state, and because a call
 * into another module's object on the hot path would be felt.
 *
 * @module
 */
import { type Backend, messageOf } from "@anyevent/backends/contract";
import {
  addAwaiting,
  beginWait,
  LOOK,
  type Loop,
  type Operation,
  type Suspension,
  type ThreadLister,
  WaitOperation,
} from "@anyevent/loop";
import { ReadyQueue } from "./ready_queue.ts";
import { leave } from "./leave.ts";
import { lineOf } from "./listing.ts";
import { drive, finish, isGenerator, isOperation, throwIn } from "./steps.ts";
import { SCHEDULE } from "./switching.ts";
import { foreign } from "./foreign.ts";
import { LEAN, QueuedOperation } from "./wait_list.ts";
import {
  AWAIT,
  BARE,
  type Blocks,
  DOOMED,
  Extra,
  FAILED,
  LEAVING,
  LISTED,
  MAIN,
  NEW,
  type Outcome,
  PENDING,
  POOLED,
  RETURNING,
  type Settle,
  Task,
  type TaskSteps,
  TRACED,
  type TraceEvent,
} from "./task.ts";
import * as operations from "@anyevent/loop";
import * as bodies from "./steps.ts";
import * as switching from "./switching.ts";
import * as tasks from "./task.ts";

// What is needed at each switch: constants of this file are folded into the machine code, imports looked up.
const { driving, RESUMED } = operations;
const { resume } = bodies;
const { CEDE, CEDE_NOTSELF, CEDED } = switching;
const { MISSED, READY, SLOW_ENTRY, SLOW_EXIT, SUSPENDED, WOUND, ZOMBIE } = tasks;
/** Anything here needs more than queueing to cede. */
const SLOW_CEDE = SLOW_EXIT | READY;

/**
 * Seconds after which a batch gives way to the loop; a clock that counts milliseconds makes it up to one.
 * So few because a backend on a host's own loop comes to its sockets between batches only.
 */
export const BATCH_SECONDS = 0.0002;
/** Seconds of a virtual clock that a batch takes which was used up in no time. */
const VIRTUAL_SECONDS = 0.002;
/** Switches after which it does in any case, should the clock stand still. */
export const BATCH_SWITCHES = 65536;
/** Cancels inside each other, in clean-ups and destroy callbacks. */
const MOST_CANCELS = 200;
/** Idle pool threads that are kept, unless set otherwise. */
const POOL_SIZE = 8;
/** The clock is looked at after 1, 2, 4, … switches, and at least this often. */
const MAX_STRIDE = 256;
const NO_BLOCKS: Blocks["all"] = [];
const RESUMES: TraceEvent = { kind: "resumed" };
let running: Engine | undefined;

/** The engine whose thread is running now, if any. */
export function runningEngine(): Engine | undefined {
  return running;
}

/** See the module text. Users see it as a `Scheduler`. */
export class Engine implements ThreadLister {
  /** Stands for the code outside threads. */
  readonly main: Task;
  /** The thread or `await` that runs; the main task when none does. */
  current: Task;
  /** Gets errors nobody else takes. */
  onUncaught: ((error: unknown, task: Task) => void) | undefined = undefined;
  /** Called, or run, when threads have run and none is ready any more. */
  idle: (() => void) | Task | undefined = undefined;
  /** How many idle pool threads are kept. */
  poolSize: number = POOL_SIZE;

  /** The loop it runs on. */
  readonly loop: Loop;
  readonly #backend: Backend;
  readonly #queue: ReadyQueue = new ReadyQueue();
  /** Awaits that have to wait or have ceded, oldest first. */
  readonly #awaits: Set<Task> = new Set();
  /** Latest of the threads that were readied and have not ended. */
  #newest: Task | undefined = undefined;
  #lastId = 0;
  /** Pool threads without a body; the last one is used next. */
  readonly #pool: Task[] = [];
  #timing = false;
  /** Taking times: since when `current` runs. */
  #switchedAt = 0;
  /** Those who run, and cancel a thread whose clean-up is running. */
  readonly #cancellers: Task[] = [];
  /** How many cancels are under way, each called by what the one before it ends. */
  #cancels = 0;
  #draining = false;
  #posted = false;
  /** Set when a promise was settled: its code is to run first. */
  #stop = false;
  /** Chosen to run next, out of the queue. */
  #forced: Task | undefined = undefined;
  /** A batch has begun, and what is posted will end it. */
  #inBatch = false;
  #batchStart = 0;
  #batchSwitches = 0;
  #stride = 1;
  /** A batch was used up in no time: the clock is virtual, and moves only if something waits for it. */
  #stalled = false;
  /** Switches until the clock is looked at; negative when the batch is used up. */
  #left = 1;
  readonly #turn: () => void;

  constructor(loop: Loop) {
    this.loop = loop;
    this.#backend = loop.env.backend;
    this.main = new Task(this, MAIN);
    this.current = this.main;
    this.#turn = (): void => {
      this.#posted = false;
      this.#newBatch();
      this.#drain();
      this.#inBatch = this.#posted;
    };
  }

  /** How many threads and awaits are ready to run. */
  get readyCount(): number {
    return this.#queue.size + (this.#forced === undefined ? 0 : 1);
  }

  /** Whether a thread runs, not an `await`, nor code outside. */
  get inThread(): boolean {
    return (this.current.flags & (MAIN | AWAIT)) === 0;
  }

  /** See {@linkcode ThreadLister}. */
  listBlocked(most: number): readonly string[] {
    const blocked: Task[] = [];
    for (const task of this.list()) {
      if ((task.flags & (READY | ZOMBIE)) !== 0 || task === this.current) continue;
      if (!isIdle(task)) blocked.push(task);
    }
    const lines = blocked.reverse().slice(0, most).map((task) => {
      const waitsFor = (task.flags & MISSED) !== 0 ? "its resume()" : task.describe();
      return `${task.name} waits for ${waitsFor}`;
    });
    const more = blocked.length - lines.length;
    return more > 0 ? [...lines, `${more} more blocked threads`] : lines;
  }

  /** All threads that were readied and have not ended, newest first. */
  list(): Task[] {
    const all: Task[] = [];
    for (let task = this.#newest; task !== undefined; task = task.older) all.push(task);
    return all;
  }

  /** What waits outside threads, oldest first. */
  get awaits(): Iterable<Task> {
    return this.#awaits;
  }

  /**
   * Looks where a thread waits that has begun: `seen` is called with its generators on the stack. Nothing else
   * happens to it, unless an operation of its own kind does not know about that and takes it for a wake-up.
   *
   * @returns false when it is running, and when there is nothing to see
   */
  look(task: Task, seen: () => void): boolean {
    const { steps, suspension } = task;
    if (steps === undefined || (task.flags & (ZOMBIE | AWAIT | MAIN)) !== 0) return false;
    if (task === this.current || this.#cancellers.includes(task)) return false;
    // What waits by a condition alone does not know: its condition tells, and says no.
    const waits = suspension instanceof WaitOperation && suspension !== SCHEDULE
      ? suspension
      : undefined;
    let looked = false;
    const noted = (): boolean => {
      looked = true;
      seen();
      return false;
    };
    const outer = { running, current: this.current, seen: LOOK.seen };
    running = this;
    this.current = task;
    LOOK.seen = noted;
    if (waits !== undefined) {
      Object.defineProperty(waits, "poll", { configurable: true, value: noted });
    }
    driving.depth++;
    try {
      const result = steps.next(LOOK as unknown as typeof RESUMED);
      if (looked && !result.done) return true;
      task.abort = undefined;
      if (result.done) this.#returned(task, result.value);
      else this.#block(task, result.value);
    } catch (error) {
      this.#failed(task, error);
    } finally {
      driving.depth--;
      if (waits !== undefined) Reflect.deleteProperty(waits, "poll");
      LOOK.seen = outer.seen;
      this.current = outer.current;
      running = outer.running;
    }
    return looked;
  }

  /** Puts a new thread into the list of all. */
  enlist(task: Task): void {
    if ((task.flags & (LISTED | ZOMBIE | MAIN)) !== 0) return;
    task.flags |= LISTED;
    task.id = ++this.#lastId;
    const newest = this.#newest;
    task.older = newest;
    if (newest !== undefined) newest.newer = task;
    this.#newest = task;
  }

  /** A thread ran for long: the clock is looked at before the next one runs. */
  lookSoon(): void {
    if (this.#left > 0) {
      this.#stride -= this.#left;
      this.#left = 0;
    }
  }

  /** Whether times are taken. */
  get timing(): boolean {
    return this.#timing;
  }

  set timing(on: boolean) {
    if (on) this.#switchedAt = this.#backend.time();
    else if (this.#timing) this.#takeTime(this.#backend.time());
    this.#timing = on;
    // While times are taken the clock is looked at on each switch.
    this.#stride = 1;
    this.#left = Math.min(this.#left, 0);
  }

  /** Makes a thread that is new. */
  create(body: (...args: never[]) => unknown, args: readonly unknown[] | undefined): Task {
    const task = new Task(this, NEW);
    task.body = body;
    task.value = args;
    return task;
  }

  /** Queues a task. @returns false when it was queued, or has ended */
  ready(task: Task): boolean {
    const flags = task.flags;
    if ((flags & (READY | ZOMBIE | MAIN)) !== 0) {
      return (flags & MAIN) !== 0 && this.#readyMain();
    }
    task.flags = flags | READY;
    this.#queue.push(task);
    if (!this.#posted && !this.#draining) this.#post();
    return true;
  }

  /** A thread for a body that may be one of many: an idle one, or a new one. */
  pooled(body: (...args: never[]) => unknown, args: readonly unknown[] | undefined): Task {
    const task = this.#pool.pop() ?? new Task(this, NEW | POOLED);
    task.body = body;
    task.value = args;
    this.enlist(task);
    this.ready(task);
    return task;
  }

  /** @returns why it cannot be switched to, if it cannot */
  cannotForce(task: Task): string | undefined {
    if ((task.flags & ZOMBIE) !== 0) return "it has ended";
    if ((task.flags & SUSPENDED) !== 0) return "it is suspended";
    if (task === this.current || this.#cancellers.includes(task)) return "it is running";
    if ((task.flags & MAIN) === 0) return undefined;
    return this.#awaits.size === 0 ? "nothing awaits" : undefined;
  }

  /** The next to run, whatever its priority; whether it is queued stays as it is. */
  force(task: Task): void {
    if ((task.flags & MAIN) !== 0) {
      const oldest = this.#awaits.values().next().value;
      if (oldest !== undefined) this.force(oldest);
      return;
    }
    const displaced = this.#forced;
    this.#forced = task;
    if (displaced !== undefined && displaced !== task) this.ready(displaced);
    if (!this.#posted && !this.#draining) this.#post();
  }

  /** Cancels all threads but the one that runs, newest first. */
  killAll(): void {
    for (const task of this.list()) {
      if (task !== this.current && (task.flags & BARE) === 0) this.cancel(task, []);
    }
  }

  /** Main is whatever awaits: as nobody can tell which was meant, all are woken, and look again. */
  #readyMain(): boolean {
    let woken = false;
    for (const task of this.#awaits) woken = this.ready(task) || woken;
    if (woken) return true;
    if (this.#awaits.size > 0 || (this.main.flags & READY) !== 0) return false;
    this.main.flags |= READY;
    return true;
  }

  /** Throws into a task when it resumes, and makes it ready; `undefined` takes a pending error back. */
  throwInto(task: Task, error: unknown): void {
    if ((task.flags & ZOMBIE) !== 0) return;
    if ((task.flags & MAIN) !== 0) {
      const oldest = this.#awaits.values().next().value;
      if (oldest !== undefined) return this.throwInto(oldest, error);
    }
    if (error === undefined) {
      task.flags &= ~PENDING;
      if (task.rare !== undefined) task.rare.pending = undefined;
      return;
    }
    task.flags |= PENDING;
    task.extra.pending = error;
    if ((task.flags & NEW) !== 0) this.enlist(task);
    this.ready(task);
  }

  /** Flag only: takes effect when its turn comes. */
  suspend(task: Task): void {
    task.flags |= SUSPENDED;
  }

  /** Takes back any number of suspends; a turn missed meanwhile is made up for. */
  resume(task: Task): void {
    const missed = (task.flags & MISSED) !== 0;
    task.flags &= ~(SUSPENDED | MISSED);
    if (missed) this.ready(task);
  }

  /**
   * Ends a task with values, running its clean-up inside this call. The running one ends at its next trap
   * instead, as a generator cannot be left from inside a call. One that has ended gets new values, and so
   * does one in its clean-up.
   */
  cancel(task: Task, values: readonly unknown[]): void {
    const flags = task.flags;
    if ((flags & ZOMBIE) !== 0) {
      task.value = values;
      task.flags = (flags & ~FAILED) | (task.steps === undefined ? 0 : DOOMED);
      return;
    }
    if (task === this.current || this.#cancellers.includes(task)) {
      task.value = values;
      task.flags = flags | DOOMED;
      return;
    }
    if (task === this.#forced) this.#forced = undefined;
    if (this.#cancels < MOST_CANCELS || (flags & NEW) !== 0) {
      this.#cancels++;
      try {
        this.#unwind(task, values);
      } finally {
        this.#cancels--;
      }
      return;
    }
    // Deeper the stack would give out somewhere: this one ends when its turn comes.
    task.value = values;
    if ((flags & LEAVING) !== 0) return;
    task.flags = (flags & ~(SUSPENDED | MISSED)) | LEAVING | RETURNING;
    this.ready(task);
  }

  /**
   * Ends a task as if its blocking call returned from everything: what cleans up runs in it, and may block.
   *
   * @returns why not
   */
  safeCancel(task: Task, values: readonly unknown[]): string | undefined {
    if ((task.flags & (MAIN | AWAIT)) !== 0) return "it is the code outside threads";
    if ((task.flags & ZOMBIE) === 0) {
      if (task === this.current || this.#cancellers.includes(task)) return "it is running";
      if (task.rare !== undefined && task.rare.pins > 0) return "it is in a pinned section";
    }
    if ((task.flags & (ZOMBIE | NEW)) !== 0) {
      this.cancel(task, values);
      return undefined;
    }
    task.value = values;
    // In its clean-up: that is not cut short.
    if ((task.flags & LEAVING) !== 0) return undefined;
    task.flags |= LEAVING | RETURNING;
    this.ready(task);
    return undefined;
  }

  /** Drives an operation for `await`: as a task with a place of its own in the queue. */
  run<T>(op: Operation<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const task = new Task(this, AWAIT);
      task.prio = this.main.prio;
      task.coro = this.main.coro;
      task.extra.settle = { resolve, reject, forget: undefined };
      // No thread runs inside a clean-up.
      const outside = !this.#draining && this.#cancellers.length === 0;
      if (outside) this.current = task;
      const outer = running;
      running = this;
      // The operation's iterator is made in the step, as making it may throw.
      this.#stepAwait(task, () => {
        const steps = op[Symbol.iterator]();
        task.steps = steps;
        return steps.next();
      });
      running = outer;
      if (outside) this.current = this.main;
      if (!outside || (task.flags & ZOMBIE) !== 0) return;
      if (this.readyCount > 0 || this.idle !== undefined) this.#drainFromAwait();
    });
  }

  /** Reports what nobody takes, so that the program ends with it; of pool threads it is only logged. */
  uncaught(error: unknown, task: Task): void {
    let report = error;
    if (this.onUncaught !== undefined) {
      try {
        this.onUncaught(error, task);
        return;
      } catch (thrown) {
        report = thrown;
      }
    }
    if ((task.flags & POOLED) !== 0) {
      this.#log(4, `${task.name} failed: ${stackOf(report)}`);
      return;
    }
    // Not level 1, which would end the program before the error does.
    this.#log(2, `uncaught error in thread ${lineOf(task, this.current)}`);
    this.#backend.post(() => {
      throw report;
    });
  }

  /** What the thread that runs has used up. */
  #takeTime(now: number): void {
    if ((this.current.flags & MAIN) === 0) this.current.extra.ran += now - this.#switchedAt;
    this.#switchedAt = now;
  }

  #post(): void {
    this.#posted = true;
    if (!this.#stalled) {
      this.#backend.post(this.#turn);
      return;
    }
    this.#stalled = false;
    try {
      this.loop.addTimer(VIRTUAL_SECONDS, 0, this.#turn);
    } catch {
      // The loop was disposed of.
      this.#backend.post(this.#turn);
    }
  }

  #newBatch(): void {
    this.#inBatch = true;
    this.#batchStart = this.#backend.time();
    this.#switchedAt = this.#batchStart;
    this.#batchSwitches = 0;
    this.#stride = 1;
    this.#left = 1;
  }

  /** @returns whether the batch goes on */
  #lookAtClock(): boolean {
    this.#batchSwitches += this.#stride;
    const now = this.#backend.time();
    const elapsed = now - this.#batchStart;
    if (this.#timing) this.#takeTime(now);
    if (elapsed >= BATCH_SECONDS || this.#batchSwitches >= BATCH_SWITCHES) {
      this.#left = -1;
      this.#stalled = elapsed === 0;
      return false;
    }
    const rest = BATCH_SWITCHES - this.#batchSwitches;
    this.#stride = this.#timing ? 1 : Math.min(Math.max(1, this.#stride) * 2, MAX_STRIDE, rest);
    this.#left = this.#stride;
    return true;
  }

  /** The batch goes on over all drains of a turn: what is posted tells that the turn is over. */
  #drainFromAwait(): void {
    if (!this.#inBatch) this.#newBatch();
    if (!this.#posted) this.#post();
    this.#drain();
  }

  #drain(): void {
    if (this.#draining) return;
    const outer = running;
    running = this;
    this.#draining = true;
    this.#stop = false;
    driving.depth++;
    try {
      do this.#trampoline(); while (this.#idleWants());
      if (this.#timing) this.#takeTime(this.#backend.time());
    } finally {
      driving.depth--;
      this.#draining = false;
      running = outer;
      this.current = this.main;
      if (!this.#posted && this.readyCount > 0) this.#post();
    }
  }

  /** Nothing is ready any more. @returns whether there is something to run again */
  #idleWants(): boolean {
    const idle = this.idle;
    if (idle === undefined || this.#stop || this.#left < 0 || this.readyCount > 0) return false;
    if (idle instanceof Task) {
      // One that blocked, with nothing else having run since, waits for the loop as all do.
      if (idle === this.current || (idle.flags & ZOMBIE) !== 0) return false;
      this.ready(idle);
      return true;
    }
    this.current = this.main;
    this.#guarded(this.main, idle);
    return this.readyCount > 0;
  }

  #trampoline(): void {
    const queue = this.#queue;
    for (;;) {
      if (this.#left <= 0 && (this.#left < 0 || !this.#lookAtClock())) return;
      this.#left--;
      let task = this.#forced;
      let flags: number;
      if (task === undefined) {
        task = queue.shift();
        if (task === undefined) return;
        flags = task.flags & ~READY;
        task.flags = flags;
      } else {
        // Its READY flag is not touched: it may be queued besides.
        this.#forced = undefined;
        flags = task.flags;
      }
      this.current = task;
      task.uses++;
      let result: IteratorResult<Suspension, unknown>;
      try {
        const slow = flags & SLOW_ENTRY;
        if (slow === 0 || slow === WOUND) {
          if (slow !== 0) this.#enterBlocks(task);
          // One of those blocks may have thrown into it.
          if (slow !== 0 && (task.flags & PENDING) !== 0) result = this.#throwPending(task);
          else {
            task.abort = undefined;
            result = resume.call(task.steps!, RESUMED);
          }
        } else {
          const entered = this.#enter(task);
          if (entered === undefined) {
            // Only there a promise can have been settled.
            if (this.#stop) return;
            continue;
          }
          result = entered;
        }
      } catch (error) {
        this.#failed(task, error);
        continue;
      }
      // By far the most usual switch, told apart without looking into what was yielded.
      if (result === CEDED) {
        const after = task.flags;
        if ((after & SLOW_CEDE) === 0) {
          task.flags = after | READY;
          queue.push(task);
          continue;
        }
      }
      if (result.done) {
        this.#returned(task, result.value);
        continue;
      }
      const suspension = result.value;
      if ((task.flags & SLOW_EXIT) !== 0 && this.#leave(task, suspension)) continue;
      if (suspension === CEDE) {
        if ((task.flags & READY) === 0) {
          task.flags |= READY;
          queue.push(task);
        }
      } else if (suspension === CEDE_NOTSELF) {
        this.#cedeNotself(task);
      } else {
        this.#block(task, suspension);
      }
    }
  }

  #cedeNotself(task: Task): void {
    if (this.#forced === undefined) {
      let next = this.#queue.shift();
      while (next !== undefined && (next.flags & (ZOMBIE | SUSPENDED)) !== 0) {
        if ((next.flags & ZOMBIE) === 0) next.flags = (next.flags & ~READY) | MISSED;
        next = this.#queue.shift();
      }
      if (next !== undefined) next.flags &= ~READY;
      this.#forced = next;
    }
    // Also when it chose itself: then it is queued besides.
    if ((task.flags & READY) === 0) {
      task.flags |= READY;
      this.#queue.push(task);
    }
  }

  #block(task: Task, suspension: Suspension): void {
    task.suspension = suspension;
    try {
      task.abort = suspension instanceof QueuedOperation && suspension.begun
        ? suspension.start(task)
        : beginWait(suspension, task);
    } catch (error) {
      this.throwInto(task, error);
    }
  }

  /** The rare cases of resuming. @returns undefined when there is nothing more to do */
  #enter(task: Task): IteratorResult<Suspension, unknown> | undefined {
    if ((task.flags & ZOMBIE) !== 0) return undefined;
    if ((task.flags & SUSPENDED) !== 0) {
      task.flags |= MISSED;
      return undefined;
    }
    if ((task.flags & AWAIT) !== 0) {
      this.#enterAwait(task);
      return undefined;
    }
    if ((task.flags & WOUND) !== 0) this.#enterBlocks(task);
    if ((task.flags & TRACED) !== 0) this.#trace(task, () => RESUMES);
    if ((task.flags & RETURNING) !== 0) {
      task.flags &= ~RETURNING;
      this.#stopWaiting(task);
      // What was thrown into it as well is thrown where its clean-up waits, if it does.
      if ((task.flags & PENDING) !== 0) this.ready(task);
      task.steps = leave(task.steps!);
      return task.steps.next();
    }
    if ((task.flags & PENDING) !== 0) return this.#throwPending(task);
    task.abort = undefined;
    if ((task.flags & NEW) === 0) return resume.call(task.steps!, RESUMED);
    return this.#begin(task);
  }

  #throwPending(task: Task): IteratorResult<Suspension, unknown> {
    const error = takePending(task);
    this.#stopWaiting(task);
    if ((task.flags & NEW) !== 0) {
      forgetBody(task);
      throw error;
    }
    return throwIn(task.steps!, error);
  }

  /** Ends the wait of a task that goes on: an abort that fails is no reason to leave it without its clean-up. */
  #stopWaiting(task: Task): void {
    try {
      stopWaiting(task);
    } catch (error) {
      this.cleanUpFailed(error, task);
    }
  }

  #begin(task: Task): IteratorResult<Suspension, unknown> | undefined {
    const body = task.body;
    // Somebody readied an idle pool thread.
    if (body === undefined) return undefined;
    const args = task.value as never[] | undefined;
    forgetBody(task);
    const made = args === undefined ? body() : body(...args);
    if (typeof made !== "object" || made === null) return { value: made, done: true };
    if ((task.flags & LISTED) === 0) this.enlist(task);
    if (isGenerator(made)) {
      task.steps = made;
      return made.next();
    }
    let steps: TaskSteps;
    if (isOperation(made)) steps = drive(made);
    else if (typeof (made as Partial<PromiseLike<unknown>>).then === "function") {
      steps = foreign(task, made as PromiseLike<unknown>);
    } else return { value: made, done: true };
    task.steps = steps;
    return steps.next();
  }

  #unlist(task: Task): void {
    if ((task.flags & LISTED) === 0) return;
    const { older, newer } = task;
    if (older !== undefined) older.newer = newer;
    if (newer !== undefined) newer.older = older;
    else if (this.#newest === task) this.#newest = older;
    task.older = undefined;
    task.newer = undefined;
  }

  /** The rare cases of switching away. @returns whether the task has ended */
  #leave(task: Task, suspension: Suspension): boolean {
    if ((task.flags & (TRACED | DOOMED)) === TRACED) {
      this.#trace(task, () => ({ kind: "blocked", on: suspension?.describe?.() ?? "nothing" }));
    }
    if ((task.flags & DOOMED) !== 0) {
      this.#unwind(task, task.value as readonly unknown[]);
      return true;
    }
    if ((task.flags & WOUND) === 0) return false;
    this.#leaveBlocks(task);
    if ((task.flags & DOOMED) === 0) return false;
    // By one of those blocks: entered once more, as is any that is cancelled where it waits.
    this.#enterBlocks(task);
    this.#unwind(task, task.value as readonly unknown[]);
    return true;
  }

  #enterAwait(task: Task): void {
    const steps = task.steps!;
    if ((task.flags & PENDING) !== 0) {
      const error = takePending(task);
      this.#stopWaiting(task);
      this.#stepAwait(task, () => {
        if (steps.throw === undefined) throw error;
        return steps.throw(error);
      });
    } else {
      this.#stepAwait(task, () => steps.next(RESUMED));
    }
    this.#stop = (task.flags & ZOMBIE) !== 0;
  }

  #stepAwait(task: Task, advance: () => IteratorResult<Suspension, unknown>): void {
    task.abort = undefined;
    driving.depth++;
    try {
      const result = advance();
      if (!result.done) {
        this.#blockAwait(task, result.value);
        return;
      }
      this.#settle(task).resolve(result.value as never);
    } catch (error) {
      this.#settle(task).reject(error);
    } finally {
      driving.depth--;
    }
  }

  #blockAwait(task: Task, suspension: Suspension): void {
    this.#awaits.add(task);
    if (suspension === CEDE_NOTSELF) {
      this.#cedeNotself(task);
      return;
    }
    if (suspension === CEDE) {
      this.ready(task);
      return;
    }
    task.extra.settle!.forget ??= addAwaiting(task);
    this.#block(task, suspension);
    if ((this.main.flags & READY) !== 0) {
      this.main.flags &= ~READY;
      this.ready(task);
    }
    if ((this.main.flags & PENDING) !== 0) this.throwInto(task, takePending(this.main));
  }

  #settle(task: Task): Settle {
    const settle = task.extra.settle!;
    if ((task.flags & READY) !== 0) this.#queue.forget();
    task.flags |= ZOMBIE;
    task.steps = undefined;
    this.#awaits.delete(task);
    settle.forget?.();
    return settle;
  }

  #returned(task: Task, value: unknown): void {
    if ((task.flags & (DOOMED | LEAVING)) !== 0) {
      this.#end(task, { kind: "cancelled", values: task.value as readonly unknown[] });
    } else if ((task.flags & POOLED) !== 0) {
      this.#recycle(task, undefined);
    } else {
      this.#end(task, { kind: "returned", values: value === undefined ? [] : [value] });
    }
  }

  #failed(task: Task, error: unknown): void {
    const { flags } = task;
    if ((flags & (DOOMED | LEAVING)) !== 0) {
      this.#end(task, { kind: "cancelled", values: task.value as readonly unknown[] });
      if ((flags & DOOMED) === 0) this.cleanUpFailed(error, task);
      else if (!this.#takenByHandler(error, task)) this.uncaught(error, task);
      return;
    }
    if ((flags & POOLED) !== 0) {
      if (!this.#takenByHandler(error, task)) this.uncaught(error, task);
      this.#recycle(task, { error });
      return;
    }
    const rare = task.rare;
    if (task.joiner !== undefined) {
      (task.extra.joiners ??= []).unshift(task.joiner);
      task.joiner = undefined;
    }
    const joiners = task.rare?.joiners;
    const owned = rare?.onEnd !== undefined;
    this.#end(task, { kind: "failed", error });
    if (this.#takenByHandler(error, task) || owned) return;
    // Those who joined may have died in the callbacks, or may yet before they throw it.
    if (joiners === undefined || joiners.length === 0) this.uncaught(error, task);
    else task.extra.untaken = joiners;
  }

  /** The body of a pool thread has ended: it waits for the next, unless there are enough that do. */
  #recycle(task: Task, failed: { readonly error: unknown } | undefined): void {
    if ((task.flags & WOUND) !== 0) this.#leaveBlocks(task);
    if ((task.flags & TRACED) !== 0) {
      const outcome: Outcome = failed === undefined
        ? { kind: "returned", values: [] }
        : { kind: "failed", error: failed.error };
      this.#trace(task, () => ({ kind: "ended", outcome }));
      task.flags &= ~TRACED;
    }
    if (this.#pool.length >= this.poolSize) {
      task.flags &= ~WOUND;
      this.#end(task, { kind: "returned", values: [] });
      return;
    }
    task.flags = (task.flags & (READY | LISTED)) | NEW | POOLED;
    task.prio = task.uses = 0;
    task.body =
      task.steps =
      task.suspension =
      task.abort =
      task.value =
        undefined;
    const { rare } = task;
    task.rare = rare === undefined ? undefined : ofThePool(rare);
    // One that was thrown into while idle is in it.
    if (failed === undefined || !this.#pool.includes(task)) this.#pool.push(task);
    if (rare === undefined) return;
    unsignal(rare);
    if (failed !== undefined) rare.controller?.abort(failed.error);
  }

  /** @returns whether the thread has a handler of its own, which then was called */
  #takenByHandler(error: unknown, task: Task): boolean {
    const onUncaught = task.rare?.onUncaught;
    if (onUncaught === undefined) return false;
    this.#guarded(task, () => onUncaught(error, task.coro!));
    return true;
  }

  /** Reports what a clean-up threw. The thread ends as cancelled, and the program goes on. */
  cleanUpFailed(error: unknown, task: Task): void {
    if (this.#takenByHandler(error, task)) return;
    if (this.onUncaught !== undefined) {
      this.uncaught(error, task);
      return;
    }
    this.#log(4, `clean-up of ${task.name} failed: ${stackOf(error)}`);
  }

  #log(level: 2 | 4, message: string): void {
    this.loop.log.ctx("Coro").log(level, message);
  }

  /**
   * Ends a task that does not run: runs its clean-up, with the values for those who join. The clean-up is
   * the task's own code, so it runs as the task.
   */
  #unwind(task: Task, values: readonly unknown[]): void {
    task.value = values;
    const { flags } = task;
    task.flags = (flags & ~(DOOMED | RETURNING)) | ZOMBIE;
    if ((flags & NEW) !== 0) forgetBody(task, values);
    const errors: unknown[] = [];
    const outer = running;
    const canceller = this.current;
    running = this;
    this.current = task;
    this.#cancellers.push(canceller);
    driving.depth++;
    try {
      collect(errors, () => stopWaiting(task));
      const steps = task.steps;
      if (steps !== undefined) {
        // A doomed one was not switched away from.
        if ((flags & (WOUND | DOOMED)) === WOUND) this.#enterBlocks(task);
        collect(errors, () => finish(task, steps));
        if ((task.flags & WOUND) !== 0) this.#leaveBlocks(task);
        task.flags &= ~WOUND;
      }
    } finally {
      driving.depth--;
      this.#cancellers.pop();
      this.current = canceller;
      running = outer;
    }
    this.#end(task, { kind: "cancelled", values: task.value as readonly unknown[] });
    for (const error of errors) this.cleanUpFailed(error, task);
  }

  /** In this order: leave blocks, destroy callbacks, those who join (last one first). */
  #end(task: Task, outcome: Outcome): void {
    if ((task.flags & WOUND) !== 0) this.#leaveBlocks(task);
    const failed = outcome.kind === "failed";
    if ((task.flags & READY) !== 0) this.#queue.forget();
    this.#unlist(task);
    if ((task.flags & POOLED) !== 0) {
      const at = this.#pool.indexOf(task);
      if (at >= 0) this.#pool.splice(at, 1);
    }
    if ((task.flags & TRACED) !== 0) this.#trace(task, () => ({ kind: "ended", outcome }));
    task.flags = (task.flags & (SUSPENDED | POOLED)) | (failed ? ZOMBIE | FAILED : ZOMBIE);
    task.steps = undefined;
    task.suspension = undefined;
    task.abort = undefined;
    task.value = failed ? outcome.error : outcome.values;
    const rare = task.rare;
    if (rare !== undefined) this.#endRare(task, rare, outcome);
    const joiner = task.joiner;
    task.joiner = undefined;
    joiner?.wake();
  }

  #endRare(task: Task, rare: Extra, outcome: Outcome): void {
    const { onDestroy, onEnd, controller } = rare;
    rare.onDestroy =
      rare.onEnd =
      rare.trace =
      rare.enter =
      rare.leave =
        undefined;
    rare.pending =
      rare.rouse =
      rare.data =
      rare.specifics =
        undefined;
    unsignal(rare);
    if (controller !== undefined) {
      if (outcome.kind === "cancelled") controller.abort();
      if (outcome.kind === "failed") controller.abort(outcome.error);
    }
    if (onDestroy !== undefined) {
      const values = outcome.kind === "failed" ? [] : outcome.values;
      for (const callback of onDestroy.reverse()) this.#guarded(task, () => callback(...values));
    }
    if (onEnd !== undefined) this.#guarded(task, () => onEnd(outcome));
    // Callbacks may have cancelled some.
    const { joiners } = rare;
    rare.joiners = undefined;
    if (joiners !== undefined) {
      for (const joiner of joiners.reverse()) joiner.wake();
    }
  }

  #trace(task: Task, event: () => TraceEvent): void {
    this.#guarded(task, () => task.rare?.trace?.(event()));
  }

  /** This loop and the next are spelled out, as a call that only ever calls one function is inlined. */
  #enterBlocks(task: Task): void {
    const blocks = task.rare?.enter?.all ?? NO_BLOCKS;
    for (let i = 0; i < blocks.length; i++) {
      const { block } = blocks[i];
      try {
        block();
      } catch (error) {
        this.uncaught(error, task);
      }
    }
  }

  #leaveBlocks(task: Task): void {
    const blocks = task.rare?.leave?.all ?? NO_BLOCKS;
    for (let i = blocks.length - 1; i >= 0; i--) {
      const { block } = blocks[i];
      try {
        block();
      } catch (error) {
        this.uncaught(error, task);
      }
    }
  }

  /** Callbacks must not throw; should one, the others and the engine go on. */
  #guarded(task: Task, callback: () => void): void {
    try {
      callback();
    } catch (error) {
      this.uncaught(error, task);
    }
  }
}

function collect(errors: unknown[], part: () => void): void {
  try {
    part();
  } catch (error) {
    errors.push(error);
  }
}

/** Ends the wait of a task, if it waits. */
function stopWaiting(task: Task): void {
  const { abort } = task;
  task.abort = undefined;
  if (abort === LEAN) (task.suspension as QueuedOperation<unknown>).abandon();
  else abort?.();
}

/** What a pool thread keeps when its body has ended: who waits for the thread itself. */
function ofThePool({ onDestroy, joiners }: Extra): Extra | undefined {
  if (onDestroy === undefined && joiners === undefined) return undefined;
  const kept = new Extra();
  kept.onDestroy = onDestroy;
  kept.joiners = joiners;
  return kept;
}

function unsignal(extra: Extra): void {
  const { unsignal } = extra;
  extra.unsignal = undefined;
  for (const undo of unsignal ?? []) undo();
  unsignal?.clear();
}

function isIdle(task: Task): boolean {
  return (task.flags & (NEW | POOLED)) === (NEW | POOLED) && task.body === undefined;
}

function stackOf(error: unknown): string {
  return (error instanceof Error ? error.stack : undefined) ?? messageOf(error);
}

function forgetBody(task: Task, value?: readonly unknown[]): void {
  task.flags &= ~NEW;
  task.body = undefined;
  task.value = value;
}

function takePending(task: Task): unknown {
  const extra = task.extra;
  const error = extra.pending;
  extra.pending = undefined;
  task.flags &= ~PENDING;
  return error;
}
