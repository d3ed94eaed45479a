import { show, UsageError } from "@anyevent/backends/contract";
import { type Operation, operation } from "@anyevent/loop";
import { checkLimits, limited, type WaitOptions } from "./limited.ts";
import { Semaphore, type SemaphoreGuard, type WaitCallback } from "./semaphore.ts";
import type { ThreadSteps } from "./thread.ts";

/** How a set of semaphores stands. */
export interface SemaphoreSetStats {
  /** Semaphores that differ from a fresh one. */
  readonly size: number;
  /** Threads, awaits and callbacks that wait. */
  readonly waiters: number;
}

/**
 * Any number of counting semaphores, one for each id: made when first needed, and forgotten when they are as
 * if never used. An id is anything, compared as keys of a `Map` are. Follows `Coro::SemaphoreSet`.
 *
 * @typeParam K type of the ids
 * @example
 * ```ts
 * import { async, cede, SemaphoreSet } from "@anyevent/coro";
 *
 * const locks = new SemaphoreSet<string>();
 * const threads = ["a", "b", "a"].map((file) =>
 *   async(function* () {
 *     using _held = yield* locks.guard(file);
 *     console.log(file);
 *     yield* cede();
 *   })
 * );
 * for (const thread of threads) await thread.join(); // a b a
 * ```
 */
export class SemaphoreSet<K = unknown> {
  readonly #semaphores: Map<K, Semaphore> = new Map();
  readonly #count: number;

  /**
   * A set without semaphores.
   *
   * @param count with how many each begins
   * @throws {UsageError} when it is no integer
   */
  constructor(count = 1) {
    this.#count = new Semaphore(count).count;
  }

  /** How many there are of `id` now. */
  count(id: K): number {
    return this.#semaphores.get(id)?.count ?? this.#count;
  }

  /** How many wait for `id`. */
  waiters(id: K): number {
    return this.#semaphores.get(id)?.waiters ?? 0;
  }

  /** Takes one of `id`: see {@linkcode Semaphore.down}. */
  down(id: K, options?: WaitOptions): Operation<void> {
    checkLimits(options, "semaphoreSet.down()");
    return operation(() => `semaphoreSet.down(${String(id)})`, () => this.#down(id, options));
  }

  /** Gives one of `id`. Never blocks, never switches. */
  up(id: K): void {
    const semaphore = this.sem(id);
    semaphore.up();
    this.#tidy(id, semaphore);
  }

  /** Takes one of `id` if there is one. @returns whether it did */
  try(id: K): boolean {
    if (!this.#semaphores.has(id) && this.#count <= 0) return false;
    const semaphore = this.sem(id);
    const taken = semaphore.try();
    this.#tidy(id, semaphore);
    return taken;
  }

  /** Waits until there is one of `id`, without taking it; at once for an id that is not in use. */
  wait(id: K, options?: WaitOptions): Operation<void>;
  /** Calls back when there is one of `id`: see {@linkcode Semaphore.wait}. */
  wait(id: K, callback: (semaphore: Semaphore) => void): WaitCallback;
  wait(
    id: K,
    what?: WaitOptions | ((semaphore: Semaphore) => void),
  ): Operation<void> | WaitCallback {
    if (typeof what === "function") {
      const semaphore = this.sem(id);
      const registered = semaphore.wait(what);
      this.#tidy(id, semaphore);
      const cancel = (): void => {
        registered.cancel();
        this.#tidy(id, semaphore);
      };
      return { cancel, [Symbol.dispose]: cancel };
    }
    return limited(
      operation(() => `semaphoreSet.wait(${String(id)})`, () => this.#wait(id)),
      what,
    );
  }

  /** Takes one of `id`. @returns gives it back: use it with `using` */
  guard(id: K, options?: WaitOptions): Operation<SemaphoreGuard> {
    const release = (): void => this.up(id);
    const down = this.down(id, options);
    return operation(() => `semaphoreSet.guard(${String(id)})`, function* () {
      yield* down;
      return new Held(release);
    });
  }

  /** Takes one of `id`, runs `body`, and gives it back, however the body ends. @returns what the body returns */
  withGuard<T>(id: K, body: () => ThreadSteps<T>, options?: WaitOptions): Operation<T> {
    if (typeof body !== "function") {
      throw new UsageError(`Cannot run with guard: ${show(body)} is not a generator function`);
    }
    const release = (): void => this.up(id);
    const down = this.down(id, options);
    return operation(() => `semaphoreSet.withGuard(${String(id)})`, function* () {
      yield* down;
      try {
        return yield* body();
      } finally {
        release();
      }
    });
  }

  /** The semaphore of `id`. After an `up` the set may have forgotten it, and use another. */
  sem(id: K): Semaphore {
    let semaphore = this.#semaphores.get(id);
    if (semaphore === undefined) {
      semaphore = new Semaphore(this.#count);
      this.#semaphores.set(id, semaphore);
    }
    return semaphore;
  }

  /** How it stands. */
  stats(): SemaphoreSetStats {
    let waiters = 0;
    for (const semaphore of this.#semaphores.values()) waiters += semaphore.waiters;
    return { size: this.#semaphores.size, waiters };
  }

  *#wait(id: K): ThreadSteps<void> {
    const semaphore = this.#semaphores.get(id);
    if (semaphore === undefined) return;
    try {
      yield* semaphore.wait();
    } finally {
      this.#tidy(id, semaphore);
    }
  }

  /** The semaphore is looked up when the operation runs: it may have been forgotten meanwhile. */
  *#down(id: K, options: WaitOptions | undefined): ThreadSteps<void> {
    const semaphore = this.sem(id);
    try {
      yield* semaphore.down(options);
    } finally {
      this.#tidy(id, semaphore);
    }
  }

  #tidy(id: K, semaphore: Semaphore): void {
    const { count, waiters, woken } = semaphore.stats();
    if (count !== this.#count || waiters > 0 || woken > 0) return;
    if (this.#semaphores.get(id) === semaphore) this.#semaphores.delete(id);
  }
}

class Held implements SemaphoreGuard {
  #release: (() => void) | undefined;

  constructor(release: () => void) {
    this.#release = release;
  }

  release(): void {
    const release = this.#release;
    this.#release = undefined;
    release?.();
  }

  cancel(): void {
    this.release();
  }

  [Symbol.dispose](): void {
    this.release();
  }
}
