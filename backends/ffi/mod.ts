/**
 * The ffi backend: on Linux's epoll, with the system's own sockets; it watches any descriptor, and can
 * block the thread.
 *
 * @module
 */
import type { Env, LogSink } from "../contract/env.ts";
import { checkOptional } from "../contract/options.ts";
import { nativeHost, nativeRandom } from "../driven/deno/host.ts";
import { logErrors } from "../driven/log_errors.ts";
import { FfiBackend, type FfiBackendOptions } from "./backend.ts";
import { FfiNet } from "./net.ts";

export { FfiBackend, type FfiBackendOptions } from "./backend.ts";
export { fdStream } from "./stream.ts";

/** Options of {@linkcode ffiEnv}. */
export interface FfiEnvOptions extends FfiBackendOptions {
  /**
   * Where messages for people go. Default: what a log let through, else errors
   * (levels 1 to 4), as lines on standard error.
   */
  readonly log?: LogSink;
}

/** An {@linkcode Env} whose backend has all that ffi has. */
export interface FfiEnv extends Env {
  /** The event loop. */
  readonly backend: FfiBackend;
}

/**
 * Makes an {@linkcode Env} on epoll. Each has a loop of its own.
 *
 * Its sockets are the system's: Deno's permissions for the network and for paths of Unix sockets do not
 * apply to them.
 *
 * Backends: ffi. Permissions: `--allow-ffi`, or for the path of the C library alone; files and names need
 * theirs when used.
 *
 * @param options busy polling, what to do with what callbacks throw, and with messages
 * @returns the platform
 * @throws {UsageError} when this is not Deno on Linux, `--allow-ffi` is missing, or there is no C library
 *
 * @example
 * ```ts
 * import { ffiEnv } from "@anyevent/backends/ffi";
 *
 * const { backend, net } = ffiEnv();
 * const listener = net.listen({ transport: "tcp", host: "127.0.0.1", port: 0 }, (stream) => {
 *   stream.tryWrite(new TextEncoder().encode("hello\n"));
 *   stream.close();
 * });
 * let greeting = "";
 * net.connect(listener.address, (_error, stream) => {
 *   const undo = backend.io(stream, "r", () => {
 *     const bytes = new Uint8Array(100);
 *     const count = stream!.tryRead(bytes);
 *     if (count !== null) greeting += new TextDecoder().decode(bytes.subarray(0, count));
 *     else {
 *       undo();
 *       stream!.close();
 *     }
 *   });
 * });
 * backend.runUntil(() => greeting === "hello\n"); // on this thread, without an await
 * backend.dispose();
 * listener.close();
 * ```
 */
export function ffiEnv(options: FfiEnvOptions = {}): FfiEnv {
  const backend = new FfiBackend(options);
  checkOptional(options.log, "make ffi env: log");
  return {
    name: "ffi",
    backend,
    net: new FfiNet(backend),
    host: nativeHost,
    random: nativeRandom,
    log: options.log ?? logErrors,
  };
}
