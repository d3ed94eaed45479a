import { show, UsageError } from "@anyevent/backends/contract";
import { type Abort, type Operation, WaitOperation, type Waker } from "@anyevent/loop";
import { currentEngine } from "./default_engine.ts";
import { limited, type WaitOptions } from "./limited.ts";

/** A callback made by {@linkcode rouseCb}: its first call wakes who waits, later ones do nothing. */
export type RouseCallback<A extends readonly unknown[] = readonly unknown[]> = (
  ...values: A
) => void;

interface Rouse {
  /** The arguments of the first call, until taken. */
  values: readonly unknown[] | undefined;
  called: boolean;
  awaited: boolean;
  waker: Waker | undefined;
}

const rouses: WeakMap<object, Rouse> = new WeakMap();

/**
 * Makes a callback to hand to event-based code, and to wait for with {@linkcode rouseWait}. It becomes
 * the default one of the running thread, in place of an earlier one. Follows `Coro::rouse_cb`.
 *
 * @example
 * ```ts
 * import { async, rouseCb, rouseWait } from "@anyevent/coro";
 * import { AE } from "@anyevent/loop";
 *
 * const thread = async(function* () {
 *   const cb = rouseCb();
 *   AE.timer(0.01, 0, () => cb("time", "is up"));
 *   return yield* rouseWait();
 * });
 * console.log(await thread.join()); // [ [ "time", "is up" ] ]
 * ```
 */
export function rouseCb<A extends readonly unknown[] = unknown[]>(): RouseCallback<A> {
  const rouse: Rouse = { values: undefined, called: false, awaited: false, waker: undefined };
  const callback = (...values: A): void => {
    if (rouse.called) return;
    rouse.called = true;
    rouse.values = values;
    rouse.waker?.wake();
  };
  rouses.set(callback, rouse);
  ownerOfRouse().extra.rouse = callback;
  return callback;
}

/**
 * Waits until a callback of {@linkcode rouseCb} is called; at once, without a switch, when it was. Any
 * thread may wait, but one only at a time; a second wait for the same call gives an empty list. Follows
 * `Coro::rouse_wait`.
 *
 * @param callback default: the latest one the running thread made, which then is its default no more
 * @param options limits; given up, the callback may be waited for again
 * @returns the arguments of the call
 * @throws {UsageError} for another function, without a default, or while somebody waits for it
 * @example
 * ```ts
 * import { rouseCb, rouseWait } from "@anyevent/coro";
 *
 * const cb = rouseCb<[string]>();
 * cb("called");
 * console.log(await rouseWait(cb)); // [ "called" ]
 * ```
 */
export function rouseWait<A extends readonly unknown[] = unknown[]>(
  callback?: RouseCallback<A>,
  options?: WaitOptions,
): Operation<A> {
  const owner = callback === undefined ? ownerOfRouse().rare : undefined;
  const chosen = callback ?? owner?.rouse;
  if (callback === undefined && chosen === undefined) {
    throw new UsageError("Cannot wait for rouse callback: none given, and the thread made none");
  }
  const rouse = rouses.get(chosen as object);
  if (rouse === undefined) {
    throw new UsageError(`Cannot wait for ${show(callback)}: not made by rouseCb()`);
  }
  const wait = limited(new RouseWait<A>(rouse), options);
  if (owner !== undefined) owner.rouse = undefined;
  return wait;
}

/** An `await` is too short-lived to own one: main does. */
function ownerOfRouse(): { extra: RouseOwner; rare: RouseOwner | undefined } {
  const engine = currentEngine();
  return engine.inThread ? engine.current : engine.main;
}

interface RouseOwner {
  rouse: object | undefined;
}

class RouseWait<A> extends WaitOperation<A> {
  readonly #rouse: Rouse;
  #mine = false;

  constructor(rouse: Rouse) {
    super();
    this.#rouse = rouse;
  }

  describe(): string {
    return "rouseWait()";
  }

  protected poll(): boolean {
    if (this.#rouse.called) return true;
    if (this.#rouse.awaited && !this.#mine) {
      throw new UsageError("Cannot wait for rouse callback: it is already being waited for");
    }
    return false;
  }

  protected result(): A {
    const rouse = this.#rouse;
    const values = rouse.values ?? [];
    rouse.values = undefined;
    rouse.waker = undefined;
    return values as A;
  }

  start(waker: Waker): Abort {
    const rouse = this.#rouse;
    this.#mine = true;
    rouse.awaited = true;
    rouse.waker = waker;
    return () => {
      this.#mine = false;
      rouse.awaited = false;
      rouse.waker = undefined;
    };
  }
}
