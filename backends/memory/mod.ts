/**
 * An in-process network for any backend: for tests, and for many nodes in one process.
 *
 * @module
 */
import { type Env, show, UsageError } from "../contract/mod.ts";
import { type MemoryNet, memoryNet } from "./net.ts";

export { type MemoryNet, memoryNet, type MemoryNetOptions } from "./net.ts";

/**
 * An environment like `env` whose sockets are in memory.
 *
 * @param env gives all the rest; a `net` must run on its backend
 * @param net shared by the environments that shall reach each other. Default: a new one
 * @returns the environment; its `net` has the faults of {@linkcode MemoryNet}
 * @example
 * ```ts
 * import { memoryEnv } from "@anyevent/backends/memory";
 * import type { Env } from "@anyevent/backends/contract";
 *
 * export function two(env: Env): [Env, Env] {
 *   const a = memoryEnv(env);
 *   return [a, memoryEnv(env, a.net)];
 * }
 * ```
 */
export function memoryEnv(
  env: Env,
  net: MemoryNet = memoryNet(env?.backend, { random: env?.random }),
): Env & { readonly net: MemoryNet } {
  if (typeof env?.backend?.post !== "function") {
    throw new UsageError(`Cannot make memory env: ${show(env)} is no Env with a backend`);
  }
  if (typeof net?.connect !== "function") {
    throw new UsageError(`Cannot make memory env: net ${show(net)} is no net`);
  }
  const { name, backend, host, random, log } = env;
  return { name, backend, net, host, random, log };
}
