import type { LogLevel } from "@anyevent/backends/contract";
import type { LogLevelLike, LogThreshold } from "./levels.ts";

/** A message, or a function that makes it, called only if the message is logged somewhere. */
export type LogMessage = string | (() => string);

/** One message on its way. */
export interface LogEntry {
  /** When: epoch seconds. */
  readonly time: number;
  /** Where it was logged first. */
  readonly context: LogContext;
  /** Its level here, `cap` applied. */
  readonly level: LogLevel;
  /** The text as the program gave it: not made safe for a terminal. */
  readonly message: string;
}

/**
 * Logs one message: the formatted line or lines, each ended. `true` says that it goes no further from here;
 * what it throws, or a promise is rejected with, goes to the log of the Env.
 */
export type LogCallback = (line: string, entry: LogEntry) => unknown;

/** Formats one message: what `LogCallback` gets as its line. */
export type LogFormatter = (entry: LogEntry) => string;

/** Logs at one level in one context; both members may be taken out of it. */
export interface Logger {
  /** Whether a message would be logged now; follows every change of the configuration. */
  readonly enabled: boolean;
  /** See {@linkcode LogContext.log}. */
  readonly log: (message: LogMessage, ...args: unknown[]) => boolean;
}

/**
 * Where messages come from, pass through and go to.
 *
 * A context lets messages of its levels in, once each; gives them to its callback, when it has one; and then
 * to the contexts attached to it, its slaves. Those named `A::B` have `A` attached, `A` has the collector,
 * from which everything goes through the filter to the log: `A::B` → `A` → `COLLECT` → `FILTER` → `LOG`.
 *
 * Methods that configure return the context. All changes hold from the next message on.
 *
 * Follows the contexts of AnyEvent::Log.
 */
export interface LogContext {
  /** Its name in messages; that of anonymous ones is empty until set. */
  title: string;
  /** What is attached, in order. */
  readonly attached: readonly LogContext[];

  /**
   * Logs a message; `fatal` ends the program afterwards, whether it was logged or not.
   *
   * Nearly free when nobody wants the message. One trailing newline is removed. Never throws because of a
   * callback, only what a function as `message` throws.
   *
   * @param level number or name
   * @param message used as it is when there are no `args`, else a format as in Perl's `sprintf`
   * @returns whether it was logged anywhere
   * @throws {UsageError} when the level is none
   */
  log(level: LogLevelLike, message: LogMessage, ...args: unknown[]): boolean;

  /** For messages of one level, asked often. @throws {UsageError} when the level is none */
  logger(level: LogLevelLike): Logger;

  /** Whether a message of this level would be logged anywhere. @throws {UsageError} when it is none */
  enabled(level: LogLevelLike): boolean;

  /** Lets this level in and all that are more important, no others. */
  level(level: LogThreshold): this;

  /** Lets exactly these levels in. */
  levels(...levels: readonly (LogLevelLike | "all")[]): this;

  /** Lets these levels in as well. */
  enable(...levels: readonly (LogLevelLike | "all")[]): this;

  /** Lets these levels in no longer. */
  disable(...levels: readonly (LogLevelLike | "all")[]): this;

  /**
   * Makes more important messages count as of this level, here and in what they reach from here; which
   * contexts let them in is still up to the level they had. `0` or `"off"`: no longer.
   */
  cap(level: LogThreshold): this;

  /** Attaches contexts, given by name or themselves, behind those that are. */
  attach(...contexts: readonly (LogContext | string)[]): this;

  /** Takes contexts off. */
  detach(...contexts: readonly (LogContext | string)[]): this;

  /** Attaches these contexts and no others. */
  slaves(...contexts: readonly (LogContext | string)[]): this;

  /** Sets what logs here; `undefined`: nothing, the context only passes on. */
  logCb(cb: LogCallback | undefined): this;

  /** Sets what formats for the callback of this context; `undefined`: the default format. */
  fmtCb(cb: LogFormatter | undefined): this;

  /** Logs to where the Env's messages go: the standard error by default. */
  logToWarn(): this;

  /**
   * Appends to a file that stays open until something else is set or the loop is disposed of.
   *
   * Each message is written within the call. A failure goes to the log, once until it works again.
   *
   * Permissions: `--allow-write` of the file.
   *
   * @throws {UsageError} where the host has no files
   */
  logToFile(path: string): this;

  /** As `logToFile`, opening the file for each message: it may be renamed or removed meanwhile. */
  logToPath(path: string): this;
}
