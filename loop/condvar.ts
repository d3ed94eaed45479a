import { UsageError } from "@anyevent/backends/contract";
import { isThenable, type Sendable, toFunction } from "./callback.ts";
import { late } from "./late.ts";
import { type Abort, type Operation, WaitOperation, type Waker } from "./operation.ts";

/** Called when a condvar becomes true, or when its group is done; gets the condvar. */
export type CondVarCallback<T extends readonly unknown[] = unknown[]> =
  | ((cv: CondVar<T>) => unknown)
  | Sendable;

/** What a condvar needs of its loop. A {@linkcode Loop} is one. */
export interface CondVarHost {
  /**
   * Runs the loop on this thread until `done()`.
   *
   * @throws {UsageError} where the backend cannot block, or when a blocking wait is under way
   */
  block(done: () => boolean, what: string): void;
  /** Takes the rejection of an async callback. */
  callbackFailed(error: unknown, what: string): void;
}

/**
 * A condition variable: waits for an event that may or may not have happened yet.
 *
 * One side calls `send` (or `croak`) when it knows, the other waits with `recv`, sets a callback with
 * `cb`, or looks at `ready`. Any number may wait; all are woken, in order. It stays true for ever, so a
 * `recv` later than the `send` does not wait.
 *
 * It is a function: `cv(1)` is `cv.send(1)`, so it can be given wherever a callback is wanted. It is
 * not thenable: wait with `await cv.recv()`.
 *
 * Subclass {@linkcode CondVar} to add to it. Type parameter: what is sent, as a tuple.
 *
 * Follows AnyEvent's condition variables.
 */
export interface CondVar<T extends readonly unknown[] = unknown[]> {
  /** Same as `send`. */
  (...values: T): void;

  /** Whether it is true: `recv` would not wait. */
  readonly ready: boolean;

  /**
   * Makes it true, with values. First the callback is called, inside this call; then all who wait are
   * woken, in the order in which they began; they run later.
   *
   * Sent again, it replaces the values, and neither calls nor wakes anything. What the callback throws
   * is thrown here, after the rest was done.
   */
  send(...values: T): void;

  /**
   * Makes it true, with an error that every `recv` throws; a later `send` does not change that.
   *
   * @param error an `Error` or other object is thrown as it is, anything else as the message of an
   * `Error` (`undefined` and `""` too)
   */
  croak(error: unknown): void;

  /**
   * Waits until it is true.
   *
   * When nothing is left that could make it true, an `await` of it fails with a `DeadlockError`. Only at the
   * top level of the main module Deno is faster: it ends the process with "Top-level await promise never
   * resolved" and asks nobody.
   *
   * @returns the first value sent
   * @throws what `croak` was given
   * @throws {DeadlockError} when it was awaited and nothing is left that could wake it
   */
  recv(): Operation<T[0]>;

  /** Waits until it is true. @returns all values sent; @throws what `croak` was given */
  recvAll(): Operation<T>;

  /**
   * Waits by running the loop inside this call, where the backend can; at once when it is true.
   *
   * @returns the first value sent
   * @throws what `croak` was given
   * @throws {UsageError} where the backend cannot block the thread, or when such a wait is under way
   * @throws {DeadlockError} when nothing is left that could wake a thread that is blocked
   */
  recvSync(): T[0];

  /** The callback that is set. */
  cb(): CondVarCallback<T> | undefined;
  /**
   * Sets the callback, in place of an earlier one; `undefined` clears it. It is removed and then called
   * with the condvar when that becomes true, at once when it is true already.
   *
   * @returns the callback that is set now: none when it was called at once
   */
  cb(callback: CondVarCallback<T> | undefined): CondVarCallback<T> | undefined;

  /**
   * Counts up the group: one more subtask.
   *
   * @param callback called with the condvar when the group is done, in place of sending nothing;
   * replaces what an earlier `begin` gave, also when `undefined` is given
   */
  begin(callback?: CondVarCallback<T>): void;

  /**
   * Counts down the group: a subtask has ended. At zero the callback that `begin` was given is called,
   * or without one nothing is sent, as `send()`.
   *
   * Put one `begin` and `end` around everything, and an empty group is done too.
   */
  end(): void;

  /** Old name of `send`. */
  broadcast(...values: T): void;

  /** Old name of `recv`. */
  wait(): Operation<T[0]>;
}

