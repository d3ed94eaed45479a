import { type Abort, type Operation, WaitOperation, type Waker } from "@anyevent/loop";

const PENDING = 0;
const FULFILLED = 1;
const REJECTED = 2;

/** Waits for a promise; listens to it from its first step on, whether or not it still waits. */
export class PromiseWait<T> extends WaitOperation<T> {
  /** Gets an error that comes when nobody waits any more. */
  onLate: ((error: unknown) => void) | undefined = undefined;
  readonly #promise: PromiseLike<T>;
  readonly #what: string;
  #state = PENDING;
  #listening = false;
  #value: unknown = undefined;
  #waker: Waker | undefined = undefined;

  constructor(promise: PromiseLike<T>, what: string) {
    super();
    this.#promise = promise;
    this.#what = what;
  }

  /** Whether the promise is. */
  get settled(): boolean {
    return this.#state !== PENDING;
  }

  describe(): string {
    return `wait(${this.#what})`;
  }

  /** One that waits until this promise is settled in any way. */
  again(): Operation<void> {
    return new Settled(this);
  }

  start(waker: Waker): Abort {
    this.#waker = waker;
    return () => {
      this.#waker = undefined;
    };
  }

  protected poll(): boolean {
    if (!this.#listening) {
      this.#listening = true;
      this.#promise.then(
        (value) => this.#settle(FULFILLED, value),
        (error: unknown) => this.#settle(REJECTED, error),
      );
    }
    return this.#state !== PENDING;
  }

  protected result(): T {
    if (this.#state === REJECTED) throw this.#value;
    return this.#value as T;
  }

  #settle(state: number, value: unknown): void {
    if (this.#state !== PENDING) return;
    this.#state = state;
    this.#value = value;
    if (state === REJECTED) this.onLate?.(value);
    this.#waker?.wake();
  }
}

class Settled extends WaitOperation<void> {
  readonly #wait: PromiseWait<unknown>;

  constructor(wait: PromiseWait<unknown>) {
    super();
    this.#wait = wait;
  }

  describe(): string {
    return this.#wait.describe();
  }

  start(waker: Waker): Abort {
    return this.#wait.start(waker);
  }

  protected poll(): boolean {
    return this.#wait.settled;
  }

  protected result(): void {}
}
