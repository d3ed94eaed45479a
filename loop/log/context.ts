import { type LogLevel, messageOf, show, UsageError } from "@anyevent/backends/contract";
import { isThenable } from "../callback.ts";
import type { LogFile } from "./file.ts";
import {
  ALL_LEVELS,
  bitsUpTo,
  levelBits,
  type LogLevelLike,
  type LogThreshold,
  toLevel,
  toThreshold,
} from "./levels.ts";
import { plainText, sprintf } from "./printf.ts";
import { type LogState, reportFault } from "./state.ts";
import type {
  LogCallback,
  LogContext,
  LogEntry,
  LogFormatter,
  Logger,
  LogMessage,
} from "./types.ts";

/** A callback may log; one that is called by its own message must end somewhere. */
const MOST_NESTED = 8;

const FATAL = 1;

function textOf(message: unknown, args: readonly unknown[]): string {
  const raw: unknown = typeof message === "function" ? message() : message;
  const plain = plainText(raw);
  const text = args.length > 0 ? sprintf(plain, args) : plain;
  return text.endsWith("\n") ? text.slice(0, -1) : text;
}

/** A logger's `enabled` costs what a disabled message costs: two comparisons. */
class BoundLogger implements Logger {
  readonly log: (message: LogMessage, ...args: unknown[]) => boolean;
  readonly #context: Context;
  readonly #level: LogLevel;

  constructor(context: Context, level: LogLevel) {
    this.#context = context;
    this.#level = level;
    this.log = (message, ...args) => context.log(level, message, ...args);
  }

  get enabled(): boolean {
    return this.#context.enabled(this.#level);
  }
}

/** See {@linkcode LogContext}. */
export class Context implements LogContext {
  readonly #state: LogState;
  #title: string;
  #levels = ALL_LEVELS;
  #cap: LogLevel | 0 = 0;
  #slaves: Context[] = [];
  #cb: LogCallback | undefined;
  #format: LogFormatter | undefined;
  #file: LogFile | undefined;
  /** The levels at which a message from here reaches a callback, as of that generation. */
  #reach = 0;
  #generation = -1;

  constructor(state: LogState, title: string) {
    this.#state = state;
    this.#title = title;
  }

  get title(): string {
    return this.#title;
  }

  set title(title: string) {
    if (typeof title !== "string") {
      throw new UsageError(`Cannot set title of log context: ${show(title)} is not a string`);
    }
    this.#title = title;
  }

  get attached(): readonly LogContext[] {
    return [...this.#slaves];
  }

  log(level: LogLevelLike, message: LogMessage, ...args: unknown[]): boolean {
    const number = toNumber(level);
    const wanted = (this.#reached() & (1 << number)) !== 0 && this.#emit(number, message, args);
    if (number === FATAL) this.#state.exit();
    return wanted;
  }

  logger(level: LogLevelLike): Logger {
    return new BoundLogger(this, toLevel(level, "make logger"));
  }

  enabled(level: LogLevelLike): boolean {
    return (this.#reached() & (1 << toNumber(level))) !== 0;
  }

  level(level: LogThreshold): this {
    this.#levels = bitsUpTo(toThreshold(level, "set level of log context"));
    return this.#changed();
  }

  levels(...levels: readonly (LogLevelLike | "all")[]): this {
    this.#levels = levelBits(levels, "set levels of log context");
    return this.#changed();
  }

  enable(...levels: readonly (LogLevelLike | "all")[]): this {
    this.#levels |= levelBits(levels, "enable levels of log context");
    return this.#changed();
  }

  disable(...levels: readonly (LogLevelLike | "all")[]): this {
    this.#levels &= ~levelBits(levels, "disable levels of log context");
    return this.#changed();
  }

  cap(level: LogThreshold): this {
    this.#cap = toThreshold(level, "cap log context");
    return this;
  }

  attach(...contexts: readonly (LogContext | string)[]): this {
    for (const found of this.#find(contexts, "attach to log context")) {
      if (!this.#slaves.includes(found)) this.#slaves.push(found);
    }
    return this.#changed();
  }

  detach(...contexts: readonly (LogContext | string)[]): this {
    const gone = this.#find(contexts, "detach from log context");
    this.#slaves = this.#slaves.filter((slave) => !gone.includes(slave));
    return this.#changed();
  }

  slaves(...contexts: readonly (LogContext | string)[]): this {
    this.#slaves = [...new Set(this.#find(contexts, "set slaves of log context"))];
    return this.#changed();
  }

  logCb(cb: LogCallback | undefined): this {
    if (cb !== undefined && typeof cb !== "function") {
      throw new UsageError(`Cannot set callback of log context: ${show(cb)} is not a function`);
    }
    return this.#log(cb);
  }

  fmtCb(cb: LogFormatter | undefined): this {
    if (cb !== undefined && typeof cb !== "function") {
      throw new UsageError(`Cannot set format of log context: ${show(cb)} is not a function`);
    }
    this.#format = cb;
    return this;
  }

  logToWarn(): this {
    const { sink } = this.#state;
    return this.#log((line, { level, message }) => {
      sink(level, message, line);
    });
  }

  logToFile(path: string): this {
    return this.#toFile(path, true);
  }

  logToPath(path: string): this {
    return this.#toFile(path, false);
  }

  /** Whether it is one of that log's. */
  belongsTo(state: LogState): boolean {
    return this.#state === state;
  }

  /** As it was made, with these slaves. */
  reset(title: string, slaves: readonly Context[]): void {
    this.#title = title;
    this.#levels = ALL_LEVELS;
    this.#cap = 0;
    this.#slaves = [...slaves];
    this.#format = undefined;
    this.#log(undefined);
  }

  #find(contexts: readonly (LogContext | string)[], what: string): Context[] {
    return this.#state.find(contexts, what) as Context[];
  }

  #changed(): this {
    this.#state.generation++;
    return this;
  }

