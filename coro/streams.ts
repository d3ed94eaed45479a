/**
 * Between threads and the asynchronous iterables and streams of the platform.
 *
 * @module
 */
import { show, UsageError } from "@anyevent/backends/contract";
import { type Operation, operation } from "@anyevent/loop";
import { Channel } from "./channel.ts";
import { currentEngine } from "./default_engine.ts";
import { limited, type WaitOptions, within } from "./limited.ts";
import { wait } from "./promise.ts";
import { adopt, type Coro, type ThreadSteps } from "./thread.ts";

/** What a thread takes from an asynchronous iterable; made by {@linkcode iterate}. */
export interface ThreadIterator<T> {
  /**
   * The next item.
   *
   * @param options limits; an item that comes after they were reached is lost
   * @throws what the source throws
   */
  next(options?: WaitOptions): Operation<IteratorResult<T, unknown>>;
  /** Runs `body` for each item; then, or when it is left in any way, tells the source that it is over. */
  each(body: (item: T) => ThreadSteps<unknown>): Operation<void>;
  /** Tells the source that no more is wanted, and waits until it has heard. */
  return(): Operation<void>;
}

/**
 * Lets a thread take items from an async iterable, such as a `ReadableStream` or an async generator.
 *
 * @param source what gives the items; it is asked for one at a time
 * @throws {UsageError} when it cannot be iterated
 * @example
 * ```ts
 * import { async, iterate } from "@anyevent/coro";
 *
 * const thread = async(function* () {
 *   let sum = 0;
 *   yield* iterate(ReadableStream.from([1, 2, 3])).each(function* (n) {
 *     sum += n;
 *   });
 *   return sum;
 * });
 * console.log(await thread.join()); // [ 6 ]
 * ```
 */
export function iterate<T>(source: AsyncIterable<T>): ThreadIterator<T> {
  if (typeof source?.[Symbol.asyncIterator] !== "function") {
    throw new UsageError(`Cannot iterate over ${show(source)}: it is not an async iterable`);
  }
  return new Iterate(source[Symbol.asyncIterator]());
}

class Iterate<T> implements ThreadIterator<T> {
  readonly #items: AsyncIterator<T, unknown>;

  constructor(items: AsyncIterator<T, unknown>) {
    this.#items = items;
  }

  next(options?: WaitOptions): Operation<IteratorResult<T, unknown>> {
    const items = this.#items;
    return limited(operation(() => "iterate().next()", () => ask(items)), options);
  }

  each(body: (item: T) => ThreadSteps<unknown>): Operation<void> {
    if (typeof body !== "function") {
      throw new UsageError(`Cannot iterate: ${show(body)} is not a generator function`);
    }
    return operation(() => "iterate().each()", () => this.#each(body));
  }

  return(): Operation<void> {
    const items = this.#items;
    return operation(() => "iterate().return()", function* () {
      if (items.return !== undefined) yield* wait(Promise.resolve(items.return()));
    });
  }

  *#each(body: (item: T) => ThreadSteps<unknown>): ThreadSteps<void> {
    const items = this.#items;
    let over = false;
    try {
      for (;;) {
        let next: IteratorResult<T, unknown>;
        try {
          next = yield* ask(items);
        } catch (error) {
          over = true;
          throw error;
        }
        over = next.done === true;
        if (next.done) return;
        yield* body(next.value);
      }
    } finally {
      // A cancelled thread cannot wait for the answer; so nobody does.
      if (!over) this.#tellEnd();
    }
  }

  #tellEnd(): void {
    const { loop } = currentEngine();
    const failed = (error: unknown): void => loop.callbackFailed(error, "iterate()");
    try {
      Promise.resolve(this.#items.return?.()).then(undefined, failed);
    } catch (error) {
      // It does not hide why the loop was left.
      failed(error);
    }
  }
}

/** As `for await` does, which takes what is no promise as well. */
function* ask<T>(items: AsyncIterator<T, unknown>): ThreadSteps<IteratorResult<T, unknown>> {
  const next: unknown = yield* wait(Promise.resolve(items.next()));
  if (typeof next !== "object" || next === null) {
    throw new UsageError(`Cannot iterate: the source gave ${show(next)}, which is no result`);
  }
  return next as IteratorResult<T, unknown>;
}

/** Hands over one item, and waits until it is taken. */
export type Emit<T> = (item: T) => Operation<void>;

/**
 * Makes a thread an async iterator: for `for await`, `ReadableStream.from` and whatever else takes one.
 *
 * The thread begins when the first item is asked for. What it throws is thrown to who asks next. Leaving
 * the loop cancels it.
 *
 * @param body gets a function that hands over an item and waits until it is taken
 * @throws {UsageError} when it is no function
 * @example
 * ```ts
 * import { produce } from "@anyevent/coro";
 *
 * const numbers = produce<number>(function* (emit) {
 *   for (let n = 1; n <= 3; n++) yield* emit(n);
 * });
 * for await (const n of numbers) console.log(n); // 1 2 3
 * ```
 */
