import type { Undo } from "../contract/backend.ts";
import { Deque } from "../contract/deque.ts";
import { show, UsageError } from "../contract/errors.ts";
import { Heap, type HeapItem } from "../contract/heap.ts";
import { LoopClock } from "./clock.ts";
import type { ClockSource } from "./clock.ts";
import { NO_POLLER, type Poller } from "./poller.ts";

const RESOLVED: Promise<void> = Promise.resolve();

class Timer implements HeapItem {
  index = -1;
  constructor(public due: number, public seq: number, readonly cb: () => void) {}
}

/** What a {@linkcode DrivenCore} needs of the backend around it. */
export interface CoreOptions {
  /** Where time comes from. */
  readonly clock: ClockSource;
  /** Gets what a callback threw. */
  readonly onError: (thrown: unknown) => void;
  /** Called outside of turns when the sleep may have become another one: the driver looks again. */
  readonly changed: () => void;
}

/** Refuses what is no function. */
export function checkCallback(cb: unknown, doing: string): void {
  if (typeof cb !== "function") {
    throw new UsageError(`Cannot ${doing}: callback ${show(cb)} is not a function`);
  }
}

/**
 * The loop body that driven backends share: the posted batch, then the due timers, then I/O, then, if
 * there was nothing else, idle callbacks.
 *
 * It never waits. {@linkcode DrivenCore.turns} yields after each turn how long the driver may sleep,
 * so the same body runs parked on a host's timer, blocked in a system call, or in virtual time.
 *
 * A turn may run inside another one (a callback that blocks on `runUntil`): the inner one goes on
 * where the outer one stands, and no callback runs twice.
 */
