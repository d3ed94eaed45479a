import { ClosedError } from "@anyevent/backends/contract";
import { type Abort, WaitOperation, type Waker } from "../operation.ts";
import type { HandleError } from "./errors.ts";
import { handleError, textOf } from "./errors.ts";
import type { Outcome, Reader, ReadQueue } from "./read_queue.ts";
import type { BadMessage, Match, Parse } from "./read_types/parse.ts";
import type { HandleState, Waiting } from "./state.ts";
import type { DrainWaiting, WriteQueue } from "./write_queue.ts";

/** Why a handle that is destroyed serves no operation. */
function gone(state: HandleState, doing: string): Error {
  return state.failure ?? new ClosedError(`Cannot ${doing}: the handle is destroyed`);
}

/** Ends what waits when a handle is destroyed. */
export function failWaiting(state: HandleState): void {
  state.failAll(state.readers, gone(state, "read from handle"));
  state.failAll(state.drainers, gone(state, "write to handle"));
}

/** Reports what a reader refused; to the operation that asked for it, or as an error that is not fatal. */
export function refuse(state: HandleState, why: BadMessage, op?: Waiting): void {
  const error: HandleError = handleError(`read from ${state.name}`, "EBADMSG", why.message, why);
  op?.fail(error);
  state.raise(error, false, textOf("EBADMSG"), op !== undefined);
}

abstract class HandleOperation<T> extends WaitOperation<T> implements Waiting {
  protected readonly state: HandleState;
  protected waker: Waker | undefined;
  protected error: Error | undefined;
  protected over = false;

  constructor(state: HandleState) {
    super();
    this.state = state;
  }

  fail(error: Error): void {
    this.error = error;
    this.leave();
    this.waker?.wake();
  }

  start(waker: Waker): Abort {
    this.waker = waker;
    return () => {
      this.waker = undefined;
      this.leave();
    };
  }

  /** Nothing is waited for any more. */
  protected abstract leave(): void;
}

/**
 * Reads one item for a thread or an `await`.
 *
 * It takes the item only when it is resumed, so that nothing is lost when it is aborted before; until then
 * it holds the queue.
 */
export class ReadOperation<T> extends HandleOperation<T | undefined> implements Reader {
  readonly #queue: ReadQueue;
  readonly #type: string;
  readonly #parse: Parse;
  readonly #front: boolean;
  #queued = false;
  #found: Match | undefined;
  #waits = false;
  #value: unknown;

  constructor(state: HandleState, queue: ReadQueue, type: string, parse: Parse, front: boolean) {
    super(state);
    this.#queue = queue;
    this.#type = type;
    this.#parse = parse;
    this.#front = front;
  }

  describe(): string {
    return `handle.read(${this.#type})`;
  }

  protected poll(): boolean {
    if (this.over || this.error !== undefined) return true;
    if (this.state.destroyed) {
      this.error = gone(this.state, "read from handle");
      return true;
    }
    if (!this.#queued) {
      if (this.#queue.free) {
        this.#look();
        if (this.error !== undefined) return true;
        if (this.#found !== undefined) return this.#take();
      }
      this.#queued = true;
      this.state.readers.add(this);
      this.#queue.push(this, this.#front);
      return this.over || this.error !== undefined || this.#take();
    }
    return this.#take();
  }

  protected result(): T | undefined {
    if (this.error !== undefined) throw this.error;
    return this.#value as T | undefined;
  }

  step(): Outcome {
    this.#look();
    if (this.error !== undefined) return "done";
    if (this.#found === undefined) return this.#waits ? "parked" : "more";
    this.waker?.wake();
    return "parked";
  }

  ended(): boolean {
    this.over = true;
    this.#queued = false;
    this.state.readers.delete(this);
    this.waker?.wake();
    return true;
  }

  protected leave(): void {
    this.state.readers.delete(this);
    if (!this.#queued) return;
    this.#queued = false;
    this.#queue.remove(this);
  }

  /** The item is looked at anew each time: somebody may have changed the buffer. */
  #look(): void {
    const match = this.#queue.look(this.#parse, (why) => refuse(this.state, why, this));
    this.#waits = match === "wait";
    this.#found = match === "wait" ? undefined : match;
  }

  #take(): boolean {
    if (this.#queued) {
      if (this.#queue.first !== this) return false;
      this.#look();
      if (this.error !== undefined) return true;
    }
    const match = this.#found;
    if (match === undefined) return false;
    this.over = true;
    this.#value = match.values[0];
    this.#queue.buffer.skip(match.length);
    this.leave();
    return true;
  }
}

/** Waits until a handle has written everything. */
export class DrainOperation extends HandleOperation<void> implements DrainWaiting {
  readonly #queue: WriteQueue;

  constructor(state: HandleState, queue: WriteQueue) {
    super(state);
    this.#queue = queue;
  }

  describe(): string {
    return "handle.drained()";
  }

  drained(): void {
    this.over = true;
    this.leave();
    this.waker?.wake();
  }

  override start(waker: Waker): Abort {
    this.state.drainers.add(this);
    return super.start(waker);
  }

  protected poll(): boolean {
    if (this.error !== undefined) return true;
    if (this.over || (!this.state.destroyed && this.#queue.drained)) return true;
    if (this.state.destroyed) this.error = gone(this.state, "write to handle");
    return this.error !== undefined;
  }

  protected result(): void {
    if (this.error !== undefined) throw this.error;
  }

  protected leave(): void {
    this.state.drainers.delete(this);
  }
}
