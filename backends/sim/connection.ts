import type { Faults } from "./faults.ts";
import type { Schedule, SimEvent } from "./schedule.ts";
import { SimStream, type SimStreamOptions } from "./stream.ts";
import { Wire } from "./wire.ts";

/** What connections share. */
export interface ConnectionOptions {
  readonly schedule: Schedule;
  readonly faults: Faults;
  /** Seconds after which one gives up what does not get through. */
  readonly patience: number;
  /** Called when both ends are closed or broken. */
  readonly over: (connection: Connection) => void;
}

/** Of one end. */
export type EndOptions = Omit<SimStreamOptions, "dead" | "faults">;

/**
 * Two ends and the two wires between them.
 *
 * As with TCP nothing gets through in either direction while one of them is blocked: there are no
 * acknowledgements.
 */
export class Connection {
  readonly ends: readonly [SimStream, SimStream];
  /** Whether the other side has taken the connection: else nobody closes its end. */
  served = false;
  readonly #options: ConnectionOptions;
  readonly #probes = new Map<SimStream, SimEvent>();

  constructor(options: ConnectionOptions, client: EndOptions, server: EndOptions) {
    this.#options = options;
    const { faults } = options;
    const dead = (): void => this.#dead();
    const a = new SimStream({ ...client, faults, dead });
    const b = new SimStream({ ...server, faults, dead });
    this.ends = [a, b];
    a.peer = b;
    b.peer = a;
    for (const end of this.ends) {
      end.out = this.#wire(end);
      end.probed = () => this.relink();
    }
  }

  /** Whether nothing gets through. */
  get blocked(): boolean {
    const [a, b] = this.ends;
    const { faults } = this.#options;
    return faults.blocked(a.host, b.host) || faults.blocked(b.host, a.host);
  }

  /** Breaks both ends at once; what is on the way is lost. */
  sever(): void {
    for (const end of this.ends) end.break("ECONNRESET", "connection reset");
    for (const end of this.ends) end.out.clear();
  }

  /** To be called when what is blocked may have changed. */
  relink(): void {
    const { schedule, patience } = this.#options;
    const { blocked } = this;
    for (const end of this.ends) {
      if (blocked) {
        if (!end.keepAlive || !end.live || this.#probes.has(end)) continue;
        this.#probes.set(end, schedule.at(schedule.now + patience, () => this.#gaveUp(end)));
        continue;
      }
      schedule.cancel(this.#probes.get(end));
      this.#probes.delete(end);
      end.out.resume();
      // The other end gave up meanwhile: the next probe finds nobody.
      if (end.live && end.keepAlive && !end.peer.live) end.peer.sendReset();
    }
  }

  #wire(end: SimStream): Wire {
    const { schedule, faults, patience } = this.#options;
    return new Wire({
      patience,
      delay: () => faults.delay(end.host, end.peer.host),
      blocked: () => this.blocked,
      now: () => schedule.now,
      at: (due, happen) => schedule.at(due, happen),
      cancel: (event) => schedule.cancel(event),
      say: (packet) => schedule.say(`${end.local} -> ${end.remote} ${packet}`),
      gaveUp: () => this.#gaveUp(end),
    });
  }

  #gaveUp(end: SimStream): void {
    end.out.clear();
    end.break("ETIMEDOUT", "connection timed out");
    if (!this.served) end.peer.break("ETIMEDOUT", "connection timed out");
  }

  #dead(): void {
    if (this.ends.some((end) => end.live)) return;
    for (const probe of this.#probes.values()) this.#options.schedule.cancel(probe);
    this.#probes.clear();
    this.#options.over(this);
  }
}
