import { show, UsageError } from "@anyevent/backends/contract";
import { type Operation, operation, type RESUMED, type Suspension } from "@anyevent/loop";
import { reportThrow } from "./default_engine.ts";
import { Gate, GateCallback, GateOperation } from "./gate.ts";
import { checkLimits, limited, type WaitOptions } from "./limited.ts";
import type { ThreadSteps } from "./thread.ts";

/** Holds one of a semaphore, until released. */
export interface SemaphoreGuard extends Disposable {
  /** Gives it back. Idempotent. */
  release(): void;
  /** Same as `release`. */
  cancel(): void;
}

/** A registered callback: `cancel` takes it back. */
export interface WaitCallback extends Disposable {
  /** Takes it back, unless it was called. Idempotent. */
  cancel(): void;
}

/** How a semaphore stands. */
export interface SemaphoreStats {
  /** How many there are. */
  readonly count: number;
  /** Threads, awaits and callbacks that wait. */
  readonly waiters: number;
  /** Those who were woken and have not run. */
  readonly woken: number;
}

/**
 * A counting semaphore: `down` takes one, or waits until there is one; `up` gives one.
 *
 * Those who wait are served first come, first served, except that whoever comes while a woken one has not
 * run yet may be faster; then that one queues anew. A waiter that is cancelled or thrown into leaves
 * nothing behind, and passes on a wake-up it had got. Nobody owns it: anyone may `up`. Follows
 * `Coro::Semaphore`.
 *
 * @example
 * ```ts
 * import { async, cede, Semaphore } from "@anyevent/coro";
 *
 * const lock = new Semaphore();
 * const work = function* (name: string) {
 *   using _held = yield* lock.guard();
 *   console.log(name, "begins");
 *   yield* cede();
 *   console.log(name, "ends");
 * };
 * const threads = [async(work, "a"), async(work, "b")];
 * for (const thread of threads) await thread.join();
 * ```
 *
 * A loop such as the last line joins one thread at a time. One that fails while another is being joined is
 * joined by nobody, and ends the program: where bodies may fail, set `onUncaught` on the threads or on the
 * scheduler first.
 */
export class Semaphore {
  readonly #gate: Gate;

  /**
   * A semaphore that nobody waits for.
   *
   * @param count how many there are; 0 and less: as many `up`s, and one, are needed before a `down` returns
   * @throws {UsageError} when it is no integer
   */
  constructor(count = 1) {
    this.#gate = new Gate(checkCount(count, "make semaphore"));
  }

  /** How many there are now. */
  get count(): number {
    return this.#gate.count;
  }

  /** How many wait, without those who were woken and have not run. */
  get waiters(): number {
    return this.#gate.waiters.size;
  }

  /** Adds to the count, and wakes as many as it allows. Never blocks, never switches. */
  adjust(by: number): void {
    this.#gate.adjust(checkCount(by, "adjust semaphore"));
  }

  /** Gives one: same as `adjust(1)`. */
  up(): void {
    this.#gate.adjust(1);
  }

  /**
   * Takes one; at once, without a switch, when there is one.
   *
   * @throws {TimeoutError} when the time of `options` is over, or the reason of its signal: nothing was
   * taken then
   */
  down(options?: WaitOptions): Operation<void> {
    const down = new Down(this.#gate);
    return options === undefined ? down : limited(down, options);
  }

  /** Takes one if there is one. @returns whether it did */
  try(): boolean {
    return this.#gate.tryTake();
  }

  /** Waits until there is one, without taking it: until the next switch it can be had. */
  wait(options?: WaitOptions): Operation<void>;
  /**
   * Calls `callback` once, when there is one: inside this call when there is now, else inside the `up` or
   * `adjust` that makes it so, in its turn among those who wait. It may take one with `try`; otherwise those
   * behind it are served too. What it throws goes to `onCallbackError` of the loop.
   *
   * @returns takes it back
   */
  wait(callback: (semaphore: this) => void): WaitCallback;
  wait(what?: WaitOptions | ((semaphore: this) => void)): Operation<void> | WaitCallback {
    if (typeof what === "function") {
      return new GateCallback(this.#gate, () => reportThrow(() => what(this), "semaphore.wait()"));
    }
    return limited(new Wait(this.#gate), what);
  }

  /** Takes one. @returns gives it back: use it with `using` */
  guard(options?: WaitOptions): Operation<SemaphoreGuard> {
    return limited(new DownGuard(this.#gate), options);
  }

  /**
   * Takes one, runs `body`, and gives it back, however the body ends.
   *
   * @param options limits of waiting, not of the body
   * @returns what the body returns
   */
  withGuard<T>(
    body: () => ThreadSteps<T>,
    options?: WaitOptions,
  ): Operation<T> {
    if (typeof body !== "function") {
      throw new UsageError(`Cannot run with guard: ${show(body)} is not a generator function`);
    }
    checkLimits(options, "semaphore.withGuard()");
    const gate = this.#gate;
    return operation(() => "semaphore.withGuard()", function* () {
      yield* limited(new Down(gate), options);
      try {
        return yield* body();
      } finally {
        gate.adjust(1);
      }
    });
  }

  /** How it stands. */
  stats(): SemaphoreStats {
    const { count, waiters, woken } = this.#gate;
    return { count, waiters: waiters.size, woken };
  }
}

function checkCount(count: number, what: string): number {
  if (!Number.isSafeInteger(count)) {
    throw new UsageError(`Cannot ${what}: count ${show(count)} is not an integer`);
  }
  return count;
}

const DONE: IteratorReturnResult<void> = { value: undefined, done: true };

/** The constructors are spelled out, as default ones are not inlined; so is the fast path. */
class Down extends GateOperation<void> {
  constructor(gate: Gate) {
    super(gate);
  }

  override next(resumed?: typeof RESUMED): IteratorResult<Suspension, void> {
    if (resumed === undefined) this.begin();
    return this.poll() ? DONE : { done: false, value: this };
  }

  describe(): string {
    return "semaphore.down()";
  }

  protected result(): void {}
}

class Wait extends GateOperation<void> {
  describe(): string {
    return "semaphore.wait()";
  }

  /** Takes nothing; so whoever waits next can go on too. */
  protected override take(): void {
    this.gate.wakeNext();
  }

  protected result(): void {}
}

class DownGuard extends GateOperation<SemaphoreGuard> {
  describe(): string {
    return "semaphore.guard()";
  }

  protected result(): SemaphoreGuard {
    return new Held(this.gate);
  }
}

class Held implements SemaphoreGuard {
  #gate: Gate | undefined;

  constructor(gate: Gate) {
    this.#gate = gate;
  }

  release(): void {
    const gate = this.#gate;
    this.#gate = undefined;
    gate?.adjust(1);
  }

  cancel(): void {
    this.release();
  }

  [Symbol.dispose](): void {
    this.release();
  }
}
