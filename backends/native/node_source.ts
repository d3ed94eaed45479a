import type { Duplex } from "node:stream";
import { hostPort, NO_SINK, type Sink, type Source } from "./source.ts";

interface SocketLike {
  /** Undocumented; without it a released descriptor would be read on. */
  readonly _handle?: { readStop?(): void };
  localAddress?: string;
  localPort?: number;
  remoteAddress?: string;
  remotePort?: number;
  ref?(): void;
  unref?(): void;
  setNoDelay?(on: boolean): void;
  setKeepAlive?(on: boolean): void;
}

function endText(host: string | undefined, port: number | undefined): string {
  return host === undefined ? "" : hostPort(host, port ?? 0);
}

/** A Node `Duplex` or `net.Socket`. What it reads ahead stays in it when a pull is taken back. */
export class NodeSource implements Source {
  readonly #duplex: Duplex;
  #pulling = false;
  #listening = false;
  #ended = false;
  sink: Sink = NO_SINK;
  readonly local: string;
  readonly remote: string;

  constructor(duplex: Duplex) {
    const socket = duplex as SocketLike;
    this.#duplex = duplex;
    this.local = endText(socket.localAddress, socket.localPort);
    this.remote = endText(socket.remoteAddress, socket.remotePort);
    socket.unref?.();
    duplex.on("error", this.#failed);
    duplex.on("end", this.#end);
    duplex.on("close", this.#closed);
  }

  pull(): void {
    this.#pulling = true;
    if (!this.#listening) {
      this.#listening = true;
      this.#duplex.on("readable", this.#readable);
    }
    // What is there already fires no event.
    if (this.#duplex.readableLength > 0 || this.#ended || this.#duplex.destroyed) {
      void Promise.resolve().then(this.#readable);
    }
  }

  unpull(): boolean {
    // Not paused: what Node still reads, up to its own mark, waits in the duplex. (A TLSSocket that has
    // been paused does not start again by a "readable" listener.)
    this.#pulling = false;
    return true;
  }

  push(bytes: Uint8Array): void {
    const count = bytes.length;
    this.#duplex.write(bytes, (error?: Error | null) => {
      if (error) this.sink.failed("w", error);
      else this.sink.pushed(count);
    });
  }

  end(): void {
    this.#duplex.end();
  }

  close(): void {
    this.#pulling = false;
    this.#duplex.destroy();
  }

  release(): void {
    this.#duplex.removeListener("readable", this.#readable);
    this.#duplex.pause();
    (this.#duplex as SocketLike)._handle?.readStop?.();
    this.#duplex.removeListener("error", this.#failed);
    this.#duplex.removeListener("end", this.#end);
    this.#duplex.removeListener("close", this.#closed);
    (this.#duplex as SocketLike).ref?.();
  }

  setNoDelay(on: boolean): void {
    (this.#duplex as SocketLike).setNoDelay?.(on);
  }

  setKeepAlive(on: boolean): void {
    (this.#duplex as SocketLike).setKeepAlive?.(on);
  }

  readonly #readable = (): void => {
    if (!this.#pulling) return;
    const bytes: Uint8Array | null = this.#duplex.read();
    if (bytes !== null && bytes.length > 0) {
      this.#pulling = false;
      this.sink.pulled(bytes);
    } else if (this.#ended) {
      this.#pulling = false;
      this.sink.pulled(null);
    } else if (this.#duplex.destroyed) {
      this.#closed();
    }
  };

  readonly #end = (): void => {
    this.#ended = true;
    this.#readable();
  };

  readonly #closed = (): void => {
    if (this.#pulling) {
      this.#pulling = false;
      if (this.#ended) this.sink.pulled(null);
      else this.sink.failed("r", this.#duplex.errored ?? new Error("it was closed"));
    }
  };

  readonly #failed = (error: Error): void => {
    this.#pulling = false;
    this.sink.failed("r", error);
    this.sink.failed("w", error);
  };
}
