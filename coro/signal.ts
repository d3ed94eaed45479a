import type { Abort, Operation, Waker } from "@anyevent/loop";
import { QueuedOperation, WaitList } from "./wait_list.ts";

/**
 * Wakes threads that wait for something to happen, and remembers one signal when none does.
 *
 * Spurious wake-ups do not end a wait. A waiter that is cancelled or thrown into leaves nothing behind;
 * the `send` that had reached it reaches the next one. Follows `Coro::Signal`.
 *
 * @example
 * ```ts
 * import { async, cede, Signal } from "@anyevent/coro";
 *
 * const signal = new Signal();
 * const thread = async(function* () {
 *   yield* signal.wait();
 *   return "signalled";
 * });
 * await cede();
 * signal.send();
 * console.log(await thread.join());
 * ```
 */
export class Signal {
  readonly #waiters: WaitList = new WaitList();
  #remembered = false;

  /** How many wait. */
  get awaited(): number {
    return this.#waiters.size;
  }

  /** Waits for a signal; takes a remembered one at once, without a switch. */
  wait(): Operation<void> {
    return new Wait(this.#waiters, () => this.#takeRemembered(), () => this.send());
  }

  /** Wakes who has waited longest. With nobody waiting it is remembered; two count as one. */
  send(): void {
    const waiter = this.#waiters.shift() as Wait | undefined;
    if (waiter === undefined) this.#remembered = true;
    else waiter.signal(true);
  }

  /** Wakes all who wait now; a remembered signal is forgotten. */
  broadcast(): void {
    this.#remembered = false;
    for (let n = this.#waiters.size; n > 0; n--) (this.#waiters.shift() as Wait).signal(false);
  }

  #takeRemembered(): boolean {
    const was = this.#remembered;
    this.#remembered = false;
    return was;
  }
}

const IDLE = 0;
const QUEUED = 1;
const SIGNALLED = 2;

class Wait extends QueuedOperation<void> {
  #state = IDLE;
  #toMeOnly = false;
  readonly #waiters: WaitList;
  readonly #takeRemembered: () => boolean;
  readonly #passOn: () => void;

  constructor(waiters: WaitList, takeRemembered: () => boolean, passOn: () => void) {
    super();
    this.#waiters = waiters;
    this.#takeRemembered = takeRemembered;
    this.#passOn = passOn;
  }

  describe(): string {
    return "signal.wait()";
  }

  signal(toMeOnly: boolean): void {
    this.#state = SIGNALLED;
    this.#toMeOnly = toMeOnly;
    this.waker!.wake();
  }

  start(waker: Waker): Abort {
    this.waker = waker;
    if (this.#state === IDLE) {
      this.#state = QUEUED;
      this.#waiters.push(this);
    }
    return () => {
      const state = this.#state;
      this.#state = IDLE;
      if (state === QUEUED) this.#waiters.remove(this);
      if (state === SIGNALLED && this.#toMeOnly) this.#passOn();
    };
  }

  protected poll(): boolean {
    return this.#state === SIGNALLED || (this.#state === IDLE && this.#takeRemembered());
  }

  protected result(): void {
    this.#state = IDLE;
  }
}
