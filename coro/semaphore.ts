import { show, UsageError } from "@anyevent/backends/contract";
import { type Operation, operation, type RESUMED, type Suspension } from "@anyevent/loop";
import { Gate, GateOperation } from "./gate.ts";

/** Holds one of a semaphore, until released. */
export interface SemaphoreGuard extends Disposable {
  /** Gives it back. Idempotent. */
  release(): void;
  /** Same as `release`. */
  cancel(): void;
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

  /** Takes one; at once, without a switch, when there is one. */
  down(): Operation<void> {
    return new Down(this.#gate);
  }

  /** Takes one if there is one. @returns whether it did */
  try(): boolean {
    return this.#gate.tryTake();
  }

  /** Waits until there is one, without taking it: until the next switch it can be had. */
  wait(): Operation<void> {
    return new Wait(this.#gate);
  }

  /** Takes one. @returns gives it back: use it with `using` */
  guard(): Operation<SemaphoreGuard> {
    return new DownGuard(this.#gate);
  }

  /** Takes one, runs `body`, and gives it back, however the body ends. @returns what the body returns */
  withGuard<T>(
    body: () => Generator<Suspension, T, typeof RESUMED | undefined>,
  ): Operation<T> {
    if (typeof body !== "function") {
      throw new UsageError(`Cannot run with guard: ${show(body)} is not a generator function`);
    }
    const gate = this.#gate;
    return operation(() => "semaphore.withGuard()", function* () {
      yield* new Down(gate);
      try {
        return yield* body();
      } finally {
        gate.adjust(1);
      }
    });
  }
}

function checkCount(count: number, what: string): number {
  if (!Number.isSafeInteger(count)) {
    throw new UsageError(`Cannot ${what}: count ${show(count)} is not an integer`);
  }
  return count;
}

class Down extends GateOperation<void> {
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
