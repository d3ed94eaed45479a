import type { TLSSocket } from "node:tls";
import { Deque } from "../contract/deque.ts";
import type { ByteStream } from "../contract/stream.ts";
import type { RawDuplex } from "./raw_duplex.ts";
import { NO_SINK, type Sink, type Source } from "./source.ts";

/** Decrypted bytes that may wait to be read before the stream below is not read any more. */
export const PLAIN_LIMIT = 262144;

/**
 * A `TLSSocket` after its handshake.
 *
 * The socket itself is never paused, because Deno's forgets an end of file that comes while it is: what
 * nobody reads yet is queued here, and a long queue stops the reading of the stream below.
 */
export class TlsSource implements Source {
  readonly #tls: TLSSocket;
  readonly #under: RawDuplex;
  readonly #raw: ByteStream;
  readonly #chunks = new Deque<Uint8Array>();
  #queued = 0;
  #pulling = false;
  #ended = false;
  #error: Error | undefined = undefined;
  sink: Sink = NO_SINK;
  readonly local: string;
  readonly remote: string;

  constructor(tls: TLSSocket, under: RawDuplex, raw: ByteStream) {
    this.#tls = tls;
    this.#under = under;
    this.#raw = raw;
    this.local = raw.local;
    this.remote = raw.remote;
    tls.on("data", (chunk: Uint8Array) => {
      this.#chunks.push(chunk);
      this.#queued += chunk.length;
      if (this.#pulling) this.#give();
      else if (this.#queued >= PLAIN_LIMIT) under.throttle(true);
    });
    tls.once("end", () => {
      this.#ended = true;
      this.#give();
    });
    const failed = (error: Error): void => {
      this.#error ??= error;
      this.sink.failed("w", error);
      this.#give();
    };
    tls.on("error", failed);
    under.duplex.on("error", failed);
    const closed = (): void => failed(new Error("the peer closed the connection within TLS"));
    tls.once("close", closed);
    under.duplex.once("close", closed);
  }

  pull(): void {
    this.#pulling = true;
    if (this.#queued > 0 || this.#ended || this.#error !== undefined) {
      void Promise.resolve().then(() => this.#give());
    }
  }

  unpull(): boolean {
    this.#pulling = false;
    return true;
  }

  push(bytes: Uint8Array): void {
    const count = bytes.length;
    this.#tls.write(bytes, (error?: Error | null) => {
      if (error) this.sink.failed("w", error);
      else this.sink.pushed(count);
    });
  }

  end(): void {
    // Node ends a TLS connection with close_notify alone.
    this.#tls.end(() => this.#raw.shutdown());
  }

  close(): void {
    this.#pulling = false;
    this.#tls.destroy();
    this.#under.duplex.destroy();
    this.#raw.close();
  }

  release(): void {
    this.#tls.removeAllListeners();
  }

  setNoDelay(on: boolean): void {
    this.#raw.setNoDelay(on);
  }

  setKeepAlive(on: boolean): void {
    this.#raw.setKeepAlive(on);
  }

  #give(): void {
    if (!this.#pulling) return;
    const chunk = this.#chunks.shift();
    if (chunk !== undefined) {
      this.#pulling = false;
      const before = this.#queued;
      this.#queued -= chunk.length;
      if (before >= PLAIN_LIMIT && this.#queued < PLAIN_LIMIT) this.#under.throttle(false);
      this.sink.pulled(chunk);
    } else if (this.#ended) {
      this.#pulling = false;
      this.sink.pulled(null);
    } else if (this.#error !== undefined) {
      this.#pulling = false;
      this.sink.failed("r", this.#error);
    }
  }
}
