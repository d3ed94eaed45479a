import type { Undo } from "../contract/backend.ts";
import type { Random } from "../contract/env.ts";
import { show, UsageError } from "../contract/errors.ts";

/** Chooses among the ways between hosts, by their names. */
export type LinkFilter = (from: string, to: string) => boolean;

/** Seconds: always the same, or drawn evenly from [least, most]. */
export type LatencyRange = number | readonly [least: number, most: number];

/** How reads and writes are cut to pieces: sizes are drawn evenly from 1 to the given number of bytes. */
export interface ChopLimits {
  /** The most one `tryRead` gives. */
  readonly reads?: number;
  /** The most one `tryWrite` takes. */
  readonly writes?: number;
  /** The most that travels together: each piece has a latency of its own, the order stays. */
  readonly segments?: number;
}

/** What happens to datagrams: each a probability from 0 to 1. */
export interface DatagramFaults {
  /** It does not arrive. */
  readonly loss?: number;
  /** It arrives twice. */
  readonly duplicate?: number;
  /** It takes up to ten times as long, so that later ones overtake it. */
  readonly reorder?: number;
}

/** On one host: nearly nothing. */
const LOOPBACK: LatencyRange = [0.00002, 0.00005];

/** Between hosts: a local network. */
const LOCAL_NETWORK: LatencyRange = [0.0002, 0.0008];

interface Rule<T> {
  readonly filter: LinkFilter;
  readonly value: T;
}

function between(from: string, to: string): boolean {
  return from !== to;
}

function checkFilter(filter: unknown, doing: string): void {
  if (typeof filter !== "function") {
    throw new UsageError(`Cannot ${doing}: filter ${show(filter)} is not a function`);
  }
}

function checkLimit(value: unknown, name: string): void {
  if (value === undefined) return;
  if (typeof value !== "number" || !Number.isInteger(value) || value < 1) {
    throw new UsageError(`Cannot chop: ${name} ${show(value)} is not a whole number from 1`);
  }
}

function checkChance(value: unknown, name: string): void {
  if (value === undefined) return;
  if (typeof value !== "number" || !(value >= 0 && value <= 1)) {
    throw new UsageError(`Cannot disturb datagrams: ${name} ${show(value)} is not within 0..1`);
  }
}

/** The faults of a world's network, and the dice behind them. Of several that apply the latest counts. */
export class Faults {
  readonly #random: Random;
  readonly #latency: Rule<LatencyRange>[] = [];
  readonly #blocks = new Set<LinkFilter>();
  readonly #chops: Rule<ChopLimits>[] = [];
  readonly #datagrams: Rule<DatagramFaults>[] = [];
  #groups: ReadonlyMap<string, number> = new Map();
  /** Called when what is blocked may have changed. */
  relinked: () => void = () => undefined;

  constructor(random: Random) {
    this.#random = random;
  }

  /** See `World.latency`. */
  latency(range: LatencyRange, filter: LinkFilter = between): Undo {
    const [least, most]: readonly number[] = typeof range === "number"
      ? [range, range]
      : Array.isArray(range)
      ? range
      : [NaN, NaN];
    if (!(least >= 0 && most >= least && most < Infinity)) {
      throw new UsageError(`Cannot set latency: ${show(range)} is no range of seconds`);
    }
    checkFilter(filter, "set latency");
    return push(this.#latency, { filter, value: [least, most] });
  }

  /** See `World.block`. */
  block(filter: LinkFilter): Undo {
    checkFilter(filter, "block");
    // Its own object, so that two blocks with one filter are two.
    const entry: LinkFilter = (from, to) => filter(from, to);
    this.#blocks.add(entry);
    this.relinked();
    return () => {
      if (this.#blocks.delete(entry)) this.relinked();
    };
  }

  /** See `World.partition`. */
  partition(groups: ReadonlyMap<string, number>): void {
    this.#groups = groups;
    this.relinked();
  }

  /** See `World.heal`. */
  heal(): void {
    this.#groups = new Map();
    this.#blocks.clear();
    this.relinked();
  }

  /** See `World.chop`. */
  chop(limits: ChopLimits, filter: LinkFilter = () => true): Undo {
    if (typeof limits !== "object" || limits === null) {
      throw new UsageError(`Cannot chop: limits ${show(limits)} are not an object`);
    }
    for (const name of ["reads", "writes", "segments"] as const) checkLimit(limits[name], name);
    checkFilter(filter, "chop");
    return push(this.#chops, { filter, value: limits });
  }

  /** See `World.datagrams`. */
  datagrams(faults: DatagramFaults, filter: LinkFilter = () => true): Undo {
    if (typeof faults !== "object" || faults === null) {
      throw new UsageError(`Cannot disturb datagrams: ${show(faults)} is not an object`);
    }
    for (const name of ["loss", "duplicate", "reorder"] as const) checkChance(faults[name], name);
    checkFilter(filter, "disturb datagrams");
    return push(this.#datagrams, { filter, value: faults });
  }

  /** Whether nothing gets from one host to the other. */
  blocked(from: string, to: string): boolean {
    if (from !== to && this.#groups.get(from) !== this.#groups.get(to)) return true;
    for (const filter of this.#blocks) if (filter(from, to)) return true;
    return false;
  }

  /** Draws how long the next thing takes from one host to the other. */
  delay(from: string, to: string): number {
    const range = find(this.#latency, from, to) ?? (from === to ? LOOPBACK : LOCAL_NETWORK);
    const [least, most] = range as readonly [number, number];
    return least === most ? least : least + (most - least) * this.#random.float();
  }

  /** Draws how many of `count` bytes are moved together. */
  piece(kind: keyof ChopLimits, count: number, from: string, to: string): number {
    const limit = find(this.#chops, from, to)?.[kind];
    if (limit === undefined || count <= 1) return count;
    return Math.min(count, 1 + Math.floor(this.#random.float() * limit));
  }

  /** Draws after how many seconds a datagram arrives: not at all, once or twice. */
  datagram(
    from: string,
    to: string,
  ): readonly { readonly after: number; readonly late: boolean }[] {
    const { loss = 0, duplicate = 0, reorder = 0 } = find(this.#datagrams, from, to) ?? {};
    if (this.#chance(loss)) return [];
    const copies = this.#chance(duplicate) ? 2 : 1;
    return Array.from({ length: copies }, () => {
      const late = this.#chance(reorder);
      const factor = late ? 1 + 9 * this.#random.float() : 1;
      return { after: this.delay(from, to) * factor, late };
    });
  }

  #chance(probability: number): boolean {
    return probability > 0 && this.#random.float() < probability;
  }
}

function push<T>(rules: Rule<T>[], rule: Rule<T>): Undo {
  rules.push(rule);
  return () => {
    const at = rules.indexOf(rule);
    if (at >= 0) rules.splice(at, 1);
  };
}

function find<T>(rules: readonly Rule<T>[], from: string, to: string): T | undefined {
  return rules.findLast((rule) => rule.filter(from, to))?.value;
}
