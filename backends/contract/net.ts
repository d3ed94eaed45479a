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

/** A version of TLS. */
export type TlsVersion = "TLSv1.2" | "TLSv1.3";

/**
 * How to secure a stream.
 *
 * Without any of it the server makes an ephemeral self-signed certificate and neither end verifies anything:
 * the encryption must then be authenticated by its channel binding. With `certificate` both ends present it
 * and verify the other's against `ca`; the other options say each of this apart.
 */
export interface TlsOptions {
  /**
   * PEM: private key, certificate and authorities, used as own certificate and only trust store: as `key`,
   * `cert`, `ca`, `verify` and `requireClientCert` together, and instead of them.
   */
  readonly certificate?: string;
  /** PEM: the own private key. Default: the one in `cert`. */
  readonly key?: string;
  /** What the private key is encrypted with. */
  readonly keyPassword?: string;
  /** PEM: the own certificate, then those that lead from it to an authority. */
  readonly cert?: string;
  /** PEM: the authorities to trust. Default: those of the host. Only where the peer is verified. */
  readonly ca?: string | readonly string[];
  /**
   * Whether a peer's certificate must come from one of the authorities, and be valid now; whose it is stays to
   * be seen in `peerNames`. The client fails without; the server asks for one, and fails when a bad one comes.
   * Default: whether `ca` or `requireClientCert` is given.
   */
  readonly verify?: boolean;
  /** For the server: fail when the client has no certificate. No effect for the client. Default false. */
  readonly requireClientCert?: boolean;
  /** For the client: which host of the server is meant (SNI); no address. It is not verified. */
  readonly serverName?: string;
  /** The oldest version to agree to; the newest is TLS 1.3. Default `"TLSv1.3"`. */
  readonly minVersion?: TlsVersion;
  /**
   * Protocols to speak over it (ALPN), the one liked most first. When both ends have some but none in common,
   * it fails.
   */
  readonly alpn?: readonly string[];
  /** Bytes already read from the stream that belong to the handshake. */
  readonly rest?: Uint8Array;
}

/** One of the names of a certificate. */
export interface AltName {
  /** A host's name (maybe with a wildcard), an address literal, a mail address, or a URI. */
  readonly type: "dns" | "ip" | "email" | "uri";
  /** The name. It is what the certificate holds: any text. */
  readonly value: string;
}

/** Whom a certificate names. */
export interface PeerNames {
  /** The first common name of its subject. */
  readonly commonName: string | undefined;
  /** Its subject's alternative names, in its order. */
  readonly altNames: readonly AltName[];
}

/** A stream after a TLS handshake. */
export interface Secured {
  /** Carries plain bytes; the stream under it must not be used any more. */
  readonly stream: ByteStream;
  /**
   * What only these two ends know of this handshake (the Finished values).
   *
   * @throws {UsageError} when TLS 1.2 was agreed on, which has none that is safe
   */
  readonly binding: {
    /** The TLS client's. */
    readonly clientFinished: Uint8Array;
    /** The TLS server's. */
    readonly serverFinished: Uint8Array;
  };
  /** The version both agreed on. */
  readonly version: TlsVersion;
  /** The protocol both agreed on (ALPN). */
  readonly alpn: string | undefined;
  /** For the server: which host the client asked for (SNI). */
  readonly serverName: string | undefined;
  /** Whether the peer presented a certificate and it was verified against the authorities. */
  readonly verified: boolean;
  /** The peer's certificate in PEM, when it presented one. */
  readonly peerCertificate: string | undefined;
  /** The names in it, worth as much as `verified` says. */
  readonly peerNames: PeerNames;
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
   * TLS over a stream that has been used in plain text so far.
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
