/**
 * The pure backend: the driven loop in any JavaScript host, and an adapter for Node's modules.
 *
 * @module
 */
import type { Env, LogSink } from "../contract/env.ts";
import { checkOptional } from "../contract/options.ts";
import { logErrors } from "../driven/log_errors.ts";
import { PureBackend, type PureBackendOptions } from "./backend.ts";
import { bareHost, hostRandom } from "./host.ts";

export { PureBackend, type PureBackendOptions } from "./backend.ts";
export type { PureHost } from "./host.ts";
export { nodeHost } from "./node_host.ts";
export { registerNodeChild } from "../driven/node/child.ts";
export { nodeStream } from "../driven/node/node_stream.ts";

/** Options of {@linkcode pureEnv}. */
export interface PureEnvOptions extends PureBackendOptions {
  /** Where messages for people go. Default: what a log let through, else errors, on the host's console. */
  readonly log?: LogSink;
}

/**
 * Makes an {@linkcode Env} on the pure backend. Each has a loop of its own.
 *
 * Without a host adapter there are timers, posts and conditions, and everything else is a `UsageError`
 * that says so; environment variables read as unset.
 *
 * Backends: pure. Permissions: none to make it; sockets, files and names need theirs when used.
 *
 * @param options the host adapter, and what to do with faults and messages
 * @returns the platform
 *
 * @example
 * ```ts
 * import { nodeHost, pureEnv } from "@anyevent/backends/pure";
 *
 * const env = pureEnv({ host: nodeHost() });
 * env.backend.post(() => console.log(env.host.pid > 0)); // true
 * ```
 */
export function pureEnv(options: PureEnvOptions = {}): Env {
  const backend = new PureBackend(options);
  checkOptional(options.log, "make pure env: log");
  const host = options.host ?? bareHost;
  return {
    name: "pure",
    backend,
    net: host.net(backend),
    host: host.host,
    random: hostRandom,
    log: options.log ?? logErrors,
  };
}
