/**
 * A first-in-first-out queue in a growing ring: O(1) at both ends, no allocation per item.
 *
 * @example
 * ```ts
 * import { Deque } from "@anyevent/backends/contract";
 *
 * const queue = new Deque<string>();
 * queue.push("b");
 * queue.unshift("a");
 * console.log(queue.shift(), queue.size); // a 1
 * ```
 */
export class Deque<T> {
  #ring: (T | undefined)[] = new Array(16);
  #head = 0;
  #size = 0;

  /** How many items. */
  get size(): number {
    return this.#size;
  }

  /** Appends at the tail. */
  push(item: T): void {
    if (this.#size === this.#ring.length) this.#grow();
    this.#ring[(this.#head + this.#size) & (this.#ring.length - 1)] = item;
    this.#size++;
  }

  /** Puts back at the head. */
  unshift(item: T): void {
    if (this.#size === this.#ring.length) this.#grow();
    this.#head = (this.#head - 1) & (this.#ring.length - 1);
    this.#ring[this.#head] = item;
    this.#size++;
  }

  /** Removes and returns the head, or `undefined` when empty. */
  shift(): T | undefined {
    if (this.#size === 0) return undefined;
    const item = this.#ring[this.#head];
    this.#ring[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#ring.length - 1);
    this.#size--;
    return item;
  }

  /** The head, or `undefined` when empty. */
  peek(): T | undefined {
    return this.#size === 0 ? undefined : this.#ring[this.#head];
  }

  /** Item `index` from the head. */
  at(index: number): T | undefined {
    if (index < 0 || index >= this.#size) return undefined;
    return this.#ring[(this.#head + index) & (this.#ring.length - 1)];
  }

  /** Removes item `index` from the head, keeping the order of the rest; O(n). */
  removeAt(index: number): T | undefined {
    const item = this.at(index);
    if (index < 0 || index >= this.#size) return undefined;
    const mask = this.#ring.length - 1;
    for (let i = index; i < this.#size - 1; i++) {
      this.#ring[(this.#head + i) & mask] = this.#ring[(this.#head + i + 1) & mask];
    }
    this.#ring[(this.#head + this.#size - 1) & mask] = undefined;
    this.#size--;
    return item;
  }

  /** Removes all items. */
  clear(): void {
    this.#ring = new Array(16);
    this.#head = 0;
    this.#size = 0;
  }

  #grow(): void {
    const old = this.#ring;
    const bigger: (T | undefined)[] = new Array(old.length * 2);
    for (let i = 0; i < this.#size; i++) bigger[i] = old[(this.#head + i) & (old.length - 1)];
    this.#ring = bigger;
    this.#head = 0;
  }
}
