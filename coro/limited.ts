import {
  ClosedError,
  show,
  TimeoutError,
  type Undo,
  UsageError,
} from "@anyevent/backends/contract";
import {
  type Abort,
  beginWait,
  LOOK,
  type Operation,
  RESUMED,
  type Seconds,
  seconds,
  type Steps,
  type Suspension,
  WaitOperation,
  type Waker,
} from "@anyevent/loop";
import { currentEngine } from "./default_engine.ts";
import { isOperation } from "./steps.ts";

/** How long a blocking call waits at most. Each may be absent. */
export interface WaitOptions {
  /**
   * Seconds, or a `Temporal.Duration`, after which the call throws `TimeoutError`; counted from when it is
   * run. 0 and less: it throws instead of waiting at all.
   */
  readonly timeout?: Seconds;
  /** When it is aborted the call throws its reason. */
  readonly signal?: AbortSignal;
}

/**
 * Gives up an operation after some time, or when a signal is aborted.
 *
 * What is given up takes nothing: an item stays in its channel, a unit in its semaphore, and a wake-up that
 * had reached it reaches the next one. When what is waited for came first it wins, even if the time is over
 * before the thread runs. An operation that catches the error may go on, without a limit.
 *
 * @param op any operation; it must not have run
 * @param options the limits
 * @returns what `op` gives
 * @throws {TimeoutError} when the time is over
 * @throws the reason of the signal
 * @throws {UsageError} when `op` is no operation, or an option is none
 * @example
 * ```ts
 * import { async, schedule, within } from "@anyevent/coro";
 *
 * const thread = async(function* () {
 *   try {
 *     yield* within(schedule(), { timeout: 0.01 });
 *   } catch (error) {
 *     return (error as Error).name;
 *   }
 * });
 * console.log(await thread.join()); // [ "TimeoutError" ]
 * ```
 */
export function within<T>(op: Operation<T>, options: WaitOptions): Operation<T> {
  if (typeof op !== "object" || op === null || !isOperation(op)) {
    throw new UsageError(`Cannot limit ${show(op)}: it is not an operation`);
  }
  return limited(op, options);
}

/** As {@linkcode within}, for calls whose options may be absent. */
export function limited<T>(op: Operation<T>, options: WaitOptions | undefined): Operation<T> {
  if (options === undefined) return op;
  const { length, signal } = limitsOf(options, op.describe());
  if (length === Infinity && signal === undefined) return op;
  return new Limited(op, length, signal);
}

/**
 * For calls that begin to wait later than they are made.
 *
 * @param what is limited
 * @throws {UsageError} when they are no options
 */
export function checkLimits(options: WaitOptions | undefined, what: string): void {
  if (options !== undefined) limitsOf(options, what);
}

function limitsOf(
  options: WaitOptions,
  what: string,
): { readonly length: number; readonly signal: AbortSignal | undefined } {
  if (typeof options !== "object" || options === null) {
    throw new UsageError(`Cannot limit ${what}: options ${show(options)} are no object`);
  }
  const { timeout, signal } = options;
  if (signal !== undefined) checkSignal(signal, `limit ${what}`);
  return { length: timeout === undefined ? Infinity : seconds(timeout, `limit ${what}`), signal };
}

/** @param what completes "Cannot …" @throws {UsageError} when it is no `AbortSignal` */
export function checkSignal(signal: unknown, what: string): asserts signal is AbortSignal {
  const { aborted, addEventListener } = (signal ?? {}) as Partial<AbortSignal>;
  if (typeof aborted !== "boolean" || typeof addEventListener !== "function") {
    throw new UsageError(`Cannot ${what}: signal ${show(signal)} is not an AbortSignal`);
  }
}

let givingUp = false;

/** For `throw` of an operation: whether a limit was reached, or else something was thrown into the thread. */
export function limitReached(): boolean {
  return givingUp;
}

/** Drives the other operation, as its driver and its waker. */
class Limited<T> extends WaitOperation<T> implements Waker {
  readonly #op: Operation<T>;
  readonly #length: number;
  readonly #signal: AbortSignal | undefined;
  #steps: Steps<T> | undefined;
  #inner: Suspension | undefined;
  #abort: Abort | undefined;
  #waker: Waker | undefined;
  /** Woken by what is waited for, and not resumed since. */
  #woken = false;
  /** The limit was reached. */
  #failure: { readonly error: unknown } | undefined;
  #disarm: (() => void) | undefined;

