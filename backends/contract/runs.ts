import type { HeapItem } from "./heap.ts";

/** How many sequences there are: as many different delays as programs tend to use at a time. */
export const RUNS = 4;

/** How {@linkcode HeapItem.index} is made of a place in a run and the run's number. */
export const RUN_BITS = 3;
const RUN_MASK = (1 << RUN_BITS) - 1;

/** Holes at the front of a sequence before it is worth while to move the rest. */
const MOST_HOLES = 1024;

/**
 * Some ascending sequences of deadlines, in which adding, removing and taking the first cost the same
 * however many there are.
 *
 * Timers of one delay come in ascending order, so each delay that is in use makes one sequence. What fits at
 * the end of none is for a heap.
 */
export class Runs<T extends HeapItem> {
  /** Each has holes where items were removed; its first is no hole. */
  readonly #items: (T | undefined)[][] = Array.from({ length: RUNS }, () => []);
  readonly #heads = new Int32Array(RUNS);
  readonly #lives = new Int32Array(RUNS);
  readonly #tailDues = new Float64Array(RUNS).fill(-Infinity);
  readonly #tailSeqs = new Float64Array(RUNS).fill(-Infinity);
  readonly #headDues = new Float64Array(RUNS).fill(Infinity);
  #size = 0;

  /** How many items. */
  get size(): number {
    return this.#size;
  }

  /** Adds an item where it fits best. @returns whether it fits anywhere */
  push(item: T): boolean {
    const { due, seq } = item;
    const tails = this.#tailDues;
    let best = -1;
    let bestDue = -Infinity;
    for (let run = 0; run < RUNS; run++) {
      const tail = tails[run];
      if (tail < bestDue || tail > due) continue;
      if (tail === due && this.#tailSeqs[run] > seq) continue;
      best = run;
      bestDue = tail;
    }
    if (best < 0) return false;
    const items = this.#items[best];
    item.index = items.length << RUN_BITS | best;
    items.push(item);
    tails[best] = due;
    this.#tailSeqs[best] = seq;
    if (this.#lives[best]++ === 0) this.#headDues[best] = due;
    this.#size++;
    return true;
  }

  /** The first item, or `undefined` when empty. */
  peek(): T | undefined {
    if (this.#size === 0) return undefined;
    const heads = this.#headDues;
    let best = -1;
    let least = Infinity;
    for (let run = 0; run < RUNS; run++) {
      if (this.#lives[run] === 0 || heads[run] > least) continue;
      if (heads[run] === least && best >= 0 && this.#first(run).seq > this.#first(best).seq) {
        continue;
      }
      best = run;
      least = heads[run];
    }
    return this.#first(best);
  }

  /** Removes an item, if it is here. @returns whether it was */
  remove(item: T): boolean {
    const run = item.index & RUN_MASK;
    if (item.index < 0 || run >= RUNS) return false;
    const at = item.index >> RUN_BITS;
    const items = this.#items[run];
    if (items[at] !== item) return false;
    items[at] = undefined;
    item.index = -1;
    this.#size--;
    if (--this.#lives[run] === 0) this.#empty(run);
    else if (at === this.#heads[run]) this.#advance(run, at + 1);
    else if (items.length > MOST_HOLES && this.#lives[run] < items.length >> 1) this.#close(run);
    return true;
  }

  /** Removes all items. */
  clear(): void {
    for (let run = 0; run < RUNS; run++) {
      for (const item of this.#items[run]) if (item !== undefined) item.index = -1;
      this.#lives[run] = 0;
      this.#empty(run);
    }
    this.#size = 0;
  }

  #first(run: number): T {
    return this.#items[run][this.#heads[run]]!;
  }

  #empty(run: number): void {
    this.#items[run].length = 0;
    this.#heads[run] = 0;
    this.#tailDues[run] = this.#tailSeqs[run] = -Infinity;
    this.#headDues[run] = Infinity;
  }

  /** The next one becomes the first. */
  #advance(run: number, from: number): void {
    const items = this.#items[run];
    let at = from;
    while (items[at] === undefined) at++;
    this.#heads[run] = at;
    this.#headDues[run] = items[at]!.due;
    if (at > MOST_HOLES && at > items.length >> 1) this.#close(run);
  }

  /** Moves the items together. */
  #close(run: number): void {
    const items = this.#items[run];
    let count = 0;
    for (let at = this.#heads[run]; at < items.length; at++) {
      const item = items[at];
      if (item === undefined) continue;
      item.index = count << RUN_BITS | run;
      items[count++] = item;
    }
    items.length = count;
    this.#heads[run] = 0;
  }
}
