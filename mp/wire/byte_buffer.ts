/** A growing buffer of received bytes that are not complete yet. */

const FIRST_CAPACITY = 256;
const KEPT_CAPACITY = 1 << 16;

/**
 * Bytes collected until they make a line or a frame.
 *
 * `append` copies, so that a transport may read into the same memory again. Appending n times
 * costs O(bytes) in total, also byte by byte.
 */
export class ByteBuffer {
  #bytes = new Uint8Array(0);
  #length = 0;

  /** How many bytes are held. */
  get length(): number {
    return this.#length;
  }

  /** @param bytes copied to the end */
  append(bytes: Uint8Array): void {
    const needed = this.#length + bytes.length;
    if (needed > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2, FIRST_CAPACITY));
      grown.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = grown;
    }
    this.#bytes.set(bytes, this.#length);
    this.#length = needed;
  }

  /** @returns where the byte is first, or -1 */
  indexOf(byte: number): number {
    return this.view().indexOf(byte);
  }

  /** @returns what is held, not a copy: valid until the next call of another method */
  view(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /**
   * @param count how many bytes to remove from the front; all when left out
   * @returns a copy of them
   */
  take(count: number = this.#length): Uint8Array {
    const taken = this.#bytes.slice(0, count);
    this.#bytes.copyWithin(0, count, this.#length);
    this.#length -= count;
    if (this.#length === 0) this.clear();
    return taken;
  }

  /** Forgets everything, and gives the memory of a large frame back. */
  clear(): void {
    this.#length = 0;
    if (this.#bytes.length > KEPT_CAPACITY) this.#bytes = new Uint8Array(0);
  }
}
