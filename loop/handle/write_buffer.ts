import { Deque } from "@anyevent/backends/contract";

/**
 * A place in the write buffer that nothing passes until it is opened: bytes that are still being made,
 * or the change to TLS.
 */
export class Barrier {
  /** Called once, when all bytes before it are written. */
  readonly reached: (barrier: Barrier) => void;
  /** What follows must not be written at all when the handle is destroyed first. */
  readonly dropsRest: boolean;
  told = false;
  open = false;
  /** Written in its place. */
  bytes: Uint8Array | undefined;

  constructor(reached: (barrier: Barrier) => void, dropsRest: boolean) {
    this.reached = reached;
    this.dropsRest = dropsRest;
  }
}

/** Bytes of a block up to which small writes are put together. */
const LARGEST_BLOCK = 65_536;
const SMALLEST_BLOCK = 256;

/** Bytes that are written with one call; more may be appended while it waits. */
class Block {
  #bytes: Uint8Array;
  #from = 0;
  #to: number;

  /** Copies the bytes. */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes.slice();
    this.#to = bytes.length;
  }

  /** What is not written yet. */
  get rest(): Uint8Array {
    return this.#bytes.subarray(this.#from, this.#to);
  }

  /** So many bytes were written. @returns whether these were all */
  took(count: number): boolean {
    this.#from += count;
    return this.#from === this.#to;
  }

  /** Copies bytes behind the others. @returns whether there was room */
  append(bytes: Uint8Array): boolean {
    const to = this.#to + bytes.length;
    if (to > LARGEST_BLOCK) return false;
    if (to > this.#bytes.length) {
      const size = Math.max(SMALLEST_BLOCK, Math.min(LARGEST_BLOCK, 2 * to));
      const bigger = new Uint8Array(size);
      bigger.set(this.rest, this.#from);
      this.#bytes = bigger;
    }
    this.#bytes.set(bytes, this.#to);
    this.#to = to;
    return true;
  }
}

/**
 * Bytes to write, in order, with barriers among them.
 *
 * Small writes are put together: many of them cost neither memory nor calls of the system for each.
 */
export class WriteBuffer {
  readonly #items = new Deque<Block | Barrier>();
  #last: Block | undefined;
  #size = 0;
  #barriers = 0;

  /** Bytes that wait. */
  get size(): number {
    return this.#size;
  }

  /** Whether nothing waits, no barrier either. */
  get empty(): boolean {
    return this.#items.size === 0;
  }

  /** Barriers that have not been opened and passed. */
  get barriers(): number {
    return this.#barriers;
  }

  /** Appends a barrier, or a copy of bytes. */
  push(item: Uint8Array | Barrier): void {
    if (item instanceof Barrier) {
      this.#barriers++;
      this.#last = undefined;
      this.#items.push(item);
      return;
    }
    if (item.length === 0) return;
    this.#size += item.length;
    if (this.#last?.append(item)) return;
    this.#last = new Block(item);
    this.#items.push(this.#last);
  }

  /** What comes next: bytes, a barrier that is closed, or nothing. */
  head(): Uint8Array | Barrier | undefined {
    for (;;) {
      const item = this.#items.peek();
      if (item instanceof Block) return item.rest;
      if (item === undefined || !item.open) return item;
      this.#items.shift();
      this.#barriers--;
      if (item.bytes === undefined || item.bytes.length === 0) continue;
      this.#size += item.bytes.length;
      this.#items.unshift(new Block(item.bytes));
    }
  }

  /** So many bytes of the head were written. */
  took(count: number): void {
    const head = this.#items.peek() as Block;
    this.#size -= count;
    if (!head.took(count)) return;
    this.#items.shift();
    if (head === this.#last) this.#last = undefined;
  }

  /** Forgets everything. */
  clear(): void {
    this.#items.clear();
    this.#last = undefined;
    this.#size = 0;
    this.#barriers = 0;
  }
}
