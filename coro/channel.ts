import { Deque, show, UsageError } from "@anyevent/backends/contract";
import type { Abort, Operation, Waker } from "@anyevent/loop";
import { Gate, GateOperation } from "./gate.ts";
import { NOTHING, QueuedOperation, WaitList } from "./wait_list.ts";

/** Given to the count of items by `shutdown`: nobody has to wait for an item any more. */
const ENDLESS = 1e9;

interface State<T> {
  readonly items: Deque<T>;
  readonly gate: Gate;
  readonly putters: WaitList;
  readonly max: number;
}

/**
 * A queue between threads: `put` at one end, `get` at the other.
 *
 * With a maximum of n, n - 1 items can be stored without blocking: a `put` that makes it n stores its
 * item and waits until a `get` frees a place. First in, first out, for items and for those who wait,
 * except that a `get` that comes while a woken one has not run yet may be faster. Any value is an item.
 * Follows `Coro::Channel`.
 *
 * @typeParam T type of the items
 * @example
 * ```ts
 * import { async, Channel } from "@anyevent/coro";
 *
 * const channel = new Channel<number>(1);
 * async(function* () {
 *   for (let i = 1; i <= 3; i++) yield* channel.put(i);
 *   channel.shutdown();
 * });
 * for await (const item of channel) console.log(item); // 1 2 3
 * ```
 */
export class Channel<T> implements AsyncIterable<T> {
  readonly #state: State<T>;

  /**
   * An empty channel.
   *
   * @param max how many items it holds; 0 and absent: any number
   * @throws {UsageError} when it is no integer, or negative
   */
  constructor(max = 0) {
    if (!Number.isSafeInteger(max) || max < 0) {
      throw new UsageError(`Cannot make channel: size ${show(max)} is not an integer from 0`);
    }
    this.#state = {
      items: new Deque(),
      gate: new Gate(0),
      putters: new WaitList(),
      max: max === 0 ? Infinity : max,
    };
  }

  /** How many items it has, those of blocked `put`s included: so many `get`s do not wait. */
  get size(): number {
    return this.#state.items.size;
  }

  /** Whether `shutdown` was called. */
  get isShutdown(): boolean {
    return this.#state.gate.count >= ENDLESS / 2;
  }

  /**
   * Stores an item, at once and in any case; running what it returns waits for a place. Who is cancelled
   * in that leaves the item behind.
   */
  put(item: T): Operation<void> {
    const { items, gate, max, putters } = this.#state;
    items.push(item);
    gate.adjust(1);
    if (items.size < max) return NOTHING;
    return new Put(putters);
  }

  /**
   * Takes the oldest item; at once, without a switch, when there is one.
   *
   * @returns the item; `undefined` when there is none and `shutdown` was called
   */
  get(): Operation<T | undefined> {
    return new Get(this.#state);
  }

  /**
   * Takes the oldest item, as an iterator does: what `get` does for those who have `undefined` as an item.
   *
   * @returns `{ done: true }` when there is none and `shutdown` was called
   */
  next(): Operation<IteratorResult<T, undefined>> {
    return new Next(this.#state);
  }

  /** Ends it: once it is empty, `get` gives `undefined` and loops over it end. Later items still arrive. */
  shutdown(): void {
    if (!this.isShutdown) this.#state.gate.adjust(ENDLESS);
  }

  /** For `for await`: takes items until it was shut down and is empty. Leaving the loop does not end it. */
  [Symbol.asyncIterator](): AsyncIterator<T, undefined> {
    return {
      next: async (): Promise<IteratorResult<T, undefined>> => await this.next(),
    };
  }
}

function takeItem<T>(state: State<T>): T | undefined {
  const item = state.items.shift();
  const putter = state.putters.shift() as Put | undefined;
  if (putter !== undefined) {
    putter.released = true;
    putter.waker?.wake();
  }
  return item;
}

class Get<T> extends GateOperation<T | undefined> {
  readonly #state: State<T>;

  constructor(state: State<T>) {
    super(state.gate);
    this.#state = state;
  }

  describe(): string {
    return "channel.get()";
  }

  protected result(): T | undefined {
    return takeItem(this.#state);
  }
}

class Next<T> extends GateOperation<IteratorResult<T, undefined>> {
  readonly #state: State<T>;

  constructor(state: State<T>) {
    super(state.gate);
    this.#state = state;
  }

  describe(): string {
    return "channel.next()";
  }

  protected result(): IteratorResult<T, undefined> {
    if (this.#state.items.size === 0) return { done: true, value: undefined };
    return { done: false, value: takeItem(this.#state)! };
  }
}

/** Waits from the moment of the `put` on, whether or not anybody runs it. */
class Put extends QueuedOperation<void> {
  released = false;
  readonly #putters: WaitList;

  constructor(putters: WaitList) {
    super();
    this.#putters = putters;
    putters.push(this);
  }

  describe(): string {
    return "channel.put()";
  }

  start(waker: Waker): Abort {
    this.waker = waker;
    return () => {
      this.waker = undefined;
      if (!this.released) this.#putters.remove(this);
      this.released = true;
    };
  }

  protected poll(): boolean {
    return this.released;
  }

  protected result(): void {}
}
