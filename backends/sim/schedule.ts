import { Heap, type HeapItem } from "../contract/heap.ts";
import type { Random } from "../contract/env.ts";
import type { ClockSource } from "../driven/clock.ts";

/** What may happen at one instant before the clock moves although not everything is done. */
const MAX_STILL = 1000;

/** Seconds by which it then moves each time. */
const CREEP = 1e-5;

/** Something that takes turns: the loop of one host. */
export interface Actor {
  /** For the trace. */
  readonly name: string;
  /** When it has something to do; in the past: now; `Infinity`: never. */
  due(): number;
  /** Takes one turn. */
  turn(): void;
}

/** Something that is going to happen to the network. */
export class SimEvent implements HeapItem {
  index = -1;
  constructor(readonly due: number, readonly seq: number, readonly happen: () => void) {}
}

/**
 * The order of everything in a simulated world: its clock, what the network is going to do, and whose
 * turn it is.
 *
 * Time jumps to the next deadline when there is nothing to do now. What keeps itself busy at one instant
 * (a zero timer that makes itself again, a callback that waits for the wall clock) does not stop time for
 * ever: after a thousand turns, or readings of the wall clock, each further one moves it by 10 µs.
 */
export class Schedule {
  /** What all loops count from: its wall clock is the monotonic one, whatever `wallOffset` is. */
  readonly clock: ClockSource = {
    monotonic: () => this.#now,
    wall: () => this.#now,
  };
  readonly #random: Random;
  readonly #trace: ((line: string) => void) | undefined;
  readonly #events = new Heap<SimEvent>();
  readonly #actors: Actor[] = [];
  #now: number;
  #still = 0;
  #seq = 0;
  /** Wall clock minus the monotonic one. */
  wallOffset = 0;
  /** Called when there may be something to do where there was nothing, or the other way round. */
  changed: () => void = () => undefined;

  constructor(start: number, random: Random, trace?: (line: string) => void) {
    this.#now = start;
    this.#random = random;
    this.#trace = trace;
  }

  /** Virtual time in seconds. */
  get now(): number {
    return this.#now;
  }

  /** Virtual wall clock in seconds. */
  wall(): number {
    this.tick();
    return this.#now + this.wallOffset;
  }

  /** Counts one thing that should not happen for ever at one instant. */
  tick(): void {
    if (++this.#still > MAX_STILL) this.#now += CREEP;
  }

  /** Moves the clock forward; nothing may be due on the way. */
  moveTo(seconds: number): void {
    if (seconds <= this.#now) return;
    this.#now = seconds;
    this.#still = 0;
  }

  /** Something will happen at `due`; what is due together happens in order of registration. */
  at(due: number, happen: () => void): SimEvent {
    const event = new SimEvent(due, this.#seq++, happen);
    this.#events.push(event);
    if (this.#events.peek() === event) this.changed();
    return event;
  }

  /** It will not happen. */
  cancel(event: SimEvent | undefined): void {
    if (event !== undefined && this.#events.remove(event)) this.changed();
  }

  /** Another loop takes part. */
  add(actor: Actor): void {
    this.#actors.push(actor);
  }

  /** It takes no more turns. */
  remove(actor: Actor): void {
    const at = this.#actors.indexOf(actor);
    if (at >= 0) this.#actors.splice(at, 1);
  }

  /** When something is to be done next; in the past: now; `Infinity`: never. */
  next(): number {
    let next = this.#events.peek()?.due ?? Infinity;
    for (const actor of this.#actors) next = Math.min(next, actor.due());
    return next;
  }

  /**
   * One turn of one loop, chosen by chance among those that have something to do; the clock moves as far
   * as it must for that.
   *
   * @param limit time beyond which nothing is done
   * @returns whether a turn was taken
   */
  step(limit: number): boolean {
    for (;;) {
      for (let it = this.#events.peek(); it !== undefined; it = this.#events.peek()) {
        if (it.due > this.#now) break;
        this.#events.remove(it);
        it.happen();
      }
      const ready = this.#actors.filter((actor) => actor.due() <= this.#now);
      if (ready.length > 0) {
        if (this.#now > limit) return false;
        const pick = ready.length === 1 ? 0 : Math.floor(this.#random.float() * ready.length);
        this.tick();
        this.say(`turn of ${ready[pick].name}`);
        ready[pick].turn();
        return true;
      }
      const next = this.next();
      if (next === Infinity || next > limit) return false;
      this.moveTo(next);
    }
  }

  /** One line for the trace. */
  say(what: string): void {
    this.#trace?.(`${this.#now.toFixed(6)} ${what}`);
  }
}