/** The constructor of condvars; `extends CondVar<[string]>` works. */
export interface CondVarConstructor {
  /**
   * A condvar that is not true yet.
   *
   * @param callback as set with `cb`
   * @param host the loop it belongs to; without one `recvSync` cannot wait, and the rejection of an async
   * callback goes to the default loop
   */
  new <T extends readonly unknown[] = unknown[]>(
    callback?: CondVarCallback<T>,
    host?: CondVarHost,
  ): CondVar<T>;
}

type Values = readonly unknown[];
const NOTHING: Values = [];

/** Here and below without class fields: V8 does not inline constructors with them. */
class State {
  declare ready: boolean;
  declare failed: boolean;
  declare error: unknown;
  declare values: Values;
  declare callback: CondVarCallback<Values> | undefined;
  declare waiters: Set<WaitRecv<unknown>> | undefined;
  declare count: number;
  declare group: CondVarCallback<Values> | undefined;
  declare readonly self: CondVar<Values>;
  declare readonly host: CondVarHost | undefined;

  constructor(self: CondVar<Values>, host: CondVarHost | undefined) {
    this.ready = false;
    this.failed = false;
    this.error = undefined;
    this.values = NOTHING;
    this.callback = undefined;
    this.waiters = undefined;
    this.count = 0;
    this.group = undefined;
    this.self = self;
    this.host = host;
  }

  /** Calls the callback and wakes who waits, once. */
  settle(): void {
    this.ready = true;
    (this.self as { ready: boolean }).ready = true;
    try {
      if (this.callback !== undefined) this.fire();
    } finally {
      const waiters = this.waiters;
      if (waiters !== undefined) {
        this.waiters = undefined;
        for (const waiter of waiters) waiter.waker!.wake();
      }
    }
  }

  /** Removed before it is called: one that it sets is called right away, and not twice. */
  fire(): void {
    const callback = this.callback;
    this.callback = undefined;
    if (callback !== undefined) this.run(callback);
  }

  run(callback: CondVarCallback<Values>): void {
    const result = typeof callback === "function" ? callback(this.self) : callback.send(this.self);
    if (result === undefined || !isThenable(result)) return;
    Promise.resolve(result).then(undefined, (error) => {
      const host = this.host ?? late.loop?.();
      if (host === undefined) throw error;
      host.callbackFailed(error, "condvar");
    });
  }

  first(): unknown {
    if (this.failed) throw this.error;
    return this.values[0];
  }
}

abstract class WaitRecv<T> extends WaitOperation<T> {
  declare waker: Waker | undefined;
  declare protected readonly state: State;

  constructor(state: State) {
    super();
    this.state = state;
    this.waker = undefined;
  }

  /** One that is true needs no place among those who wait. */
  override then<A = T, B = never>(
    fulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    rejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    const { state } = this;
    if (!state.ready || this.begun) return super.then(fulfilled, rejected);
    this.begun = true;
    if (state.failed) return Promise.reject<T>(state.error).then(fulfilled, rejected);
    return Promise.resolve(this.result()).then(fulfilled, rejected);
  }

  protected poll(): boolean {
    return this.state.ready;
  }

  start(waker: Waker): Abort {
    const state = this.state;
    this.waker = waker;
    (state.waiters ??= new Set()).add(this);
    return () => void state.waiters?.delete(this);
  }
}

class RecvFirst extends WaitRecv<unknown> {
  protected result(): unknown {
    return this.state.first();
  }

  describe(): string {
    return "condvar.recv()";
  }
}

class RecvAll extends WaitRecv<Values> {
  protected result(): Values {
    if (this.state.failed) throw this.state.error;
    return this.state.values;
  }

  describe(): string {
    return "condvar.recvAll()";
  }
}

/** Makes `this` of a subclass constructor what it was given. */
class Identity {
  constructor(value: object) {
    return value;
  }
}

const inspect: unique symbol = Symbol.for("nodejs.util.inspect.custom") as never;

/**
 * The class behind {@linkcode CondVar}: its instances are functions.
 *
 * Giving a function another prototype costs 90 ns, as much as all the rest of a condvar's life twice over.
 * So a plain condvar keeps its prototype and has the methods as own properties (20 ns), `instanceof`
 * looks at the private field, and only instances of subclasses get the prototype.
 */
class CallableCondVar extends Identity {
  #state: State;
  declare ready: boolean;

