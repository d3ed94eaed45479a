import type { Host } from "@anyevent/backends/contract";

/** An environment variable that is set. */
export interface Variable {
  /** The name under which it was found, for messages. */
  readonly name: string;
  /** What it says; maybe nothing. */
  readonly value: string;
}

/**
 * Looks up one of this library's environment variables: `ANYEVENT_x`, else by AnyEvent's own names
 * `PERL_ANYEVENT_x`, else `AE_x`. The first that is set counts, also when it is empty.
 *
 * @param host whose environment
 * @param name the `x`, as in `"VERBOSE"`
 */
export function environment(host: Pick<Host, "env">, name: string): Variable | undefined {
  for (const prefix of ["ANYEVENT_", "PERL_ANYEVENT_", "AE_"]) {
    const value = host.env(prefix + name);
    if (value !== undefined) return { name: prefix + name, value };
  }
  return undefined;
}
