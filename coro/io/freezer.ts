import { show, UsageError } from "@anyevent/backends/contract";

/** Work that is done in small steps. */
export interface Job<T> {
  /** Does some of it. @returns whether it is done */
  step(): boolean;
  /** Once it is. */
  result(): T;
}

/** Bytes of a step, about. */
export const STEP = 4096;
/** Nesting that is still written and read. */
export const DEEPEST = 10_000;

const CHUNK = 65536;
/** Bytes copied, or characters encoded, in a step at most. */
const LONG_STEP = 1 << 18;
/** Texts of up to so many characters are tried as ASCII first. */
const SHORT = 48;
const LARGEST = 2n ** 64n;
const SMALLEST = -(2n ** 63n);

type Frame =
  | { readonly list: readonly unknown[]; readonly length: number; at: number }
  | {
    readonly map: Readonly<Record<string, unknown>>;
    readonly keys: readonly string[];
    at: number;
  }
  | { readonly text: string; readonly parts: Uint8Array[]; size: number; at: number };

/** Turns a value into MessagePack. */
export class Freezer implements Job<Uint8Array<ArrayBuffer>> {
  readonly #stack: Frame[] = [];
  /** Containers that are being written: one inside itself would have no end. */
  readonly #open: Set<object> = new Set();
  readonly #encoder = new TextEncoder();
  readonly #full: Uint8Array[] = [];
  #fullSize = 0;
  #chunk: Uint8Array = new Uint8Array(256);
  #view: DataView = new DataView(this.#chunk.buffer);
  #at = 0;
  #whole: Uint8Array<ArrayBuffer> | undefined;
  #joined = 0;
  #joinedSize = 0;
  /** Of the chunk that is being copied. */
  #copied = 0;
  /** How much this step did, in bytes about. */
  #work = 0;

  /** @throws {UsageError} as `step` does */
  constructor(value: unknown) {
    this.#write(value);
  }

  /** @throws {UsageError} for what cannot be written */
  step(): boolean {
    this.#work = 0;
    for (let frame = this.#stack.at(-1); frame !== undefined; frame = this.#stack.at(-1)) {
      if (this.#work >= STEP) return false;
      this.#advance(frame);
    }
    return this.#join();
  }

  result(): Uint8Array<ArrayBuffer> {
    return this.#whole!;
  }

  #advance(frame: Frame): void {
    if ("list" in frame) {
      if (frame.at < frame.length) return this.#write(frame.list[frame.at++]);
      this.#open.delete(frame.list);
    } else if ("map" in frame) {
      if (frame.at < frame.keys.length) {
        const key = frame.keys[frame.at++];
        const value = frame.map[key];
        // Last in, first out: a long key comes before its value.
        if (key.length > STEP) {
          this.#stack.push({ list: [value], length: 1, at: 0 });
          return this.#text(key);
        }
        this.#text(key);
        return this.#write(value);
      }
      this.#open.delete(frame.map);
    } else {
      const { text, at, parts } = frame;
      if (at < text.length) {
        let end = Math.min(at + LONG_STEP, text.length);
        // Both halves of a pair stay together.
        if (end < text.length && (text.charCodeAt(end - 1) & 0xfc00) === 0xd800) end--;
        frame.at = end;
        const part = this.#encoder.encode(text.slice(at, end));
        parts.push(part);
        frame.size += part.length;
        this.#work += part.length;
        return;
      }
      this.#textHead(frame.size);
      for (const part of parts) this.#share(part);
    }
    this.#stack.pop();
  }

