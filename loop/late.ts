import type { Backend, LogLevel } from "@anyevent/backends/contract";
import type { CondVarHost } from "./condvar.ts";

/**
 * What lower files of the package need of the choice of the default loop, which imports them: filled in
 * when the package has been loaded. Asked at use, so that importing touches no host.
 */
export const late: {
  /** The default loop. */
  loop: (() => CondVarHost) | undefined;
  /** A backend of the host's own, on which nothing runs; it makes no choice of the default loop. */
  hostBackend: (() => Backend) | undefined;
  /** Logs where the default loop does, or would. */
  log: ((level: LogLevel, message: string) => void) | undefined;
} = { loop: undefined, hostBackend: undefined, log: undefined };
