/**
 * The native backend: on Deno's own event loop, with its sockets and its host.
 *
 * @module
 */
import type { BackendOptions } from "../contract/backend.ts";
import type { Env, LogSink } from "../contract/env.ts";
import { checkOptional } from "../contract/options.ts";
import { NativeBackend } from "./backend.ts";
import { nativeHost, nativeRandom } from "../driven/deno/host.ts";
import { logErrors } from "../driven/log_errors.ts";
import { NativeNet } from "./net.ts";

export { NativeBackend } from "./backend.ts";
export { registerChild } from "../driven/deno/child.ts";
export type { IoStream, Released } from "./host_stream.ts";
export { type IoSource, ioStream } from "./io_stream.ts";

/** Options of {@linkcode nativeEnv}. */
export interface NativeEnvOptions extends BackendOptions {
  /**
   * Where messages for people go. Default: what a log let through, else errors
   * (levels 1 to 4), as lines on standard error.
   */
  readonly log?: LogSink;
}

/** An {@linkcode Env} whose backend has all that native has. */
export interface NativeEnv extends Env {
  /** The event loop. */
  readonly backend: NativeBackend;
}

/**
 * Makes an {@linkcode Env} on Deno's own event loop. Each has a loop of its own.
 *
 * Backends: native. Permissions: none to make it; sockets, files and names need theirs when used.
 *
 * @param options what to do with what callbacks throw, and with messages
 * @returns the platform
 *
 * @example
 * ```ts
 * import { nativeEnv } from "@anyevent/backends";
 *
 * const { backend } = nativeEnv();
 * backend.post(() => console.log("in the next turn"));
 * ```
 */
export function nativeEnv(options: NativeEnvOptions = {}): NativeEnv {
  const backend = new NativeBackend(options);
  checkOptional(options.log, "make native env: log");
  return {
    name: "native",
    backend,
    net: new NativeNet(backend),
    host: nativeHost,
    random: nativeRandom,
    log: options.log ?? logErrors,
  };
}
