import type { RESUMED, Suspension, Waker } from "@anyevent/loop";
import { QueuedCallback, QueuedOperation, WaitList, type WaitNode } from "./wait_list.ts";

const IDLE = 0;
const QUEUED = 1;
const WOKEN = 2;
const CALLBACK = 3;

/** What waits in a gate: an operation or a callback. */
export interface GateWaiter extends WaitNode {
  /** Whether it is queued, woken, or a callback. */
  state: number;
  readonly waker: Waker | undefined;
}

/**
 * A count that operations wait for to be positive: the core of semaphores and channels.
 *
 * Whoever is woken looks again when it runs; somebody faster may have taken the count meanwhile, and then
 * it queues anew, at the tail. `woken` counts those who were woken and have not run: no more are woken than
 * can be served. One that is aborted after it was woken passes its wake-up on. So while the count is
 * positive and somebody queues, somebody has been woken.
 */
export class Gate {
  /** May be negative: so many `adjust(1)` come to nothing. */
  count: number;
  /** Who waits. */
  readonly waiters: WaitList<GateWaiter> = new WaitList();
  /** Woken, have not run. */
  woken = 0;

  constructor(count: number) {
    this.count = count;
  }

  /** Adds to the count, and wakes who can be served now. */
  adjust(by: number): void {
    this.count += by;
    if (this.waiters.size > 0) this.wakeNext();
  }

  /** Wakes who can be served. */
  wakeNext(): void {
    while (this.count > this.woken && this.waiters.size > 0) {
      const waiter = this.waiters.shift()!;
      if (waiter.state !== CALLBACK) {
        waiter.state = WOKEN;
        this.woken++;
      }
      waiter.waker!.wake();
    }
  }

  /** Takes one without waiting, if there is one. */
  tryTake(): boolean {
    if (this.count <= 0) return false;
    this.count--;
    return true;
  }
}

/** A callback in the queue of a gate: called, once, inside the call that makes the count positive. */
export class GateCallback extends QueuedCallback implements GateWaiter, Waker {
  state = CALLBACK;

  /** @param callback must not throw */
  constructor(gate: Gate, callback: () => void) {
    super(gate.waiters, callback);
    if (gate.count > 0) this.call();
    else gate.waiters.push(this);
  }

  /** It is called by itself. */
  get waker(): Waker {
    return this;
  }

  wake(): void {
    this.call();
  }
}

/** Waits for a gate, and takes one. Without class fields, as its base says. */
export abstract class GateOperation<T> extends QueuedOperation<T> implements GateWaiter {
  declare state: number;
  declare protected readonly gate: Gate;

  constructor(gate: Gate) {
    super();
    this.state = IDLE;
    this.gate = gate;
  }

  /** What is done when the count is positive. */
  protected take(): void {
    this.gate.count--;
  }

  override next(resumed?: typeof RESUMED): IteratorResult<Suspension, T> {
    if (resumed === undefined) this.begin();
    if (this.poll()) return { done: true, value: this.result() };
    return { done: false, value: this };
  }

  protected poll(): boolean {
    const gate = this.gate;
    if (this.state === WOKEN) {
      this.state = IDLE;
      gate.woken--;
    }
    if (gate.count <= 0) return false;
    if (this.state === QUEUED) {
      this.state = IDLE;
      gate.waiters.remove(this);
    }
    this.take();
    return true;
  }

  /** One woken for nothing keeps its place. */
  protected enqueue(): void {
    if (this.state === QUEUED) return;
    this.state = QUEUED;
    this.gate.waiters.push(this);
  }

  abandon(): void {
    const state = this.state;
    this.state = IDLE;
    if (state === QUEUED) this.gate.waiters.remove(this);
    if (state === WOKEN) {
      this.gate.woken--;
      this.gate.wakeNext();
    }
  }
}
