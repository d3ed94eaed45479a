import { Deque } from "../contract/deque.ts";
import type { SimEvent } from "./schedule.ts";

/** What a {@linkcode Wire} needs of the connection it belongs to. */
export interface WireHost {
  /** Draws how long the next packet takes. */
  delay(): number;
  /** Whether nothing gets through. */
  blocked(): boolean;
  /** Now. */
  now(): number;
  /** See `Schedule.at`. */
  at(due: number, happen: () => void): SimEvent;
  /** See `Schedule.cancel`. */
  cancel(event: SimEvent | undefined): void;
  /** Seconds after which the sender gives up. */
  readonly patience: number;
  /** For the trace. */
  say(packet: string): void;
  /** The sender gives up. */
  gaveUp(): void;
}

interface Packet {
  readonly name: string;
  /** Whether the sender gives up when it cannot get this through. */
  readonly counts: boolean;
  due: number;
  readonly deliver: () => void;
}

/**
 * One direction of a connection: packets arrive in order, each after a latency of its own.
 *
 * As TCP does, it keeps what cannot get through and sends it again once it can.
 */
export class Wire {
  readonly #host: WireHost;
  readonly #queue = new Deque<Packet>();
  #last = 0;
  #event: SimEvent | undefined;
  #giveUp: SimEvent | undefined;
  #stalled = false;

  constructor(host: WireHost) {
    this.#host = host;
  }

  /** Sends something. */
  send(name: string, counts: boolean, deliver: () => void): void {
    const packet: Packet = { name, counts, due: 0, deliver };
    this.#queue.push(packet);
    this.#time(packet);
    if (this.#stalled) this.#lose();
    else if (this.#queue.size === 1) this.#schedule();
  }

  /** What got stuck is sent again. */
  resume(): void {
    if (!this.#stalled) return;
    this.#stalled = false;
    this.#host.cancel(this.#giveUp);
    this.#giveUp = undefined;
    for (let i = 0; i < this.#queue.size; i++) this.#time(this.#queue.at(i)!);
    this.#schedule();
  }

  /** Drops what is on the way. */
  clear(): void {
    this.#queue.clear();
    this.#host.cancel(this.#event);
    this.#host.cancel(this.#giveUp);
    this.#event = this.#giveUp = undefined;
    this.#stalled = false;
  }

  #time(packet: Packet): void {
    packet.due = this.#last = Math.max(this.#last, this.#host.now() + this.#host.delay());
  }

  #schedule(): void {
    const first = this.#queue.peek();
    if (first !== undefined) this.#event = this.#host.at(first.due, () => this.#arrive());
  }

  #arrive(): void {
    this.#event = undefined;
    if (this.#host.blocked()) {
      this.#stalled = true;
      this.#lose();
      return;
    }
    const packet = this.#queue.shift()!;
    this.#schedule();
    this.#host.say(packet.name);
    packet.deliver();
  }

  /** Starts the sender's patience, if it has something at stake. */
  #lose(): void {
    if (this.#giveUp !== undefined) return;
    for (let i = 0; i < this.#queue.size; i++) {
      if (!this.#queue.at(i)!.counts) continue;
      const { patience } = this.#host;
      this.#giveUp = this.#host.at(this.#host.now() + patience, () => this.#host.gaveUp());
      return;
    }
  }
}
