/**
 * The sim backend: virtual time and a simulated network, for tests.
 *
 * @module
 */
import { checkOptions } from "../contract/options.ts";
import type { SimEnv } from "./process.ts";
import { simWorld, type SimWorldOptions } from "./world.ts";

export type { FullBackend } from "./backend.ts";
export type { SimChild } from "./child.ts";
export type { ChopLimits, DatagramFaults, LatencyRange, LinkFilter } from "./faults.ts";
export type { Ends } from "./network.ts";
export type { SimEnv, SimEnvOptions } from "./process.ts";
export { simWorld, type SimWorldOptions, World } from "./world.ts";

/**
 * Makes an {@linkcode SimEnv} in a world of its own that moves by itself: what `ANYEVENT_BACKEND=sim` and
 * `use("sim")` give. Programs run as fast as they can, in virtual time.
 *
 * It does not keep the process alive when nothing is left that could happen in the world, whatever is held.
 *
 * Backends: sim. Permissions: none.
 *
 * @param options as for `simWorld`; `moving` is true by default
 *
 * @example
 * ```ts
 * import { simEnv } from "@anyevent/backends/sim";
 *
 * const { backend } = simEnv();
 * backend.hold(true);
 * await new Promise<void>((resolve) => void backend.timer(86400, resolve)); // takes no time
 * backend.hold(false);
 * ```
 */
export function simEnv(options: SimWorldOptions = {}): SimEnv {
  checkOptions(options, "make world");
  return simWorld({ moving: true, ...options }).env("sim");
}
