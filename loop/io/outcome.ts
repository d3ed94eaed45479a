import { ClosedError, type Undo } from "@anyevent/backends/contract";
import { type Callback, toFunction } from "../callback.ts";
import { Held } from "../held.ts";
import type { Loop } from "../loop.ts";
import { type Abort, type Operation, WaitOperation, type Waker } from "../operation.ts";
import type { Watcher } from "../watcher.ts";

/**
 * Gets what came of a request, once: the value, or `undefined` and the error.
 *
 * It takes the place of a Perl callback that is called without arguments and with `$!` set.
 */
export type ResultCallback<T> = Callback<[value: T | undefined, error: Error | undefined]>;

/** What came of a request. */
export type CallOutcome<T> = { readonly value: T } | { readonly error: Error };

/** A request: how it is described, how it begins, and what becomes of a value that nobody takes. */
export interface Request<T> {
  /** As in `IO.load("/etc/hosts")`. */
  readonly what: () => string;
  /** Begins; settles once in a later turn, unless undone before. */
  readonly begin: (settle: (outcome: CallOutcome<T>) => void) => Undo;
  /** Frees a value. */
  readonly discard?: (value: T) => void;
}

/** A request under way, which ends with its loop. */
class Running<T> extends Held {
  readonly #request: Request<T>;
  readonly #undo: Undo;
  readonly #closed: () => void;

  constructor(
    loop: Loop,
    request: Request<T>,
    settled: (outcome: CallOutcome<T>) => unknown,
    closed: () => void,
  ) {
    super(loop);
    this.#request = request;
    this.#closed = closed;
    this.begin();
    try {
      this.#undo = request.begin((outcome) => {
        if (!this.active) {
          if ("value" in outcome) request.discard?.(outcome.value);
          return;
        }
        this.end();
        this.deliver(() => settled(outcome));
      });
    } catch (thrown) {
      this.end();
      throw thrown;
    }
  }

  describe(): string {
    return this.#request.what();
  }

  protected stop(): void {
    this.#undo();
    this.#closed();
  }
}

/** A request as an operation: it begins when it is run. */
class RequestOperation<T> extends WaitOperation<T> {
  readonly #loop: Loop;
  readonly #request: Request<T>;
  #running: Running<T> | undefined;
  #outcome: CallOutcome<T> | undefined;
  #waker: Waker | undefined;

  constructor(loop: Loop, request: Request<T>) {
    super();
    this.#loop = loop;
    this.#request = request;
  }

  describe(): string {
    return this.#request.what();
  }

  start(waker: Waker): Abort {
    this.#waker = waker;
    // One woken for nothing goes on waiting for the same request.
    this.#running ??= new Running<T>(
      this.#loop,
      this.#request,
      (outcome) => this.#settle(outcome),
      () => {
        const why = `Cannot go on with ${this.describe()}: the loop was disposed of`;
        this.#settle({ error: new ClosedError(why) });
      },
    );
    return () => {
      this.#waker = undefined;
      this.#running?.cancel();
      const outcome = this.#outcome;
      // Done, but nobody will take it any more.
      if (outcome !== undefined && "value" in outcome) this.#request.discard?.(outcome.value);
    };
  }

  protected poll(): boolean {
    return this.#outcome !== undefined;
  }

  protected result(): T {
    const outcome = this.#outcome!;
    if ("error" in outcome) throw outcome.error;
    return outcome.value;
  }

  #settle(outcome: CallOutcome<T>): void {
    this.#outcome ??= outcome;
    this.#waker?.wake();
  }
}

/**
 * A request in one of its two forms: with a callback it begins now, without one it is an operation.
 */
export function perform<T>(
  loop: Loop,
  request: Request<T>,
  cb: ResultCallback<T> | undefined,
): Operation<T> & Watcher {
  if (cb === undefined) {
    // Callers have overloads that show the one it is.
    return new RequestOperation(loop, request) as unknown as Operation<T> & Watcher;
  }
  const call = toFunction<[T | undefined, Error | undefined]>(cb, request.what());
  const running = new Running<T>(
    loop,
    request,
    (outcome) =>
      "value" in outcome ? call(outcome.value, undefined) : call(undefined, outcome.error),
    () => undefined,
  );
  return running as unknown as Operation<T> & Watcher;
}

/** Whatever was thrown, as an `Error`. */
export function errorOf(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown), { cause: thrown });
}
