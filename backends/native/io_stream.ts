import type { Duplex } from "node:stream";
import { show, UsageError } from "../contract/errors.ts";
import { builtin } from "./builtin.ts";
import { ConnSource, ReaderSource } from "./conn_source.ts";
import { HostStream, type IoStream } from "./host_stream.ts";
import { NodeSource } from "./node_source.ts";
import type { Source } from "./source.ts";
import { WebSource } from "./web_source.ts";

/** What {@linkcode ioStream} can take over. */
export type IoSource =
  | Deno.Conn
  | typeof Deno.stdin
  | ReadableStream<Uint8Array>
  | WritableStream<Uint8Array>
  | Duplex
  | { readonly fd: number };

/**
 * Takes over a stream of the host, so that a native backend can watch it.
 *
 * From then on all reading and writing goes through the result, until its `close` or `release`. The
 * stream no longer keeps the process alive by itself; `Backend.hold` does that. (Of a child's pipes the
 * host allows that only through `registerChild`.)
 *
 * Backends: native. Permissions: none.
 *
 * @param source a `Deno.Conn`, `Deno.stdin`, one end of a child's pipe (`child.stdout`, `child.stdin`), a
 * Node `net.Socket` or `Duplex`, or `{ fd }` with the number of a pipe or socket
 * @returns the stream
 * @throws {UsageError} for anything else, and for a web stream that is locked
 *
 * @example
 * ```ts
 * import { ioStream, nativeEnv } from "@anyevent/backends";
 *
 * const { backend } = nativeEnv();
 * const stdin = ioStream(Deno.stdin);
 * const buffer = new Uint8Array(4096);
 * backend.hold(true);
 * const undo = backend.io(stdin, "r", () => {
 *   const count = stdin.tryRead(buffer);
 *   if (count !== null) return console.log(`${count} bytes`);
 *   undo();
 *   backend.hold(false);
 * });
 * ```
 */
export function ioStream(source: IoSource): IoStream {
  if (source instanceof HostStream) return source;
  return new HostStream(sourceOf(source));
}

function sourceOf(source: unknown): Source {
  if (typeof source !== "object" || source === null) {
    const fd = typeof source === "number" ? `; give { fd: ${source} } for a descriptor` : "";
    throw new UsageError(`Cannot take over ${show(source)}: it is not a stream of the host${fd}`);
  }
  if (source === Deno.stdin) return stdinSource();
  if (source instanceof ReadableStream || source instanceof WritableStream) {
    if (source.locked) throw new UsageError(`Cannot take over ${show(source)}: it is locked`);
    return source instanceof ReadableStream
      ? new WebSource(source, undefined)
      : new WebSource(undefined, source);
  }
  const like = source as Record<string, unknown>;
  if (typeof like.closeWrite === "function" && typeof like.read === "function") {
    return new ConnSource(source as Deno.Conn);
  }
  if (typeof like.on === "function" && typeof like.read === "function") {
    return new NodeSource(source as Duplex);
  }
  if (typeof like.fd === "number") return fdSource(like.fd);
  throw new UsageError(
    `Cannot take over ${show(source)}: it is none of Deno.Conn, Deno.stdin, ReadableStream, ` +
      `WritableStream, node Duplex, { fd }`,
  );
}

function fdSource(fd: number): Source {
  if (!Number.isSafeInteger(fd) || fd < 0) {
    throw new UsageError(`Cannot take over descriptor ${show(fd)}: it is not a descriptor number`);
  }
  const { Socket } = builtin("node:net");
  try {
    return new NodeSource(new Socket({ fd, readable: true, writable: true, allowHalfOpen: true }));
  } catch (thrown) {
    throw new UsageError(`Cannot take over descriptor ${fd}: it is not a pipe or socket`, {
      cause: thrown,
    });
  }
}

/** Standard input, by what it is: only reads of a file are sure to end, so they may hold the process. */
function stdinSource(): Source {
  if (Deno.stdin.isTerminal()) {
    const { ReadStream } = builtin("node:tty");
    return new NodeSource(new ReadStream(0) as unknown as Duplex);
  }
  const { Socket } = builtin("node:net");
  try {
    return new NodeSource(new Socket({ fd: 0, readable: true, writable: false }));
  } catch (thrown) {
    if ((thrown as { code?: unknown }).code !== "ERR_INVALID_FD_TYPE") throw thrown;
    return new ReaderSource(Deno.stdin);
  }
}
