/**
 * HMAC over MD6-256, with the 64-byte block that AnyEvent::MP uses.
 *
 * @module
 */

import { show, UsageError } from "@anyevent/backends/contract";
import { md6 } from "./md6.ts";

const BLOCK_BYTES = 64;

/**
 * HMAC-MD6-256 with a 64-byte block.
 *
 * AEMP calls it with the greetings as key and MD6(secret) as message, not the other way round.
 *
 * @param key the key; above 64 bytes its MD6-256 digest is used instead
 * @param message the message
 * @returns 32 bytes
 * @throws {UsageError} when an argument is not a `Uint8Array`
 * @example
 * ```ts
 * import { hmacMd6 } from "@anyevent/mp/wire";
 *
 * const bytes = (text: string) => new TextEncoder().encode(text);
 * const hmac = hmacMd6(bytes("key"), bytes("message"));
 * console.log(hmac.length, hmac.toHex().slice(0, 8)); // 32 afa1764e
 * ```
 *
 * Perl: `Digest::HMAC_MD6::hmac_md6`, whose arguments are (message, key).
 */
export function hmacMd6(key: Uint8Array, message: Uint8Array): Uint8Array {
  for (const [name, value] of [["key", key], ["message", message]] as const) {
    if (!(value instanceof Uint8Array)) {
      throw new UsageError(`Cannot compute an HMAC of ${name} ${show(value)}: not a Uint8Array`);
    }
  }
  const block = new Uint8Array(BLOCK_BYTES);
  block.set(key.length > BLOCK_BYTES ? md6(key) : key);
  const inner = joined(block.map((byte) => byte ^ 0x36), message);
  return md6(joined(block.map((byte) => byte ^ 0x5c), md6(inner)));
}

function joined(left: Uint8Array, right: Uint8Array): Uint8Array {
  const both = new Uint8Array(left.length + right.length);
  both.set(left);
  both.set(right, left.length);
  return both;
}
