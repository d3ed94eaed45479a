/** What a session works out from its options alone, or with the peer's greeting. */

import { show, UsageError } from "@anyevent/backends/contract";
import { authNamed, type Security, TLS_HMAC_SHA256 } from "./auth.ts";
import { ByteBuffer } from "./byte_buffer.ts";
import { framingNamed } from "./framing_registry.ts";
import { formatGreeting, type Greeting } from "./greeting.ts";
import type { SessionOptions } from "./session_types.ts";

/** The own greeting line of checked options. */
export function checkedGreeting(options: SessionOptions): string {
  if (typeof options !== "object" || options === null) {
    throw new UsageError(`Cannot create session: options ${show(options)} are not an object`);
  }
  const { nodeId, secret, nonce, authOffer, authAccept, framings, extra } = options;
  const bad = (name: string, why: string): UsageError =>
    new UsageError(`Cannot create session: ${name} ${why}`);
  if (secret !== undefined && typeof secret !== "string") {
    throw bad("secret", "is not a string"); // never shown
  }
  if (typeof nonce !== "string" || !/^[!-~]+$/.test(nonce)) {
    throw bad("nonce", `${show(nonce)} is not printable ASCII`);
  }
  for (const [name, list] of Object.entries({ authOffer, authAccept, framings, extra })) {
    if (!Array.isArray(list)) throw bad(name, `${show(list)} is not an array`);
  }
  for (const name of [...authOffer, ...authAccept]) {
    if (authNamed(name) === undefined) {
      throw bad("authentication method", `${show(name)} is unknown`);
    }
  }
  if (framings.length === 0) throw bad("framings", "is empty");
  for (const name of framings) {
    if (framingNamed(name) === undefined) throw bad("framing", `${show(name)} is not registered`);
  }
  for (const name of ["maxGreetingBytes", "maxFrameBytes"] as const) {
    const value = options[name] ?? 1;
    if (!Number.isInteger(value) || value < 1) throw bad(name, `${show(value)} is not above 0`);
  }
  if (extra.some(([key, value]) => key === "xtls" && value === "1")) {
    if (secret === undefined) throw bad("extra", "has xtls=1, but there is no secret");
    if (!authOffer.includes(TLS_HMAC_SHA256) || !authAccept.includes(TLS_HMAC_SHA256)) {
      throw bad("extra", `has xtls=1, but ${TLS_HMAC_SHA256} is not offered and accepted`);
    }
  }
  return formatGreeting({ nodeId, auths: authAccept, framings, extra });
}

/**
 * A peer may send the secret anywhere, and what it sent is quoted in reasons: a reason that shows
 * it, or the beginning of it, loses its quotation.
 */
export function withoutSecret(reason: string, secret: string | undefined): string {
  if (secret === undefined || secret === "") return reason;
  const hex = new TextEncoder().encode(secret).toHex();
  const shown = reason.toLowerCase();
  const isShown = [secret.toLowerCase(), hex].some((text) => shown.includes(text.slice(0, 16)));
  return isShown ? reason.split('"')[0].replace(/(, got)? $/, "") : reason;
}

/** Certificates win over ephemeral encryption; both have to be announced by both. */
export function securityOf(extra: SessionOptions["extra"], peer: Greeting): Security {
  const own = new Map(extra);
  const peerTls = Math.trunc(Number.parseFloat(peer.extra.get("tls") ?? "0"));
  if (own.get("tls") === "1.0" && peerTls === 1) return "tls";
  return own.get("xtls") === "1" && peer.extra.get("xtls") === "1" ? "xtls" : "none";
}

/** Plain byte order; less than, equal to or greater than 0. */
export function compareBytes(left: Uint8Array, right: Uint8Array): number {
  const length = Math.min(left.length, right.length);
  for (let i = 0; i < length; i++) {
    if (left[i] !== right[i]) return left[i] - right[i];
  }
  return left.length - right.length;
}

/** Lines with an LF after each. */
export function joinLines(lines: readonly Uint8Array[]): Uint8Array {
  const buffer = new ByteBuffer();
  for (const line of lines) {
    buffer.append(line);
    buffer.append(Uint8Array.of(0x0a));
  }
  return buffer.take();
}
