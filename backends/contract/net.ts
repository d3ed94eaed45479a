/**
 * Sockets, as they come with a loop: connections, listeners, encryption.
 *
 * A descriptor and a `Deno.Conn` are not interchangeable, so each backend brings the sockets it can
 * watch. Callbacks follow the backend's rules: never inside the call, never after undo.
 *
 * Callbacks given to a `Net` must not throw. They belong to no watcher, so what they throw goes to the
 * backend's `onError`, which by default is the host's `reportError` and ends the program.
 *
 * @module
 */
import type { Undo } from "./backend.ts";
import type { PeerError } from "./errors.ts";
import type { ByteStream, Watchable } from "./stream.ts";

/** Where to connect to or listen on. */
export type Address =
  | {
    /** TCP. */
    readonly transport: "tcp";
    /** An address literal, or a name for `connect`. */
    readonly host: string;
    /** 0 when listening: the system picks one. */
    readonly port: number;
  }
  | {
    /** Unix socket. */
    readonly transport: "unix";
    /** Path in the file system. */
    readonly path: string;
  };

/** A listening socket. */
export interface Listener {
  /** The address it is bound to, with the real port. */
  readonly address: Address;
  /** Stops accepting; accepted streams are unaffected. Idempotent. */
  close(): void;
}

/** Which end of a TLS handshake to play. */
export type TlsRole = "client" | "server";

/**
 * How to secure a stream.
 *
 * Without `certificate` the server makes an ephemeral self-signed one and neither end verifies anything:
 * the encryption must then be authenticated by its channel binding. With it both ends present it and
 * verify the other's against `ca`.
 */
export interface TlsOptions {
  /** PEM: private key, certificate and authorities, used as own certificate and only trust store. */
  readonly certificate?: string;
  /** Bytes already read from the stream that belong to the handshake. */
  readonly rest?: Uint8Array;
}

/** A stream after a TLS handshake. */
export interface Secured {
  /** Carries plain bytes; the stream under it must not be used any more. */
  readonly stream: ByteStream;
  /** What only these two ends know of this handshake (the Finished values). */
  readonly binding: {
    /** The TLS client's. */
    readonly clientFinished: Uint8Array;
    /** The TLS server's. */
    readonly serverFinished: Uint8Array;
  };
  /** The peer's certificate in PEM, when it presented one. */
  readonly peerCertificate: string | undefined;
}

/** One datagram. */
export interface Datagram {
  /** What it holds. */
  readonly bytes: Uint8Array;
  /** Who sent it. */
  readonly from: Address;
}

/** A UDP socket: datagrams may get lost, doubled or reordered, but are never cut or joined. */
export interface DatagramSocket extends Watchable {
  /** The address it is bound to, with the real port. */
  readonly local: Address;
  /** The next datagram that arrived; `undefined`: none now. @throws {ClosedError} after `close` */
  tryReceive(): Datagram | undefined;
  /**
   * Sends one datagram, or drops it: what goes wrong later is not told.
   *
   * @returns false when it would block: watch for `"w"`
   * @throws {ClosedError} after `close`; @throws {PeerError} when the system refuses at once
   */
  trySend(bytes: Uint8Array, to: Address): boolean;
  /** Closes it; watchers are not called again. Idempotent. */
  close(): void;
}

/** The sockets of an {@linkcode Env}. */
export interface Net {
  /**
   * Connects; calls back once with the stream or the error.
   *
   * @returns aborts the attempt; no effect afterwards
   */
  connect(
    to: Address,
    cb: (error: PeerError | undefined, stream: ByteStream | undefined) => void,
  ): Undo;

  /**
   * Binds and listens before it returns.
   *
   * @param accepted gets each connection
   * @throws {PeerError} when it cannot bind, with the system's code (`EADDRINUSE`, …)
   */
  listen(
    on: Address,
    accepted: (stream: ByteStream) => void,
    failed?: (error: PeerError) => void,
  ): Listener;

  /**
   * TLS 1.3 over a stream that has been used in plain text so far.
   *
   * @returns aborts the handshake and closes the stream; no effect afterwards
   */
  secure(
    stream: ByteStream,
    role: TlsRole,
    options: TlsOptions,
    cb: (error: PeerError | undefined, secured: Secured | undefined) => void,
  ): Undo;

  /**
   * Opens a UDP socket; calls back once with it or the error. Absent where there is none.
   *
   * @param on where to bind; port 0: the system picks one
   * @returns aborts it; no effect afterwards
   */
  udp?(
    on: Address,
    cb: (error: PeerError | undefined, socket: DatagramSocket | undefined) => void,
  ): Undo;

  /**
   * Removes the name of a Unix socket, one that its listener left behind say; no file of another kind, and
   * nothing when there is none. Absent where such names are no files.
   *
   * @throws {PeerError} when the system refuses
   */
  removeSocket?(path: string): void;

  /** Sockets, listeners, attempts and handshakes that are open, for leak checks. */
  stats(): { readonly streams: number; readonly listeners: number; readonly attempts: number };
}
