import { messageOf } from "@anyevent/backends/contract";
import type { ReadBuffer } from "../read_buffer.ts";
import { BadMessage, decodeText, type Parse } from "./parse.ts";

/** Turns JSON text into a value, and back: the global `JSON` is one. */
export interface JsonCodec {
  /** Reads a text. May throw. */
  parse(text: string): unknown;
  /** Writes a value. */
  stringify(value: unknown): string | undefined;
}

const SPACE = new Set([0x20, 0x09, 0x0a, 0x0d]);
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Finds the end of an object or array by its brackets; what is between them is for the codec. */
class Brackets {
  #epoch = -1;
  #at = 0;
  #depth = 0;
  #inString = false;

  /** @returns its length; `undefined`: it is not complete; `null`: it is neither object nor array */
  find(buffer: ReadBuffer): number | undefined | null {
    if (buffer.epoch !== this.#epoch) this.#at = this.#depth = 0;
    if (this.#at === 0) this.#inString = false;
    this.#epoch = buffer.epoch;
    const { bytes } = buffer;
    for (let at = this.#at; at < bytes.length; at++) {
      const byte = bytes[at];
      if (this.#inString) {
        if (byte === BACKSLASH) {
          // Its second half has to be there, or a split between them would end the string wrongly.
          if (at + 1 === bytes.length) return this.#stop(at);
          at++;
        } else if (byte === QUOTE) this.#inString = false;
        continue;
      }
      if (byte === 0x7b || byte === 0x5b) this.#depth++;
      else if (this.#depth === 0) return null;
      else if (byte === QUOTE) this.#inString = true;
      else if ((byte === 0x7d || byte === 0x5d) && --this.#depth === 0) return at + 1;
    }
    return this.#stop(bytes.length);
  }

  #stop(at: number): undefined {
    this.#at = at;
  }
}

/** An object or array in JSON; white space before it is dropped. */
export function json(codec: JsonCodec): Parse {
  const brackets = new Brackets();
  return (buffer) => {
    const { bytes } = buffer;
    let space = 0;
    while (space < bytes.length && SPACE.has(bytes[space])) space++;
    buffer.skip(space);
    const length = brackets.find(buffer);
    if (length === null) {
      throw new BadMessage("JSON has to be an object or array", buffer.length);
    }
    if (length === undefined) return undefined;
    let value: unknown;
    try {
      value = codec.parse(decodeText(buffer.bytes.subarray(0, length)));
    } catch (error) {
      throw new BadMessage(`it is no JSON (${messageOf(error)})`, length);
    }
    return { values: [value], length };
  };
}
