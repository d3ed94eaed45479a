import { UsageError } from "@anyevent/backends/contract";
import { type Abort, driving, WaitOperation, type Waker } from "@anyevent/loop";

/** First come, first served; leaving the middle costs no more than leaving an end. */
export class WaitList {
  /** How many are in it. */
  size = 0;
  #head: QueuedOperation<unknown> | undefined = undefined;
  #tail: QueuedOperation<unknown> | undefined = undefined;

  /** Appends. */
  push(node: QueuedOperation<unknown>): void {
    node.before = this.#tail;
    node.after = undefined;
    if (this.#tail === undefined) this.#head = node;
    else this.#tail.after = node;
    this.#tail = node;
    this.size++;
  }

  /** Removes the oldest. */
  shift(): QueuedOperation<unknown> | undefined {
    const node = this.#head;
    if (node !== undefined) this.remove(node);
    return node;
  }

  /** Removes one that is in the list. */
  remove(node: QueuedOperation<unknown>): void {
    const { before, after } = node;
    if (before === undefined) this.#head = after;
    else before.after = after;
    if (after === undefined) this.#tail = before;
    else after.before = before;
    node.before = undefined;
    node.after = undefined;
    this.size--;
  }
}

/** An operation that waits in a {@linkcode WaitList}, and is a node of it. */
export abstract class QueuedOperation<T> extends WaitOperation<T> {
  /** Link of the list. */
  before: QueuedOperation<unknown> | undefined = undefined;
  /** Link of the list. */
  after: QueuedOperation<unknown> | undefined = undefined;
  /** Who waits, once somebody does. */
  waker: Waker | undefined = undefined;
}

/** Completes at once, any number of times: for what gave and needs not wait. */
class Nothing extends WaitOperation<void> {
  readonly #done: IteratorReturnResult<void> = { value: undefined, done: true };

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
