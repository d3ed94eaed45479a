import { defaultLoop } from "../registry.ts";
import type { LogLevelLike } from "./levels.ts";
import type { LogRoot } from "./root.ts";
import type { LogContext, Logger, LogMessage } from "./types.ts";

/** See {@linkcode Log}. */
export interface LogApi {
  /** What all contexts with names come to; see `LogRoot.COLLECT`. */
  readonly COLLECT: LogContext;
  /** What lets in what `ANYEVENT_VERBOSE` says; see `LogRoot.FILTER`. */
  readonly FILTER: LogContext;
  /** The last context; see `LogRoot.LOG`. */
  readonly LOG: LogContext;
  /** The whole log, with its hooks. */
  readonly root: LogRoot;
  /** The context of a name, or a new one; see `LogRoot.ctx`. */
  ctx(this: void, name?: string | LogContext): LogContext;
  /** Logs in the context `main`; see `LogContext.log`. */
  log(this: void, level: LogLevelLike, message: LogMessage, ...args: unknown[]): boolean;
  /** For messages of one level in the context `main`. */
  logger(this: void, level: LogLevelLike): Logger;
  /** Changes the configuration as a text says; see `LogRoot.configure`. */
  configure(this: void, spec: string): void;
  /** Takes the configuration back; see `LogRoot.reset`. */
  reset(this: void): void;
}

/**
 * AnyEvent::Log on the default loop.
 *
 * @example
 * ```ts
 * import { Log } from "@anyevent/loop";
 *
 * const log = Log.ctx("My::Module");
 * log.log("debug", () => `${Object.keys(globalThis).length} globals`); // false: nobody wants it
 * const lines: string[] = [];
 * Log.COLLECT.attach(Log.ctx().level("info").logCb((line) => void lines.push(line)));
 * log.log("info", "%s began", "it"); // true
 * console.log(lines.length); // 1
 * ```
 */
export const Log: LogApi = {
  get COLLECT(): LogContext {
    return defaultLoop().log.COLLECT;
  },
  get FILTER(): LogContext {
    return defaultLoop().log.FILTER;
  },
  get LOG(): LogContext {
    return defaultLoop().log.LOG;
  },
  get root(): LogRoot {
    return defaultLoop().log;
  },
  ctx: (name) => defaultLoop().log.ctx(name),
  log: (level, message, ...args) => defaultLoop().log.log(level, message, ...args),
  logger: (level) => defaultLoop().log.logger(level),
  configure: (spec) => defaultLoop().log.configure(spec),
  reset: () => defaultLoop().log.reset(),
};
