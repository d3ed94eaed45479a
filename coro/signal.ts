import type { Operation, RESUMED, Suspension } from "@anyevent/loop";
import { reportThrow } from "./default_engine.ts";
import { limited, type WaitOptions } from "./limited.ts";
import type { WaitCallback } from "./semaphore.ts";
import { QueuedCallback, QueuedOperation, WaitList, type WaitNode } from "./wait_list.ts";

/** How a signal stands. */
export interface SignalStats {
  /** Threads, awaits and callbacks that wait. */
  readonly awaited: number;
  /** Whether a `send` is remembered. */
  readonly remembered: boolean;
}

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
  readonly #core: Core = new Core();

  /** How many wait. */
  get awaited(): number {
    return this.#core.waiters.size;
  }

  /**
   * Waits for a signal; takes a remembered one at once, without a switch.
   *
   * @throws {TimeoutError} when the time of `options` is over, or the reason of its signal
   */
  wait(options?: WaitOptions): Operation<void>;
  /**
   * Calls `callback` once: inside this call when a signal is remembered, which it takes, else inside the
   * `send` or `broadcast` that reaches it, in its turn among those who wait. What it throws goes to
   * `onCallbackError` of the loop.
   *
   * @returns takes it back
   */
  wait(callback: (signal: this) => void): WaitCallback;
  wait(what?: WaitOptions | ((signal: this) => void)): Operation<void> | WaitCallback {
    if (typeof what !== "function") return limited(new Wait(this.#core), what);
    return new SignalCallback(this.#core, () => reportThrow(() => what(this), "signal.wait()"));
  }

  /** Wakes who has waited longest. With nobody waiting it is remembered; two count as one. */
  send(): void {
    this.#core.send();
  }

  /** Wakes all who wait now; a remembered signal is forgotten. */
  broadcast(): void {
    const { waiters } = this.#core;
    this.#core.remembered = false;
    for (let n = waiters.size; n > 0 && waiters.size > 0; n--) waiters.shift()!.signal(false);
  }

  /** How it stands. */
  stats(): SignalStats {
    const { waiters, remembered } = this.#core;
    return { awaited: waiters.size, remembered };
  }
}

interface SignalWaiter extends WaitNode {
  /** It is out of the list, and its wait is over. */
  signal(toItOnly: boolean): void;
}

class Core {
  readonly waiters: WaitList<SignalWaiter> = new WaitList();
  remembered = false;

  send(): void {
    const waiter = this.waiters.shift();
    if (waiter === undefined) this.remembered = true;
    else waiter.signal(true);
  }

  takeRemembered(): boolean {
    const was = this.remembered;
    this.remembered = false;
    return was;
  }
}

const IDLE = 0;
const QUEUED = 1;
/** By `broadcast`. */
const WOKEN = 2;
/** By `send`: to be passed on when it is abandoned. */
const SENT = 3;

/** Without class fields, as its base says. */
class Wait extends QueuedOperation<void> implements SignalWaiter {
  declare state: number;
  declare readonly core: Core;

  constructor(core: Core) {
    super();
    this.state = IDLE;
    this.core = core;
  }

  describe(): string {
    return "signal.wait()";
  }

  signal(toItOnly: boolean): void {
    this.state = toItOnly ? SENT : WOKEN;
    this.waker!.wake();
  }

  override next(resumed?: typeof RESUMED): IteratorResult<Suspension, void> {
    if (resumed === undefined) this.begin();
    if (this.poll()) return { done: true, value: undefined };
    return { done: false, value: this };
  }

  abandon(): void {
    const state = this.state;
    this.state = IDLE;
    if (state === QUEUED) this.core.waiters.remove(this);
    if (state === SENT) this.core.send();
  }

  protected enqueue(): void {
    if (this.state !== IDLE) return;
    this.state = QUEUED;
    this.core.waiters.push(this);
  }

  protected poll(): boolean {
    if (this.state < WOKEN && (this.state === QUEUED || !this.core.takeRemembered())) return false;
    this.state = IDLE;
    return true;
  }

  protected result(): void {}
}

class SignalCallback extends QueuedCallback implements SignalWaiter, WaitCallback {
  constructor(core: Core, callback: () => void) {
    super(core.waiters, callback);
    if (core.takeRemembered()) this.call();
    else core.waiters.push(this);
  }

  signal(): void {
    this.call();
  }
}
