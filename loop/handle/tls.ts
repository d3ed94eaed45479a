import {
  type ByteStream,
  type PeerError,
  type Secured,
  show,
  type Undo,
  UsageError,
} from "@anyevent/backends/contract";
import { handleError, textOf } from "./errors.ts";
import type { Handle } from "./handle.ts";
import type { HandleCallback, ReadQueue } from "./read_queue.ts";
import type { HandleState } from "./state.ts";
import type { Barrier } from "./write_buffer.ts";
import type { WriteQueue } from "./write_queue.ts";

/** Which end of the handshake to play: the client's or the server's. */
export type TlsMode = "connect" | "accept";

/** How to secure a handle. */
export interface TlsContext {
  /**
   * PEM: private key, certificate and authorities, used as own certificate and only trust store. Without
   * it nothing is verified.
   */
  readonly certificate?: string;
}

/** Told how a handshake went. */
export type StarttlsCallback = (h: Handle, success: boolean, message: string) => unknown;

/** The change of a handle to TLS, and back to nothing. */
export class TlsSide {
  onStarttls: StarttlsCallback | undefined;
  onStoptls: HandleCallback | undefined;
  readonly #state: HandleState;
  readonly #reading: ReadQueue;
  readonly #writing: WriteQueue;
  #wanted: { readonly mode: TlsMode; readonly context: TlsContext } | undefined;
  #below: ByteStream | undefined;
  #undo: Undo | undefined;
  #over = false;
  /** Whether it was asked for before there was a connection. */
  #early = false;

  constructor(state: HandleState, reading: ReadQueue, writing: WriteQueue) {
    this.#state = state;
    this.#reading = reading;
    this.#writing = writing;
    reading.attentive = () => state.secured !== undefined && this.onStoptls !== undefined;
    reading.endsOtherwise = () => this.#peerStopped();
  }

  /** The stream under the TLS stream. */
  get below(): ByteStream | undefined {
    return this.#below;
  }

  /** Asks for TLS; it begins when the handle is connected and what was written before has gone. */
  want(mode: unknown, context: unknown = {}): void {
    if (mode !== "connect" && mode !== "accept") {
      throw new UsageError(`Cannot start TLS: mode ${show(mode)} is neither connect nor accept`);
    }
    if (typeof context !== "object" || context === null) {
      throw new UsageError(`Cannot start TLS: context ${show(context)} is not an object`);
    }
    const { certificate } = context as TlsContext;
    if (certificate !== undefined && typeof certificate !== "string") {
      throw new UsageError(`Cannot start TLS: certificate ${show(certificate)} is not PEM text`);
    }
    if (this.#wanted !== undefined) {
      throw new UsageError("Cannot start TLS: it was started before");
    }
    this.#wanted = { mode, context: { certificate } };
    this.#early = this.#state.stream === undefined;
    this.#begin();
  }

  /** Ends TLS, and with it the sending; what was written before goes first. */
  stop(): void {
    if (this.#wanted === undefined || this.#over) return;
    this.#over = true;
    this.#writing.barrier((barrier) => {
      this.#state.stream?.shutdown();
      this.#writing.open(barrier);
    }, false);
  }

  /** Aborts a handshake under way, which closes the stream. @returns whether there was one */
  abort(): boolean {
    const undo = this.#undo;
    undo?.();
    return undo !== undefined;
  }

  /** Begins anew for the next target of a connect. */
  again(): void {
    this.abort();
    this.#below = undefined;
    this.#over = false;
    if (this.#early) this.#begin();
    else {
      this.#wanted = undefined;
      this.#reading.start();
    }
  }

  #begin(): void {
    this.#reading.block();
    // What the peer sent after it had agreed belongs to the handshake.
    const rest = this.#reading.buffer.takeAll();
    // Set now, connected or not: nothing that is written from here on may go in plain text.
    this.#writing.barrier((barrier) => this.#handshake(barrier, rest), true);
  }

  #handshake(barrier: Barrier, rest: Uint8Array): void {
    const state = this.#state;
    const { loop } = state;
    const stream = state.stream!;
    const { mode, context } = this.#wanted!;
    const release = loop.hold();
    const role = mode === "connect" ? "client" : "server";
    let over = false;
    const finish = (): boolean => {
      if (over) return false;
      over = true;
      release();
      this.#undo = undefined;
      return true;
    };
    try {
      const undo = loop.env.net.secure(stream, role, { ...context, rest }, (error, secured) => {
        if (!finish()) return secured?.stream.close();
        state.guarded(() => {
          if (secured === undefined) this.#failed(error!);
          else this.#secured(secured, stream, barrier);
        });
      });
      this.#undo = () => {
        if (finish()) undo();
      };
    } catch (error) {
      finish();
      throw error;
    }
  }

  #secured(secured: Secured, below: ByteStream, barrier: Barrier): void {
    const state = this.#state;
    state.stream = secured.stream;
    state.secured = secured;
    this.#below = below;
    state.activity("r");
    state.activity("w");
    const told = this.onStarttls;
    this.onStarttls = undefined;
    try {
      state.call(told, true, "TLS connection established");
    } finally {
      if (!state.destroyed) {
        this.#writing.open(barrier);
        this.#reading.start();
      }
    }
  }

  #failed(cause: PeerError): void {
    const state = this.#state;
    const told = this.onStarttls;
    if (told === undefined) {
      const error = handleError(`start TLS with ${state.name}`, "EPROTO", cause.message, cause);
      return state.raise(error, true, cause.message || textOf("EPROTO"));
    }
    this.onStarttls = undefined;
    state.failure = cause;
    try {
      state.call(told, false, cause.message);
    } finally {
      // The stream is closed: nothing can follow.
      state.handle.destroy();
    }
  }

  /** The end of file of a TLS stream is the peer's end of TLS. */
  #peerStopped(): boolean {
    const state = this.#state;
    if (state.secured === undefined || this.onStoptls === undefined) return false;
    this.#over = true;
    state.call(this.onStoptls);
    return true;
  }
}