  constructor(op: Operation<T>, length: number, signal: AbortSignal | undefined) {
    super();
    this.#op = op;
    this.#length = length;
    this.#signal = signal;
  }

  /** As what it limits. */
  override get optional(): boolean {
    return (this.#op as { readonly optional?: boolean }).optional === true;
  }

  describe(): string {
    return (this.#inner ?? this.#op).describe();
  }

  override next(resumed?: typeof RESUMED): IteratorResult<Suspension, T> {
    if (resumed === undefined) return this.#begin();
    if (resumed as unknown === LOOK) {
      LOOK.seen();
      return { done: false, value: this };
    }
    const steps = this.#steps!;
    if (this.#failure !== undefined && !this.#woken) {
      this.#abort?.();
      return this.#fail();
    }
    this.#woken = false;
    this.#abort = undefined;
    const result = this.#step(() => steps.next(RESUMED));
    if (result.done || this.#failure === undefined) return result;
    beginWait(this.#inner!, this)();
    return this.#fail();
  }

  override throw(error: unknown): IteratorResult<Suspension, T> {
    return this.#step(() => {
      if (this.#steps?.throw === undefined) throw error;
      return this.#steps.throw(error);
    });
  }

  override return(value: T): IteratorResult<Suspension, T> {
    // It is about to be left: the limit must not wake what cleans up.
    if (value as unknown === LOOK) this.#stopLimit();
    return this.#step(() => this.#steps?.return?.(value) ?? { done: true, value });
  }

  start(waker: Waker): Abort {
    this.#waker = waker;
    this.#abort = beginWait(this.#inner!, this);
    return () => {
      const abort = this.#abort;
      this.#abort = undefined;
      abort?.();
    };
  }

  /** What is waited for may have come. */
  wake(): void {
    this.#woken = true;
    this.#waker?.wake();
  }

  protected poll(): boolean {
    return false;
  }

  protected result(): never {
    throw new UsageError("Cannot poll a limited operation");
  }

  #begin(): IteratorResult<Suspension, T> {
    this.begin();
    const signal = this.#signal;
    if (signal?.aborted) throw signal.reason;
    const result = this.#step(() => {
      const steps = this.#op[Symbol.iterator]();
      this.#steps = steps;
      return steps.next();
    });
    if (result.done) return result;
    if (this.#length <= 0) {
      this.#failure = { error: this.#timeoutError() };
      beginWait(this.#inner!, this)();
      return this.#fail();
    }
    this.#arm();
    return result;
  }

  #arm(): void {
    const reached = (error: unknown): void => {
      this.#failure ??= { error };
      this.#waker?.wake();
    };
    const signal = this.#signal;
    const aborted = (): void => reached(signal!.reason);
    signal?.addEventListener("abort", aborted);
    const stopTimer = this.#length === Infinity ? undefined : this.#armTimer(reached);
    this.#disarm = () => {
      signal?.removeEventListener("abort", aborted);
      stopTimer?.();
    };
  }

  #armTimer(reached: (error: unknown) => void): Undo {
    const { loop } = currentEngine();
    const timer = loop.addTimer(this.#length, 0, () => reached(this.#timeoutError()));
    const forget = loop.onDispose(() => {
      const why = `Cannot go on with ${this.describe()}: the loop was disposed of`;
      reached(new ClosedError(why));
    });
    return () => {
      timer.cancel();
      forget();
    };
  }

  #step(advance: () => IteratorResult<Suspension, T>): IteratorResult<Suspension, T> {
    let result: IteratorResult<Suspension, T> | undefined;
    try {
      result = advance();
    } finally {
      if (result?.done !== false) this.#stopLimit();
    }
    if (result.done) return result;
    this.#inner = result.value;
    return { done: false, value: this };
  }

  #stopLimit(): void {
    this.#disarm?.();
    this.#disarm = undefined;
  }

  #fail(): IteratorResult<Suspension, T> {
    const { error } = this.#failure!;
    this.#failure = undefined;
    this.#abort = undefined;
    this.#woken = false;
    this.#stopLimit();
    const outer = givingUp;
    givingUp = true;
    try {
      return this.throw(error);
    } finally {
      givingUp = outer;
    }
  }

  #timeoutError(): TimeoutError {
    return new TimeoutError(
      `Cannot wait for ${this.describe()} any longer: ${this.#length} s are over`,
    );
  }
}
