/**
 * Operations: calls that may block, run by `yield*` in a thread or by `await` anywhere else.
 *
 * The protocol between an operation and its driver (the thread scheduler of `@anyevent/coro`, or the
 * promise bridge below):
 *
 * 1. The driver takes the operation's iterator and calls `next()` without a value.
 * 2. The operation either completes at once (`done`), which never switches threads, or yields a
 *    {@linkcode Suspension}.
 * 3. The driver calls `suspension.start(waker)` and keeps the abort it returns.
 * 4. After `waker.wake()` the driver calls `next(RESUMED)`. The operation completes, or, when it was
 *    woken for nothing or somebody was faster, yields again (back to 3, without an abort in between).
 *    Wake-ups are hints.
 * 5. To end the wait early the driver calls the abort (once, and never after it has resumed the
 *    operation), then `throw(error)` or `return()`.
 * 6. A driver that debugs may look where an operation waits: `next(LOOK)` in place of a resume. What waits
 *    calls `LOOK.seen()`, with the whole chain of generators on the stack, and yields the same suspension
 *    again; nothing else has happened. To what does not know it this is a wake-up for nothing. `return(LOOK)`
 *    asks the same of what has been aborted, and is followed by a `return()` in earnest.
 *
 * Only the waiting and taking is lazy. What gives (`put`, `up`, `send`) has its effect when called and
 * returns an operation for the wait that may follow. An operation runs once.
 *
 * This file holds the only bare `yield` of the project.
 *
 * @module
 */
import { DeadlockError, show, UsageError } from "@anyevent/backends/contract";
import * as strict from "./strict/strictness.ts";

// Constants of this file are folded into the machine code; imports, and what is exported, are looked up.
const { strictness } = strict;

/** What a driver passes to `next` when it resumes an operation; anything but `undefined` would do. */
export const RESUMED = true;

/** What a driver passes to `next` to look where an operation waits, and who is told: for debuggers. */
export const LOOK: { seen: () => void } = { seen: () => undefined };

/** Gives a blocked operation's driver the hint that it can go on. Idempotent until resumed. */
export interface Waker {
  /** Never runs the operation inside the call; may be called from anywhere, also inside `start`. */
  wake(): void;
}

/** Stops waiting: the waker is not called afterwards and nothing has been taken. */
export type Abort = () => void;

/** Why and how an operation waits. */
export interface Suspension {
  /** What is waited for, as in `sleep(3)`: shown in thread listings and by deadlock errors. */
  describe(): string;
  /** Begins to wait. Called by the driver, synchronously, once each time it was yielded. */
  start(waker: Waker): Abort;
}

/** The iterator a driver drives. */
export type Steps<T> = Iterator<Suspension, T, typeof RESUMED | undefined>;

/**
 * A call that may block and gives a `T`.
 *
 * `yield*` it in a thread, `await` it in async code. It runs once.
 *
 * An operation that is awaited cannot be given up: one that loses a `Promise.race` goes on and takes what
 * it waits for (the item of a channel, the unit of a semaphore), for nobody. So never race awaited
 * operations: use the timeout of the call that waits, or run it in a thread, whose `cancel` ends the wait
 * and takes nothing.
 *
 * @example
 * ```ts
 * import { sleep } from "@anyevent/loop";
 *
 * await sleep(0.01);
 * ```
 */
export interface Operation<T> extends PromiseLike<T> {
  /** What it would wait for. */
  describe(): string;
  /** For `yield*`. @throws {UsageError} when it has run before, or outside a thread and `await` */
  [Symbol.iterator](): Steps<T> & IterableIterator<Suspension, T, typeof RESUMED | undefined>;
}

const drivers: { depth: number } = { depth: 0 };

/** Drivers raise `depth` while they run operations: what else drives one makes a mistake. */
export const driving: { depth: number } = drivers;

