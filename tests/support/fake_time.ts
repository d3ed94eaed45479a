/**
 * A stand-in for `FakeTime` of `@std/testing`: replaces `Date` and the timers of `globalThis`, and moves
 * them by hand. Like that one it leaves microtasks, immediates and `performance.now` alone.
 */

interface Entry {
  readonly id: number;
  due: number;
  readonly every: number | undefined;
  readonly call: () => void;
}

const NAMES = ["Date", "setTimeout", "clearTimeout", "setInterval", "clearInterval"] as const;

/** Time that stands still until it is told to move. Restore it, or let `using` do that. */
export class FakeTime {
  readonly #saved: Record<string, unknown> = {};
  readonly #entries = new Map<number, Entry>();
  #now: number;
  #lastId = 0;

  /** @param start milliseconds since the epoch */
  constructor(start: number = Date.now()) {
    this.#now = start;
    const host = globalThis as unknown as Record<string, unknown>;
    for (const name of NAMES) this.#saved[name] = host[name];
    const now = (): number => this.#now;
    const RealDate = Date;
    host.Date = class FakeDate extends RealDate {
      constructor(...args: unknown[]) {
        super(...((args.length === 0 ? [now()] : args) as [number]));
      }
      static override now(): number {
        return now();
      }
    };
    host.setTimeout = (cb: () => void, ms = 0): number => this.#add(cb, ms, undefined);
    host.setInterval = (cb: () => void, ms = 0): number => this.#add(cb, ms, Math.max(1, ms));
    host.clearTimeout = host.clearInterval = (id: number): void => void this.#entries.delete(id);
  }

  /** Milliseconds since the epoch. */
  get now(): number {
    return this.#now;
  }

  /** How many timers are armed. */
  get armed(): number {
    return this.#entries.size;
  }

  /** Moves time forward and calls what becomes due, in order. @param ms milliseconds */
  tick(ms = 0): void {
    const until = this.#now + ms;
    for (;;) {
      let next: Entry | undefined;
      for (const entry of this.#entries.values()) {
        if (entry.due > until) continue;
        if (next === undefined || entry.due < next.due) next = entry;
      }
      if (next === undefined) break;
      this.#now = Math.max(this.#now, next.due);
      if (next.every === undefined) this.#entries.delete(next.id);
      else next.due += next.every;
      next.call();
    }
    this.#now = until;
  }

  /** Puts the real ones back. */
  restore(): void {
    Object.assign(globalThis, this.#saved);
  }

  /** As `restore`. */
  [Symbol.dispose](): void {
    this.restore();
  }

  #add(call: () => void, ms: number, every: number | undefined): number {
    const id = ++this.#lastId;
    this.#entries.set(id, { id, due: this.#now + Math.max(0, ms), every, call });
    return id;
  }
}
