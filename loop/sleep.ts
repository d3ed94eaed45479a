import { ClosedError } from "@anyevent/backends/contract";
import type { Core } from "./core.ts";
import { type Abort, WaitOperation, type Waker } from "./operation.ts";
import { TimerWatcher } from "./watchers/timer.ts";

/** Its cancelling by the end of the loop wakes who sleeps. */
class SleepTimer extends TimerWatcher {
  readonly #wake: () => void;

  constructor(core: Core, length: number, done: () => void, wake: () => void) {
    super(core, length, 0, done);
    this.#wake = wake;
  }

  protected override stop(): void {
    super.stop();
    if (this.core.disposed) this.#wake();
  }
}

/** Waits for time to pass: see `Loop.sleep`. */
export class Sleep extends WaitOperation<void> {
  readonly #core: Core;
  readonly #length: number;
  #due: number | undefined;
  #over = false;
  #timer: SleepTimer | undefined;

  /** @param length seconds */
  constructor(core: Core, length: number) {
    super();
    this.#core = core;
    this.#length = length;
  }

  describe(): string {
    return `sleep(${this.#length})`;
  }

  start(waker: Waker): Abort {
    // Counted from the first start: one woken for nothing sleeps for the rest only.
    const now = this.#core.backend.now();
    this.#due ??= now + Math.max(0, this.#length);
    const wake = (): void => waker.wake();
    const done = (): void => {
      this.#over = true;
      wake();
    };
    this.#timer?.cancel();
    const timer = new SleepTimer(this.#core, this.#due - now, done, wake);
    this.#timer = timer;
    return () => timer.cancel();
  }

  protected poll(): boolean {
    if (!this.#over && this.#core.disposed) {
      throw new ClosedError(`Cannot go on with ${this.describe()}: the loop was disposed of`);
    }
    return this.#over;
  }

  protected result(): void {}
}
