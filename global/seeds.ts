import { type Address, messageOf, show, UsageError } from "@anyevent/backends/contract";
import type { Watcher } from "@anyevent/loop";
import { formatAddress, isLoopback, type Node, type NodeId } from "@anyevent/mp";
import { Backoff, SETTLED } from "./backoff.ts";
import { type SeedFailure, seedFailure } from "./seed_failure.ts";
import { SeedName } from "./seed_names.ts";

/** Seconds `configure` waits at most for names of seeds; who is later joins when it is found. */
const RESOLVE_PATIENCE = 5;

/** Connections in a row that broke soon: from then on it is no accident. */
const BROKEN_EARLY = 3;

interface Seed {
  readonly address: Address;
  /** Whether it comes from a configured text, and goes when that stands for other addresses. */
  readonly named: boolean;
  readonly backoff: Backoff;
  /** Who was last seen there. */
  nodeId: NodeId | undefined;
  dialling: boolean;
  /** Attempts in a row that ended as a wrong secret does, or a duplicate. */
  unclear: number;
  /** What people have been told about it since it last worked. */
  readonly told: Set<string>;
}

/**
 * The addresses by which a node gets into its mesh: tried in rounds, for ever.
 *
 * Follows AnyEvent::MP::Global's seeding: a round picks a random seed that has not had its turn; the
 * less alone the node is, the longer it waits for the next. A seed that somebody answers at without
 * letting us in, or that loses us again and again, is tried ever more seldom. {@linkcode globalOf} gives
 * those of a node.
 *
 * @example
 * ```ts
 * import { globalOf } from "@anyevent/global";
 * import { AE, defaultLoop } from "@anyevent/loop";
 * import { Node } from "@anyevent/mp";
 *
 * await using a = new Node({ loop: defaultLoop() });
 * await using b = new Node({ loop: defaultLoop() });
 * await a.configure({ nodeid: "a", binds: ["127.0.0.1:*"] });
 * await b.configure({ nodeid: "b", binds: [], seeds: a.listeners });
 * const up = AE.cv();
 * using _monitor = b.monNodes(up);
 * await up.recv();
 * console.log(globalOf(b).seeds.up); // [ "a" ]
 * ```
 */
export class Seeds {
  readonly #node: Node;
  readonly #seeds = new Map<string, Seed>();
  readonly #names: SeedName[] = [];
  #untried: string[] = [];
  #timer: Watcher | undefined;
  readonly #first = new Set<Watcher>();
  #giveUp: (() => void) | undefined;
  #stopped = false;

  /**
   * No seeds yet.
   *
   * @param node that wants in
   */
  constructor(node: Node) {
    this.#node = node;
  }

