import { ClosedError, type Undo } from "@anyevent/backends/contract";
import { type Callback, toFunction } from "../callback.ts";
import { Held } from "../held.ts";
import type { Loop } from "../loop.ts";
import { type Abort, type Operation, WaitOperation, type Waker } from "../operation.ts";
import type { Watcher } from "../watcher.ts";

/** Begins something and calls `done` once when it is over, in a later turn, unless undone before. */
export type Task<T> = (done: (value: T) => void) => Undo;

/** A task under way, which ends with its loop. */
class Running<T> extends Held {
  readonly #what: () => string;
  readonly #undo: Undo;
  readonly #closed: () => void;

  constructor(
    loop: Loop,
    what: () => string,
    task: Task<T>,
    cb: (value: T) => unknown,
    closed: () => void,
  ) {
    super(loop);
    this.#what = what;
    this.#closed = closed;
    this.begin();
    try {
      this.#undo = task((value) => {
        if (!this.active) return;
        this.end();
        this.deliver(() => cb(value));
      });
    } catch (thrown) {
      this.end();
      throw thrown;
    }
  }

  describe(): string {
    return this.#what();
  }

  protected stop(): void {
    this.#undo();
    this.#closed();
  }
}

/** A task as an operation: it begins when it is run. */
class TaskOperation<T> extends WaitOperation<T> {
  readonly #loop: Loop;
  readonly #what: () => string;
  readonly #task: Task<T>;
  #running: Running<T> | undefined;
  #over: { readonly value: T } | undefined;
  #closed = false;
  #waker: Waker | undefined;

  constructor(loop: Loop, what: () => string, task: Task<T>) {
    super();
    this.#loop = loop;
    this.#what = what;
    this.#task = task;
  }

  describe(): string {
    return this.#what();
  }

  start(waker: Waker): Abort {
    this.#waker = waker;
    this.#running ??= new Running(
      this.#loop,
      this.#what,
      this.#task,
      (value) => {
        this.#over = { value };
        this.#waker?.wake();
      },
      () => {
        this.#closed = true;
        this.#waker?.wake();
      },
    );
    return () => {
      this.#waker = undefined;
      this.#running?.cancel();
    };
  }

  protected poll(): boolean {
    return this.#over !== undefined || this.#closed;
  }

  protected result(): T {
    if (this.#over !== undefined) return this.#over.value;
    throw new ClosedError(`Cannot go on with ${this.#what()}: the loop was disposed of`);
  }
}

/**
 * A task in one of its two forms: with a callback it begins now, without one it is an operation.
 *
 * @param what describes it, as in `dns.a("host")`
 */
export function run<T>(
  loop: Loop,
  what: () => string,
  task: Task<T>,
  cb: Callback<[value: T]> | undefined,
): Operation<T> & Watcher {
  const both = cb === undefined
    ? new TaskOperation(loop, what, task)
    : new Running(loop, what, task, toFunction(cb, what()), () => undefined);
  // Callers have overloads that show the one it is.
  return both as unknown as Operation<T> & Watcher;
}

/** Calls `done` in the next turn, unless undone. */
export function soon<T>(loop: Loop, done: (value: T) => void, value: T): Undo {
  let live = true;
  loop.env.backend.post(() => {
    if (live) done(value);
  });
  return () => void (live = false);
}
