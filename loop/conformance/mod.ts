/**
 * What a user of watchers and condvars may rely on, as cases that run on any Env and under any test
 * framework: each case throws when a rule is broken.
 *
 * @example
 * ```ts
 * import { loopCases, missing } from "@anyevent/loop/conformance";
 * import { nativeEnv } from "@anyevent/backends/native";
 *
 * for (const it of loopCases) {
 *   const env = nativeEnv();
 *   if (missing(it, env).length === 0) await it.run(env);
 * }
 * ```
 *
 * @module
 */
import type { Case } from "./case.ts";
import { condvarCases } from "./condvars.ts";
import { timerCases } from "./timers.ts";
import { watcherCases } from "./watchers.ts";

export {
  type Case,
  ConformanceError,
  missing,
  type Need,
  type SpawnedChild,
  type Support,
} from "./case.ts";

/**
 * All cases, each with its rule as the name.
 *
 * @example
 * ```ts
 * import { loopCases } from "@anyevent/loop/conformance";
 * import { simEnv } from "@anyevent/backends/sim";
 *
 * const it = loopCases.find(({ needs }) => needs.length === 0)!;
 * await it.run(simEnv());
 * console.log("ok", it.name); // ok a timer fires once, not before its time, …
 * ```
 */
export const loopCases: readonly Case[] = [...timerCases, ...watcherCases, ...condvarCases];
