import type { Duplex } from "node:stream";
import type { Backend, IoMode, Undo } from "../../contract/backend.ts";
import { ClosedError, PeerError, show, UsageError } from "../../contract/errors.ts";
import { type ByteStream, WATCH } from "../../contract/stream.ts";
import { PostedReadiness } from "../readiness.ts";
import { nodeError } from "./node_modules.ts";

/** Bytes read ahead, and bytes taken for sending, before either side has to wait. */
const LIMIT = 65536;

interface SocketParts {
  readonly localAddress?: string;
  readonly localPort?: number;
  readonly remoteAddress?: string;
  readonly remotePort?: number;
  ref?(): void;
  unref?(): void;
  setNoDelay?(on: boolean): void;
  setKeepAlive?(on: boolean): void;
}

function endpoint(address: string | undefined, port: number | undefined): string {
  if (address === undefined) return "";
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

/** What the maker of a {@linkcode NodeStream} knows better than its duplex. */
export interface NodeStreamParts {
  /** This end. */
  readonly local?: string;
  /** The other end. */
  readonly remote?: string;
  /** Called once when the stream is closed. */
  readonly gone?: () => void;
  /** Called when what was shut down has been handed on. */
  readonly sent?: () => void;
  /** Holds the sender back, or lets it go on. Default: the duplex is paused. */
  readonly throttle?: (on: boolean) => void;
}

/** A Node `Duplex` as a stream that never blocks. */
export class NodeStream implements ByteStream {
  readonly local: string;
  readonly remote: string;
  readonly #duplex: Duplex;
  readonly #socket: SocketParts;
  readonly #parts: NodeStreamParts;
  readonly #readable: PostedReadiness;
  readonly #writable: PostedReadiness;
  readonly #chunks: Uint8Array[] = [];
  #held = 0;
  #unsent = 0;
  #eof = false;
  #shut = false;
  #closed = false;
  #throttled = false;
  #cancelled = false;
  #broken: PeerError | undefined;

  constructor(backend: Backend, duplex: Duplex, parts: NodeStreamParts = {}) {
    const socket = this.#socket = duplex as SocketParts;
    this.#duplex = duplex;
    this.#parts = parts;
    this.local = parts.local ?? endpoint(socket.localAddress, socket.localPort);
    this.remote = parts.remote ?? endpoint(socket.remoteAddress, socket.remotePort);
    this.#readable = new PostedReadiness(
      backend,
      () => this.#held > 0 || this.#eof || this.#broken !== undefined,
    );
    this.#writable = new PostedReadiness(
      backend,
      () => this.#shut || this.#broken !== undefined || this.#unsent < LIMIT,
    );
    // `hold` alone keeps the process alive; bytes to be sent do, see `tryWrite`.
    socket.unref?.();
    duplex.on("data", (chunk: Uint8Array) => this.#arrived(chunk));
    duplex.on("end", () => this.#ended());
    duplex.on("error", (error) => this.#fail(error));
    duplex.on("close", () => {
      if (!this.#eof || this.#cancelled) this.#fail(new PeerError("it was closed", "ECONNRESET"));
    });
    if (duplex.readableEnded) this.#ended();
    else if (duplex.destroyed) this.#fail(new PeerError("it was closed", "ECONNRESET"));
  }

  get unsent(): number {
    return this.#unsent;
  }

  tryRead(into: Uint8Array): number | null {
    if (this.#closed) throw new ClosedError("Cannot read from stream: it is closed");
    if (!(into instanceof Uint8Array) || into.length === 0) {
      throw new UsageError(`Cannot read from stream: into ${show(into)} has no room for bytes`);
    }
    if (this.#held === 0) {
      // A stream whose other direction broke has not simply ended.
      if (this.#broken !== undefined) throw this.#broken;
      if (this.#eof) return null;
      return 0;
    }
    let count = 0;
    while (count < into.length && this.#chunks.length > 0) {
      const chunk = this.#chunks[0];
      const part = chunk.subarray(0, into.length - count);
      into.set(part, count);
      count += part.length;
      if (part.length === chunk.length) this.#chunks.shift();
      else this.#chunks[0] = chunk.subarray(part.length);
    }
    this.#held -= count;
    if (this.#held < LIMIT && this.#throttled) this.#throttle(false);
    return count;
  }

  tryWrite(bytes: Uint8Array): number {
    if (this.#closed) throw new ClosedError("Cannot write to stream: it is closed");
    if (this.#shut) throw new ClosedError("Cannot write to stream: it is shut down");
    if (!(bytes instanceof Uint8Array)) {
      throw new UsageError(`Cannot write to stream: ${show(bytes)} is not a Uint8Array`);
    }
    if (this.#broken !== undefined) throw this.#broken;
    const count = Math.min(bytes.length, LIMIT - this.#unsent);
    if (count <= 0) return 0;
    this.#unsent += count;
    // What was taken shall arrive, even if this is the last thing the process does.
    this.#socket.ref?.();
    this.#duplex.write(bytes.slice(0, count), (error) => {
      this.#unsent -= count;
      // What was still to be written when the stream broke is cancelled: the reason comes by itself.
      if ((error as { code?: unknown } | null | undefined)?.code === "ECANCELED") {
        this.#cancelled = true;
      } else if (error) this.#fail(error);
      if (this.#unsent === 0) this.#socket.unref?.();
      this.#writable.poke();
    });
    return count;
  }

  shutdown(): void {
    if (this.#shut || this.#closed) return;
    this.#shut = true;
    this.#duplex.end(this.#parts.sent);
    this.#writable.poke();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#chunks.length = 0;
    this.#held = 0;
    this.#duplex.destroy();
    this.#parts.gone?.();
    this.#readable.clear();
    this.#writable.clear();
  }

  setNoDelay(on: boolean): void {
    this.#socket.setNoDelay?.(on);
  }

  setKeepAlive(on: boolean): void {
    this.#socket.setKeepAlive?.(on);
  }

  [WATCH](mode: IoMode, cb: () => void, closed?: () => void): Undo {
    if (this.#closed) throw new ClosedError("Cannot watch stream: it is closed");
    return (mode === "r" ? this.#readable : this.#writable).add(cb, closed);
  }

  #arrived(chunk: Uint8Array): void {
    if (this.#closed) return;
    this.#chunks.push(chunk);
    this.#held += chunk.length;
    if (this.#held >= LIMIT && !this.#throttled) this.#throttle(true);
    this.#readable.poke();
  }

  #throttle(on: boolean): void {
    this.#throttled = on;
    if (this.#parts.throttle !== undefined) this.#parts.throttle(on);
    else if (on) this.#duplex.pause();
    else this.#duplex.resume();
  }

  #ended(): void {
    this.#eof = true;
    this.#readable.poke();
  }

  #fail(thrown: unknown): void {
    if (this.#closed || this.#broken !== undefined) return;
    const name = this.remote === "" ? "stream" : `connection to ${this.remote}`;
    this.#broken = nodeError(`use ${name}`, thrown, "ECONNRESET");
    this.#readable.poke();
    this.#writable.poke();
  }
}

/**
 * Takes over a Node stream (a `net.Socket`, a child's pipe, any `Duplex`), so that it can be watched.
 *
 * All reading and writing must go through the result from then on. It does not keep the process alive.
 *
 * Backends: any; made for pure. Permissions: none.
 *
 * @param backend calls the watchers
 * @param duplex a stream that gives and takes bytes
 * @returns the stream
 * @throws {UsageError} for anything else
 *
 * @example
 * ```ts
 * import { Socket } from "node:net";
 * import { nodeHost, nodeStream, pureEnv } from "@anyevent/backends/pure";
 *
 * const { backend } = pureEnv({ host: nodeHost() });
 * const stream = nodeStream(backend, new Socket());
 * backend.io(stream, "r", () => console.log(stream.tryRead(new Uint8Array(100))));
 * stream.close();
 * ```
 */
export function nodeStream(backend: Backend, duplex: Duplex): ByteStream {
  const parts = duplex as Partial<Duplex> | undefined;
  if (
    typeof parts !== "object" || parts === null || typeof parts.on !== "function" ||
    typeof parts.write !== "function" || typeof parts.resume !== "function"
  ) throw new UsageError(`Cannot watch ${show(duplex)}: it is not a Node Duplex`);
  return new NodeStream(backend, duplex);
}
