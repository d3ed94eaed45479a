import { Deque, type Random } from "@anyevent/backends/contract";

/** Most numbers kept back; when more replies are overdue, the oldest number is free again. */
const MOST_KEPT = 30_000;

/** The numbers of queries: by chance, none twice at a time, and none whose reply may still come. */
export class QueryIds {
  readonly #random: Random;
  readonly #reuse: number;
  readonly #used = new Set<number>();
  readonly #kept = new Deque<{ readonly id: number; readonly until: number }>();

  /** @param reuse seconds for which the number of an overdue reply is kept back */
  constructor(random: Random, reuse: number) {
    this.#random = random;
    this.#reuse = reuse;
  }

  /** A number that is free. At most a few ten thousand may be taken. */
  take(now: number): number {
    for (let first = this.#kept.peek(); first !== undefined; first = this.#kept.peek()) {
      if (first.until > now && this.#kept.size <= MOST_KEPT) break;
      this.#kept.shift();
      this.#used.delete(first.id);
    }
    const [high, low] = this.#random.bytes(2);
    let id = high << 8 | low;
    while (this.#used.has(id)) id = (id + 1) & 0xffff;
    this.#used.add(id);
    return id;
  }

  /** Gives a number back. @param late whether a reply may still come */
  free(id: number, late: boolean, now: number): void {
    if (late) this.#kept.push({ id, until: now + this.#reuse });
    else this.#used.delete(id);
  }
}
