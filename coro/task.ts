/**
 * What the engine keeps of a thread, or of one `await` (which is a thread as far as the queues go).
 *
 * Small, because there may be a million: what few threads use is in {@linkcode Extra}.
 *
 * @module
 */
import type { Abort, Awaiting, RESUMED, Suspension, Waker } from "@anyevent/loop";
import type { Engine } from "./engine.ts";
import type { Coro } from "./thread.ts";
import { told } from "./debug/text.ts";

/** In a ready queue (or, for the running one, put there while it ran). */
export const READY = 1;
/** Has not run. */
export const NEW = 2;
/** Has ended. */
export const ZOMBIE = 4;
/** Ended with an error, which is its value. */
export const FAILED = 8;
/** Not to be run until resumed. */
export const SUSPENDED = 16;
/** Its turn came while it was suspended. */
export const MISSED = 32;
/** An error is to be thrown when it resumes: `extra.pending`. */
export const PENDING = 64;
/** Cancelled while it ran, or in its clean-up: to be ended at its next trap. Its value is the list it ends with. */
export const DOOMED = 128;
/** Has enter or leave blocks. */
export const WOUND = 256;
/** Is an `await`. */
export const AWAIT = 512;
/** Stands for all code outside threads; is never queued itself. */
export const MAIN = 1024;

/** In the engine's list of threads. */
export const LISTED = 2048;
/** Runs one body after another; new and without a body while it is idle. */
export const POOLED = 4096;
/** To be ended when it resumes, by a return from where it waits. */
export const RETURNING = 8192;
/** Was ended so: its clean-up runs in it and may block. Its value is the list it ends with. */
export const LEAVING = 16384;

/** Its switches are told to `extra.trace`. */
export const TRACED = 32768;

/** Is a bare coroutine, which belongs to whoever switches to it. */
export const BARE = 65536;

/** Anything here needs more than `next` to resume. */
export const SLOW_ENTRY = NEW | ZOMBIE | SUSPENDED | PENDING | WOUND | AWAIT | RETURNING | TRACED;
/** Anything here needs more than queueing to switch away. */
export const SLOW_EXIT = DOOMED | WOUND | TRACED;

/** What drives a thread's body. */
export type TaskSteps = Iterator<Suspension, unknown, typeof RESUMED | undefined>;

/** How a thread ended. */
export type Outcome =
  | { readonly kind: "returned" | "cancelled"; readonly values: readonly unknown[] }
  | { readonly kind: "failed"; readonly error: unknown };

/** What a thread does that is traced: it goes on, stops to wait for something, or has ended. */
export type TraceEvent =
  | { readonly kind: "resumed" }
  | { readonly kind: "blocked"; readonly on: string }
  | { readonly kind: "ended"; readonly outcome: Outcome };

/** The promise of an `await`. */
export interface Settle {
  readonly resolve: (value: never) => void;
  readonly reject: (error: unknown) => void;
  forget: (() => void) | undefined;
}

/** Enter or leave blocks, oldest first. Replaced as a whole: they may come and go while they run. */
export interface Blocks {
  all: readonly { readonly block: () => void }[];
}

/** What few threads need. */
export class Extra {
  desc: string | undefined = undefined;
  /** Those who join after the first one, oldest first. */
  joiners: Waker[] | undefined = undefined;
  /** Failed: those who joined and were woken, while none of them has thrown the error. */
  untaken: Waker[] | undefined = undefined;
  onDestroy: ((...values: unknown[]) => void)[] | undefined = undefined;
  onEnd: ((outcome: Outcome) => void) | undefined = undefined;
  onUncaught: ((error: unknown, coro: Coro) => void) | undefined = undefined;
  trace: ((event: TraceEvent) => void) | undefined = undefined;
  enter: Blocks | undefined = undefined;
  leave: Blocks | undefined = undefined;
  rouse: object | undefined = undefined;
  pending: unknown = undefined;
  settle: Settle | undefined = undefined;
  /** Behind the thread's `signal`. */
  controller: AbortController | undefined = undefined;
  /** Stop listening to the signals that cancel it. */
  unsignal: Set<() => void> | undefined = undefined;
  /** Behind the thread's `data`. */
  data: Map<unknown, unknown> | undefined = undefined;
  /** Values of `Specific`s. */
  specifics: WeakMap<object, unknown> | undefined = undefined;
  /** Pinned sections it is in: no `safeCancel` meanwhile. */
  pins = 0;
  /** Seconds it ran while times were taken. */
  ran = 0;
  /** Seconds of its slice; `undefined`: the default. */
  timeslice: number | undefined = undefined;
  /** Which of its uses the slice belongs to, and when that began. */
  sliceUse = -1;
  sliceStart = 0;
}

/** See the module text. It is its own waker: a late wake-up is one of the hints the protocol allows. */
export class Task implements Waker, Awaiting {
  flags: number;
  prio = 0;
  /** How often it was switched to. */
  uses = 0;
  /** Its number in listings; 0 until listed. */
  id = 0;
  next: Task | undefined = undefined;
  /** Links of the engine's list of threads that have begun and not ended. */
  older: Task | undefined = undefined;
  newer: Task | undefined = undefined;
  steps: TaskSteps | undefined = undefined;
  /** What it waits for; means nothing while it is ready or running. */
  suspension: Suspension | undefined = undefined;
  /** Ends that wait. */
  abort: Abort | undefined = undefined;
  /** New: the body. */
  body: ((...args: never[]) => unknown) | undefined = undefined;
  /** New: the body's arguments. Doomed and ended: the result, a list; failed: the error. */
  value: unknown = undefined;
  /** What users see of it. */
  coro: Coro | undefined = undefined;
  /** Who has joined first of those who wait for its end. */
  joiner: Waker | undefined = undefined;
  rare: Extra | undefined = undefined;
  readonly engine: Engine;

  constructor(engine: Engine, flags: number) {
    this.engine = engine;
    this.flags = flags;
  }

  /** See {@linkcode Waker}. */
  wake(): void {
    this.engine.ready(this);
  }

  /** See {@linkcode Awaiting}. */
  fail(error: Error): void {
    this.engine.throwInto(this, error);
  }

  /** See {@linkcode Awaiting}. */
  describe(): string {
    return told(() => this.suspension?.describe()) || "nothing";
  }

  /** As set, or what a pool thread is called. */
  get desc(): string | undefined {
    const desc = this.rare?.desc;
    if (desc !== undefined || (this.flags & POOLED) === 0) return desc;
    return (this.flags & NEW) !== 0 && this.body === undefined
      ? "[async pool idle]"
      : "[async_pool]";
  }

  /** For messages. */
  get name(): string {
    return told(() => this.coro?.toString()) || "thread";
  }

  /** Made when first needed. */
  get extra(): Extra {
    return this.rare ??= new Extra();
  }
}
