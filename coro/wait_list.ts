import { UsageError } from "@anyevent/backends/contract";
import { type Abort, WaitOperation, type Waker } from "@anyevent/loop";
import { Task } from "./task.ts";
import * as operations from "@anyevent/loop";

// Constants of this file are folded into the machine code, imports looked up at each use.
const { driving } = operations;

/** What a {@linkcode WaitList} links. */
export interface WaitNode {
  /** Link of the list. */
  before: WaitNode | undefined;
  /** Link of the list. */
  after: WaitNode | undefined;
}

/** First come, first served; leaving the middle costs no more than leaving an end. */
export class WaitList<N extends WaitNode> {
  /** How many are in it. */
  size = 0;
  #head: N | undefined = undefined;
  #tail: N | undefined = undefined;

  /** Appends. */
  push(node: N): void {
    node.before = this.#tail;
    node.after = undefined;
    if (this.#tail === undefined) this.#head = node;
    else this.#tail.after = node;
    this.#tail = node;
    this.size++;
  }

  /** Removes the oldest. */
  shift(): N | undefined {
    const node = this.#head;
    if (node !== undefined) this.remove(node);
    return node;
  }

  /** Removes one that is in the list. */
  remove(node: N): void {
    const before = node.before as N | undefined;
    const after = node.after as N | undefined;
    if (before === undefined) this.#head = after;
    else before.after = after;
    if (after === undefined) this.#tail = before;
    else after.before = before;
    node.before = undefined;
    node.after = undefined;
    this.size--;
  }
}

/** A callback in a {@linkcode WaitList}: called once, in its turn, unless it is taken back before. */
export class QueuedCallback implements WaitNode, Disposable {
  before: WaitNode | undefined = undefined;
  after: WaitNode | undefined = undefined;
  readonly #list: { remove(node: WaitNode): void };
  #callback: (() => void) | undefined;

  /** Is not in the list yet. @param callback must not throw */
  constructor(list: { remove(node: WaitNode): void }, callback: () => void) {
    this.#list = list;
    this.#callback = callback;
  }

  /** Calls it; it is out of the list. */
  call(): void {
    const callback = this.#callback;
    this.#callback = undefined;
    callback?.();
  }

  /** Takes it back, unless it was called. Idempotent. */
  cancel(): void {
    if (this.#callback === undefined) return;
    this.#callback = undefined;
    this.#list.remove(this);
  }

  [Symbol.dispose](): void {
    this.cancel();
  }
}

/**
 * What `start` of a {@linkcode QueuedOperation} returns to a thread: the engine calls `abandon` of what the
 * thread waits for, so that no closure is made at each wait.
 */
export const LEAN: Abort = () => undefined;

/**
 * An operation that waits in a {@linkcode WaitList}, and is a node of it.
 *
 * Neither it nor its subclasses on hot paths have class fields: V8 does not inline a constructor that calls
 * one with field initializers, and then each operation is allocated for real.
 */
export abstract class QueuedOperation<T> extends WaitOperation<T> implements WaitNode {
  declare before: WaitNode | undefined;
  declare after: WaitNode | undefined;
  /** Who waits, once somebody does. */
  declare waker: Waker | undefined;

  constructor() {
    super();
    this.before = undefined;
    this.after = undefined;
    this.waker = undefined;
  }

  /** Takes its place, unless it has one. */
  protected abstract enqueue(): void;

  /** Gives up waiting, as an {@linkcode Abort} does. */
  abstract abandon(): void;

  start(waker: Waker): Abort {
    this.waker = waker;
    this.enqueue();
    return waker instanceof Task ? LEAN : () => this.abandon();
  }
}

/** Completes at once, any number of times: for what gave and needs not wait. */
class Nothing extends WaitOperation<void> {
  readonly #done: IteratorReturnResult<void> = { value: undefined, done: true };

  override get optional(): boolean {
    return true;
  }

  describe(): string {
    return "nothing";
  }

  override next(): IteratorReturnResult<void> {
    if (driving.depth === 0) {
      throw new UsageError("Cannot run operation: use `yield*` in a thread or `await` elsewhere");
    }
    return this.#done;
  }

  start(): Abort {
    return () => undefined;
  }

  protected poll(): boolean {
    return true;
  }

  protected result(): void {}
}

/** See {@linkcode Nothing}; stateless, so one is enough. */
export const NOTHING: WaitOperation<void> = new Nothing();
