import type { LogLevel, LogSink } from "@anyevent/backends/contract";
import type { LogFile } from "./file.ts";
import type { LogContext, LogEntry } from "./types.ts";

/** What the contexts of one log share. */
export interface LogState {
  /** Counts the changes of the configuration: what was derived from it holds for one number. */
  generation: number;
  /** Messages under way: a callback that logs is called from within another message. */
  depth: number;
  /** The Env's. */
  readonly sink: LogSink;
  readonly files: Set<LogFile>;
  time(): number;
  format(entry: LogEntry): string;
  exit(): void;
  openFile(path: string, keepOpen: boolean): LogFile;
  /** Finds contexts of this log. @throws {UsageError} for others */
  find(contexts: readonly (LogContext | string)[], what: string): LogContext[];
}

/** Tells of a fault in the log itself, where nothing configurable is in the way. */
export function reportFault(state: LogState, text: string): void {
  const level: LogLevel = 4;
  state.sink(level, text);
}
