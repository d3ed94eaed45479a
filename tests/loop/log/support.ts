/** A log on the manual platform, whose clock begins in 1970 and stands still. */
import { LogRoot } from "@anyevent/loop";
import { type ManualEnv, manualEnv, type ManualOptions } from "../../support/manual_env.ts";

/** What a test of the log has at hand. */
export interface LogWorld {
  readonly env: ManualEnv;
  readonly log: LogRoot;
  /** What `keep` was given, as `level message`. */
  readonly got: string[];
}

/** Makes one; the environment is empty unless given. */
export function logWorld(options: ManualOptions = {}): LogWorld {
  const env = manualEnv(options);
  return { env, log: new LogRoot(env), got: [] };
}
