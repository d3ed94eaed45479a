/**
 * The framing `json`: JSON arrays back to back, as Perl's AnyEvent::MP sends them.
 *
 * @module
 */

import { PeerError } from "@anyevent/backends/contract";
import { ByteBuffer } from "./byte_buffer.ts";
import { type FrameDecoder, type Framing, MAX_DEPTH } from "./framing.ts";
import { decodeJson, encodeJson } from "./json_text.ts";
import { seen } from "./seen.ts";

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const MAX_SCALAR_BYTES = 64;

/**
 * JSON arrays back to back, in UTF-8, as Perl's AnyEvent::MP sends them.
 *
 * Its decoder takes blanks and line breaks between them too, so it reads what `jsonl` writes.
 *
 * @example
 * ```ts
 * import { jsonFraming } from "@anyevent/mp/wire";
 *
 * console.log(jsonFraming.encode(["port", "hello", 1])); // ["port","hello",1]
 * const decoder = jsonFraming.decoder(1000);
 * const push = (text: string) =>
 *   decoder.push(new TextEncoder().encode(text), (message) => {
 *     console.log(message);
 *     return true;
 *   });
 * push('["a",1]["b",'); // [ "a", 1 ]
 * push("2]"); // [ "b", 2 ]
 * ```
 *
 * Perl: the framing `json` of `AnyEvent::MP::Transport`, which is AnyEvent::Handle's `json`.
 */
export const jsonFraming: Framing = {
  name: "json",
  encode: encodeJson,
  decoder: (maxFrameBytes) => new JsonDecoder(maxFrameBytes),
};

const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

/** What the byte being looked at belongs to. */
enum In {
  /** Between arrays. */
  Gap,
  /** An array, at depth 1 or more, outside strings. */
  Array,
  /** A string within an array, or at top level when the depth is 0. */
  String,
  /** A number or word at top level, which is ignored when well-formed. */
  Scalar,
}

/**
 * Finds the end of each array by counting brackets outside strings, then parses it whole.
 *
 * Each byte is looked at once, however the input is cut. A frame that is complete within one
 * chunk is never copied; only what a chunk leaves open is.
 */
class JsonDecoder implements FrameDecoder {
  readonly #maxFrameBytes: number;
  readonly #open = new ByteBuffer(); // the part of the open frame that came in earlier chunks
  #in = In.Gap;
  #depth = 0;
  #escaped = false; // the byte before was a backslash within a string

  constructor(maxFrameBytes: number) {
    this.#maxFrameBytes = maxFrameBytes;
  }

  push(bytes: Uint8Array, deliver: (message: unknown[]) => boolean): void {
    // Decoding is one call into the runtime, so it is done once for the whole chunk, if it can.
    // No character has more UTF-16 units than bytes: equal lengths mean equal positions.
    let text: string | undefined;
    let start = 0; // of the open frame, or of its part in this chunk
    let at = 0;
    while (at < bytes.length) {
      if (this.#in === In.Gap) {
        at = this.#enter(bytes, at);
        start = at;
        if (at === bytes.length) return;
      }
      const end = this.#findEnd(bytes, at);
      const complete = end >= 0;
      const stop = complete ? end : bytes.length;
      if (this.#open.length + stop - start > this.#maxFrameBytes) {
        throw new PeerError(`message larger than ${this.#maxFrameBytes} bytes`, "EMSGSIZE");
      }
      if (!complete) {
        this.#open.append(bytes.subarray(start));
        return;
      }
      let frame: string;
      if (this.#open.length > 0) frame = this.#joined(bytes.subarray(start, end));
      else {
        text ??= utf8.decode(bytes);
        frame = text.length === bytes.length
          ? text.substring(start, end)
          : utf8.decode(bytes.subarray(start, end));
      }
      const message = this.#finish(frame);
      if (message !== undefined && !deliver(message)) return;
      at = end;
    }
  }

  /** Skips white space, and sees what comes. Returns where it begins. */
  #enter(bytes: Uint8Array, from: number): number {
    for (let at = from; at < bytes.length; at++) {
      const byte = bytes[at];
      if (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) continue;
      if (byte === OPEN_ARRAY) this.#in = In.Array;
      else if (byte === QUOTE) this.#in = In.String;
      else if (isScalar(byte)) this.#in = In.Scalar;
      else if (byte === OPEN_OBJECT) {
        throw new PeerError(`message is an object, not an array`, "EBADMSG");
      } else {
        const rest = utf8.decode(bytes.subarray(at, at + 80));
        throw new PeerError(`undecodable message ${seen(rest)}`, "EBADMSG");
      }
      this.#depth = 0;
      this.#escaped = false;
      return at;
    }
    return bytes.length;
  }

  /** Where the open frame ends in this chunk, or -1. */
  #findEnd(bytes: Uint8Array, from: number): number {
    const length = bytes.length;
    let at = from;
    if (this.#in === In.Scalar) {
      while (at < length && isScalar(bytes[at])) at++;
      if (this.#open.length + at - from > MAX_SCALAR_BYTES) {
        throw new PeerError(`undecodable message: a word too long`, "EBADMSG");
      }
      return at < length ? at : -1;
    }
    let depth = this.#depth;
    // A top-level string is entered at its opening quote, which must not end it.
    let inString = this.#in === In.String && !(depth === 0 && this.#open.length === 0);
    let escaped = this.#escaped;
    for (; at < length; at++) {
      const byte = bytes[at];
      if (inString) {
        if (escaped) escaped = false;
        else if (byte === BACKSLASH) escaped = true;
        else if (byte === QUOTE) {
          inString = false;
          if (depth === 0) return at + 1;
        }
      } else if (byte === QUOTE) {
        inString = true;
      } else if (byte === OPEN_ARRAY || byte === OPEN_OBJECT) {
        if (++depth > MAX_DEPTH) {
          throw new PeerError(`message nested deeper than ${MAX_DEPTH} levels`, "EBADMSG");
        }
      } else if (byte === CLOSE_ARRAY || byte === CLOSE_OBJECT) {
        if (--depth === 0) return at + 1;
      }
    }
    this.#depth = depth;
    this.#escaped = escaped;
    this.#in = inString ? In.String : In.Array;
    return -1;
  }

  /** The text of the open frame, which ends with this part. */
  #joined(lastPart: Uint8Array): string {
    this.#open.append(lastPart);
    const text = utf8.decode(this.#open.view());
    this.#open.clear();
    return text;
  }

  /** The message of a complete frame; undefined for a scalar, which has to be well-formed. */
  #finish(frame: string): unknown[] | undefined {
    this.#in = In.Gap;
    this.#depth = 0;
    const value = decodeJson(frame);
    return Array.isArray(value) ? value : undefined;
  }
}

/** Digits, letters, and what else a number has. */
function isScalar(byte: number): boolean {
  return (byte >= 0x30 && byte <= 0x39) || (byte >= 0x61 && byte <= 0x7a) ||
    (byte >= 0x41 && byte <= 0x5a) || byte === 0x2b || byte === 0x2d || byte === 0x2e;
}
