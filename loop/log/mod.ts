export { Log, type LogApi } from "./api.ts";
export type { LogLevelLike, LogLevelName, LogThreshold } from "./levels.ts";
export { type LogOptions, LogRoot } from "./root.ts";
export type {
  LogCallback,
  LogContext,
  LogEntry,
  LogFormatter,
  Logger,
  LogMessage,
} from "./types.ts";