/**
 * Base of the primitive operations: one condition to poll, one way to wait for it.
 *
 * A subclass says whether it can complete now, with what, and how to be told that it may have become
 * able to.
 *
 * @example
 * ```ts
 * import { type Abort, AE, WaitOperation, type Waker } from "@anyevent/loop";
 *
 * class Tick extends WaitOperation<string> {
 *   #due = false;
 *   protected poll = (): boolean => this.#due;
 *   protected result = (): string => "tick";
 *   describe = (): string => "Tick";
 *   start(waker: Waker): Abort {
 *     const timer = AE.timer(0.01, 0, () => {
 *       this.#due = true;
 *       waker.wake();
 *     });
 *     return () => timer.cancel();
 *   }
 * }
 * console.log(await new Tick()); // tick
 * ```
 */
export abstract class WaitOperation<T> implements Operation<T>, Suspension {
  /**
   * Whether a driver began to run it. What is yielded without lacks the star of `yield*`; a subclass that
   * overrides `next` and yields itself keeps it up to date too.
   */
  declare begun: boolean;

  /** One that has not run. No class fields, here and in bases below: constructors with them are not inlined. */
  constructor() {
    this.begun = false;
    if (strictness.made !== undefined) strictness.made(this);
  }

  /** Whether it may be dropped: what gives has given when it was made. Else strict mode reports it. */
  get optional(): boolean {
    return false;
  }

  /** For the first step. @throws {UsageError} when it has run before, or nobody drives it */
  protected begin(): void {
    if (this.begun) throw new UsageError(`Cannot run ${this.describe()}: it has run before`);
    if (drivers.depth === 0) {
      throw new UsageError(
        `Cannot run ${this.describe()}: use \`yield*\` in a thread or \`await\` elsewhere`,
      );
    }
    this.begun = true;
  }

  /** Takes or checks what is waited for. @returns whether the operation is complete */
  protected abstract poll(): boolean;

  /** The value, once `poll` was true. May throw: then the operation fails with that. */
  protected abstract result(): T;

  /** See {@linkcode Suspension}. */
  abstract describe(): string;

  /** See {@linkcode Suspension}. */
  abstract start(waker: Waker): Abort;

  /** See {@linkcode Operation}. */
  [Symbol.iterator](): this & IterableIterator<Suspension, T, typeof RESUMED | undefined> {
    return this as this & IterableIterator<Suspension, T, typeof RESUMED | undefined>;
  }

  /** One step; for drivers. */
  next(resumed?: typeof RESUMED): IteratorResult<Suspension, T> {
    if (resumed === undefined) this.begin();
    if (this.poll()) return { done: true, value: this.result() };
    return { done: false, value: this };
  }

  /** The driver ends the wait with an error; for drivers. */
  throw(error: unknown): IteratorResult<Suspension, T> {
    throw error;
  }

  /** The driver ends the wait; for drivers. */
  return(value: T): IteratorResult<Suspension, T> {
    if (value as unknown === LOOK) {
      LOOK.seen();
      return { done: false, value: this };
    }
    return { done: true, value };
  }

  /** See {@linkcode Operation}: `await` and `Promise` combinators use it. */
  then<A = T, B = never>(
    fulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    rejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return bridge.run(this).then(fulfilled, rejected);
  }
}

/**
 * Begins to wait for what was yielded; for drivers.
 *
 * @param suspension what the operation yielded
 * @param waker told when the operation may go on
 * @returns stops waiting
 * @throws {UsageError} when it is no suspension, such as an operation yielded without the star
 * @example A driver, in small
 * ```ts
 * import { beginWait, driving, type Operation, RESUMED, sleep } from "@anyevent/loop";
 *
 * function drive<T>(operation: Operation<T>, done: (value: T) => void): void {
 *   const steps = operation[Symbol.iterator]();
 *   const step = (resumed?: typeof RESUMED): void => {
 *     driving.depth++;
 *     const { done: over, value } = steps.next(resumed);
 *     driving.depth--;
 *     if (over) return done(value);
 *     console.log(value.describe()); // sleep(0.01)
 *     beginWait(value, { wake: () => queueMicrotask(() => step(RESUMED)) });
 *   };
 *   step();
 * }
 * await new Promise<void>((resolve) => drive(sleep(0.01), resolve));
 * ```
 */
