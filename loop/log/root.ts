import {
  checkOptions,
  ClosedError,
  type Env,
  messageOf,
  show,
  UsageError,
} from "@anyevent/backends/contract";
import { Context } from "./context.ts";
import { logFile } from "./file.ts";
import { formatEntry, formatTime } from "./format.ts";
import { type LogLevelLike, type LogThreshold, toThreshold } from "./levels.ts";
import { logSettings } from "./settings.ts";
import { type LogDirective, type LogSpec, parseLogSpec } from "./spec.ts";
import { type LogState, reportFault } from "./state.ts";
import type { LogContext, LogEntry, LogFormatter, Logger, LogMessage } from "./types.ts";

/** Of the name of a context. */
const LONGEST_NAME = 1000;

/** What a {@linkcode LogRoot} is to begin with, in place of what the environment says. */
export interface LogOptions {
  /** Level of the filter. Default 4. */
  readonly verbose?: LogThreshold;
  /** As {@linkcode LogRoot.configure} takes it. Default: nothing. */
  readonly spec?: string;
}

/**
 * The log of one loop: its contexts, and what formats and times their messages.
 *
 * Each loop has one, `loop.log`; that of the default loop is behind `Log`, `AnyEvent.log` and `AE.log`. Made
 * as `ANYEVENT_VERBOSE` and `ANYEVENT_LOG` say (`PERL_ANYEVENT_…` and `AE_…` count as well). Messages at level
 * error and above reach the standard error by default.
 *
 * This package logs in the contexts `AnyEvent` (callbacks that fail), `AnyEvent::Socket`, `AnyEvent::DNS`,
 * `AnyEvent::IO`, `AnyEvent::Strict` and `AnyEvent::Log` (files that cannot be written).
 *
 * Follows AnyEvent::Log.
 *
 * @example
 * ```ts
 * import { defaultLoop } from "@anyevent/loop";
 *
 * const { log } = defaultLoop();
 * const lines: string[] = [];
 * const mine = log.ctx("My::Module").slaves().logCb((line) => void lines.push(line));
 * mine.log("info", "%d of %s", 3, "them");
 * console.log(lines[0]); // 2026-01-02 03:04:05.678901 +0000 info  My::Module: 3 of them
 * ```
 */
export class LogRoot implements Disposable {
  /** What all contexts with names come to in the end; lets everything in. */
  readonly COLLECT: LogContext;
  /** What comes after it; lets in what `verbose` says. */
  readonly FILTER: LogContext;
  /** The last one; logs to where the Env's messages go. */
  readonly LOG: LogContext;
  readonly #env: Env;
  readonly #state: LogState;
  readonly #contexts = new Map<string, Context>();
  readonly #main: Context;
  #verbose: number;
  #exact = true;
  #disposed = false;
  #formatTime: (time: number) => string = formatTime;
  #defaultFormat: LogFormatter | undefined;
  #fatalExit: (() => void) | undefined;