export class DrivenCore {
  readonly #clock: LoopClock;
  readonly #onError: (thrown: unknown) => void;
  readonly #changed: () => void;
  readonly #timers = new Heap<Timer>();
  readonly #posts = new Deque<() => void>();
  readonly #idles = new Set<() => void>();
  readonly #call = (cb: () => void): void => this.call(cb);
  #seq = 0;
  /** Callbacks ever posted, and ever taken off the queue: the batch of a turn is a range of these. */
  #posted = 0;
  #taken = 0;
  #now = 0;
  #depth = 0;
  readonly #dear: boolean;
  /** Whether `#now` was read in this run of the host's code, outside of a turn. */
  #recent = false;
  readonly #outdated = (): void => {
    this.#recent = false;
  };

  constructor(options: CoreOptions) {
    this.#clock = new LoopClock(options.clock);
    this.#dear = options.clock.dear === true;
    this.#onError = options.onError;
    this.#changed = options.changed;
  }

  /** Whether a turn is running. */
  get inTurn(): boolean {
    return this.#depth > 0;
  }

  /** Timers not yet fired or undone. */
  get timers(): number {
    return this.#timers.size;
  }

  /** Posted callbacks that have not run. */
  get posted(): number {
    return this.#posts.size;
  }

  /** Idle callbacks. */
  get idles(): number {
    return this.#idles.size;
  }

  /** Loop time; during a turn the time at which it began. */
  now(): number {
    return this.#depth > 0 ? this.#now : (this.#now = this.#clock.read());
  }

  /** Loop time as it was read last: that of the last turn, if nobody has asked since. */
  get last(): number {
    return this.#now;
  }

  /** During a turn: reads the clock for what follows in it. */
  nowUpdate(): void {
    if (this.#depth > 0) this.#now = this.#clock.read();
    else this.#recent = false;
  }

  /** Wall clock. */
  time(): number {
    return this.#clock.wall();
  }

  /** See `LoopClock.raise`. */
  raise(seconds: number): void {
    this.#clock.raise(seconds);
  }

  /** See `Backend.timer`. `Infinity` means never. */
  timer(after: number, cb: () => void): Undo {
    if (typeof after !== "number" || Number.isNaN(after)) {
      throw new UsageError(`Cannot start timer: delay ${show(after)} is not a number of seconds`);
    }
    checkCallback(cb, "start timer");
    const now = this.#depth > 0 ? this.#now : this.#recently();
    const timer = new Timer(now + Math.max(0, after), this.#seq++, cb);
    this.#timers.push(timer);
    if (this.#depth === 0 && this.#timers.peek() === timer) this.#changed();
    return () => {
      if (this.#timers.remove(timer)) this.#tell();
    };
  }

  /** See `Backend.post`. */
  post(cb: () => void): void {
    checkCallback(cb, "post");
    this.#posts.push(cb);
    this.#posted++;
    if (this.#posts.size === 1) this.#tell();
  }

  /** See `Backend.idle`. */
  idle(cb: () => void): Undo {
    checkCallback(cb, "watch idle");
    const entry = (): void => cb();
    this.#idles.add(entry);
    this.#tell();
    return () => {
      if (this.#idles.delete(entry)) this.#tell();
    };
  }

  /** Runs one callback; what it throws goes to `onError`. */
  call(cb: () => void): void {
    try {
      cb();
    } catch (thrown) {
      this.fault(thrown);
    }
  }

  /** Hands over what a callback threw. */
  fault(thrown: unknown): void {
    try {
      this.#onError(thrown);
    } catch (worse) {
      (globalThis as { reportError?: (thrown: unknown) => void }).reportError?.(worse);
    }
  }

  /** One turn, without waiting. */
  turn(poller: Poller = NO_POLLER): void {
    this.#depth++;
    this.#recent = false;
    try {
      const began = this.#now = this.#clock.read();
      const newer = this.#seq;
      const batch = this.#posted;
      const from = this.#taken;
      while (this.#taken < batch && this.#posts.size > 0) {
        this.#taken++;
        this.call(this.#posts.shift()!);
      }
      let busy = this.#taken > from;
      for (let next = this.#timers.peek(); next !== undefined; next = this.#timers.peek()) {
        if (next.due > began || next.seq >= newer) break;
        this.#timers.remove(next);
        busy = true;
        this.call(next.cb);
      }
      if (poller.poll(this.#call)) busy = true;
      if (busy) return;
      for (const entry of [...this.#idles]) {
        if (this.#idles.has(entry)) this.call(entry);
      }
    } finally {
      this.#depth--;
    }
  }

  /**
   * How long there is nothing to do.
   *
   * @returns seconds; 0: another turn is due; `Infinity`: no timer
   */
  sleep(): number {
    if (this.#posts.size > 0 || this.#idles.size > 0) return 0;
    const first = this.#timers.peek();
    if (first === undefined) return Infinity;
    // What was due at the last reading needs no other one.
    return first.due <= this.#now ? 0 : Math.max(0, first.due - this.#clock.read());
  }

  /** When the first timer is due; `Infinity` without one. */
  get due(): number {
    return this.#timers.peek()?.due ?? Infinity;
  }

  /**
   * Turn after turn; yields after each how long the driver may sleep before the next, in seconds.
   *
   * @param poller where I/O comes from
   */
  *turns(poller: Poller = NO_POLLER): Generator<number, never, void> {
    for (;;) {
      this.turn(poller);
      yield this.sleep();
    }
  }

  /** Undoes all registrations, and drops what is posted. */
  dispose(): void {
    this.#timers.clear();
    this.#taken += this.#posts.size;
    this.#posts.clear();
    this.#idles.clear();
    this.#tell();
  }

  /**
   * The clock, read once for all timers that are made before the next microtask or turn: reading it costs
   * more than a timer.
   */
  #recently(): number {
    if (this.#recent) return this.#now;
    if (this.#dear) {
      this.#recent = true;
      void RESOLVED.then(this.#outdated);
    }
    return this.#now = this.#clock.read();
  }

  #tell(): void {
    if (this.#depth === 0) this.#changed();
  }
}