export function beginWait(suspension: Suspension, waker: Waker): Abort {
  const { begun, start } = (suspension ?? {}) as Partial<WaitOperation<unknown>>;
  if (begun === false || typeof start !== "function") throw noSuspension(suspension);
  return suspension.start(waker);
}

function noSuspension(yielded: unknown): UsageError {
  const { describe, then } = (yielded ?? {}) as Partial<Operation<unknown>>;
  const isOperation = typeof describe === "function" && typeof then === "function";
  return new UsageError(
    isOperation
      ? `Cannot run ${describe.call(yielded)}: it was yielded without the star; use \`yield*\``
      : `Cannot suspend thread: it yielded ${show(yielded)}, no suspension; use \`yield*\``,
  );
}

class GeneratorOperation<T> implements Operation<T> {
  readonly optional = false;
  #body: (() => Generator<Suspension, T, typeof RESUMED | undefined>) | undefined;

  constructor(
    readonly description: () => string,
    body: () => Generator<Suspension, T, typeof RESUMED | undefined>,
  ) {
    this.#body = body;
    if (strictness.made !== undefined) strictness.made(this);
  }

  get begun(): boolean {
    return this.#body === undefined;
  }

  describe(): string {
    return this.description();
  }

  [Symbol.iterator](): Generator<Suspension, T, typeof RESUMED | undefined> {
    const body = this.#body;
    if (body === undefined) {
      throw new UsageError(`Cannot run ${this.describe()}: it has run before`);
    }
    this.#body = undefined;
    return body();
  }

  then<A = T, B = never>(
    fulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    rejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return bridge.run(this).then(fulfilled, rejected);
  }
}

/**
 * An operation made of others: `body` may `yield*` them.
 *
 * @param description what it waits for, made when asked for
 * @param body runs when the operation is run, at most once
 * @throws {UsageError} when either is not a function
 * @example
 * ```ts
 * import { operation, sleep } from "@anyevent/loop";
 *
 * const twice = () =>
 *   operation(() => "twice", function* () {
 *     yield* sleep(0.001);
 *     yield* sleep(0.001);
 *     return "done";
 *   });
 * console.log(await twice()); // done
 * ```
 */
export function operation<T>(
  description: () => string,
  body: () => Generator<Suspension, T, typeof RESUMED | undefined>,
): Operation<T> {
  if (typeof description !== "function" || typeof body !== "function") {
    const wrong = typeof body === "function" ? description : body;
    throw new UsageError(`Cannot make operation: ${show(wrong)} is not a function`);
  }
  return new GeneratorOperation(description, body);
}

/**
 * Suspends the caller once: the primitive under anything that blocks. It may return without `wake`
 * having been called, so check the condition again.
 *
 * @example
 * ```ts
 * import { AE, operation, suspend } from "@anyevent/loop";
 *
 * const wait = (delay: number) =>
 *   operation(() => `wait(${delay})`, function* () {
 *     let due = false;
 *     while (!due) {
 *       yield* suspend({
 *         describe: () => `wait(${delay})`,
 *         start: (waker) => {
 *           const timer = AE.timer(delay, 0, () => {
 *             due = true;
 *             waker.wake();
 *           });
 *           return () => timer.cancel();
 *         },
 *       });
 *     }
 *   });
 * await wait(0.01);
 * ```
 */
export function* suspend(
  suspension: Suspension,
): Generator<Suspension, void, typeof RESUMED | undefined> {
  while ((yield suspension) as unknown === LOOK) LOOK.seen();
}

/** Runs an operation for `await`. */
export interface Bridge {
  /** Runs it to its end. */
  run<T>(op: Operation<T>): Promise<T>;
}

/** An `await` that has not come back. */
export interface Awaiting {
  /** What it waits for. */
  describe(): string;
  /** Ends it with an error. */
  fail(error: Error): void;
  /** Whose threads it may wait for. */
  readonly engine?: ThreadLister;
}

/** A scheduler that can tell which of its threads are blocked. */
export interface ThreadLister {
  /** A line for each, oldest first, and one for those beyond `most`. */
  listBlocked(most: number): readonly string[];
}

/** Threads named by a deadlock's error. */
const MOST_THREADS = 10;

const awaiting = new Set<Awaiting>();
let awaitingChanged: (count: number) => void = () => undefined;

