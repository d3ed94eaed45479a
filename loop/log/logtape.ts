/**
 * The log beside LogTape: its loggers get our messages, and our contexts those of its loggers.
 *
 * LogTape is loaded with this module only, `@anyevent/loop/logtape`; nothing here configures it, so that
 * nothing comes out before the application has.
 *
 * @module
 */
import {
  checkOptions,
  type LogLevel as Level,
  show,
  UsageError,
} from "@anyevent/backends/contract";
import {
  getLogger,
  getTextFormatter,
  type Logger as TapeLogger,
  type LogLevel as TapeLevel,
} from "@logtape/logtape";
import type { LogRoot } from "./root.ts";
import type { LogContext } from "./types.ts";

/** A record of LogTape, as far as it is used. */
export interface LogTapeRecord {
  /** Path of the logger. */
  readonly category: readonly string[];
  /** Its level. */
  readonly level: "trace" | "debug" | "info" | "warning" | "error" | "fatal";
  /** Texts and, between them, values. */
  readonly message: readonly unknown[];
  /** The message before values came into it. */
  readonly rawMessage: string | TemplateStringsArray;
  /** Milliseconds since the epoch. */
  readonly timestamp: number;
  /** What else is known. */
  readonly properties: Record<string, unknown>;
}

/** A sink of LogTape. */
export type LogTapeSink = (record: LogTapeRecord) => void;

/** LogTape has no alert and critical; its fatal ends no program, so it comes back as critical. */
const TO_TAPE: readonly TapeLevel[] = [
  "fatal",
  "fatal",
  "fatal",
  "fatal",
  "error",
  "warning",
  "info",
  "info",
  "debug",
  "trace",
];

const FROM_TAPE: Readonly<Record<TapeLevel, Level>> = {
  fatal: 3,
  error: 4,
  warning: 5,
  info: 7,
  debug: 8,
  trace: 9,
};

/** LogTape's own messages about its sinks. */
const META = /^logtape(::meta)?$/;

/** The property by which a message of ours is known when it comes back later, from a sink that waits. */
const CONTEXT = "anyevent.context";

/** Counts the messages under way to LogTape: what its sinks say about them does not come back either. */
let giving = 0;

function categoryOf(given: unknown): readonly string[] {
  const all: readonly unknown[] = Array.isArray(given) ? given : [given];
  if (!all.every((each) => typeof each === "string")) {
    throw new UsageError(
      `Cannot attach LogTape: category ${show(given)} is no text or list of texts`,
    );
  }
  return all as readonly string[];
}

/**
 * Gives messages to LogTape: attaches a new context to the collector, so that what LogTape gets depends on
 * its configuration alone, not on `ANYEVENT_VERBOSE`.
 *
 * The category of a message is the path of its context: `A::B` logs to `["A", "B"]`. Alert and critical
 * messages are fatal there, notes are info. Each message is handed over inside the call that logs it, with its
 * time, as it is, and with the properties `anyevent.context` and `anyevent.level` (number). What LogTape lets through nowhere is not
 * put together, but a message as function is called. The standard error gets messages as before; to end that:
 * `log.LOG.logCb(undefined)`.
 *
 * @param log whose messages
 * @param category goes before the path of the context; default nothing
 * @returns the new context: its levels may be set, and `log.COLLECT.detach` takes it off
 * @throws {UsageError} for a category that is none
 * @example
 * ```ts
 * import { configure, type LogRecord, reset } from "@logtape/logtape";
 * import { Log } from "@anyevent/loop";
 * import { toLogTape } from "@anyevent/loop/logtape";
 *
 * const records: LogRecord[] = [];
 * await configure({
 *   sinks: { list: (record) => void records.push(record) },
 *   loggers: [{ category: ["app"], sinks: ["list"], lowestLevel: "info" }],
 * });
 * toLogTape(Log.root, "app");
 * Log.ctx("My::Module").log("note", "hello");
 * console.log(records[0].category); // [ "app", "My", "Module" ]
 * await reset();
 * ```
 */
export function toLogTape(log: LogRoot, category: string | readonly string[] = []): LogContext {
  if (typeof log?.ctx !== "function") {
    throw new UsageError(`Cannot attach LogTape: ${show(log)} is no log`);
  }
  const before = categoryOf(category);
  const loggers = new Map<string, TapeLogger>();
  const loggerOf = (title: string): TapeLogger => {
    const known = loggers.get(title);
    if (known !== undefined) return known;
    const logger = getLogger([...before, ...title.split("::").filter((part) => part !== "")]);
    // Titles can be set to anything: those that are kept are bounded.
    if (loggers.size >= 1000) loggers.clear();
    loggers.set(title, logger);
    return logger;
  };
  const context = log.ctx().fmtCb(({ message }) => message).logCb((message, entry) => {
    const level = TO_TAPE[entry.level];
    const { title } = entry.context;
    const logger = loggerOf(title);
    if (!logger.isEnabledFor(level)) return;
    giving++;
    try {
      logger.emit({
        timestamp: entry.time * 1000,
        level,
        message: [message],
        rawMessage: message,
        properties: { [CONTEXT]: title, "anyevent.level": entry.level },
      });
    } finally {
      giving--;
    }
  });
  context.title = "%logtape";
  log.COLLECT.attach(context);
  return context;
}

/**
 * A sink of LogTape that logs in our contexts: a record of category `["A", "B"]` in the context `A::B`.
 *
 * LogTape's fatal becomes critical, since our fatal ends the program; its info, debug and trace are ours, its
 * warning is warn. Records that came from {@linkcode toLogTape} are left out.
 *
 * @param log where to
 * @param options `prefix`: a context above those of the categories
 * @throws {UsageError} for what is no log, or a prefix that is no text
 * @example
 * ```ts
 * import { configure, getLogger, reset } from "@logtape/logtape";
 * import { Log } from "@anyevent/loop";
 * import { logtapeSink } from "@anyevent/loop/logtape";
 *
 * await configure({
 *   sinks: { anyevent: logtapeSink(Log.root) },
 *   loggers: [{ category: ["app"], sinks: ["anyevent"], lowestLevel: "trace" }],
 * });
 * Log.ctx("app").slaves().logCb((line) => console.log(line.trimEnd()));
 * getLogger(["app", "part"]).info("hello {who}", { who: "you" }); // … info  app::part: hello "you"
 * await reset();
 * ```
 */
export function logtapeSink(log: LogRoot, options: { readonly prefix?: string } = {}): LogTapeSink {
  checkOptions(options, "make LogTape sink");
  const { prefix = "" } = options;
  if (typeof log?.ctx !== "function") {
    throw new UsageError(`Cannot make LogTape sink: ${show(log)} is no log`);
  }
  if (typeof prefix !== "string") {
    throw new UsageError(`Cannot make LogTape sink: prefix ${show(prefix)} is not a string`);
  }
  const text = getTextFormatter({ format: ({ message }) => message, sanitize: false });
  return (record: LogTapeRecord): void => {
    if (giving > 0 || CONTEXT in record.properties) return;
    const path = record.category.join("::");
    const name = META.test(path) ? "LogTape" : path || "main";
    log.ctx(prefix === "" ? name : `${prefix}::${name}`)
      .log(FROM_TAPE[record.level], () => text(record));
  };
}
