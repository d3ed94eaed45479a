import { type Host, show, UsageError } from "@anyevent/backends/contract";
import { environment } from "../environment.ts";
import { toThreshold } from "./levels.ts";
import { type LogSpec, parseLogSpec } from "./spec.ts";

/** What the environment says about the log. */
export interface LogSettings {
  /** Level of the filter, 0 to 9. */
  readonly verbose: number;
  /** What to do to contexts. */
  readonly spec: readonly LogSpec[];
}

/**
 * Reads `ANYEVENT_VERBOSE` and `ANYEVENT_LOG`; empty ones count as unset.
 *
 * @throws {UsageError} when one of them makes no sense
 */
export function logSettings(host: Pick<Host, "env">): LogSettings {
  const verbose = environment(host, "VERBOSE");
  const spec = environment(host, "LOG");
  return {
    verbose: verbose === undefined || verbose.value === ""
      ? 4
      : threshold(verbose.value, verbose.name),
    spec: spec === undefined ? [] : parseLogSpec(spec.value, spec.name),
  };
}

function threshold(value: string, name: string): number {
  try {
    return toThreshold(value, "configure log");
  } catch (cause) {
    throw new UsageError(
      `Cannot configure log: ${name} ${show(value)} is neither 0 to 9 nor the name of a level`,
      { cause },
    );
  }
}