/**
 * Tells when `await`s begin and end to wait, so that a loop can report a deadlock.
 *
 * @param changed gets the number of `await`s that wait now: at each change, and inside this call when some
 * wait already
 */
export function watchAwaiting(changed: (count: number) => void): void {
  if (typeof changed !== "function") {
    throw new UsageError(`Cannot watch awaits: ${show(changed)} is not a function`);
  }
  awaitingChanged = changed;
  if (awaiting.size > 0) changed(awaiting.size);
}

/**
 * Registers an `await`; for drivers.
 *
 * @returns takes it back
 * @example
 * ```ts
 * import { addAwaiting, failAwaiting } from "@anyevent/loop";
 *
 * const forget = addAwaiting({
 *   describe: () => "the answer",
 *   fail: (error) => console.log(error.name),
 * });
 * failAwaiting(); // DeadlockError
 * forget();
 * ```
 */
export function addAwaiting(entry: Awaiting): () => void {
  awaiting.add(entry);
  awaitingChanged(awaiting.size);
  return () => {
    if (awaiting.delete(entry)) awaitingChanged(awaiting.size);
  };
}

/**
 * Fails every waiting `await` with one {@linkcode DeadlockError} that names them all, and the blocked
 * threads of their schedulers.
 *
 * @param hint what could help, added to the message
 */
export function failAwaiting(hint = ""): void {
  if (awaiting.size === 0) return;
  const entries = [...awaiting];
  const engines = new Set(entries.flatMap(({ engine }) => engine ?? []));
  const threads = [...engines].flatMap((engine) => engine.listBlocked(MOST_THREADS));
  const awaits = entries.map((entry) => entry.describe());
  const error = new DeadlockError([...awaits, ...threads], hint);
  for (const entry of entries) entry.fail(error);
}

/** Drives an operation from promise code, without any scheduler. */
class PromiseBridge implements Bridge {
  run<T>(op: Operation<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const steps = op[Symbol.iterator]();
      let current: Suspension | undefined;
      let abort: Abort | undefined;
      let woken = false;
      let stop: (() => void) | undefined;

      const step = (advance: () => IteratorResult<Suspension, T>): void => {
        drivers.depth++;
        let result: IteratorResult<Suspension, T>;
        try {
          result = advance();
        } catch (error) {
          stop?.();
          reject(error);
          return;
        } finally {
          drivers.depth--;
        }
        if (result.done) {
          stop?.();
          resolve(result.value);
          return;
        }
        current = result.value;
        woken = false;
        stop ??= addAwaiting({ describe: () => current?.describe?.() ?? "nothing", fail });
        try {
          abort = beginWait(current, { wake });
        } catch (error) {
          fail(error);
        }
      };
      const wake = (): void => {
        if (woken) return;
        woken = true;
        // Never inside the waker's call: one microtask later, in order of the wake-ups.
        Promise.resolve().then(() => {
          if (!woken) return;
          abort = undefined;
          step(() => steps.next(RESUMED));
        });
      };
      const fail = (error: unknown): void => {
        woken = false;
        abort?.();
        abort = undefined;
        step(() => {
          if (steps.throw === undefined) throw error;
          return steps.throw(error);
        });
      };
      step(() => steps.next());
    });
  }
}

let bridge: Bridge = new PromiseBridge();

/**
 * Replaces what runs `await`ed operations. `@anyevent/coro` installs its scheduler here, which makes
 * awaiting code the main thread.
 *
 * @returns the bridge used so far
 * @example
 * ```ts
 * import { setBridge, sleep } from "@anyevent/loop";
 *
 * const before = setBridge({
 *   run(op) {
 *     console.log("awaited:", op.describe());
 *     return before.run(op);
 *   },
 * });
 * await sleep(0.001); // awaited: sleep(0.001)
 * setBridge(before);
 * ```
 */
export function setBridge(next: Bridge): Bridge {
  if (typeof next?.run !== "function") {
    throw new UsageError(`Cannot set bridge: ${show(next)} has no run method`);
  }
  const previous = bridge;
  bridge = next;
  return previous;
}
