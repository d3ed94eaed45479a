/** What a {@linkcode Heap} orders: earliest `due` first, then lowest `seq`. */
export interface HeapItem {
  /** Deadline in seconds. */
  due: number;
  /** Creation order, unique in one heap. */
  seq: number;
  /** Position in the heap, or -1; owned by the heap. */
  index: number;
}

/**
 * A binary min-heap of deadlines with removal by item, O(log n) each.
 *
 * Equal deadlines come out in order of `seq`, so a run is repeatable.
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
  readonly #items: T[] = [];

  /** How many items. */
  get size(): number {
    return this.#items.length;
  }

  /** The first item, or `undefined` when empty. */
  peek(): T | undefined {
    return this.#items[0];
  }

  /** Adds an item that is in no heap. */
  push(item: T): void {
    item.index = this.#items.length;
    this.#items.push(item);
    this.#up(item.index);
  }

  /** Removes and returns the first item, or `undefined` when empty. */
  pop(): T | undefined {
    const first = this.#items[0];
    if (first !== undefined) this.remove(first);
    return first;
  }

  /** Removes an item. @returns whether it was in the heap */
  remove(item: T): boolean {
    const index = item.index;
    if (index < 0 || this.#items[index] !== item) return false;
    const last = this.#items.pop()!;
    item.index = -1;
    if (last !== item) {
      this.#items[index] = last;
      last.index = index;
      if (!this.#up(index)) this.#down(index);
    }
    return true;
  }

  /** Removes all items. */
  clear(): void {
    for (const item of this.#items) item.index = -1;
    this.#items.length = 0;
  }

  #up(start: number): boolean {
    const items = this.#items;
    const item = items[start];
    let index = start;
    while (index > 0) {
      const above = (index - 1) >> 1;
      const parent = items[above];
      if (parent.due < item.due || (parent.due === item.due && parent.seq < item.seq)) break;
      items[index] = parent;
      parent.index = index;
      index = above;
    }
    items[index] = item;
    item.index = index;
    return index !== start;
  }

  #down(start: number): void {
    const items = this.#items;
    const item = items[start];
    const end = items.length;
    let index = start;
    for (;;) {
      let below = 2 * index + 1;
      if (below >= end) break;
      let child = items[below];
      const right = items[below + 1];
      if (
        right !== undefined &&
        (right.due < child.due || (right.due === child.due && right.seq < child.seq))
      ) {
        child = right;
        below++;
      }
      if (item.due < child.due || (item.due === child.due && item.seq < child.seq)) break;
      items[index] = child;
      child.index = index;
      index = below;
    }
    items[index] = item;
    item.index = index;
  }
}
