const SMALLEST = 2048;
/** A buffer up to this size is kept when it is empty. */
const KEPT = 65536;
const EMPTY: Uint8Array<ArrayBuffer> = new Uint8Array(0);

/** Bytes that arrived and were not taken yet. */
export class ByteBuffer {
  /** Changes when the bytes changed otherwise than by arriving at the end. */
  epoch = 0;
  #bytes: Uint8Array<ArrayBuffer> = EMPTY;
  #start = 0;
  #end = 0;

  /** How many there are. */
  get length(): number {
    return this.#end - this.#start;
  }

  /** All of them; valid until the next change. */
  view(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(this.#start, this.#end);
  }

  /** Room for at least `size` more; `added` says how many came. */
  room(size: number): Uint8Array<ArrayBuffer> {
    const { length } = this;
    if (this.#bytes.length - this.#end < size) {
      const wanted = length + size;
      const fits = wanted <= this.#bytes.length && length <= this.#start;
      const next = fits
        ? this.#bytes
        : new Uint8Array(Math.max(SMALLEST, wanted, Math.min(2 * length, wanted + length)));
      if (fits) next.copyWithin(0, this.#start, this.#end);
      else next.set(this.view());
      this.#bytes = next;
      this.#start = 0;
      this.#end = length;
    }
    return this.#bytes.subarray(this.#end);
  }

  /** So many bytes were put into `room`. */
  added(count: number): void {
    this.#end += count;
  }

  /** Drops the first ones. */
  skip(count: number): void {
    if (count === 0) return;
    this.#start += count;
    this.epoch++;
    if (this.#start < this.#end) return;
    this.#start = this.#end = 0;
    if (this.#bytes.length > KEPT) this.#bytes = EMPTY;
  }

  /** Takes the first ones. @returns a copy */
  take(count: number): Uint8Array<ArrayBuffer> {
    const taken = this.#bytes.slice(this.#start, this.#start + count);
    this.skip(count);
    return taken;
  }

  /** Puts others in the place of all. */
  replace(bytes: Uint8Array): void {
    this.#bytes = new Uint8Array(bytes);
    this.#start = 0;
    this.#end = bytes.length;
    this.epoch++;
  }

  /** Puts bytes before the others. */
  unshift(bytes: Uint8Array): void {
    const all = new Uint8Array(bytes.length + this.length);
    all.set(bytes);
    all.set(this.view(), bytes.length);
    this.replace(all);
  }
}