  #log(cb: LogCallback | undefined, file?: LogFile): this {
    const { files } = this.#state;
    const old = this.#file;
    this.#cb = cb;
    this.#file = file;
    if (file !== undefined) files.add(file);
    if (old !== undefined && files.delete(old)) old.close();
    return this.#changed();
  }

  #toFile(path: string, keepOpen: boolean): this {
    if (typeof path !== "string" || path === "") {
      throw new UsageError(`Cannot log to file: ${show(path)} is no path`);
    }
    const file = this.#state.openFile(path, keepOpen);
    return this.#log((line) => file.write(line), file);
  }

  #reached(): number {
    return this.#generation === this.#state.generation ? this.#reach : this.#measure();
  }

  #measure(): number {
    let reach = 0;
    const passed = new Map<Context, number>();
    const todo: [Context, number][] = [[this, ALL_LEVELS]];
    for (let next = todo.pop(); next !== undefined; next = todo.pop()) {
      const [context, bits] = next;
      const before = passed.get(context) ?? 0;
      const fresh = bits & context.#levels & ~before;
      if (fresh === 0) continue;
      passed.set(context, before | fresh);
      if (context.#cb !== undefined) reach |= fresh;
      for (const slave of context.#slaves) todo.push([slave, fresh]);
    }
    this.#generation = this.#state.generation;
    return this.#reach = reach;
  }

  #emit(level: LogLevel, message: unknown, args: readonly unknown[]): boolean {
    const state = this.#state;
    if (state.depth >= MOST_NESTED) return false;
    state.depth++;
    try {
      return this.#visit(level, { time: state.time(), message: textOf(message, args) });
    } finally {
      state.depth--;
    }
  }

  /** Depth first: a context, then what the first of its slaves reaches, then the second. */
  #visit(given: LogLevel, { time, message }: { time: number; message: string }): boolean {
    const bit = 1 << given;
    const lines: string[] = [];
    const seen = new Set<Context>();
    const todo: [Context, LogLevel][] = [[this, given]];
    let logged = false;
    for (let next = todo.pop(); next !== undefined; next = todo.pop()) {
      const [context] = next;
      if ((context.#levels & bit) === 0 || seen.has(context)) continue;
      seen.add(context);
      const level = context.#cap > next[1] ? context.#cap as LogLevel : next[1];
      if (context.#cb !== undefined) {
        logged = true;
        if (context.#call(context.#cb, { time, context: this, level, message }, lines)) continue;
      }
      const slaves = context.#slaves;
      for (let at = slaves.length - 1; at >= 0; at--) todo.push([slaves[at], level]);
    }
    return logged;
  }

  /** Whether the callback consumed the message. */
  #call(cb: LogCallback, entry: LogEntry, lines: string[]): boolean {
    const state = this.#state;
    const fault = (thrown: unknown): void =>
      reportFault(
        state,
        `log callback of ${this.title || "(anonymous)"} failed: ${messageOf(thrown)}`,
      );
    try {
      const line = this.#format === undefined
        ? lines[entry.level] ??= state.format(entry)
        : this.#format(entry);
      const result = cb(line, entry);
      if (isThenable(result)) Promise.resolve(result).then(undefined, fault);
      return result === true;
    } catch (thrown) {
      fault(thrown);
      return false;
    }
  }
}

function toNumber(level: LogLevelLike): LogLevel {
  return typeof level === "number" && level >= 1 && level <= 9 && (level | 0) === level
    ? level
    : toLevel(level, "log");
}
