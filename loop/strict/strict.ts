import { checkOptions, show, UsageError } from "@anyevent/backends/contract";
import { late } from "../late.ts";
import { strictChecks } from "./arguments.ts";
import { noteOperation, reportDropped } from "./dropped.ts";
import { deepFreeze } from "./freeze.ts";
import { strictness } from "./strictness.ts";

/** Options of {@linkcode StrictApi.enable}. */
export interface StrictOptions {
  /** Gets what is reported rather than thrown; must not throw. Default: the log of the default loop. */
  readonly report?: (message: string) => void;
}

/** The type of {@linkcode Strict}. */
export interface StrictApi {
  /** Whether it is on. */
  readonly enabled: boolean;
  /**
   * Turns it on, for all loops of the program; what was made before is not looked at. Again: with other
   * options.
   *
   * @throws {UsageError} when `report` is no function
   */
  enable(this: void, options?: StrictOptions): void;
  /** Turns it off; reports that are due are not made. Idempotent. */
  disable(this: void): void;
  /**
   * Freezes a message in strict mode: plain objects and arrays, all the way down. Without strict mode it does
   * nothing. For those who hand the same value to several parties that must not change it.
   *
   * @param message any value
   * @returns the same value
   */
  freeze<T>(this: void, message: T): T;
}

/** The log's level of a report: error. */
const LEVEL = 4;

function report(message: string): void {
  late.log?.(LEVEL, message);
}

/**
 * Strict mode: finds mistakes that are too dear to look for always. For development; it costs nothing while
 * it is off.
 *
 * `ANYEVENT_STRICT=1` turns it on when the default loop is made. It adds to the checks there always are:
 *
 * - watchers and condvars refuse unknown arguments (a misspelt `intervall`) and files, with a
 *   {@linkcode UsageError} that has the words of AnyEvent::Strict;
 * - an operation that nobody ran, such as a `sleep(1)` that lacks its `yield*` or `await`, is reported with
 *   what it would have waited for and where it was made: when the collector takes it, or when nothing is left
 *   that could run it. The switches of threads, such as `cede()`, are one object each and cannot be found so:
 *   for these there is the lint rule of `@anyevent/coro`;
 * - what an io watcher watches and somebody else closed is reported, within seconds;
 * - messages between ports of one node are frozen, so that the change of one that was sent throws.
 *
 * The objects behind `freeze` and the reports know nothing of whose loop they are: so it is one switch for the
 * program.
 *
 * Follows AnyEvent::Strict.
 *
 * @example
 * ```ts
 * import { AE, AnyEvent, Strict } from "@anyevent/loop";
 *
 * Strict.enable();
 * try {
 *   AnyEvent.timer({ after: 1, intervall: 1, cb: () => undefined } as never);
 * } catch (error) {
 *   console.log(String(error)); // … AnyEvent->timer called with unsupported parameter(s) intervall
 * }
 * Strict.disable();
 * console.log(typeof AE);
 * ```
 */
export const Strict: StrictApi = {
  get enabled(): boolean {
    return strictness.on;
  },
  enable(options = {}): void {
    checkOptions(options, "enable strict mode");
    const to = options.report ?? report;
    if (typeof to !== "function") {
      throw new UsageError(`Cannot enable strict mode: report ${show(to)} is not a function`);
    }
    reportDropped(to);
    strictness.checks = strictChecks;
    strictness.made = noteOperation;
    strictness.on = true;
  },
  disable(): void {
    strictness.on = false;
    strictness.made = undefined;
    reportDropped(undefined);
  },
  freeze(message) {
    if (strictness.on) deepFreeze(message);
    return message;
  },
};
