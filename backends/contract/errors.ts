/**
 * Errors, classified by who must act: you ({@linkcode UsageError}), the world
 * ({@linkcode PeerError}), nobody any more ({@linkcode ClosedError}), time
 * ({@linkcode TimeoutError}), or us ({@linkcode InternalError}).
 *
 * Messages follow one grammar: what could not be done, to what, why.
 *
 * @module
 */

/**
 * The caller's mistake: an argument, a call out of order, a missing permission or capability.
 *
 * @example
 * ```ts
 * import { UsageError } from "@anyevent/backends/contract";
 *
 * try {
 *   throw new UsageError("Cannot start timer: after NaN is not a number");
 * } catch (error) {
 *   console.log(error instanceof UsageError, error instanceof TypeError); // true true
 * }
 * ```
 */
export class UsageError extends TypeError {
  /** Always `"UsageError"`. */
  override readonly name = "UsageError";
}

/**
 * The world's fault: a peer, the network or the operating system refused or broke.
 *
 * `code` is the POSIX name where one fits (`ECONNREFUSED`, `ECONNRESET`, `EPIPE`, …).
 *
 * @example
 * ```ts
 * import { PeerError } from "@anyevent/backends/contract";
 *
 * const error = new PeerError("Cannot connect to 127.0.0.1:1: refused", "ECONNREFUSED");
 * console.log(error.code); // ECONNREFUSED
 * ```
 */
export class PeerError extends Error {
  /** Always `"PeerError"`. */
  override readonly name = "PeerError";
  /** POSIX error name, or `""` when none fits. */
  readonly code: string;

  /** Takes `message` (what could not be done, to what, why) and `code` (POSIX name). */
  constructor(message: string, code = "", options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/**
 * Something was used after it had been closed, stopped, cancelled or disposed of.
 *
 * @example
 * ```ts
 * import { ClosedError } from "@anyevent/backends/contract";
 *
 * const error = new ClosedError("Cannot write to stream: it is closed");
 * console.log(String(error)); // ClosedError: Cannot write to stream: it is closed
 * ```
 */
export class ClosedError extends Error {
  /** Always `"ClosedError"`. */
  override readonly name = "ClosedError";
}

/**
 * A limit of time passed first.
 *
 * @example
 * ```ts
 * import { TimeoutError } from "@anyevent/backends/contract";
 *
 * const error = new TimeoutError("Cannot connect to 127.0.0.1:1: no answer within 5 s");
 * console.log(error.name); // TimeoutError
 * ```
 */
export class TimeoutError extends Error {
  /** Always `"TimeoutError"`. */
  override readonly name = "TimeoutError";
}

/**
 * A defect in this library: please report it.
 *
 * @example
 * ```ts
 * import { InternalError } from "@anyevent/backends/contract";
 *
 * const error = new InternalError("Cannot go on: the heap is out of order", { cause: 5 });
 * console.log(error.cause); // 5
 * ```
 */
export class InternalError extends Error {
  /** Always `"InternalError"`. */
  override readonly name = "InternalError";
}

/**
 * Nothing is left that could wake what still waits, so it would wait for ever.
 *
 * `waiting` names each blocked operation, oldest first.
 *
 * @example
 * ```ts
 * import { DeadlockError } from "@anyevent/backends/contract";
 *
 * const error = new DeadlockError(["condvar.recv()"]);
 * console.log(error.waiting); // [ "condvar.recv()" ]
 * ```
 */
export class DeadlockError extends Error {
  /** Always `"DeadlockError"`. */
  override readonly name = "DeadlockError";
  /** One line for each thing that waits. */
  readonly waiting: readonly string[];

  /** Takes one description for each blocked operation, and what could help, which ends the message. */
  constructor(waiting: readonly string[], hint = "") {
    super(
      "Cannot wake what waits: nothing is left that could " +
        `(${waiting.join("; ") || "nothing"})${hint}`,
    );
    this.waiting = waiting;
  }
}

/**
 * The message of whatever was thrown, without trailing newlines.
 *
 * @param thrown any value
 * @returns `message` of an `Error`, else the value as a string
 * @example
 * ```ts
 * import { messageOf } from "@anyevent/backends/contract";
 *
 * console.log(messageOf(new Error("oops\n")), messageOf(5)); // oops 5
 * ```
 */
export function messageOf(thrown: unknown): string {
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  return text.replace(/\n+$/, "");
}

/**
 * A short, safe rendering of an argument for an error message.
 *
 * @param value any value
 * @returns at most 80 characters
 * @example
 * ```ts
 * import { show } from "@anyevent/backends/contract";
 *
 * console.log(show("a"), show([1, 2]), show(new Map())); // "a" array of 2 object Map
 * ```
 */
export function show(value: unknown): string {
  let text: string;
  if (typeof value === "string") text = JSON.stringify(value);
  else if (typeof value === "function") text = `function ${value.name || "(anonymous)"}`;
  else if (typeof value === "object" && value !== null) {
    text = Array.isArray(value)
      ? `array of ${value.length}`
      : `object ${value.constructor?.name ?? ""}`.trim();
  } else text = String(value);
  return text.length > 80 ? text.slice(0, 77) + "..." : text;
}
