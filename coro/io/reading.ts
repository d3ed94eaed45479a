import { UsageError } from "@anyevent/backends/contract";
import { type Abort, type RESUMED, type Suspension, WaitOperation } from "@anyevent/loop";
import type { ThreadSteps } from "../thread.ts";

/** Stands for "not yet". */
export const PENDING: unique symbol = Symbol("pending");

/** Lets one operation at a time read from a handle. */
export interface ReadLock {
  /** Who is read from, for messages. */
  readonly name: string;
  /** What reads now. */
  reader: string | undefined;
}

/**
 * Reads from a handle: at once what is there already, which costs little; else by the steps of a generator.
 */
export class Reading<T> extends WaitOperation<T> {
  readonly #lock: ReadLock;
  readonly #what: string;
  readonly #now: () => T | typeof PENDING;
  readonly #later: () => ThreadSteps<T>;
  #steps: ThreadSteps<T> | undefined;

  /**
   * Reads nothing yet.
   *
   * @param now takes what is there, first of all
   * @param later waits for it
   */
  constructor(
    lock: ReadLock,
    what: string,
    now: () => T | typeof PENDING,
    later: () => ThreadSteps<T>,
  ) {
    super();
    this.#lock = lock;
    this.#what = what;
    this.#now = now;
    this.#later = later;
  }

  describe(): string {
    return `${this.#what} from ${this.#lock.name}`;
  }

  override next(resumed?: typeof RESUMED): IteratorResult<Suspension, T> {
    if (resumed !== undefined) return this.#steps!.next(resumed);
    this.begin();
    const lock = this.#lock;
    if (lock.reader !== undefined) {
      throw new UsageError(`Cannot ${this.describe()}: another thread is in ${lock.reader}`);
    }
    const value = this.#now();
    if (value !== PENDING) return { done: true, value };
    lock.reader = this.#what;
    this.#steps = this.#guarded();
    return this.#steps.next();
  }

  override throw(error: unknown): IteratorResult<Suspension, T> {
    if (this.#steps === undefined) throw error;
    return this.#steps.throw(error);
  }

  override return(value: T): IteratorResult<Suspension, T> {
    return this.#steps === undefined ? { done: true, value } : this.#steps.return(value);
  }

  /** What its steps wait for is what the driver starts. */
  start(): Abort {
    return () => undefined;
  }

  protected poll(): boolean {
    return false;
  }

  protected result(): never {
    throw new UsageError(`Cannot poll ${this.describe()}`);
  }

  *#guarded(): ThreadSteps<T> {
    try {
      return yield* this.#later();
    } finally {
      this.#lock.reader = undefined;
    }
  }
}
