import type { Undo } from "../contract/backend.ts";
import type { Env } from "../contract/env.ts";
import type { ByteStream } from "../contract/stream.ts";
import { deferred } from "./case.ts";

/** `count` bytes that no shift or swap leaves equal. */
export function pattern(count: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(count);
  let x = seed;
  for (let i = 0; i < count; i++) {
    x = (Math.imul(x, 1103515245) + 12345) | 0;
    bytes[i] = x >>> 16;
  }
  return bytes;
}

/** Two connected streams over the sockets of `env`: [accepted, connected]. */
export async function socketPair(env: Env): Promise<[ByteStream, ByteStream]> {
  const server = deferred<ByteStream>();
  const client = deferred<ByteStream>();
  const listener = env.net.listen(
    { transport: "tcp", host: "127.0.0.1", port: 0 },
    (stream) => server.resolve(stream),
  );
  env.net.connect(listener.address, (error, stream) => {
    if (stream === undefined) client.reject(error);
    else client.resolve(stream);
  });
  try {
    return [await server.promise, await client.promise];
  } finally {
    listener.close();
  }
}

/** All bytes until end of file. */
export function readAll(env: Env, stream: ByteStream): Promise<Uint8Array> {
  return readUpTo(env, stream, Infinity);
}

/** Bytes until there are `limit` or end of file; never takes more. */
export function readUpTo(env: Env, stream: ByteStream, limit: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let total = 0;
  const done = deferred<Uint8Array>();
  const undo = env.backend.io(stream, "r", () => {
    try {
      const into = new Uint8Array(Math.min(65536, limit - total));
      const count = stream.tryRead(into);
      if (count !== null) {
        parts.push(into.subarray(0, count));
        total += count;
        if (total < limit) return;
      }
      undo();
      done.resolve(join(parts));
    } catch (thrown) {
      undo();
      done.reject(thrown);
    }
  });
  return done.promise;
}

/** Writes everything, as fast as the stream takes it. */
export function writeAll(env: Env, stream: ByteStream, bytes: Uint8Array): Promise<void> {
  const done = deferred();
  let sent = 0;
  const undo: Undo = env.backend.io(stream, "w", () => {
    try {
      sent += stream.tryWrite(bytes.subarray(sent));
      if (sent < bytes.length) return;
      undo();
      done.resolve();
    } catch (thrown) {
      undo();
      done.reject(thrown);
    }
  });
  return done.promise;
}

/** One array of several. */
export function join(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** Whether two byte arrays are equal. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}
