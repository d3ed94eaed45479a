import { isThenable } from "../callback.ts";
import type { MadeWatcher, WatcherKind } from "../intercept.ts";
import { messageOf } from "@anyevent/backends/contract";
import { backtrace, cb2str, creationSite } from "./site.ts";

/** What went wrong in a callback. */
export interface CallbackFailure {
  /** Loop time, in epoch seconds. */
  readonly at: number;
  /** What was thrown, or what the promise was rejected with. */
  readonly error: unknown;
}

/** Errors of one watcher that are kept. */
const MOST_ERRORS = 10;

/** What a wrapped watcher needs of its debugger. */
export interface Wrapping {
  /** The watcher whose callback is running. */
  current: WrappedWatcher | undefined;
  now(): number;
  trace(message: string): void;
  failed(watcher: WrappedWatcher, error: unknown): void;
}

/** Epoch seconds as text. */
export function showTime(seconds: number): string {
  return `${new Date(seconds * 1000).toISOString().replace("T", " ").replace("Z", "")} +0000`;
}

/**
 * A watcher that is observed: where it was made, how often it called back, and what went wrong.
 *
 * As a string it is `file:line(sub)>type>cb`. {@linkcode Debugger.wrapped} and `find` give them. Follows the
 * wrapped watchers of AnyEvent::Debug.
 *
 * @example
 * ```ts
 * import { AE, Debug, sleep } from "@anyevent/loop";
 *
 * Debug.wrap(1);
 * using _w = AE.timer(0, 1, function fragile() {
 *   throw new Error("oops");
 * });
 * Debug.wrap(0);
 * await sleep(0.01); // the error is logged, and the program goes on
 * const [wrapped] = Debug.wrapped;
 * console.log(wrapped.called, wrapped.error.map(({ error }) => String(error))); // 1 [ "Error: oops" ]
 * ```
 */
export class WrappedWatcher {
  /** Counted from 1 in each loop. */
  readonly id: number;
  /** Kind of watcher. */
  readonly type: WatcherKind;
  /** Where it was made: the file, as a path or an address. */
  readonly file: string;
  /** Where it was made: the line. */
  readonly line: number;
  /** Where it was made: the function, `""` at the top level or when it has no name. */
  readonly sub: string;
  /** The watcher whose callback made it, as a string; `undefined` when none did. */
  readonly cur: string | undefined;
  /** Loop time when it was made, in epoch seconds. */
  readonly now: number;
  /** What it was made with, but for the callback. */
  readonly arg: Readonly<Record<string, unknown>>;
  /** The callback. */
  readonly cb: (...args: number[]) => unknown;
  /** The calls that led to its making, innermost first, a line each; `undefined` at wrap level 1. */
  readonly backtrace: string | undefined;
  /** The watcher itself. */
  readonly w: MadeWatcher;
  readonly #wrapping: Wrapping;
  readonly #text: string;
  readonly #errors: CallbackFailure[] = [];
  #called = 0;
  #traced: boolean;

  /**
   * Observes a new watcher; a debugger makes these.
   *
   * @param id of its own
   * @param watcher has the callback still
   * @param trace of its making
   * @param options `level` 2: keep the trace; `trace`: whether calls are traced
   */
  constructor(
    id: number,
    watcher: MadeWatcher,
    trace: Error,
    wrapping: Wrapping,
    options: { readonly level: number; readonly trace: boolean },
  ) {
    const { file, line, sub } = creationSite(trace);
    this.id = id;
    this.w = watcher;
    this.type = watcher.kind;
    this.file = file;
    this.line = line;
    this.sub = sub;
    this.cur = wrapping.current?.toString();
    this.now = wrapping.now();
    this.arg = watcher.args;
    this.cb = watcher.cb;
    this.backtrace = options.level > 1 ? backtrace(trace) : undefined;
    this.#wrapping = wrapping;
    this.#traced = options.trace;
    this.#text = `${file}:${line}(${sub})>${this.type}>${cb2str(this.cb)}`;
  }

  /** How often it called back. */
  get called(): number {
    return this.#called;
  }

  /** The first ten errors of its callback, oldest first. */
  get error(): readonly CallbackFailure[] {
    return this.#errors;
  }

  /** Whether its calls are traced. */
  get traced(): boolean {
    return this.#traced;
  }

  /** Sets whether its calls are traced: told to the log, at level trace. */
  trace(on: boolean): void {
    this.#traced = on;
  }

  /** All about it, for people; several lines. */
  verbose(): string {
    const args = Object.entries(this.arg).map(([name, value]) =>
      `${name} ${typeof value === "object" ? value?.constructor?.name : String(value)}`
    );
    const lines = [
      `type:    ${this.type} watcher`,
      `args:    ${args.join(" ")}`,
      `created: ${showTime(this.now)} (${this.now})`,
      `file:    ${this.file}`,
      `line:    ${this.line}`,
      `subname: ${this.sub}`,
      `context: ${this.cur ?? ""}`,
      `tracing: ${this.#traced ? "enabled" : "disabled"}`,
      `cb:      ${cb2str(this.cb)}`,
      `invoked: ${this.#called} times`,
    ];
    if (this.backtrace !== undefined) {
      lines.push("created by:", ...this.backtrace.split("\n").map((call) => `  ${call}`));
    }
    if (this.#errors.length > 0) lines.push(`errors:  ${this.#errors.length}`);
    for (const { at, error } of this.#errors) {
      lines.push(`error:   ${showTime(at)} (${at}) ${messageOf(error)}`);
    }
    return lines.join("\n");
  }

  /** `file:line(sub)>type>cb` */
  toString(): string {
    return this.#text;
  }

  /** Calls back, in place of the watcher. Never throws. */
  call(args: number[]): void {
    const wrapping = this.#wrapping;
    const outer = wrapping.current;
    const traced = this.#traced;
    this.#called++;
    wrapping.current = this;
    if (traced) wrapping.trace(`enter ${this.#text}`);
    try {
      // Not as a method: the name in traces would be ours.
      const { cb } = this;
      const result = cb(...args);
      if (isThenable(result)) Promise.resolve(result).then(undefined, (error) => this.#fail(error));
    } catch (error) {
      this.#fail(error);
    } finally {
      if (traced) wrapping.trace(`leave ${this.#text}`);
      wrapping.current = outer;
    }
  }

  #fail(error: unknown): void {
    const wrapping = this.#wrapping;
    if (this.#errors.length < MOST_ERRORS) this.#errors.push({ at: wrapping.now(), error });
    wrapping.failed(this, error);
  }
}
