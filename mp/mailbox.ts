import { Deque, UsageError } from "@anyevent/backends/contract";
import {
  type Abort,
  type Loop,
  type Seconds,
  WaitOperation,
  type Waker,
  type Watcher,
} from "@anyevent/loop";
import { timeoutSeconds } from "./timeout.ts";

/** Messages a thread's port keeps before it dies: what nobody takes must not eat the memory. */
export const MAX_MAILBOX = 1_000_000;

/**
 * Looks at a message: anything true takes it, a function is then called with it. What it throws is
 * thrown into the thread.
 */
export type Condition = (...message: unknown[]) => unknown;

/** Says whether a message is taken: if so, what gives the result once it has left the queue. */
export type Matcher = (message: readonly unknown[]) => (() => readonly unknown[]) | undefined;

/** Messages for a thread, in order of arrival, with selective receive. */
export class Mailbox {
  readonly queue: Deque<readonly unknown[]> = new Deque();
  waiter: Waker | undefined;

  /** @param loop gives timeouts */
  constructor(readonly loop: Loop) {}

  /** A message arrived. @throws {UsageError} when the mailbox is full, which kills the port */
  put(message: readonly unknown[]): void {
    if (this.queue.size >= MAX_MAILBOX) {
      throw new UsageError(`Cannot queue message: ${MAX_MAILBOX} wait already`);
    }
    this.queue.push(message);
    this.waiter?.wake();
  }
}

/**
 * Takes the first message that matches; the others stay, in order.
 *
 * Each message is looked at once. Without a timeout it waits for ever; 0 only looks.
 */
export class Take extends WaitOperation<readonly unknown[] | undefined> {
  readonly #mailbox: Mailbox;
  readonly #what: string;
  readonly #match: Matcher;
  readonly #timeout: number | undefined;
  #looked = 0;
  #taken: readonly unknown[] | undefined;
  #timer: Watcher | undefined;
  #expired = false;

  /** @param match `undefined` for no */
  constructor(
    mailbox: Mailbox,
    what: string,
    match: Matcher,
    timeout: Seconds | undefined,
  ) {
    super();
    this.#mailbox = mailbox;
    this.#what = what;
    this.#match = match;
    this.#timeout = timeoutSeconds(timeout, what);
    this.#expired = this.#timeout === 0;
  }

  protected poll(): boolean {
    const { queue } = this.#mailbox;
    while (this.#looked < queue.size) {
      const message = queue.at(this.#looked)!;
      const take = this.#match(message);
      if (take !== undefined) {
        queue.removeAt(this.#looked);
        this.#timer?.cancel();
        this.#taken = take();
        return true;
      }
      this.#looked++;
    }
    return this.#expired;
  }

  protected result(): readonly unknown[] | undefined {
    return this.#taken;
  }

  describe(): string {
    return this.#what;
  }

  start(waker: Waker): Abort {
    this.#mailbox.waiter = waker;
    if (this.#timeout !== undefined && this.#timer === undefined) {
      this.#timer = this.#mailbox.loop.timer({
        after: this.#timeout,
        cb: () => {
          this.#expired = true;
          this.#mailbox.waiter?.wake();
        },
      });
    }
    return () => {
      this.#mailbox.waiter = undefined;
      this.#timer?.cancel();
    };
  }
}
