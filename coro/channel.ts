import { Deque, show, UsageError } from "@anyevent/backends/contract";
import { type Operation, operation, type RESUMED, type Suspension } from "@anyevent/loop";
import { Gate, GateOperation } from "./gate.ts";
import { checkLimits, limited, type WaitOptions } from "./limited.ts";
import type { ThreadSteps } from "./thread.ts";
import { QueuedOperation, WaitList } from "./wait_list.ts";
import * as waiting from "./wait_list.ts";

// Constants of this file are folded into the machine code, imports looked up at each use.
const { NOTHING } = waiting;

/** Given to the count of items by `shutdown`: nobody has to wait for an item any more. */
const ENDLESS = 1e9;

interface State<T> {
  readonly items: Deque<T>;
  readonly gate: Gate;
  readonly putters: WaitList<Put>;
  /** Infinity: any number. */
  max: number;
}

/** How a channel stands. */
export interface ChannelStats {
  /** Items stored, those of blocked `put`s included. */
  readonly size: number;
  /** How many it may hold; Infinity: any number. */
  readonly max: number;
  /** Those who wait for an item. */
  readonly getters: number;
  /** Those who wait for a place. */
  readonly putters: number;
  /** Whether `shutdown` was called. */
  readonly isShutdown: boolean;
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
export class Channel<T> implements Iterable<T>, AsyncIterable<T> {
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
   *
   * @throws {UsageError} when `options` are none; nothing was stored then
   */
  put(item: T, options?: WaitOptions): Operation<void> {
    if (options !== undefined) checkLimits(options, "channel.put()");
    const { items, gate, max, putters } = this.#state;
    items.push(item);
    gate.adjust(1);
    if (items.size < max) return NOTHING;
    const put = new Put(putters);
    return options === undefined ? put : limited(put, options);
  }

  /**
   * Takes the oldest item; at once, without a switch, when there is one.
   *
   * @returns the item; `undefined` when there is none and `shutdown` was called
   * @throws {TimeoutError} when the time of `options` is over, or the reason of its signal: no item was
   * taken then
   */
  get(options?: WaitOptions): Operation<T | undefined> {
    const get = new Get(this.#state);
    return options === undefined ? get : limited(get, options);
  }

  /**
   * Takes the oldest item, as an iterator does: what `get` does for those who have `undefined` as an item.
   *
   * @returns `{ done: true }` when there is none and `shutdown` was called
   */
  next(options?: WaitOptions): Operation<IteratorResult<T, undefined>> {
    return limited(new Next(this.#state), options);
  }

  /**
   * Runs `body` in the caller's thread for each item, until the channel was shut down and is empty.
   *
   * @param body may block; what it throws ends the loop
   * @throws {UsageError} when it is no function
   */
  each(body: (item: T) => ThreadSteps<unknown>): Operation<void> {
    if (typeof body !== "function") {
      throw new UsageError(`Cannot take each item: ${show(body)} is not a generator function`);
    }
    const state = this.#state;
    return operation(() => "channel.each()", function* () {
      for (;;) {
        const next: Operation<IteratorResult<T, undefined>> = new Next(state);
        const { done, value } = yield* next;
        if (done) return;
        yield* body(value);
      }
    });
  }

  /** Ends it: once it is empty, `get` gives `undefined` and loops over it end. Later items still arrive. */
  shutdown(): void {
    if (!this.isShutdown) this.#state.gate.adjust(ENDLESS);
  }

  /**
   * Changes how many items it may hold, and lets in who waits for a place that there is then. No effect on
   * one that holds any number.
   *
   * @param by how many more; negative: fewer, but one at least
   * @throws {UsageError} when it is no integer
   */
  adjust(by: number): void {
    if (!Number.isSafeInteger(by)) {
      throw new UsageError(`Cannot adjust channel: ${show(by)} is not an integer`);
    }
    const state = this.#state;
    const max = Math.max(1, state.max + by);
    for (let free = max - state.max; free > 0 && state.putters.size > 0; free--) {
      state.putters.shift()!.release();
    }
    state.max = max;
  }

  /** How it stands. */
  stats(): ChannelStats {
    const { items, max, gate, putters } = this.#state;
    return {
      size: items.size,
      max,
      getters: gate.waiters.size,
      putters: putters.size,
      isShutdown: this.isShutdown,
    };
  }

  /** Takes items without waiting: ends when there is none now. */
  [Symbol.iterator](): IterableIterator<T> {
    const state = this.#state;
    return {
      next(): IteratorResult<T> {
        if (state.items.size === 0 || !state.gate.tryTake()) {
          return { done: true, value: undefined };
        }
        return { done: false, value: takeItem(state)! };
      },
      [Symbol.iterator](): IterableIterator<T> {
        return this;
      },
    };
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
  if (state.putters.size > 0) state.putters.shift()!.release();
  return item;
}

/** Hot classes: without class fields, constructors and steps spelled out, as their base says. */
class Get<T> extends GateOperation<T | undefined> {
  declare readonly channel: State<T>;

  constructor(state: State<T>) {
    super(state.gate);
    this.channel = state;
  }

  describe(): string {
    return "channel.get()";
  }

  override next(resumed?: typeof RESUMED): IteratorResult<Suspension, T | undefined> {
    if (resumed === undefined) this.begin();
    if (this.poll()) return { done: true, value: takeItem(this.channel) };
    return { done: false, value: this };
  }

  protected result(): T | undefined {
    return takeItem(this.channel);
  }
}

class Next<T> extends GateOperation<IteratorResult<T, undefined>> {
  declare readonly channel: State<T>;

  constructor(channel: State<T>) {
    super(channel.gate);
    this.channel = channel;
  }

  describe(): string {
    return "channel.next()";
  }

  protected result(): IteratorResult<T, undefined> {
    if (this.channel.items.size === 0) return { done: true, value: undefined };
    return { done: false, value: takeItem(this.channel)! };
  }
}

/** Waits from the moment of the `put` on, whether or not anybody runs it. */
class Put extends QueuedOperation<void> {
  declare released: boolean;
  declare readonly putters: WaitList<Put>;

  constructor(putters: WaitList<Put>) {
    super();
    this.released = false;
    this.putters = putters;
    putters.push(this);
  }

  /** The item is in the channel already. */
  override get optional(): boolean {
    return true;
  }

  describe(): string {
    return "channel.put()";
  }

  /** There is a place for its item. */
  release(): void {
    this.released = true;
    this.waker?.wake();
  }

  abandon(): void {
    this.waker = undefined;
    if (!this.released) this.putters.remove(this);
    this.released = true;
  }

  /** It was, when made. */
  protected enqueue(): void {}

  protected poll(): boolean {
    return this.released;
  }

  protected result(): void {}
}
