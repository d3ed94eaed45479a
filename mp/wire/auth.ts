/**
 * The authentication methods of AEMP, and the choice among them.
 *
 * A proof is a function of the *transcript*: both lines of its sender, then both lines of its
 * receiver, an LF after each. Sender first means that a proof reflected to its sender is wrong.
 *
 * @module
 */

import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { UsageError } from "@anyevent/backends/contract";
import { hmacMd6 } from "./hmac_md6.ts";
import { md6 } from "./md6.ts";

/** The `Finished` messages of a TLS handshake, which bind a proof to this one TLS channel. */
export interface ChannelBinding {
  /** The `Finished` message of the TLS client. */
  readonly clientFinished: Uint8Array;
  /** The `Finished` message of the TLS server. */
  readonly serverFinished: Uint8Array;
}

/** How a connection is secured: not, by `xtls=1` (ephemeral certificate), or by certificates. */
export type Security = "none" | "xtls" | "tls";

/** What a proof is computed from. */
export interface ProofInput {
  /** Sender's two lines, then receiver's two lines, an LF after each. */
  readonly transcript: Uint8Array;
  /** The shared secret, when there is one. */
  readonly secret: string | undefined;
  /** The TLS channel, when there is one. */
  readonly binding: ChannelBinding | undefined;
  /** The framing that the sender of the proof will use. */
  readonly framing: string;
}

/** One authentication method. */
export interface AuthMethod {
  /** Its name on the wire. */
  readonly name: string;
  /** Whether it uses the shared secret. */
  readonly needsSecret: boolean;
  /** Whether it is valid only over TLS. */
  readonly needsTls: boolean;
  /** The DATA field of the auth line. */
  prove(input: ProofInput): string;
}

/** The method between two of ours: needs the secret, and binds it to the TLS channel. */
export const TLS_HMAC_SHA256 = "tls_hmac_sha256";

/** Methods offered and accepted by default. */
export const OUR_AUTHS: readonly string[] = [TLS_HMAC_SHA256];

/** Methods added to talk to Perl's AnyEvent::MP. */
export const PERL_AUTHS: readonly string[] = ["tls_md6_64_256", "hmac_md6_64_256"];

const METHODS: ReadonlyMap<string, AuthMethod> = new Map(
  ([
    { name: TLS_HMAC_SHA256, needsSecret: true, needsTls: true, prove: proveBound },
    {
      name: "hmac_md6_64_256",
      needsSecret: true,
      needsTls: false,
      // The transcript is the key and the secret the message, not the other way round: so does Perl.
      prove: (input) => hmacMd6(input.transcript, md6(bytesOf(secretOf(input)))).toHex(),
    },
    {
      name: "tls_md6_64_256",
      needsSecret: false,
      needsTls: true,
      prove: (input) => md6(input.transcript).toHex(),
    },
    { name: "tls_anon", needsSecret: false, needsTls: true, prove: () => "" },
    {
      name: "cleartext",
      needsSecret: true,
      needsTls: false,
      prove: (input) => bytesOf(secretOf(input)).toHex(),
    },
  ] satisfies AuthMethod[]).map((method) => [method.name, method]),
);

function proveBound(input: ProofInput): string {
  if (input.binding === undefined) {
    throw new UsageError(`Cannot authenticate by ${TLS_HMAC_SHA256}: no TLS channel binding`);
  }
  const key = createHash("sha256").update("aemp-1\n").update(secretOf(input)).digest();
  return createHmac("sha256", key)
    .update(input.transcript)
    .update(`${input.binding.clientFinished.toHex()}\n`)
    .update(`${input.binding.serverFinished.toHex()}\n`)
    .update(input.framing)
    .digest("hex");
}

function secretOf(input: ProofInput): string {
  if (input.secret === undefined) {
    throw new UsageError("Cannot authenticate by a shared secret: none is configured");
  }
  return input.secret;
}

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/**
 * The method of a name.
 *
 * @param name as on the wire
 * @returns the method, or `undefined` when there is none of this name
 * @example
 * ```ts
 * import { authNamed } from "@anyevent/mp/wire";
 *
 * const method = authNamed("cleartext");
 * const transcript = new TextEncoder().encode("all four lines of the handshake");
 * const input = { transcript, secret: "geheim", binding: undefined, framing: "json" };
 * console.log(method?.needsTls, method?.prove(input)); // false 67656865696d
 * console.log(authNamed("rot13")); // undefined
 * ```
 *
 * Perl: `AnyEvent::MP::Transport`.
 */
export function authNamed(name: string): AuthMethod | undefined {
  return METHODS.get(name);
}

/**
 * Whether a method may be used, in either direction, on a connection secured in this way.
 *
 * Over TLS only the `tls_*` methods; over `xtls` only `tls_hmac_sha256`, because an ephemeral
 * certificate proves nothing by itself.
 *
 * @param method the method
 * @param security of the connection
 * @param hasSecret whether a shared secret is configured
 * @returns true when it may be used
 */
export function isUsable(method: AuthMethod, security: Security, hasSecret: boolean): boolean {
  if (method.needsSecret && !hasSecret) return false;
  if (security === "xtls") return method.name === TLS_HMAC_SHA256;
  return method.needsTls === (security === "tls");
}

/**
 * The method to authenticate by: the first of the peer's list that is offered and usable.
 *
 * @param peerAuths the AUTHS of the peer's greeting
 * @param offer methods that this side is ready to send
 * @param situation security of the connection, and whether a secret is configured
 * @returns the method, or `undefined` when there is no common one
 */
export function chooseAuth(
  peerAuths: readonly string[],
  offer: readonly string[],
  situation: { readonly security: Security; readonly hasSecret: boolean },
): AuthMethod | undefined {
  for (const name of peerAuths) {
    const method = METHODS.get(name);
    if (
      method !== undefined && offer.includes(name) &&
      isUsable(method, situation.security, situation.hasSecret)
    ) return method;
  }
  return undefined;
}

/**
 * Compares two proofs in a time that does not depend on where they differ.
 *
 * @param left one proof
 * @param right another
 * @returns true when they are equal
 */
export function proofsEqual(left: string, right: string): boolean {
  const digest = (text: string): Uint8Array => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(left), digest(right));
}