export function produce<T>(
  body: (emit: Emit<T>) => ThreadSteps<unknown>,
): AsyncIterableIterator<T, undefined> & AsyncDisposable {
  if (typeof body !== "function") {
    throw new UsageError(`Cannot produce: ${show(body)} is not a generator function`);
  }
  return new Produce(body);
}

class Produce<T> implements AsyncIterableIterator<T, undefined>, AsyncDisposable {
  readonly #channel: Channel<T> = new Channel(1);
  readonly #engine = currentEngine();
  #body: ((emit: Emit<T>) => ThreadSteps<unknown>) | undefined;
  #thread: Coro | undefined;
  #failed: { readonly error: unknown } | undefined;
  /** The last one who asked and has no answer. */
  #asking: Promise<unknown> | undefined;

  constructor(body: (emit: Emit<T>) => ThreadSteps<unknown>) {
    this.#body = body;
  }

  next(): Promise<IteratorResult<T, undefined>> {
    const asking = this.#asking === undefined
      ? this.#take()
      : this.#asking.then(() => this.#take(), () => this.#take());
    this.#asking = asking;
    const answered = (): void => {
      if (this.#asking === asking) this.#asking = undefined;
    };
    asking.then(answered, answered);
    return asking;
  }

  /** One at a time: of several who wait for a channel any may be the first. */
  async #take(): Promise<IteratorResult<T, undefined>> {
    this.#begin();
    const result = await this.#channel.next();
    const failed = this.#failed;
    if (!result.done || failed === undefined) return result;
    this.#failed = undefined;
    throw failed.error;
  }

  return(): Promise<IteratorReturnResult<undefined>> {
    this.#body = undefined;
    this.#thread?.[Symbol.dispose]();
    this.#channel.shutdown();
    // What was handed over and not taken.
    for (const _ of this.#channel);
    return Promise.resolve({ done: true, value: undefined });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #begin(): void {
    const body = this.#body;
    if (body === undefined) return;
    this.#body = undefined;
    const channel = this.#channel;
    const task = this.#engine.create(() => body((item) => channel.put(item)), undefined);
    task.extra.desc = `produce(${body.name})`;
    task.extra.onEnd = (outcome) => {
      if (outcome.kind === "failed") this.#failed = outcome;
      channel.shutdown();
    };
    this.#thread = adopt(task);
    this.#thread.ready();
  }
}

/**
 * A stream of what comes out of a channel; it ends when that was shut down and is empty. Items are taken as
 * the stream is read, so who puts is held up by who reads. Cancelling the stream leaves the channel as it is.
 *
 * @example
 * ```ts
 * import { Channel, readableFrom } from "@anyevent/coro";
 *
 * const channel = new Channel<string>();
 * channel.put("text");
 * channel.shutdown();
 * for await (const chunk of readableFrom(channel)) console.log(chunk); // text
 * ```
 */
export function readableFrom<T>(channel: Channel<T>): ReadableStream<T> {
  checkChannel(channel, "read from");
  const cancelled = new AbortController();
  const { signal } = cancelled;
  return new ReadableStream<T>({
    async pull(controller): Promise<void> {
      try {
        const { done, value } = await within(channel.next(), { signal });
        if (done) controller.close();
        else controller.enqueue(value);
      } catch (error) {
        // Nobody reads any more.
        if (!signal.aborted) throw error;
      }
    },
    cancel: () => cancelled.abort(),
  }, { highWaterMark: 0 });
}

/**
 * A stream whose chunks go into a channel; its end, and its abort, shut the channel down. Who writes is held
 * up while the channel is full.
 *
 * @example
 * ```ts
 * import { Channel, writableTo } from "@anyevent/coro";
 *
 * const channel = new Channel<string>();
 * await ReadableStream.from(["a", "b"]).pipeTo(writableTo(channel));
 * for await (const chunk of channel) console.log(chunk); // a b
 * ```
 */
export function writableTo<T>(channel: Channel<T>): WritableStream<T> {
  checkChannel(channel, "write to");
  return new WritableStream<T>({
    // The controller's signal, as the sink's abort is called when no write is under way any more.
    async write(chunk, { signal }): Promise<void> {
      await channel.put(chunk, { signal });
    },
    close: () => channel.shutdown(),
    abort: () => channel.shutdown(),
  });
}

function checkChannel(channel: unknown, what: string): void {
  if (!(channel instanceof Channel)) {
    throw new UsageError(`Cannot ${what} channel: ${show(channel)} is not a Channel`);
  }
}
