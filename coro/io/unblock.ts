import { type ByteStream, isWatchable, show, UsageError } from "@anyevent/backends/contract";
import { Handle, type IoSource, ioStream } from "@anyevent/loop";
import { currentLoop } from "./anyevent.ts";
import { CoroHandle } from "./handle.ts";
import type { CoroHandleOptions } from "./options.ts";

/** What {@linkcode unblock} takes. */
export type CoroHandleSource = ByteStream | Handle | IoSource;

/**
 * A stream as a {@linkcode CoroHandle}: of the loop's own sockets, a `Handle`, or on the native backend any
 * stream of the host, such as a `Deno.Conn`, `Deno.stdin` or a pipe of a child.
 *
 * Follows `Coro::Handle::unblock`.
 *
 * @throws {UsageError} when it is none of these
 * @example
 * ```ts
 * import { async, unblock } from "@anyevent/coro";
 * import { connectTcp, tcpServer } from "@anyevent/loop";
 *
 * using server = tcpServer("127.0.0.1", 0, (fh) =>
 *   void async(function* () {
 *     using peer = unblock(fh);
 *     yield* peer.print("welcome\n");
 *   }));
 * using client = unblock(await connectTcp("127.0.0.1", server.port));
 * console.log(await client.readline()); // welcome
 * ```
 */
export function unblock(source: CoroHandleSource, options?: CoroHandleOptions): CoroHandle;
/** Nothing for nothing. */
export function unblock(
  source: CoroHandleSource | undefined,
  options?: CoroHandleOptions,
): CoroHandle | undefined;
export function unblock(
  source: CoroHandleSource | undefined,
  options: CoroHandleOptions = {},
): CoroHandle | undefined {
  if (source === undefined) return undefined;
  if (source instanceof Handle || isStream(source)) return new CoroHandle(source, options);
  const { name } = (options.loop ?? currentLoop()).env.backend;
  if (name === "native") return new CoroHandle(ioStream(source), options);
  throw new UsageError(
    `Cannot unblock ${show(source)}: it is not a stream of the loop's sockets, and only the ` +
      `native backend, not ${name}, takes those of the host`,
  );
}

function isStream(source: unknown): source is ByteStream {
  const like = source as Partial<ByteStream>;
  return isWatchable(source) && typeof like.tryRead === "function" &&
    typeof like.tryWrite === "function";
}
