import {
  type ByteStream,
  messageOf,
  PeerError,
  type Secured,
  show,
  type TlsOptions,
  type Undo,
  UsageError,
} from "@anyevent/backends/contract";
import type { TLSConfig } from "../tls/config.ts";
import { TLS, type TlsSession, tlsSession } from "../tls/tls.ts";
import { handleError, textOf } from "./errors.ts";
import type { Handle } from "./handle.ts";
import type { HandleCallback, ReadQueue } from "./read_queue.ts";
import type { HandleState } from "./state.ts";
import type { Barrier } from "./write_buffer.ts";
import type { WriteQueue } from "./write_queue.ts";

/** Which end of the handshake to play: the client's or the server's. */
export type TlsMode = "connect" | "accept";

/** How to secure a handle: a context, or what to make one of. Without it nothing is verified. */
export type TlsContext = TLS | TLSConfig;

/** Told how a handshake went. */
export type StarttlsCallback = (h: Handle, success: boolean, message: string) => unknown;

/** The change of a handle to TLS, and back to nothing. */
export class TlsSide {
  onStarttls: StarttlsCallback | undefined;
  onStoptls: HandleCallback | undefined;
  readonly #state: HandleState;
  readonly #reading: ReadQueue;
  readonly #writing: WriteQueue;
  #wanted: { readonly mode: TlsMode; readonly session: TlsSession } | undefined;
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
    if (this.#wanted !== undefined) {
      throw new UsageError("Cannot start TLS: it was started before");
    }
    const tls = context instanceof TLS ? context : new TLS(context);
    const { handle, loop } = this.#state;
    this.#wanted = { mode, session: tlsSession(tls, loop.env.host, mode, handle.peername) };
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
    const { mode, session } = this.#wanted!;
    const release = loop.hold();
    let over = false;
    let abort: Undo | undefined;
    const finish = (): boolean => {
      if (over) return false;
      over = true;
      release();
      this.#undo = undefined;
      return true;
    };
    const failed = (thrown: unknown): void => {
      if (!finish()) return;
      stream.close();
      state.guarded(() => this.#failed(thrown));
    };
    const begin = (options: TlsOptions): void => {
      if (over) return;
      const role = mode === "connect" ? "client" : "server";
      abort = loop.env.net.secure(stream, role, { ...options, rest }, (error, secured) => {
        if (secured === undefined) return failed(error);
        if (!finish()) return secured.stream.close();
        state.guarded(() =>
          this.#judge(secured, session, () => {
            this.#secured(secured, stream, barrier);
          })
        );
      });
    };
    this.#undo = () => {
      if (finish()) abort?.();
    };
    try {
      const options = session.load();
      if (options instanceof Promise) options.then(begin).catch(failed);
      else begin(options);
    } catch (error) {
      // In a later turn, as every other failure.
      loop.postpone(() => failed(error));
    }
  }

  /** Closes the stream when the peer is not who it should be, also when that could not be found out. */
  #judge(secured: Secured, session: TlsSession, good: () => void): void {
    let why: string | undefined;
    let cause: unknown;
    try {
      why = session.refusal(secured);
    } catch (error) {
      why = messageOf(error);
      cause = error;
    }
    if (why === undefined) return good();
    secured.stream.close();
    this.#failed(
      new PeerError(`Cannot start TLS with ${this.#state.name}: ${why}`, "EPROTO", { cause }),
    );
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

  #failed(cause: unknown): void {
    const state = this.#state;
    const told = this.onStarttls;
    const why = messageOf(cause);
    // Nothing that was to be encrypted may linger.
    state.streamBroken = true;
    if (told === undefined) {
      const error = handleError(`start TLS with ${state.name}`, "EPROTO", why, cause);
      return state.raise(error, true, why || textOf("EPROTO"));
    }
    this.onStarttls = undefined;
    state.failure = cause as Error;
    try {
      state.call(told, false, why);
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
