import type { Duplex } from "node:stream";
import type { Backend, Undo } from "../contract/backend.ts";
import type { ByteStream } from "../contract/stream.ts";
import { builtin } from "./builtin.ts";

const READ_SIZE = 65536;

/** A Node `Duplex` over a stream, and a brake on its reading. */
export interface RawDuplex {
  readonly duplex: Duplex;
  /** Called once when the stream has ended, after the duplex has been told. */
  onEnd: () => void;
  /** Stops reading from the stream, or goes on. */
  throttle(on: boolean): void;
}

/**
 * A Node `Duplex` over any stream: what `node:tls` speaks through.
 *
 * It watches for reading only while Node wants more, so a slow reader slows down the peer.
 *
 * @param backend watches the stream
 * @param stream closed with the duplex
 * @param rest bytes that come before those of the stream
 */
export function rawDuplex(backend: Backend, stream: ByteStream, rest?: Uint8Array): RawDuplex {
  const buffer = new Uint8Array(READ_SIZE);
  let reading: Undo | undefined;
  let writing: Undo | undefined;
  let wanted = false;
  let throttled = false;
  let over = false;

  function watch(): void {
    const on = wanted && !throttled && !over;
    if (on === (reading !== undefined)) return;
    reading?.();
    reading = on ? backend.io(stream, "r", read) : undefined;
  }

  function stop(): void {
    over = true;
    watch();
    writing?.();
    writing = undefined;
  }

  function read(): void {
    try {
      const count = stream.tryRead(buffer);
      if (count === 0) return;
      // Node may ask for more inside `push` and still return false from it.
      wanted = false;
      if (count === null) {
        over = true;
        duplex.push(null);
        result.onEnd();
      } else if (duplex.push(buffer.slice(0, count))) wanted = true;
      watch();
    } catch (thrown) {
      duplex.destroy(thrown as Error);
    }
  }

  function write(bytes: Uint8Array, done: (error?: Error | null) => void): void {
    writing?.();
    writing = undefined;
    try {
      const count = stream.tryWrite(bytes);
      if (count === bytes.length) return done();
      const left = bytes.subarray(count);
      writing = backend.io(stream, "w", () => write(left, done));
    } catch (thrown) {
      done(thrown as Error);
    }
  }

  const { Duplex } = builtin("node:stream");
  const duplex: Duplex = new Duplex({
    allowHalfOpen: true,
    read(): void {
      wanted = true;
      watch();
    },
    write(bytes: Uint8Array, _encoding: string, done: (error?: Error | null) => void): void {
      write(bytes, done);
    },
    final(done: (error?: Error | null) => void): void {
      stream.shutdown();
      done();
    },
    destroy(error: Error | null, done: (error?: Error | null) => void): void {
      stop();
      stream.close();
      done(error);
    },
  });
  if (rest !== undefined && rest.length > 0) duplex.push(rest.slice());
  const result: RawDuplex = {
    duplex,
    onEnd(): void {},
    throttle(on: boolean): void {
      throttled = on;
      watch();
    },
  };
  return result;
}
