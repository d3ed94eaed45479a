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

/** Bytes to write, in order, with barriers among them. */
export class WriteBuffer {
  readonly #items: (Uint8Array | Barrier)[] = [];
  #size = 0;
  #barriers = 0;

  /** Bytes that wait. */
  get size(): number {
    return this.#size;
  }

  /** Whether nothing waits, no barrier either. */
  get empty(): boolean {
    return this.#items.length === 0;
  }

  /** Barriers that have not been opened and passed. */
  get barriers(): number {
    return this.#barriers;
  }

  /** Appends bytes, which must not change afterwards. */
  push(item: Uint8Array | Barrier): void {
    if (item instanceof Barrier) this.#barriers++;
    else if (item.length === 0) return;
    else this.#size += item.length;
    this.#items.push(item);
  }

  /** What comes next: bytes, a barrier that is closed, or nothing. */
  head(): Uint8Array | Barrier | undefined {
    for (;;) {
      const item = this.#items[0];
      if (!(item instanceof Barrier) || !item.open) return item;
      this.#barriers--;
      if (item.bytes !== undefined && item.bytes.length > 0) {
        this.#items[0] = item.bytes;
        this.#size += item.bytes.length;
      } else this.#items.shift();
    }
  }

  /** So many bytes of the head were written. */
  took(count: number): void {
    const head = this.#items[0] as Uint8Array;
    this.#size -= count;
    if (count === head.length) this.#items.shift();
    else this.#items[0] = head.subarray(count);
  }

  /** Forgets everything. */
  clear(): void {
    this.#items.length = 0;
    this.#size = 0;
    this.#barriers = 0;
  }
}
