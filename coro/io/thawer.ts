import { PeerError } from "@anyevent/backends/contract";
import { DEEPEST, type Job, STEP } from "./freezer.ts";

type Frame =
  | { readonly list: unknown[]; left: number }
  | { readonly map: Record<string, unknown>; left: number; key: string | undefined }
  | { readonly parts: string[]; readonly decoder: TextDecoder; left: number }
  | { readonly copy: Uint8Array; at: number };

/** Stands for a value that is not complete yet. */
const PENDING = Symbol("pending");
/** Items of a step. */
const ITEMS = 512;
/** Bytes decoded or copied in a step at most. */
const LONG_STEP = 1 << 18;
/** Texts of up to so many bytes are tried as ASCII first. */
const SHORT = 24;

function bad(why: string): PeerError {
  return new PeerError(`Cannot thaw: ${why}`, "EBADMSG");
}

/** Makes a value out of MessagePack. */
export class Thawer implements Job<unknown> {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  readonly #stack: Frame[] = [];
  #at = 0;
  #value: unknown = PENDING;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** @throws {PeerError} `EBADMSG`: that is no value */
  step(): boolean {
    const until = this.#at + STEP;
    for (let items = 0; items < ITEMS && this.#at < until; items++) {
      if (this.#value !== PENDING) break;
      const frame = this.#stack.at(-1);
      if (frame !== undefined && "parts" in frame) this.#text(frame);
      else if (frame !== undefined && "copy" in frame) this.#copy(frame);
      else this.#take(this.#read());
    }
    if (this.#value === PENDING) return false;
    if (this.#at < this.#bytes.length) throw bad("more follows after the value");
    return true;
  }

  result(): unknown {
    return this.#value;
  }

  /** Puts a complete value where it belongs; which may complete what it belongs to. */
  #take(given: unknown): void {
    let value = given;
    while (value !== PENDING) {
      const frame = this.#stack.at(-1);
      if (frame === undefined) {
        this.#value = value;
        return;
      }
      if ("list" in frame) {
        frame.list.push(value);
        if (--frame.left > 0) return;
        value = frame.list;
      } else if ("map" in frame) {
        if (frame.key === undefined) {
          if (typeof value !== "string" && typeof value !== "number") {
            throw bad("a key is neither text nor a number");
          }
          frame.key = String(value);
          return;
        }
        assign(frame.map, frame.key, value);
        frame.key = undefined;
        if (--frame.left > 0) return;
        value = frame.map;
      } else return;
      this.#stack.pop();
    }
  }

  #read(): unknown {
    const type = this.#unsigned(1);
    if (type < 0x80) return type;
    if (type < 0x90) return this.#map(type & 0x0f);
    if (type < 0xa0) return this.#list(type & 0x0f);
    if (type < 0xc0) return this.#string(type & 0x1f);
    if (type >= 0xe0) return type - 0x100;
    switch (type) {
      case 0xc0:
        return null;
      case 0xc2:
        return false;
      case 0xc3:
        return true;
      case 0xc4:
      case 0xc5:
      case 0xc6:
        return this.#binary(this.#unsigned(1 << (type - 0xc4)));
      case 0xc7:
      case 0xc8:
      case 0xc9:
        return this.#extension(this.#unsigned(1 << (type - 0xc7)));
      case 0xca:
        return this.#view.getFloat32(this.#skip(4));
      case 0xcb:
        return this.#view.getFloat64(this.#skip(8));
      case 0xcc:
      case 0xcd:
      case 0xce:
        return this.#unsigned(1 << (type - 0xcc));
      case 0xcf:
        return this.#view.getBigUint64(this.#skip(8));
      case 0xd0:
        return this.#view.getInt8(this.#skip(1));
      case 0xd1:
        return this.#view.getInt16(this.#skip(2));
      case 0xd2:
        return this.#view.getInt32(this.#skip(4));
      case 0xd3:
        return this.#view.getBigInt64(this.#skip(8));
      case 0xd4:
      case 0xd5:
      case 0xd6:
      case 0xd7:
      case 0xd8:
        return this.#extension(1 << (type - 0xd4));
      case 0xd9:
      case 0xda:
      case 0xdb:
        return this.#string(this.#unsigned(1 << (type - 0xd9)));
      case 0xdc:
      case 0xdd:
        return this.#list(this.#unsigned(2 << (type - 0xdc)));
      case 0xde:
      case 0xdf:
        return this.#map(this.#unsigned(2 << (type - 0xde)));
      default:
        throw bad("there is no such type as 0xc1");
    }
  }

  #list(length: number): unknown {
    this.#expect(length);
    if (length === 0) return [];
    this.#push({ list: [], left: length });
    return PENDING;
  }

