import { UsageError } from "@anyevent/backends/contract";
import type { Loop } from "../loop.ts";
import { type Seconds, seconds } from "../time.ts";
import type { Watcher } from "../watcher.ts";

/**
 * Tells when nothing has happened for some time, and again each time as long.
 *
 * Activity only notes the time; the timer finds out when it fires.
 */
export class InactivityTimeout {
  readonly #loop: Loop;
  readonly #name: string;
  readonly #expired: () => void;
  #length = 0;
  #last: number;
  #running = false;
  #holds = true;
  #timer: Watcher | undefined;

  /** @param name of the method that sets it; @param expired called when the time is over */
  constructor(loop: Loop, name: string, expired: () => void) {
    this.#loop = loop;
    this.#name = name;
    this.#expired = expired;
    this.#last = loop.now();
  }

  /** Sets whether it keeps the process alive. */
  hold(on: boolean): void {
    this.#holds = on;
    if (on) this.#timer?.ref();
    else this.#timer?.unref();
  }

  /** Something happened. */
  reset(): void {
    this.#last = this.#loop.now();
  }

  /** Sets the length, 0 for none; looks at once whether that is over. */
  set(length: Seconds): void {
    const value = seconds(length, `set ${this.#name}`);
    if (value < 0) throw new UsageError(`Cannot set ${this.#name}: ${value} is negative`);
    this.#length = value;
    this.#look();
  }

  /** Begins to count, from now. */
  start(): void {
    this.#running = true;
    this.reset();
    this.#look();
  }

  /** Ends it; `start` begins anew. */
  stop(): void {
    this.#running = false;
    this.#cancel();
  }

  #cancel(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #look(): void {
    this.#cancel();
    if (!this.#running || !(this.#length > 0)) return;
    if (this.#last + this.#length <= this.#loop.now()) {
      this.reset();
      try {
        this.#expired();
      } finally {
        this.#arm();
      }
    } else this.#arm();
  }

  #arm(): void {
    // The callback may have stopped it, or set another length.
    if (!this.#running || !(this.#length > 0) || this.#timer?.active) return;
    if (this.#length === Infinity) return;
    const after = Math.max(0, this.#last + this.#length - this.#loop.now());
    this.#timer = this.#loop.addTimer(after, 0, () => this.#look());
    if (!this.#holds) this.#timer.unref();
  }
}
