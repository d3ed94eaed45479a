/**
 * The rules of the backend contract as code, for every backend and any test framework.
 *
 * Each case says what it needs; run those your backend can do, each on an `Env` with nothing registered.
 *
 * @module
 */
import type { Case } from "./case.ts";
import { eventCases } from "./events.ts";
import { ioCases } from "./io.ts";
import { netCases } from "./net.ts";
import { timerCases } from "./timers.ts";
import { tlsCases } from "./tls.ts";
import { turnCases } from "./turns.ts";
import { udpCases } from "./udp.ts";
import { vanishCases } from "./vanish.ts";

export { type Case, CASE_LIMIT, type Need, runCase, type Support } from "./case.ts";
export { ConformanceError } from "./expect.ts";

/**
 * All cases. Each names what it needs; {@linkcode runCase} runs one.
 *
 * @example
 * ```ts
 * import { conformanceCases } from "@anyevent/backends/conformance";
 *
 * const about = conformanceCases.filter(({ needs }) => needs.includes("udp"));
 * for (const { name, needs } of about) console.log(name, needs); // … [ "udp" ]
 * ```
 */
export const conformanceCases: readonly Case[] = [
  ...turnCases,
  ...timerCases,
  ...ioCases,
  ...netCases,
  ...udpCases,
  ...tlsCases,
  ...vanishCases,
  ...eventCases,
];