  #write(value: unknown): void {
    switch (typeof value) {
      case "undefined":
        return this.#byte(0xc0);
      case "boolean":
        return this.#byte(value ? 0xc3 : 0xc2);
      case "number":
        return this.#number(value);
      case "bigint":
        return this.#bigint(value);
      case "string":
        return this.#text(value);
      case "object":
        return value === null ? this.#byte(0xc0) : this.#object(value);
      default:
        throw new UsageError(`Cannot freeze: ${show(value)} is no data`);
    }
  }

  #number(value: number): void {
    const float = !Number.isInteger(value) || value > 0xffffffff || value < -0x80000000 ||
      Object.is(value, -0);
    if (float) {
      this.#byte(0xcb);
      this.#room(8);
      this.#view.setFloat64(this.#at, value);
      this.#at += 8;
    } else if (value >= 0) {
      if (value < 0x80) this.#byte(value);
      else this.#unsigned(0xcc, value);
    } else if (value >= -0x20) this.#byte(value & 0xff);
    else if (value >= -0x80) this.#sized(0xd0, 1, value);
    else if (value >= -0x8000) this.#sized(0xd1, 2, value);
    else this.#sized(0xd2, 4, value);
  }

  #bigint(value: bigint): void {
    if (value >= LARGEST || value < SMALLEST) {
      throw new UsageError(`Cannot freeze: ${show(value)} has more than 64 bits`);
    }
    this.#byte(value >= 0n ? 0xcf : 0xd3);
    this.#room(8);
    this.#view.setBigUint64(this.#at, BigInt.asUintN(64, value));
    this.#at += 8;
  }

  #text(text: string): void {
    const { length } = text;
    if (length <= SHORT && this.#ascii(text)) return;
    if (length > STEP) {
      this.#stack.push({ text, parts: [], size: 0, at: 0 });
      return;
    }
    const encoded = this.#encoder.encode(text);
    this.#textHead(encoded.length);
    this.#bytes(encoded);
  }

  /** @returns whether it could be written so */
  #ascii(text: string): boolean {
    const { length } = text;
    this.#room(length + 2);
    const chunk = this.#chunk;
    let at = this.#at;
    if (length < 0x20) chunk[at++] = 0xa0 | length;
    else {
      chunk[at++] = 0xd9;
      chunk[at++] = length;
    }
    for (let n = 0; n < length; n++) {
      const code = text.charCodeAt(n);
      if (code >= 0x80) return false;
      chunk[at++] = code;
    }
    this.#work += at - this.#at;
    this.#at = at;
    return true;
  }

  #textHead(length: number): void {
    if (length < 0x20) this.#byte(0xa0 | length);
    else this.#unsigned(0xd9, length);
  }

  #object(value: object): void {
    if (value instanceof Uint8Array) {
      const { length } = value;
      this.#unsigned(0xc4, length);
      if (length > STEP) this.#share(value);
      else this.#bytes(value);
    } else if (value instanceof Date) this.#date(value);
    else if (Array.isArray(value)) {
      this.#enter(value);
      const { length } = value;
      this.#head(0x90, 0xdc, length);
      this.#stack.push({ list: value, length, at: 0 });
    } else {
      const prototype: unknown = Object.getPrototypeOf(value);
      if (prototype !== null && prototype !== Object.prototype) {
        throw new UsageError(
          `Cannot freeze: ${show(value)} is neither plain data, an array, bytes nor a Date`,
        );
      }
      this.#enter(value);
      const keys = Object.keys(value);
      this.#head(0x80, 0xde, keys.length);
      this.#stack.push({ map: value as Record<string, unknown>, keys, at: 0 });
    }
  }

  #enter(value: object): void {
    if (this.#open.has(value)) {
      throw new UsageError(`Cannot freeze: ${show(value)} contains itself`);
    }
    if (this.#open.size >= DEEPEST) {
      throw new UsageError(`Cannot freeze: the value is nested deeper than ${DEEPEST}`);
    }
    this.#open.add(value);
  }

  #head(small: number, large: number, length: number): void {
    if (length < 0x10) this.#byte(small | length);
    else if (length < 0x10000) this.#sized(large, 2, length);
    else this.#sized(large + 1, 4, length);
  }

  /** The timestamp of the MessagePack specification. */
  #date(date: Date): void {
    const time = date.getTime();
    if (Number.isNaN(time)) throw new UsageError("Cannot freeze: the date is invalid");
    const seconds = Math.floor(time / 1000);
    const nanos = (time - seconds * 1000) * 1e6;
    if (seconds >= 0 && seconds < 2 ** 34) {
      if (nanos === 0 && seconds < 2 ** 32) {
        this.#byte(0xd6);
        return this.#sized(0xff, 4, seconds);
      }
      this.#byte(0xd7);
      this.#byte(0xff);
      this.#room(8);
      this.#view.setUint32(this.#at, nanos * 4 + Math.floor(seconds / 2 ** 32));
      this.#view.setUint32(this.#at + 4, seconds % 2 ** 32);
      this.#at += 8;
      return;
    }
    this.#sized(0xc7, 1, 12);
    this.#sized(0xff, 4, nanos);
    this.#room(8);
    this.#view.setBigInt64(this.#at, BigInt(seconds));
    this.#at += 8;
  }

  /** In 1, 2 or 4 bytes, of the types that follow each other. */
  #unsigned(type: number, value: number): void {
    if (value < 0x100) this.#sized(type, 1, value);
    else if (value < 0x10000) this.#sized(type + 1, 2, value);
    else this.#sized(type + 2, 4, value);
  }

  #sized(type: number, size: 1 | 2 | 4, value: number): void {
    this.#room(5);
    this.#chunk[this.#at++] = type;
    if (size === 1) this.#chunk[this.#at] = value;
    else if (size === 2) this.#view.setUint16(this.#at, value);
    else this.#view.setUint32(this.#at, value);
    this.#at += size;
    this.#work += size + 1;
  }

  #byte(byte: number): void {
    this.#room(1);
    this.#chunk[this.#at++] = byte;
    this.#work++;
  }

  #bytes(bytes: Uint8Array): void {
    this.#room(bytes.length);
    this.#chunk.set(bytes, this.#at);
    this.#at += bytes.length;
    this.#work += bytes.length;
  }

  /** Takes a large chunk as it is. */
  #share(chunk: Uint8Array): void {
    this.#next(256);
    this.#full.push(chunk);
    this.#fullSize += chunk.length;
  }

  #room(size: number): void {
    if (this.#at + size <= this.#chunk.length) return;
    this.#next(Math.max(size, Math.min(CHUNK, 2 * this.#chunk.length)));
  }

  #next(size: number): void {
    if (this.#at > 0) this.#full.push(this.#chunk.subarray(0, this.#at));
    this.#fullSize += this.#at;
    this.#chunk = new Uint8Array(size);
    this.#view = new DataView(this.#chunk.buffer);
    this.#at = 0;
  }

  /** Puts the chunks together, some in each step. */
  #join(): boolean {
    if (this.#whole === undefined) {
      this.#next(0);
      this.#whole = new Uint8Array(this.#fullSize);
    }
    for (let left = LONG_STEP; left > 0;) {
      const chunk = this.#full[this.#joined];
      if (chunk === undefined) return true;
      const part = chunk.subarray(this.#copied, this.#copied + left);
      this.#whole.set(part, this.#joinedSize);
      this.#joinedSize += part.length;
      this.#copied += part.length;
      left -= part.length;
      if (this.#copied < chunk.length) continue;
      this.#joined++;
      this.#copied = 0;
    }
    return this.#joined >= this.#full.length;
  }
}
