/** What a session is told, what it calls, and what it says. */

import type { Greeting } from "./greeting.ts";

/** How a session introduces itself and whom it accepts. */
export interface SessionOptions {
  /** The own node id. */
  readonly nodeId: string;
  /** The shared secret; without one no method that needs it is used or accepted. */
  readonly secret: string | undefined;
  /** Unpredictable and used once: printable ASCII without blanks. */
  readonly nonce: string;
  /** Authentication methods ready to be sent. */
  readonly authOffer: readonly string[];
  /** Authentication methods accepted from the peer, best first. */
  readonly authAccept: readonly string[];
  /** Names of registered framings that are read and written, best first. */
  readonly framings: readonly string[];
  /**
   * The `KEY=VALUE` fields of the greeting, in this order. `xtls=1` makes the session use
   * encryption with ephemeral certificates when the peer announces it too; `tls=1.0`
   * encryption with configured certificates.
   */
  readonly extra: readonly (readonly [key: string, value: string])[];
  /** The longest line of the handshake in bytes, 4096 unless given. */
  readonly maxGreetingBytes?: number;
  /** The largest message in bytes, 64 MiB unless given. */
  readonly maxFrameBytes?: number;
}

/**
 * What to do with a peer. `on` with `after: "proof"`: this side authenticates only when the peer has, so
 * that the peer is never open on a connection that is then refused.
 */
export type Verdict =
  | { readonly go: "on"; readonly after?: "proof" }
  | { readonly go: "hold" }
  | { readonly go: "refuse"; readonly reason: string };

/** Who is at the other end of an open session. */
export interface PeerInfo {
  /** The peer's node id. */
  readonly nodeId: string;
  /** The peer's greeting. */
  readonly greeting: Greeting;
  /** The method by which the peer authenticated. */
  readonly method: string;
  /** The framing of what is sent. */
  readonly sendFraming: string;
  /** The framing of what is received. */
  readonly receiveFraming: string;
  /** Whether the connection runs over TLS. */
  readonly encrypted: boolean;
}

/** What a session calls. */
export interface SessionHandler {
  /** Bytes for the transport, in order. */
  send(bytes: Uint8Array): void;
  /**
   * The peer's greeting is sound. `hold`: nothing more is sent until `proceed`.
   *
   * @param peer the greeting
   * @returns what to do
   */
  greeting(peer: Greeting): Verdict;
  /**
   * The peer is authenticated, and this side is to follow (`after: "proof"`). Absent: it does.
   *
   * @param peer the greeting
   * @returns what to do; `hold`: nothing is sent until `proceed`
   */
  proved?(peer: Greeting): Verdict;
  /**
   * The transport must be secured now; then `upgraded` has to be called.
   *
   * @param role of this side in the TLS handshake
   * @param kind `xtls`: ephemeral certificate; `tls`: the configured one, both sides verified
   * @param rest bytes that belong to the TLS handshake and were read already
   */
  upgrade(role: "client" | "server", kind: "xtls" | "tls", rest: Uint8Array): void;
  /** The peer is authenticated, and messages may be sent. */
  open(peer: PeerInfo): void;
  /** A message arrived. */
  message(message: unknown[]): void;
  /**
   * The session is over and the connection has to be closed.
   *
   * @param reason for the log; holds no secret and only printable ASCII of what was received
   * @param kind `refused`: a peer that is not wanted; `protocol`: one that does not speak AEMP
   */
  fail(reason: string, kind: "refused" | "protocol"): void;
}

/** Where a session is. */
export type SessionState =
  | "new"
  | "greeting"
  | "nonce"
  | "held"
  | "upgrading"
  | "auth"
  | "open"
  | "failed"
  | "closed";