  constructor(callback?: CondVarCallback<Values>, host?: CondVarHost) {
    const condvar = ((...values: unknown[]) => condvar.send(...values)) as Own;
    super(condvar);
    this.#state = new State(condvar, host);
    this.ready = false;
    if (new.target === CallableCondVar) {
      equip(condvar);
    } else {
      Object.setPrototypeOf(condvar, new.target.prototype);
    }
    if (callback !== undefined) adopt(this.#state, callback);
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    if (this !== CallableCondVar) return Function.prototype[Symbol.hasInstance].call(this, value);
    return typeof value === "function" && #state in value;
  }

  send(...values: unknown[]): void {
    const state = this.#state;
    state.values = values;
    if (!state.ready) state.settle();
  }

  croak(error: unknown): void {
    const state = this.#state;
    state.failed = true;
    state.error = typeof error === "object" && error !== null ? error : new Error(String(error));
    state.values = NOTHING;
    if (!state.ready) state.settle();
  }

  recv(): Operation<unknown> {
    return new RecvFirst(this.#state);
  }

  recvAll(): Operation<Values> {
    return new RecvAll(this.#state);
  }

  recvSync(): unknown {
    const state = this.#state;
    if (!state.ready) {
      if (state.host === undefined) {
        throw new UsageError(
          "Cannot block for condvar: it belongs to no loop; make it with `loop.condvar()`",
        );
      }
      state.host.block(() => state.ready, "condvar");
    }
    return state.first();
  }

  cb(...args: [CondVarCallback<Values>?]): CondVarCallback<Values> | undefined {
    const state = this.#state;
    if (args.length > 0) {
      const callback = args[0];
      if (callback !== undefined) toFunction(callback, "set callback of condvar");
      state.callback = callback;
      if (state.ready) state.fire();
    }
    return state.callback;
  }

  begin(...args: [CondVarCallback<Values>?]): void {
    const state = this.#state;
    if (args.length > 0) {
      const callback = args[0];
      if (callback !== undefined) toFunction(callback, "begin group of condvar");
      state.group = callback;
    }
    state.count++;
  }

  end(): void {
    const state = this.#state;
    if (--state.count !== 0) return;
    if (state.group !== undefined) state.run(state.group);
    else state.self.send();
  }

  broadcast(...values: unknown[]): void {
    this.send(...values);
  }

  wait(): Operation<unknown> {
    return this.recv();
  }

  [inspect](): string {
    const state = this.#state;
    if (!state.ready) return "CondVar (waiting)";
    return state.failed ? "CondVar (croaked)" : `CondVar (ready, ${state.values.length} values)`;
  }
}

const { send, croak, recv, recvAll, recvSync, cb, begin, end, broadcast, wait } = CallableCondVar
  .prototype as unknown as CondVar<Values>;
const inspectCondVar = CallableCondVar.prototype[inspect];

/** Gives a plain condvar its methods. Not in the constructor, which must stay short enough to be inlined. */
function equip(condvar: Own): void {
  condvar.send = send;
  condvar.croak = croak;
  condvar.recv = recv;
  condvar.recvAll = recvAll;
  condvar.recvSync = recvSync;
  condvar.cb = cb;
  condvar.begin = begin;
  condvar.end = end;
  condvar.broadcast = broadcast;
  condvar.wait = wait;
  condvar[inspect] = inspectCondVar;
}

function adopt(state: State, callback: CondVarCallback<Values>): void {
  toFunction(callback, "make condvar");
  state.callback = callback;
}

/** A condvar while its methods are put on it. */
type Own = { -readonly [K in keyof CondVar<Values>]: CondVar<Values>[K] } & CondVar<Values> & {
  [inspect]: () => string;
};

/**
 * Makes condition variables; `AE.cv()` and `loop.condvar()` are the usual ways.
 *
 * @example The outer pair of `begin` and `end` makes an empty list work too
 * ```ts
 * import { AE, CondVar } from "@anyevent/loop";
 *
 * const names = ["a", "b"];
 * const cv = AE.cv();
 * cv.begin(() => cv.send("all looked up"));
 * for (const name of names) {
 *   cv.begin();
 *   AE.timer(0.01, 0, () => {
 *     console.log(name);
 *     cv.end();
 *   });
 * }
 * cv.end();
 * console.log(cv instanceof CondVar, await cv.recv()); // true "all looked up"
 * ```
 */
export const CondVar: CondVarConstructor = CallableCondVar as unknown as CondVarConstructor;
