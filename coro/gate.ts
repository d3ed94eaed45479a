import type { Abort, Waker } from "@anyevent/loop";
import { QueuedOperation, WaitList } from "./wait_list.ts";

const IDLE = 0;
const QUEUED = 1;
const WOKEN = 2;

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
  readonly waiters: WaitList = new WaitList();
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
      const waiter = this.waiters.shift() as GateOperation<unknown>;
      waiter.state = WOKEN;
      this.woken++;
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

/** Waits for a gate, and takes one. */
export abstract class GateOperation<T> extends QueuedOperation<T> {
  /** Which of the three. */
  state = IDLE;
  protected readonly gate: Gate;

  constructor(gate: Gate) {
    super();
    this.gate = gate;
  }

  start(waker: Waker): Abort {
    this.waker = waker;
    // One woken for nothing keeps its place.
    if (this.state !== QUEUED) {
      this.state = QUEUED;
      this.gate.waiters.push(this);
    }
    return () => this.#abort();
  }

  /** What is done when the count is positive. */
  protected take(): void {
    this.gate.count--;
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

  #abort(): void {
    const state = this.state;
    this.state = IDLE;
    if (state === QUEUED) this.gate.waiters.remove(this);
    if (state === WOKEN) {
      this.gate.woken--;
      this.gate.wakeNext();
    }
  }
}