  /**
   * Configures it.
   *
   * @param env whose clock, files, environment and sink to use
   * @param options in place of the environment's
   * @throws {UsageError} when the environment, or an option, makes no sense
   */
  constructor(env: Env, options?: LogOptions) {
    if (typeof env?.backend?.now !== "function") {
      throw new UsageError(`Cannot make log: ${show(env)} is no Env with a backend`);
    }
    if (options !== undefined) checkOptions(options, "make log");
    const settings = options === undefined ? logSettings(env.host) : {
      verbose: toThreshold(options.verbose ?? 4, "set verbose"),
      spec: parseLogSpec(options.spec ?? "", "specification"),
    };
    this.#env = env;
    const { backend } = env;
    const failed = (text: string): void => {
      if (!this.ctx("AnyEvent::Log").log(4, text)) reportFault(this.#state, text);
    };
    this.#state = {
      generation: 0,
      depth: 0,
      sink: (level, message, line) => env.log(level, message, line),
      files: new Set(),
      time: () => this.#exact ? backend.time() : backend.now(),
      format: (entry) => this.defaultFormat(entry),
      exit: () => this.fatalExit(),
      openFile: (path, keepOpen) => {
        if (this.#disposed) {
          throw new ClosedError(`Cannot log to ${path}: the loop was disposed of`);
        }
        return logFile(env.host, path, keepOpen, failed);
      },
      find: (contexts, what) => contexts.map((each) => this.#find(each, what)),
    };
    this.#verbose = settings.verbose;
    this.COLLECT = new Context(this.#state, "");
    this.FILTER = new Context(this.#state, "");
    this.LOG = new Context(this.#state, "");
    this.#main = this.#named("main");
    this.reset();
    this.#apply(settings.spec);
  }

  /**
   * The context of a name, made when first asked for and kept from then on; without a name a new anonymous
   * one, to which nothing is attached.
   *
   * @param name as `A::B`, of whoever logs; a context is given back
   * @throws {UsageError} when it is no name, or the context of another loop
   */
  ctx(name?: string | LogContext): LogContext {
    return name === undefined ? new Context(this.#state, "") : this.#find(name, "find log context");
  }

  /** Logs in the context `main`; see {@linkcode LogContext.log}. */
  log(level: LogLevelLike, message: LogMessage, ...args: unknown[]): boolean {
    return this.#main.log(level, message, ...args);
  }

  /** For messages of one level in the context `main`. */
  logger(level: LogLevelLike): Logger {
    return this.#main.logger(level);
  }

  /**
   * Changes the configuration as a text says: contexts with what to do to them, as in
   * `filter=warn AnyEvent::DNS=+%trace %trace=only,trace,file=/tmp/dns`.
   *
   * Contexts are separated by `:` or spaces, and are `log`, `filter`, `collect`, `%name` (an anonymous one of
   * this text) or a name, which a `::` behind it makes one in any case. What to do, separated by commas:
   * `stderr`, `file=PATH`, `path=PATH`, `nolog`; `cap=LEVEL`; `off` or `0`, `all`; levels, which mean "up to"
   * at first and after `level`, that one alone after `only`, all but it after `except`; `+CONTEXT` attaches,
   * `+` alone detaches all. A backslash takes the meaning from what follows it.
   *
   * @throws {UsageError} that names the place; nothing was changed then
   */
  configure(spec: string): void {
    if (typeof spec !== "string") {
      throw new UsageError(`Cannot configure log: ${show(spec)} is not a string`);
    }
    this.#apply(parseLogSpec(spec, "specification"));
  }

  /** Sets all contexts with names back to what they were before any configuration but `verbose`. */
  reset(): void {
    for (const [name, context] of this.#contexts) context.reset(name, [this.#parent(name)]);
    const [collect, filter, log] = [this.COLLECT, this.FILTER, this.LOG] as Context[];
    log.reset("$AnyEvent::Log::LOG", []);
    log.logToWarn();
    filter.reset("$AnyEvent::Log::FILTER", [log]);
    filter.level(this.#verbose as LogThreshold);
    collect.reset("$AnyEvent::Log::COLLECT", [filter]);
  }

  /** The level that the filter has after `reset`, 0 to 9. Setting it sets the filter's. Default 4. */
  get verbose(): number {
    return this.#verbose;
  }

  set verbose(level: number) {
    this.#verbose = toThreshold(level, "set verbose");
    this.FILTER.level(this.#verbose as LogThreshold);
  }

  /** Whether messages have the wall clock's time, the default, or that of the loop's turn. */
  get exactTime(): boolean {
    return this.#exact;
  }

  set exactTime(exact: boolean) {
    if (typeof exact !== "boolean") {
      throw new UsageError(`Cannot set exactTime: ${show(exact)} is neither true nor false`);
    }
    this.#exact = exact;
  }

  /** Writes times in the default format; may be replaced. `undefined` sets it back. */
  get formatTime(): (time: number) => string {
    return this.#formatTime;
  }

  set formatTime(format: ((time: number) => string) | undefined) {
    this.#formatTime = checkHook(format, "formatTime") ?? formatTime;
  }

  /**
   * Formats messages for contexts without `fmtCb`; may be replaced. `undefined` sets it back:
   * `YYYY-MM-DD HH:MM:SS.uuuuuu +ZZZZ level context: message`, further lines as time, `+` and the line; what a
   * terminal would act on is written as `\x1b`.
   */
  get defaultFormat(): LogFormatter {
    return this.#defaultFormat ?? this.#format;
  }

  set defaultFormat(format: LogFormatter | undefined) {
    this.#defaultFormat = checkHook(format, "defaultFormat");
  }

  /** Called after a fatal message: exits with 1; may be replaced. `undefined` sets it back. */
  get fatalExit(): () => void {
    return this.#fatalExit ?? this.#exit;
  }

  set fatalExit(exit: (() => void) | undefined) {
    this.#fatalExit = checkHook(exit, "fatalExit");
  }

  /** Closes the files; their contexts log nowhere from then on. Done with the loop. Idempotent. */
  dispose(): void {
    this.#disposed = true;
    const { files } = this.#state;
    for (const file of files) {
      files.delete(file);
      file.close();
    }
  }

  /** Same as `dispose`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  readonly #format = (entry: LogEntry): string => formatEntry(entry, this.#formatTime(entry.time));

  readonly #exit = (): void => {
    const { exit } = this.#env.host;
    if (exit === undefined) {
      throw new UsageError(
        "Cannot exit after a fatal message: this host has no exit; set fatalExit of the log",
      );
    }
    exit(1);
  };

  #find(given: string | LogContext, what: string): Context {
    if (typeof given === "string") return this.#named(given, what);
    if (given instanceof Context && given.belongsTo(this.#state)) return given;
    throw new UsageError(
      `Cannot ${what}: ${show(given)} is neither a name nor a context of this log`,
    );
  }

  #named(name: string, what = "find log context"): Context {
    const known = this.#contexts.get(name);
    if (known !== undefined) return known;
    if (name === "" || name.length > LONGEST_NAME) {
      throw new UsageError(
        `Cannot ${what}: name ${show(name)} does not have 1 to ${LONGEST_NAME} characters`,
      );
    }
    const context = new Context(this.#state, name);
    this.#contexts.set(name, context);
    context.slaves(this.#parent(name));
    return context;
  }

  #parent(name: string): Context {
    const end = name.lastIndexOf("::");
    return end > 0 ? this.#named(name.slice(0, end)) : this.COLLECT as Context;
  }

  #apply(specs: readonly LogSpec[]): void {
    const anonymous = new Map<string, LogContext>();
    const context = (name: string): LogContext => {
      if (name === "log") return this.LOG;
      if (name === "filter") return this.FILTER;
      if (name === "collect") return this.COLLECT;
      if (!name.startsWith("%")) return this.#named(name.replace(/::$/, ""));
      let found = anonymous.get(name);
      if (found === undefined) {
        found = this.ctx();
        found.title = name;
        anonymous.set(name, found);
      }
      return found;
    };
    for (const { name, directives } of specs) {
      const target = context(name);
      for (const directive of directives) direct(target, directive, context);
    }
  }
}

function direct(
  target: LogContext,
  directive: LogDirective,
  context: (name: string) => LogContext,
): void {
  switch (directive.do) {
    case "stderr":
      target.logToWarn();
      break;
    case "nolog":
      target.logCb(undefined);
      break;
    case "clear":
      target.slaves();
      break;
    case "file":
      target.logToFile(directive.path);
      break;
    case "path":
      target.logToPath(directive.path);
      break;
    case "attach":
      target.attach(context(directive.name));
      break;
    case "cap":
    case "level":
      target[directive.do](directive.level);
      break;
    case "enable":
    case "disable":
      if (directive.level !== 0) target[directive.do](directive.level);
  }
}

function checkHook<T extends (...args: never[]) => unknown>(
  hook: T | undefined,
  name: string,
): T | undefined {
  if (hook !== undefined && typeof hook !== "function") {
    throw new UsageError(`Cannot set ${name}: ${show(hook)} is not a function`);
  }
  return hook;
}

/**
 * The log of a loop that is at work already: what is wrong in the environment is told, and does not count.
 */
export function openLog(env: Env): LogRoot {
  try {
    return new LogRoot(env);
  } catch (thrown) {
    env.log(4, messageOf(thrown));
    return new LogRoot(env, {});
  }
}