  #map(length: number): unknown {
    this.#expect(2 * length);
    if (length === 0) return {};
    this.#push({ map: {}, left: length, key: undefined });
    return PENDING;
  }

  #string(length: number): unknown {
    if (length <= SHORT) {
      const text = this.#ascii(length);
      if (text !== undefined) return text;
    }
    if (length <= STEP) return this.#decoder.decode(this.#slice(length));
    this.#expect(length);
    const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
    this.#stack.push({ parts: [], decoder, left: length });
    return PENDING;
  }

  #ascii(length: number): string | undefined {
    this.#expect(length);
    const bytes = this.#bytes;
    const end = this.#at + length;
    let text = "";
    for (let at = this.#at; at < end; at++) {
      const byte = bytes[at];
      if (byte >= 0x80) return undefined;
      text += String.fromCharCode(byte);
    }
    this.#at = end;
    return text;
  }

  #text(frame: Extract<Frame, { parts: string[] }>): void {
    const length = Math.min(frame.left, LONG_STEP);
    frame.left -= length;
    const bytes = this.#slice(length);
    frame.parts.push(frame.decoder.decode(bytes, { stream: frame.left > 0 }));
    if (frame.left > 0) return;
    this.#stack.pop();
    this.#take(frame.parts.join(""));
  }

  #binary(length: number): unknown {
    if (length <= STEP) return this.#slice(length).slice();
    this.#expect(length);
    this.#stack.push({ copy: new Uint8Array(length), at: 0 });
    return PENDING;
  }

  #copy(frame: Extract<Frame, { copy: Uint8Array }>): void {
    const { copy } = frame;
    const part = this.#slice(Math.min(copy.length - frame.at, LONG_STEP));
    copy.set(part, frame.at);
    frame.at += part.length;
    if (frame.at < copy.length) return;
    this.#stack.pop();
    this.#take(copy);
  }

  #extension(length: number): Date {
    const type = this.#view.getInt8(this.#skip(1));
    if (type !== -1) throw bad(`extension type ${type} is not known`);
    if (length === 4) return new Date(this.#unsigned(4) * 1000);
    if (length === 8) {
      const high = this.#unsigned(4);
      const seconds = (high % 4) * 2 ** 32 + this.#unsigned(4);
      return new Date(seconds * 1000 + Math.floor(high / 4) / 1e6);
    }
    if (length !== 12) throw bad(`a timestamp has no ${length} bytes`);
    const nanos = this.#unsigned(4);
    const seconds = this.#view.getBigInt64(this.#skip(8));
    return new Date(Number(seconds) * 1000 + nanos / 1e6);
  }

  #push(frame: Frame): void {
    if (this.#stack.length >= DEEPEST) throw bad(`it is nested deeper than ${DEEPEST}`);
    this.#stack.push(frame);
  }

  /** Each item has a byte at least: so nobody makes us wait for more than there is. */
  #expect(items: number): void {
    if (items > this.#bytes.length - this.#at) throw bad("it is cut off");
  }

  #slice(length: number): Uint8Array {
    this.#expect(length);
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  #unsigned(size: number): number {
    const at = this.#skip(size);
    if (size === 1) return this.#bytes[at];
    return size === 2 ? this.#view.getUint16(at) : this.#view.getUint32(at);
  }

  /** @returns where what it skipped begins */
  #skip(size: number): number {
    const at = this.#at;
    if (size > this.#bytes.length - at) throw bad("it is cut off");
    this.#at = at + size;
    return at;
  }
}

function assign(map: Record<string, unknown>, key: string, value: unknown): void {
  if (key !== "__proto__") map[key] = value;
  else {
    Object.defineProperty(map, key, {
      value,
      writable: true,
      enumerable: true,
      configurable: true,
    });
  }
}
