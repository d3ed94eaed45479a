import { RUN_BITS, RUNS, Runs } from "./runs.ts";

/** What a {@linkcode Heap} orders: earliest `due` first, then lowest `seq`. */
export interface HeapItem {
  /** Deadline in seconds; not to be changed while it is in a heap. */
  readonly due: number;
  /** Creation order, unique in one heap; not to be changed while it is in a heap. */
  readonly seq: number;
  /** Where it is in the heap, or -1; owned by the heap. */
  index: number;
}

const SMALLEST = 64;

/**
 * A priority queue of deadlines with removal by item: O(1) each for items that come in ascending order or in a
 * few interleaved ascending sequences, as timers of a few different delays do; O(log n) for the others.
 *
 * Equal deadlines come out in order of `seq`, so a run is repeatable.
 *
 * The others are in a heap with four children a node. All that is compared or moved lies in typed arrays: an item itself is written
 * to when it comes and when it goes only, which spares the garbage collector's write barriers and, with very
 * many items, most cache misses.
 *
 * @example
 * ```ts
 * import { Heap } from "@anyevent/backends/contract";
 *
 * const heap = new Heap();
 * heap.push({ due: 2, seq: 1, index: -1 });
 * heap.push({ due: 1, seq: 2, index: -1 });
 * console.log(heap.pop()?.due); // 1
 * ```
 */
export class Heap<T extends HeapItem> {
  readonly #runs = new Runs<T>();
  /** By slot. */
  readonly #items: (T | undefined)[] = [];
  readonly #free: number[] = [];
  /** By position: `due` and `seq` side by side, and the slot. */
  #keys = new Float64Array(2 * SMALLEST);
  #slots = new Int32Array(SMALLEST);
  /** By slot: the position. */
  #places = new Int32Array(SMALLEST);
  #size = 0;

  /** How many items. */
  get size(): number {
    return this.#size + this.#runs.size;
  }

  /** The first item, or `undefined` when empty. */
  peek(): T | undefined {
    const first = this.#runs.peek();
    if (this.#size === 0) return first;
    const other = this.#items[this.#slots[0]]!;
    if (first === undefined || other.due < first.due) return other;
    return other.due === first.due && other.seq < first.seq ? other : first;
  }

  /** Adds an item that is in no heap. */
  push(item: T): void {
    if (this.#runs.push(item)) return;
    const size = this.#size;
    if (size === this.#slots.length) this.#resize(2 * size);
    const slot = this.#free.length > 0 ? this.#free.pop()! : size;
    this.#items[slot] = item;
    item.index = slot << RUN_BITS | RUNS;
    this.#size = size + 1;
    this.#up(size, slot, item.due, item.seq);
  }

  /** Removes and returns the first item, or `undefined` when empty. */
  pop(): T | undefined {
    const first = this.peek();
    if (first !== undefined) this.remove(first);
    return first;
  }

  /** Removes an item. @returns whether it was in the heap */
  remove(item: T): boolean {
    if (this.#runs.remove(item)) return true;
    const slot = item.index >> RUN_BITS;
    if (slot < 0 || this.#items[slot] !== item) return false;
    item.index = -1;
    this.#items[slot] = undefined;
    this.#free.push(slot);
    const position = this.#places[slot];
    const end = --this.#size;
    if (position !== end) {
      // The last one takes its place.
      const keys = this.#keys;
      const due = keys[2 * end];
      const seq = keys[2 * end + 1];
      const moved = this.#slots[end];
      if (!this.#up(position, moved, due, seq)) this.#down(position, moved, due, seq);
    }
    if (end < this.#slots.length >> 3 && end >= SMALLEST) this.#resize(this.#slots.length >> 2);
    return true;
  }

  /** Removes all items. */
  clear(): void {
    for (const item of this.#items) if (item !== undefined) item.index = -1;
    this.#runs.clear();
    this.#size = 0;
    this.#resize(SMALLEST);
  }

  /** Other arrays, in which each item's slot is its position. */
  #resize(capacity: number): void {
    const size = this.#size;
    const items: (T | undefined)[] = [];
    const slots = new Int32Array(capacity);
    for (let position = 0; position < size; position++) {
      const item = this.#items[this.#slots[position]]!;
      items.push(item);
      slots[position] = position;
      item.index = position << RUN_BITS | RUNS;
    }
    const keys = new Float64Array(2 * capacity);
    keys.set(this.#keys.subarray(0, 2 * size));
    this.#keys = keys;
    this.#slots = slots;
    this.#places = slots.slice();
    this.#free.length = 0;
    this.#items.length = 0;
    for (const item of items) this.#items.push(item);
  }

  /** Puts what belongs at `start` or above. @returns whether above */
  #up(start: number, slot: number, due: number, seq: number): boolean {
    const keys = this.#keys;
    const slots = this.#slots;
    const places = this.#places;
    let position = start;
    while (position > 0) {
      const above = (position - 1) >> 2;
      const other = keys[2 * above];
      if (other < due || (other === due && keys[2 * above + 1] < seq)) break;
      keys[2 * position] = other;
      keys[2 * position + 1] = keys[2 * above + 1];
      const moved = slots[position] = slots[above];
      places[moved] = position;
      position = above;
    }
    keys[2 * position] = due;
    keys[2 * position + 1] = seq;
    slots[position] = slot;
    places[slot] = position;
    return position !== start;
  }

  /** Puts what belongs at `start` or below. */
  #down(start: number, slot: number, due: number, seq: number): void {
    const keys = this.#keys;
    const slots = this.#slots;
    const places = this.#places;
    const end = this.#size;
    let position = start;
    for (;;) {
      const first = 4 * position + 1;
      if (first >= end) break;
      const last = first + 4 < end ? first + 4 : end;
      let least = first;
      let leastDue = keys[2 * first];
      for (let child = first + 1; child < last; child++) {
        const childDue = keys[2 * child];
        if (
          childDue < leastDue ||
          (childDue === leastDue && keys[2 * child + 1] < keys[2 * least + 1])
        ) {
          least = child;
          leastDue = childDue;
        }
      }
      if (due < leastDue || (due === leastDue && seq < keys[2 * least + 1])) break;
      keys[2 * position] = leastDue;
      keys[2 * position + 1] = keys[2 * least + 1];
      const moved = slots[position] = slots[least];
      places[moved] = position;
      position = least;
    }
    keys[2 * position] = due;
    keys[2 * position + 1] = seq;
    slots[position] = slot;
    places[slot] = position;
  }
}
