/** A source of seconds that only the language provides, so that loading this file touches no host. */
const realDate = globalThis.Date;

/**
 * Loop time: monotonic, reads as epoch seconds, unmoved when the wall clock is set.
 *
 * It follows `performance.now()` from the wall clock's reading at first use. While `globalThis.Date` has
 * been replaced (fake timers), it follows the replacement instead, from the reading it had; and
 * {@linkcode Clock.raise} lifts it to a deadline that a host timer has announced, which is all that moves
 * it when a fake replaces the timers alone. It never runs backwards.
 */
export class Clock {
  #date: DateConstructor | undefined = undefined;
  #offset = 0;
  #last = 0;

  /** Reads the clock. */
  read(): number {
    const date = globalThis.Date;
    if (date !== this.#date) this.#change(date);
    const now = (date === realDate ? performance.now() : date.now()) / 1000 + this.#offset;
    if (now > this.#last) this.#last = now;
    return this.#last;
  }

  /** From now on the clock reads at least `seconds`. */
  raise(seconds: number): void {
    if (seconds > this.#last) this.#last = seconds;
  }

  /** Whether nobody has replaced the host's clock. */
  static real(): boolean {
    return globalThis.Date === realDate;
  }

  /** The wall clock. */
  static wall(): number {
    return globalThis.Date.now() / 1000;
  }

  #change(date: DateConstructor): void {
    const source = (date === realDate ? performance.now() : date.now()) / 1000;
    const base = this.#date === undefined ? date.now() / 1000 : this.#last;
    this.#date = date;
    this.#offset = base - source;
  }
}
