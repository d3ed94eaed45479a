import { show, UsageError } from "@anyevent/backends/contract";
import type { ReadBuffer } from "../read_buffer.ts";

/** A whole item at the front of the buffer. */
export interface Match {
  /** What it gives. */
  readonly values: readonly unknown[];
  /** Bytes it takes. */
  readonly length: number;
}

/**
 * Looks for an item at the front of the buffer, without removing anything: `undefined` while it is not
 * complete, `"wait"` while something else than bytes is missing. It remembers how far it has looked; a change of `buffer.epoch` makes that void.
 *
 * Throws {@linkcode BadMessage} for what can never become one.
 */
export type Parse = (buffer: ReadBuffer) => Match | undefined | "wait";

/** The peer sent what a reader does not understand. */
export class BadMessage extends Error {
  /** Bytes to drop. */
  readonly skip: number;

  constructor(why: string, skip = 0) {
    super(why);
    this.skip = skip;
  }
}

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** UTF-8 as text; what is no UTF-8 becomes U+FFFD. */
export function decodeText(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}

/** Bytes as characters `\x00` to `\xff`, so that a match has the offsets of the bytes. */
export function binaryText(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 8192) {
    text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  }
  return text;
}

/** The buffer as characters, made once for each byte. */
export class BinaryView {
  #text = "";
  #passed = 0;
  #epoch = -1;

  /** How many characters were passed over. */
  get passed(): number {
    return this.#passed;
  }

  /** All that is in the buffer, without what was passed over. */
  of(buffer: ReadBuffer): string {
    if (buffer.epoch !== this.#epoch) {
      this.#text = "";
      this.#passed = 0;
    }
    this.#epoch = buffer.epoch;
    const { bytes } = buffer;
    const known = this.#passed + this.#text.length;
    if (known < bytes.length) this.#text += binaryText(bytes.subarray(known));
    return this.#text;
  }

  /** Passes over characters of what `of` gave: they are kept no longer, so that they cost nothing later. */
  pass(count: number): void {
    this.#passed += count;
    this.#text = this.#text.slice(count);
  }
}

/** An expression without state of its own, that searches from the start. */
export function expression(value: unknown, what: string): RegExp {
  if (!(value instanceof RegExp)) {
    throw new UsageError(`Cannot ${what}: ${show(value)} is not a RegExp`);
  }
  return new RegExp(value.source, value.flags.replace(/[gy]/g, ""));
}
