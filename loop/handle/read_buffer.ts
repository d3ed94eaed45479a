import { show, UsageError } from "@anyevent/backends/contract";

const SMALLEST = 4096;

/**
 * Bytes that arrived and were not read yet: appended at the end, taken from the front.
 *
 * A view that was handed out never changes: bytes are not moved below it.
 */
export class ReadBuffer {
  #bytes: Uint8Array = new Uint8Array(0);
  #head = 0;
  #tail = 0;
  #seen = false;
  #epoch = 0;

  /** How many bytes. */
  get length(): number {
    return this.#tail - this.#head;
  }

  /** Changes with each removal: what was found out about the bytes before is void then. */
  get epoch(): number {
    return this.#epoch;
  }

  /** The bytes, for reading within the call: later ones may be written in their place. */
  get bytes(): Uint8Array {
    return this.#bytes.subarray(this.#head, this.#tail);
  }

  /** The bytes, to keep. */
  view(): Uint8Array {
    this.#seen = true;
    return this.bytes;
  }

  /** A copy of some of them. */
  slice(from: number, to: number): Uint8Array {
    return this.#bytes.slice(this.#head + from, this.#head + to);
  }

  /** Room for more at the end; `added` says how much of it was used. */
  room(size: number): Uint8Array {
    if (this.#tail + size > this.#bytes.length) this.#make(size);
    return this.#bytes.subarray(this.#tail, this.#tail + size);
  }

  /** So many bytes were put into the room. */
  added(count: number): void {
    this.#tail += count;
  }

  /** Removes bytes from the front. */
  skip(count: number): void {
    if (count === 0) return;
    this.#head += count;
    this.#epoch++;
    if (this.#head === this.#tail && !this.#seen) this.#head = this.#tail = 0;
  }

  /** Removes all bytes. @returns a copy */
  takeAll(): Uint8Array {
    const all = this.slice(0, this.length);
    this.skip(all.length);
    return all;
  }

  /** Replaces the content; cheap when it is the end of what `view` gave. */
  replace(bytes: Uint8Array): void {
    if (!(bytes instanceof Uint8Array)) {
      throw new UsageError(`Cannot set rbuf: ${show(bytes)} is not a Uint8Array`);
    }
    const skipped = this.length - bytes.length;
    const start = this.#bytes.byteOffset + this.#head + skipped;
    const isRest = skipped >= 0 && bytes.buffer === this.#bytes.buffer &&
      bytes.byteOffset === start;
    if (isRest || bytes.length === 0) return this.skip(this.length - bytes.length);
    this.#epoch++;
    this.#bytes = bytes.slice();
    this.#head = 0;
    this.#tail = bytes.length;
    this.#seen = false;
  }

  #make(size: number): void {
    const length = this.length;
    const needed = length + size;
    // Moved down in place only when that makes much room, so that moving stays cheap in the mean.
    const inPlace = !this.#seen && 2 * needed <= this.#bytes.length;
    const target = inPlace ? this.#bytes : new Uint8Array(Math.max(SMALLEST, 2 * needed));
    if (inPlace) target.copyWithin(0, this.#head, this.#tail);
    else target.set(this.bytes);
    this.#bytes = target;
    this.#head = 0;
    this.#tail = length;
    this.#seen = false;
  }
}
