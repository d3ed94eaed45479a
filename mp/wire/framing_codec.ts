/**
 * A framing from any codec of the common `encode`/`decode` shape, such as `@std/msgpack`'s.
 *
 * @module
 */

import { PeerError, show, UsageError } from "@anyevent/backends/contract";
import { ByteBuffer } from "./byte_buffer.ts";
import type { FrameDecoder, Framing } from "./framing.ts";

const HEAD_BYTES = 4;
const MAX_U32 = 0xffff_ffff;

/** Turns values into bytes and back. */
export interface Codec {
  /** One value as bytes. */
  encode(value: unknown): Uint8Array;
  /** The value of these bytes; throws when they are of no value. */
  decode(bytes: Uint8Array): unknown;
}

/**
 * A framing whose frames are a codec's bytes after their length (unsigned, 32 bits, big-endian).
 *
 * What values it carries is up to the codec. Both sides have to mean the same by the name.
 *
 * @param name the name on the wire
 * @param codec the codec
 * @returns a framing, to be given to {@linkcode registerFraming}
 * @throws {UsageError} when the codec has not `encode` and `decode`
 * @example
 * ```ts
 * import { codecFraming } from "@anyevent/mp/wire";
 *
 * const framing = codecFraming("upper", {
 *   encode: (value) => new TextEncoder().encode(JSON.stringify(value).toUpperCase()),
 *   decode: (bytes) => JSON.parse(new TextDecoder().decode(bytes)),
 * });
 * const frame = framing.encode(["port", "hi"]) as Uint8Array;
 * console.log(frame.subarray(0, 4)); // Uint8Array(4) [ 0, 0, 0, 13 ]
 * framing.decoder(1000).push(frame, (message) => {
 *   console.log(message); // [ "PORT", "HI" ]
 *   return true;
 * });
 * ```
 */
export function codecFraming(name: string, codec: Codec): Framing {
  if (typeof name !== "string" || name === "") {
    throw new UsageError(`Cannot make framing ${show(name)}: the name is not a string`);
  }
  if (typeof codec?.encode !== "function" || typeof codec.decode !== "function") {
    throw new UsageError(`Cannot make framing ${show(name)}: the codec lacks encode or decode`);
  }
  return {
    name,
    encode: (message) => encodeFrame(codec, message),
    decoder: (maxFrameBytes) => new CodecDecoder(codec, maxFrameBytes),
  };
}

function encodeFrame(codec: Codec, message: readonly unknown[]): Uint8Array {
  if (!Array.isArray(message)) {
    throw new UsageError(`Cannot encode message ${show(message)}: it is not an array`);
  }
  let body: Uint8Array;
  try {
    body = codec.encode(message);
  } catch (error) {
    throw new UsageError("Cannot encode message: the codec refused it", { cause: error });
  }
  if (body.length > MAX_U32) throw new UsageError("Cannot encode message: 4 GiB or more");
  const frame = new Uint8Array(HEAD_BYTES + body.length);
  new DataView(frame.buffer).setUint32(0, body.length);
  frame.set(body, HEAD_BYTES);
  return frame;
}

class CodecDecoder implements FrameDecoder {
  readonly #codec: Codec;
  readonly #maxFrameBytes: number;
  readonly #open = new ByteBuffer(); // the frame that earlier chunks left open

  constructor(codec: Codec, maxFrameBytes: number) {
    this.#codec = codec;
    this.#maxFrameBytes = maxFrameBytes;
  }

  push(bytes: Uint8Array, deliver: (message: unknown[]) => boolean): void {
    let rest = bytes;
    while (rest.length > 0) {
      if (this.#open.length === 0) {
        const size = this.#sizeOf(rest);
        if (size !== undefined && rest.length >= size) { // whole in this chunk: no copy
          if (!deliver(this.#decode(rest.subarray(HEAD_BYTES, size)))) return;
          rest = rest.subarray(size);
          continue;
        }
      }
      const size = this.#sizeOf(this.#open.view()) ?? HEAD_BYTES;
      const taken = Math.min(rest.length, size - this.#open.length);
      this.#open.append(rest.subarray(0, taken));
      rest = rest.subarray(taken);
      const frame = this.#open.view();
      if (this.#sizeOf(frame) === frame.length) {
        const message = this.#decode(frame.slice(HEAD_BYTES));
        this.#open.clear();
        if (!deliver(message)) return;
      }
    }
  }

  /** Size of the frame that begins here, with its head; undefined when the head is not whole. */
  #sizeOf(frame: Uint8Array): number | undefined {
    if (frame.length < HEAD_BYTES) return undefined;
    const size = new DataView(frame.buffer, frame.byteOffset).getUint32(0);
    if (size > this.#maxFrameBytes) {
      throw new PeerError(`message larger than ${this.#maxFrameBytes} bytes`, "EMSGSIZE");
    }
    return HEAD_BYTES + size;
  }

  #decode(body: Uint8Array): unknown[] {
    let value: unknown;
    try {
      value = this.#codec.decode(body);
    } catch (error) {
      throw new PeerError("undecodable message", "EBADMSG", { cause: error });
    }
    if (!Array.isArray(value)) throw new PeerError("message is no array", "EBADMSG");
    return value;
  }
}
