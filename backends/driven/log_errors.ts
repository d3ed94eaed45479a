import type { LogLevel } from "../contract/env.ts";

const NAMES: readonly string[] = ["", "fatal", "alert", "crit", "error"];

/**
 * The default sink of an Env: prints on the host's console, and so on the standard error, what a log let
 * through, and of the rest errors (levels 1 to 4).
 */
export function logErrors(level: LogLevel, message: string, line?: string): void {
  if (line !== undefined) globalThis.console.error(line.replace(/\n$/, ""));
  else if (level <= 4) globalThis.console.error(`${NAMES[level]}: ${message}`);
}
