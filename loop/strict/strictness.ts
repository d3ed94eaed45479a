/**
 * Whether strict mode is on, and what it adds: looked at wherever strict mode has something to say, and cheap
 * to look at while it is off. Imports nothing, so that every file can import it.
 */

/** The calls whose named arguments are checked. */
export type ArgumentsOf = "io" | "timer" | "signal" | "child" | "idle" | "condvar";

/** The argument checks of strict mode; each throws a `UsageError`. */
export interface StrictChecks {
  /** Refuses unknown names. */
  named(of: ArgumentsOf, args: object): void;
  /** Those of `Loop.io`. */
  io(fh: unknown, poll: unknown, cb: unknown): void;
  /** Those of `Loop.timer`. */
  timer(after: unknown, interval: unknown, cb: unknown): void;
  /** Those of `Loop.signal`. */
  signal(signal: unknown, cb: unknown): void;
  /** Those of `Loop.child`. */
  child(child: unknown, cb: unknown): void;
  /** Those of `Loop.idle`. */
  idle(cb: unknown): void;
}

/** An operation, as far as strict mode cares. */
export interface Runnable {
  /** Whether a driver began to run it. */
  readonly begun: boolean;
  /** Whether it is nobody's mistake not to run it. */
  readonly optional: boolean;
  /** What it waits for. */
  describe(): string;
  /** A driver takes it. */
  [Symbol.iterator](): unknown;
}

/** See the text of the file. Changed by `Strict` only. */
export const strictness: {
  on: boolean;
  /** Set while `on`. */
  checks: StrictChecks;
  /** Told of each new operation. */
  made: ((operation: Runnable) => void) | undefined;
} = { on: false, checks: undefined as unknown as StrictChecks, made: undefined };
