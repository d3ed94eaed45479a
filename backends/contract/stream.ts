/**
 * Byte streams: what a connection, pipe or socket pair looks like above any backend.
 *
 * Readiness and data are separate, as with a non-blocking descriptor: `backend.io(stream, "r", cb)`
 * tells when, `tryRead` and `tryWrite` move bytes and never wait.
 *
 * @module
 */
import type { IoMode, Undo } from "./backend.ts";

/**
 * The method by which a stream object offers its own readiness: `source[WATCH](mode, cb, closed)` follows
 * the rules of `Backend.io` (level-triggered, never inside the call, undo is final). A source that can be
 * closed calls `closed`, if given, once when that happens before the undo: inside its `close`, as the last
 * it does with this registration.
 *
 * A backend's `io` hands any object that has it to this method, so streams made by other means (in
 * memory, over TLS, simulated) can be watched on every backend.
 *
 * @example
 * ```ts
 * import { AE } from "@anyevent/loop";
 * import { WATCH, type Watchable } from "@anyevent/backends/contract";
 *
 * const always: Watchable = {
 *   [WATCH]: (_mode, cb) => {
 *     const timer = AE.timer(0, 0.01, cb);
 *     return () => timer.cancel();
 *   },
 * };
 * const ready = AE.cv();
 * using _watcher = AE.io(always, false, ready);
 * await ready.recv();
 * ```
 */
export const WATCH: unique symbol = Symbol.for("anyevent.watch");

/** An object that brings its own readiness. */
export interface Watchable {
  /** Registers a readiness callback; see {@linkcode WATCH}. */
  [WATCH](mode: IoMode, cb: () => void, closed?: () => void): Undo;
}

/**
 * Whether a value brings its own readiness.
 *
 * @param source any value
 * @example
 * ```ts
 * import { isWatchable } from "@anyevent/backends/contract";
 *
 * console.log(isWatchable({}), isWatchable(0)); // false false
 * ```
 */
export function isWatchable(source: unknown): source is Watchable {
  return typeof source === "object" && source !== null &&
    typeof (source as Partial<Watchable>)[WATCH] === "function";
}

/** The two ends of a connection, as text: `host:port`, `[v6]:port`, `unix/:path` or `""` when unknown. */
export interface Endpoints {
  /** This end. */
  readonly local: string;
  /** The other end. */
  readonly remote: string;
}

/**
 * A two-way stream of bytes that never blocks.
 *
 * Bytes arrive in order and complete or the stream breaks. Once broken (reset, write failure) `tryRead`
 * first gives what had arrived, then throws a {@linkcode PeerError}; `tryWrite` throws at once.
 */
export interface ByteStream extends Watchable, Endpoints {
  /**
   * Moves bytes that have arrived into `into`.
   *
   * @param into where to put them; must not be empty
   * @returns how many; 0: none now, it would block; `null`: end of file, for ever
   * @throws {PeerError} when the stream is broken; @throws {ClosedError} after `close`
   */
  tryRead(into: Uint8Array): number | null;

  /**
   * Takes bytes to send. They are copied before it returns.
   *
   * Not all of them are taken when the peer is slow: watch for `"w"` and offer the rest again.
   *
   * @returns how many were taken; 0: none, it would block
   * @throws {PeerError} when the stream is broken; @throws {ClosedError} after `close` or `shutdown`
   */
  tryWrite(bytes: Uint8Array): number;

  /** Bytes taken but not yet handed to the operating system. */
  readonly unsent: number;

  /** Sends what was taken, then an end of file; reading goes on. Idempotent. */
  shutdown(): void;

  /**
   * Closes both directions at once and drops what is unsent; watchers are told by their `closed` and not
   * called again. Idempotent. Use `shutdown` and wait for the peer's end of file to close without loss.
   */
  close(): void;

  /** Small writes leave at once (`TCP_NODELAY`). No effect where it has no meaning. */
  setNoDelay(on: boolean): void;

  /** The system probes an idle peer (`SO_KEEPALIVE`). No effect where it has no meaning. */
  setKeepAlive(on: boolean): void;
}