  /**
   * Begins with what was configured. Names that cannot be resolved now are looked up again each round.
   *
   * @param texts addresses, as `configure` takes them
   * @throws {UsageError} for one that cannot be a seed: unreadable, without a port, or beyond loopback
   * while there is neither secret nor certificate
   */
  async join(texts: readonly string[]): Promise<void> {
    if (!Array.isArray(texts) || texts.some((text) => typeof text !== "string")) {
      throw new UsageError(`Cannot join the mesh by ${show(texts)}: it is no list of addresses`);
    }
    const parts = new Set(texts.flatMap((text) => text.split(",")).map((text) => text.trim()));
    if (parts.size === 0) return;
    const names = [...parts].map((text) => new SeedName(this.#node, text));
    const { promise: late, resolve: giveUp } = Promise.withResolvers<void>();
    const limit = this.#node.loop.timer({ after: RESOLVE_PATIENCE, cb: giveUp });
    this.#giveUp = giveUp;
    let waiting = true;
    const lookUp = async (name: SeedName): Promise<void> => {
      try {
        await name.resolve();
      } catch (error) {
        if (waiting) throw error;
        this.#node.log(2, messageOf(error));
      }
      if (!waiting) this.#renew();
    };
    try {
      await Promise.race([Promise.all(names.map(lookUp)), late]);
    } finally {
      waiting = false;
      limit.cancel();
      this.#giveUp = undefined;
    }
    if (this.#stopped) return;
    this.#names.push(...names);
    this.#begin(names.flatMap((name) => name.addresses), true);
  }

  /**
   * Begins: every seed once within the first tenth of a second, then rounds.
   *
   * @throws {UsageError} when they are no list
   */
  start(addresses: readonly Address[]): void {
    if (!Array.isArray(addresses)) {
      throw new UsageError(`Cannot start seeding: ${show(addresses)} is no list of addresses`);
    }
    this.#begin(addresses, false);
  }

  #begin(addresses: readonly Address[], named: boolean): void {
    for (const text of this.#add(addresses, named)) this.#dialSoon(text);
    if (this.#seeds.size > 0 || this.#names.length > 0) this.#schedule();
  }

  /** Ends. */
  stop(): void {
    this.#stopped = true;
    this.#giveUp?.();
    this.#timer?.cancel();
    for (const timer of this.#first) timer.cancel();
    this.#first.clear();
    this.#seeds.clear();
    this.#names.length = 0;
  }

  /** Whether a node was reached at one of our seed addresses. */
  isSeed(id: NodeId): boolean {
    for (const seed of this.#seeds.values()) if (seed.nodeId === id) return true;
    return false;
  }

  /** Seeds that are connected. */
  get up(): NodeId[] {
    return this.#node.upNodes().filter((id) => this.isSeed(id));
  }

  /**
   * A node is gone.
   *
   * @param lived seconds that it was connected
   */
  down(id: NodeId, lived: number): void {
    for (const [text, seed] of this.#seeds) {
      if (seed.nodeId !== id) continue;
      if (lived >= SETTLED) {
        seed.backoff.settled();
        seed.told.delete("broken");
        continue;
      }
      seed.backoff.failed(this.#node.loop.now(), this.#node.random);
      if (seed.backoff.failures < BROKEN_EARLY) continue;
      this.#say(
        seed,
        "broken",
        `connections to seed ${text} break soon after they opened, ${seed.backoff.failures} in a row: ` +
          `the network, or another node with our id, ${this.#node.id}`,
      );
    }
  }

  /** The last node is gone: do not wait for the round. */
  alone(): void {
    if (this.#seeds.size > 0 || this.#names.length > 0) this.#round();
  }

  /** Adds what is new. @returns it */
  #add(addresses: readonly Address[], named: boolean): string[] {
    const added: string[] = [];
    for (const address of addresses) {
      const text = formatAddress(address);
      if (this.#seeds.has(text)) continue;
      added.push(text);
      this.#seeds.set(text, {
        address,
        named,
        backoff: new Backoff(),
        nodeId: undefined,
        dialling: false,
        unclear: 0,
        told: new Set(),
      });
    }
    return added;
  }

  #dialSoon(text: string): void {
    const timer = this.#node.loop.timer({
      after: 0.1 * this.#node.random.float(),
      cb: () => {
        this.#first.delete(timer);
        this.#dial(text);
      },
    });
    this.#first.add(timer);
  }

  /** The names stand for other addresses now: new ones are tried at once, old ones are forgotten. */
  #renew(): void {
    if (this.#stopped) return;
    const now = this.#names.flatMap((name) => name.addresses);
    const texts = new Set(now.map(formatAddress));
    for (const [text, { named, nodeId }] of this.#seeds) {
      const used = nodeId !== undefined && this.#node.nodeIsUp(nodeId) === true;
      if (named && !texts.has(text) && !used) this.#seeds.delete(text);
    }
    const others = now.filter((address) => !this.#ownAddress(address));
    for (const text of this.#add(others, true)) this.#dialSoon(text);
  }

  /** @param soonest loop time at which a seed that was wanted may be tried */
  #schedule(soonest = Infinity): void {
    const node = this.#node;
    const known = node.upNodes().length === 0 ? 1 : node.knownNodes().length + 1;
    const usual = Math.max(1, node.settings.connectInterval * known - node.random.float());
    this.#timer?.cancel();
    this.#timer = node.loop.timer({
      after: Math.min(usual, soonest - node.loop.now()),
      cb: () => this.#round(),
    });
  }

  #round(): void {
    for (const name of this.#names) {
      if (name.due) name.refresh().then(() => this.#renew());
    }
    if (this.#untried.length === 0) this.#untried = [...this.#seeds.keys()];
    let index = Math.floor(this.#node.random.float() * this.#untried.length);
    if (!this.#ready(this.#untried[index])) {
      const other = this.#untried.findIndex((text) => this.#ready(text));
      if (other >= 0) index = other;
    }
    // One that has to wait loses its turn, so that it holds up nobody.
    const [text] = this.#untried.splice(index, 1);
    const found = this.#ready(text);
    if (found) this.#dial(text!);
    if (this.#seeds.size === 0 && this.#names.length === 0) return;
    this.#schedule(found ? Infinity : this.#soonest());
  }

  /** When a seed that only has to wait may be tried; one that may be now had no turn. */
  #soonest(): number {
    let soonest = Infinity;
    const now = this.#node.loop.now();
    for (const seed of this.#seeds.values()) {
      const { notBefore } = seed.backoff;
      if (notBefore > now && this.#wanted(seed)) soonest = Math.min(soonest, notBefore);
    }
    return soonest;
  }

  #wanted(seed: Seed): boolean {
    if (seed.dialling) return false;
    if (seed.nodeId === undefined || this.#node.nodeIsUp(seed.nodeId) !== true) return true;
    seed.unclear = 0;
    return false;
  }

  #ready(text: string | undefined): boolean {
    const seed = text === undefined ? undefined : this.#seeds.get(text);
    return seed !== undefined && this.#wanted(seed) &&
      this.#node.loop.now() >= seed.backoff.notBefore;
  }

  #dial(text: string): void {
    const seed = this.#seeds.get(text);
    if (seed === undefined || !this.#ready(text)) return;
    const node = this.#node;
    seed.dialling = true;
    seed.backoff.tried(node.loop.now());
    let opened = false;
    node.log(8, `trying connect to seed node ${text}.`);
    const dial = node.dial(seed.address, undefined, {
      greeted: (id) => void (seed.nodeId = id),
      opened: () => {
        // What comes of it is the peer's affair now; the address may be tried again when it is down.
        opened = true;
        seed.dialling = false;
        seed.unclear = 0;
        for (const what of seed.told) if (what !== "broken") seed.told.delete(what);
      },
      ended: (reason) => {
        if (opened) return;
        seed.dialling = false;
        this.#failed(text, seed, reason, dial.link !== undefined);
      },
    });
  }

  /** @param answered whether anybody was there */
  #failed(text: string, seed: Seed, reason: string, answered: boolean): void {
    const node = this.#node;
    const kind = seedFailure(reason);
    if (kind === "self" && this.#ownAddress(seed.address)) {
      node.log(8, `seed ${text} is this node.`);
      this.#seeds.delete(text);
      return;
    }
    if (kind === "duplicate" || !answered && kind === "absent") return;
    if (kind === "unproven" || kind === "absent") {
      // The other end may have dropped this one in favour of another connection with us.
      if (++seed.unclear < 2) return;
    }
    seed.backoff.failed(node.loop.now(), node.random);
    const why = COMPLAINTS[kind]?.(reason, node.id);
    if (why !== undefined) this.#say(seed, kind, `cannot join through seed ${text}: ${why}`);
  }

  /** Once for people, then only for those who trace. */
  #say(seed: Seed, what: string, message: string): void {
    this.#node.log(seed.told.has(what) ? 8 : 2, message);
    seed.told.add(what);
  }

  /** Whether we listen there. */
  #ownAddress(address: Address): boolean {
    const text = formatAddress(address);
    const { listeners, settings, loop } = this.#node;
    const bound = [...listeners, ...settings.binds.flatMap((bind) => bind.split(","))];
    if (bound.includes(text)) return true;
    if (address.transport === "unix") return false;
    // Who listens everywhere listens on each address of the host.
    const everywhere = [`0.0.0.0:${address.port}`, `[::]:${address.port}`];
    if (!bound.some((own) => everywhere.includes(own))) return false;
    return isLoopback(address) ||
      loop.env.host.interfaceAddresses().some((own) =>
        formatAddress({ transport: "tcp", host: own.address, port: address.port }) === text
      );
  }
}

/** What people are told; nothing about failures that go by themselves. */
const COMPLAINTS: { readonly [K in SeedFailure]?: (reason: string, id: NodeId) => string } = {
  self: (_reason, id) => `another node there has our id, ${id}; ids must be unique`,
  authentication: (reason) => reason.replace("authentication failure/", ""),
  unproven: (reason) => reason,
  incompatible: (reason) => reason,
};
