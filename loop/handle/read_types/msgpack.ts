import { messageOf } from "@anyevent/backends/contract";
import { type BytesCodec, loadedMsgpack, loadMsgpack } from "../msgpack_codec.ts";
import type { ReadBuffer } from "../read_buffer.ts";
import { BadMessage, type Parse } from "./parse.ts";

/** Bytes of an item without what it contains, by its first byte from 0xc0 on; 0: see `header`. */
const FIXED = [1, 0, 1, 1, 0, 0, 0, 0, 0, 0, 5, 9, 2, 3, 5, 9, 2, 3, 5, 9, 3, 4, 6, 10, 18];

interface Header {
  /** All bytes of the item, without items in it. */
  readonly size: number;
  /** Items in it. */
  readonly items: number;
}

/** @returns `undefined`: more bytes are needed */
function header(bytes: Uint8Array, at: number): Header | undefined {
  const type = bytes[at];
  if (type < 0x80 || type >= 0xe0) return { size: 1, items: 0 };
  if (type < 0x90) return { size: 1, items: 2 * (type & 15) };
  if (type < 0xa0) return { size: 1, items: type & 15 };
  if (type < 0xc0) return { size: 1 + (type & 31), items: 0 };
  if (type === 0xc1) throw new BadMessage("byte 0xc1 has no meaning in MessagePack", 1);
  const fixed = FIXED[type - 0xc0];
  if (fixed !== undefined && fixed > 0) return { size: fixed, items: 0 };
  // 1, 2 or 4 bytes of length: bin and ext from 0xc4, str from 0xd9, array from 0xdc, map from 0xde.
  const width = type <= 0xc9
    ? 1 << ((type - 0xc4) % 3)
    : type <= 0xdb
    ? 1 << (type - 0xd9)
    : 2 << ((type - 0xdc) % 2);
  if (at + 1 + width > bytes.length) return undefined;
  let count = 0;
  for (let i = 1; i <= width; i++) count = 256 * count + bytes[at + i];
  if (type >= 0xdc) return { size: 1 + width, items: type >= 0xde ? 2 * count : count };
  const extra = type >= 0xc7 && type <= 0xc9 ? 1 : 0;
  return { size: 1 + width + extra + count, items: 0 };
}

/** Finds the end of a value by its headers alone. */
class Extent {
  #epoch = -1;
  #at = 0;
  #left = 1;

  find(buffer: ReadBuffer): number | undefined {
    if (buffer.epoch !== this.#epoch) {
      this.#at = 0;
      this.#left = 1;
    }
    this.#epoch = buffer.epoch;
    const { bytes } = buffer;
    while (this.#left > 0 && this.#at < bytes.length) {
      const item = header(bytes, this.#at);
      if (item === undefined) return undefined;
      this.#at += item.size;
      this.#left += item.items - 1;
    }
    return this.#left === 0 && this.#at <= bytes.length ? this.#at : undefined;
  }
}

/**
 * A value in MessagePack.
 *
 * @param given codec; default: the built-in one, which is loaded for it
 * @param loaded called when it has been loaded
 */
export function msgpack(given: BytesCodec | undefined, loaded: () => void): Parse {
  const extent = new Extent();
  let failed: unknown;
  if (given === undefined && loadedMsgpack() === undefined) {
    loadMsgpack().catch((error) => failed = error).then(loaded);
  }
  return (buffer) => {
    const length = extent.find(buffer);
    if (length === undefined) return undefined;
    const codec = given ?? loadedMsgpack();
    if (codec === undefined && failed === undefined) return "wait";
    try {
      if (codec === undefined) throw failed;
      return { values: [codec.decode(buffer.slice(0, length))], length };
    } catch (error) {
      throw new BadMessage(`it is no MessagePack (${messageOf(error)})`, length);
    }
  };
}
