import { type LogLevel, show, UsageError } from "@anyevent/backends/contract";

/** Name of a level; several mean the same. */
export type LogLevelName =
  | "fatal"
  | "emerg"
  | "exit"
  | "alert"
  | "critical"
  | "crit"
  | "error"
  | "err"
  | "die"
  | "warn"
  | "warning"
  | "note"
  | "notice"
  | "info"
  | "debug"
  | "trace";

const NAMES: Readonly<Record<LogLevelName, LogLevel>> = {
  fatal: 1,
  emerg: 1,
  exit: 1,
  alert: 2,
  critical: 3,
  crit: 3,
  error: 4,
  err: 4,
  die: 4,
  warn: 5,
  warning: 5,
  note: 6,
  notice: 6,
  info: 7,
  debug: 8,
  trace: 9,
};

/** A level: 1 (fatal) to 9 (trace), or one of its names. */
export type LogLevelLike = LogLevel | LogLevelName;

/** A level up to which something goes: also none (`0`, `"off"`, `"none"`) or every one (`"all"`). */
export type LogThreshold = LogLevelLike | 0 | "off" | "none" | "all";

/** The usual names, by number. */
export const LEVEL_NAMES: readonly string[] = [
  "",
  "fatal",
  "alert",
  "crit",
  "error",
  "warn",
  "note",
  "info",
  "debug",
  "trace",
];

/** Bits of all levels; that of level n is `1 << n`. */
export const ALL_LEVELS = 0b11_1111_1110;

const LEVELS: ReadonlyMap<unknown, LogLevel> = new Map<unknown, LogLevel>([
  ...Object.entries(NAMES),
  ...([1, 2, 3, 4, 5, 6, 7, 8, 9] as const).flatMap((level): [unknown, LogLevel][] => [
    [level, level],
    [String(level), level],
  ]),
]);

/** The level that a number, its digit or a name means; `undefined` when it is none. */
export function findLevel(value: unknown): LogLevel | undefined {
  return LEVELS.get(value);
}

/**
 * Checks a level.
 *
 * @param what completes "Cannot …" in the error
 * @throws {UsageError} when it is none
 */
export function toLevel(value: unknown, what: string): LogLevel {
  const level = findLevel(value);
  if (level === undefined) {
    throw new UsageError(`Cannot ${what}: ${show(value)} is not a valid logging level`);
  }
  return level;
}

/** As {@linkcode findLevel}, for a threshold: 0 is none, 9 is all. */
export function findThreshold(value: unknown): LogLevel | 0 | undefined {
  if (value === 0 || value === "0" || value === "off" || value === "none") return 0;
  return value === "all" ? 9 : findLevel(value);
}

/** As {@linkcode toLevel}, for a threshold. @throws {UsageError} when it is none */
export function toThreshold(value: unknown, what: string): LogLevel | 0 {
  return findThreshold(value) ?? toLevel(value, what);
}

/** The bits of a list of levels. @throws {UsageError} when one is none */
export function levelBits(values: readonly unknown[], what: string): number {
  let bits = 0;
  for (const value of values) bits |= value === "all" ? ALL_LEVELS : 1 << toLevel(value, what);
  return bits;
}

/** The bits of a level and all that are more important. */
export function bitsUpTo(level: LogLevel | 0): number {
  return ((1 << level) - 1) << 1;
}
