/** Where a driven loop reads time. */
export interface ClockSource {
  /** Seconds that never run backwards, from any origin. */
  monotonic(): number;
  /** Wall clock in seconds since the epoch. */
  wall(): number;
  /** Whether it moves by itself and costs something to read; one moved by hand may move at any time. */
  readonly dear?: boolean;
}

/** `performance.now` where the host has it, else `Date.now`; both looked up when they are used. */
export const hostClock: ClockSource = {
  monotonic(): number {
    const { performance } = globalThis as { performance?: { now(): number } };
    return (performance === undefined ? globalThis.Date.now() : performance.now()) / 1000;
  },
  wall(): number {
    return globalThis.Date.now() / 1000;
  },
  dear: true,
};

/** Monotonic seconds that read as the epoch: the offset to the wall clock is fixed at first use. */
export class LoopClock {
  readonly #source: ClockSource;
  #offset: number | undefined;
  #last = -Infinity;

  constructor(source: ClockSource) {
    this.#source = source;
  }

  /** Reads the clock. */
  read(): number {
    const monotonic = this.#source.monotonic();
    this.#offset ??= this.#source.wall() - monotonic;
    this.#last = Math.max(this.#last, monotonic + this.#offset);
    return this.#last;
  }

  /** From now on it reads at least `seconds`: a host timer for then has fired, so it is then. */
  raise(seconds: number): void {
    if (seconds > this.#last) this.#last = seconds;
  }

  /** The wall clock. */
  wall(): number {
    return this.#source.wall();
  }
}
