/**
 * Coro::AnyEvent: waiting for the loop and for streams, in threads; `sleep` is beside it.
 *
 * @module
 */
import {
  type Abort,
  defaultLoop,
  type Loop,
  type Operation,
  operation,
  type Seconds,
  seconds,
  WaitOperation,
  type Waker,
} from "@anyevent/loop";
import { ClosedError, type IoMode, type Undo, UsageError } from "@anyevent/backends/contract";
import { runningEngine } from "../engine.ts";
import { CoroHandle } from "./handle.ts";
import { StreamWait } from "./stream_wait.ts";

/** The loop of the running thread, else the default one. */
export function currentLoop(): Loop {
  return runningEngine()?.loop ?? defaultLoop();
}

/**
 * Blocks until the loop has looked for events once. Other threads run meanwhile.
 *
 * Follows `Coro::AnyEvent::poll`.
 *
 * @example
 * ```ts
 * import { poll } from "@anyevent/coro";
 *
 * await poll();
 * ```
 */
export function poll(): Operation<void> {
  return currentLoop().sleep(0);
}

/**
 * Blocks until a turn of the loop finds nothing to do: no event, and no thread that could run.
 *
 * Follows `Coro::AnyEvent::idle`.
 *
 * @example
 * ```ts
 * import { async, cede, idle } from "@anyevent/coro";
 *
 * async(function* () {
 *   for (let i = 0; i < 3; i++) yield* cede();
 *   console.log("busy no more");
 * });
 * await idle();
 * console.log("idle");
 * ```
 */
export function idle(): Operation<void> {
  return new Idle(currentLoop(), Infinity);
}

/**
 * As {@linkcode idle}, but for so long at most. Follows `Coro::AnyEvent::idle_upto`.
 *
 * @param length seconds; 0 and less: until the next turn
 * @throws {UsageError} when it is no time
 * @example
 * ```ts
 * import { idleUpto } from "@anyevent/coro";
 *
 * await idleUpto(0.1);
 * ```
 */
export function idleUpto(length: Seconds): Operation<void> {
  return new Idle(currentLoop(), seconds(length, "wait for idle"));
}

/**
 * Blocks until something can be read from a stream without waiting: bytes, the end of file, or an error. They
 * stay there, and somebody else may be faster.
 *
 * Follows `Coro::AnyEvent::readable`.
 *
 * @param fh a stream of the loop's sockets, whatever else the backend can watch, or a `CoroHandle`
 * @param timeout seconds; 0: one look
 * @returns false when the time is over
 * @throws {UsageError} for what cannot be watched, or a time that is none
 * @example
 * ```ts
 * import { readable } from "@anyevent/coro";
 * import { defaultLoop, streamPair } from "@anyevent/loop";
 *
 * const [a, b] = streamPair(defaultLoop().env.backend);
 * console.log(await readable(a, 0)); // false
 * b.tryWrite(Uint8Array.of(1));
 * console.log(await readable(a)); // true
 * ```
 */
export function readable(fh: unknown, timeout?: Seconds): Operation<boolean> {
  return ready(fh, "r", timeout);
}

/**
 * Blocks until something can be written to a stream without waiting, or it is broken.
 *
 * Follows `Coro::AnyEvent::writable`.
 *
 * @param fh as for {@linkcode readable}
 * @param timeout seconds; 0: one look
 * @returns false when the time is over
 * @throws {UsageError} for what cannot be watched, or a time that is none
 * @example
 * ```ts
 * import { writable } from "@anyevent/coro";
 * import { defaultLoop, streamPair } from "@anyevent/loop";
 *
 * const [a, b] = streamPair(defaultLoop().env.backend, { capacity: 1 });
 * console.log(await writable(a)); // true
 * a.tryWrite(Uint8Array.of(1)); // it is full now
 * console.log(await writable(a, 0)); // false
 * b.tryRead(new Uint8Array(1));
 * console.log(await writable(a)); // true
 * ```
 */
export function writable(fh: unknown, timeout?: Seconds): Operation<boolean> {
  return ready(fh, "w", timeout);
}

function ready(fh: unknown, mode: IoMode, timeout: Seconds | undefined): Operation<boolean> {
  const what = mode === "r" ? "readable()" : "writable()";
  const limit = timeout === undefined ? Infinity : seconds(timeout, what);
  if (fh instanceof CoroHandle) return mode === "r" ? fh.readable(limit) : fh.writable(limit);
  const loop = currentLoop();
  if (!loop.env.backend.accepts(fh)) {
    // Says what it would watch.
    loop.env.backend.io(fh, mode, () => undefined)();
    throw new UsageError(`Cannot wait for ${what}: the backend cannot watch it`);
  }
  return operation(() => what, function* () {
    const wait = new StreamWait(loop, [{ source: fh, mode }], limit, () => what);
    return (yield* wait.run()) === "ready";
  });
}

class Idle extends WaitOperation<void> {
  readonly #loop: Loop;
  readonly #limit: number;
  #undos: readonly Undo[] | undefined;
  #over = false;
  #error: ClosedError | undefined;

  constructor(loop: Loop, limit: number) {
    super();
    this.#loop = loop;
    this.#limit = limit;
  }

  describe(): string {
    return this.#limit === Infinity ? "idle()" : `idleUpto(${this.#limit})`;
  }

  start(waker: Waker): Abort {
    const loop = this.#loop;
    const over = (): void => {
      this.#over = true;
      this.#stop();
      waker.wake();
    };
    this.#stop();
    const watchers = [loop.addIdle(over)];
    if (this.#limit < Infinity) watchers.push(loop.addTimer(this.#limit, 0, over));
    const forget = loop.onDispose(() => {
      this.#error = new ClosedError(
        `Cannot go on with ${this.describe()}: the loop was disposed of`,
      );
      over();
    });
    this.#undos = [...watchers.map((watcher) => () => watcher.cancel()), forget];
    return () => this.#stop();
  }

  protected poll(): boolean {
    return this.#over;
  }

  protected result(): void {
    if (this.#error !== undefined) throw this.#error;
  }

  #stop(): void {
    const undos = this.#undos;
    this.#undos = undefined;
    if (undos !== undefined) { for (const undo of undos) undo(); }
  }
}
