/**
 * How nodes become a full mesh: each tells each its addresses, its registrations, and whom else it
 * knows. PROTOCOL section 12 of AEMP, version 0 of AnyEvent::MP::Global.
 *
 * @module
 */
import type { Address } from "@anyevent/backends/contract";
import type { Watcher } from "@anyevent/loop";
import { type Node, type NodeId, nodeOf, parseLiteral, type PortId, SELF } from "@anyevent/mp";
import { type Groups, isGroup, MAX_NAME_LENGTH } from "./groups.ts";
import type { Seeds } from "./seeds.ts";
import { MAX_ADDRESSES, ToldNodes } from "./told_nodes.ts";

/** The function each node calls on each other one. */
export const CONNECT_FUNCTION = "AnyEvent::MP::Global::connect";
const PROTOCOL_VERSION = 0;

/** Nodes one message may tell about. */
const MAX_NODES_TOLD = 4096;

/** Characters of an announced address: the longest IPv6 one with its port is shorter. */
const MAX_ADDRESS_LENGTH = 64;

/** Members of groups that one node may have. */
const MAX_REGISTRATIONS = 50_000;

/** Ports one node may have here; it needs one. */
const MAX_SESSIONS = 4;

/**
 * Membership of one node in its mesh: it tells others about itself and its registrations, learns of theirs,
 * and asks one of them, its master, whom else there is. {@linkcode globalOf} gives that of a node.
 *
 * Follows AnyEvent::MP::Global.
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
 * console.log(globalOf(b).membership.master); // a
 * ```
 */
export class Membership {
  readonly #node: Node;
  readonly #groups: Groups;
  readonly #seeds: Seeds;
  /** Our port on each other node. */
  readonly #sessions = new Map<NodeId, PortId>();
  /** Addresses of connected nodes, as they told us. */
  readonly #addresses = new Map<NodeId, readonly string[]>();
  /** Nodes that want to be told about changes. */
  readonly #seedees = new Set<NodeId>();
  /** Addresses that are about to be passed on. */
  readonly #timers = new Set<Watcher>();
  /** Since when nodes are up. */
  readonly #since = new Map<NodeId, number>();
  /** Ports of other nodes here. */
  readonly #incoming = new Map<NodeId, number>();
  /** Nodes whose excess has been logged. */
  readonly #excessive = new Set<NodeId>();
  readonly #told: ToldNodes;
  #master: NodeId | undefined;

  /**
   * A member of nothing yet.
   *
   * @param node whose membership it is
   */
  constructor(node: Node, groups: Groups, seeds: Seeds) {
    this.#node = node;
    this.#groups = groups;
    this.#seeds = seeds;
    this.#told = new ToldNodes(node, (id) => this.#begin(id));
  }

  /** Whom this node asks about changes. */
  get master(): NodeId | undefined {
    return this.#master;
  }

  /** Nodes that know us, and addresses we know: for inspection. */
  get known(): ReadonlyMap<NodeId, readonly string[]> {
    return this.#addresses;
  }

  /** How many nodes we were told about and try to reach, and how many wait: for inspection. */
  get told(): { readonly tried: number; readonly waiting: number } {
    return this.#told.counts;
  }

  /** Ends. */
  stop(): void {
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
    this.#told.stop();
    this.#since.clear();
    this.#incoming.clear();
    this.#excessive.clear();
    this.#sessions.clear();
    this.#addresses.clear();
    this.#seedees.clear();
    this.#master = undefined;
  }

  /** A node came up. */
  up(id: NodeId): void {
    this.#since.set(id, this.#node.loop.now());
    this.#begin(id);
    this.#chooseMaster(id);
    this.#told.up(id);
  }

  /** A node went down. */
  down(id: NodeId): void {
    const now = this.#node.loop.now();
    const lived = now - (this.#since.get(id) ?? now);
    this.#since.delete(id);
    // First, as what follows may lead to the next attempt.
    this.#seeds.down(id, lived);
    this.#told.down(id, lived);
    this.#excessive.delete(id);
    this.#addresses.delete(id);
    this.#seedees.delete(id);
    this.#groups.removeNode(id);
    if (this.#master === id) this.#master = undefined;
    this.#chooseMaster(undefined);
    if (this.#master === undefined) this.#node.log(7, "no contact to any other node, cannot seed.");
    else this.#tell(this.#master, "find", id);
    if (this.#node.upNodes().length === 0) this.#seeds.alone();
  }

  /** One of our registrations changed. */
  announce(added: boolean, group: string, port: PortId): void {
    for (const id of this.#sessions.keys()) this.#tell(id, added ? "reg1" : "reg0", group, port);
  }

  #tell(id: NodeId, tag: string, ...args: unknown[]): void {
    const port = this.#sessions.get(id);
    if (port !== undefined) this.#node.snd(port, tag, ...args);
  }

  #allAddresses(): Record<NodeId, readonly string[]> {
    return Object.fromEntries(this.#addresses);
  }

  /** Makes our port on another node and tells it all we have. */
  #begin(id: NodeId): void {
    if (id === this.#node.id || this.#sessions.has(id)) return;
    const node = this.#node;
    const port = node.spawn(id, CONNECT_FUNCTION, PROTOCOL_VERSION, node.id);
    this.#sessions.set(id, port);
    node.mon(port, () => {
      if (this.#sessions.get(id) !== port) return;
      this.#sessions.delete(id);
      this.#groups.removeNode(id);
      this.#told.over(id);
    });
    node.snd(port, "addr", node.listeners);
    if (this.#addresses.size > 0) node.snd(port, "nodes", this.#allAddresses());
    const own = this.#groups.own;
    if (Object.keys(own).length > 0) node.snd(port, "set", own);
    node.snd(port, "setup");
  }

  #chooseMaster(cameUp: NodeId | undefined): void {
    const node = this.#node;
    const current = this.#master;
    const alive = current !== undefined && node.nodeIsUp(current) === true;
    if (cameUp !== undefined && alive && this.#seeds.isSeed(cameUp)) {
      const seeds = this.#seeds.up.length;
      const keep = this.#seeds.isSeed(current) &&
        node.random.float() >= (seeds - 1) / seeds;
      if (!keep && cameUp !== current) this.#setMaster(cameUp);
      return;
    }
    if (alive) return;
    const seeds = this.#seeds.up;
    const chosen = seeds.length > 0
      ? seeds[Math.floor(node.random.float() * seeds.length)]
      : node.upNodes().sort().at(-1);
    if (chosen === undefined) this.#master = undefined;
    else this.#setMaster(chosen);
  }

  #setMaster(id: NodeId): void {
    const old = this.#master;
    this.#master = id;
    this.#node.log(7, `selected new master: ${id}.`);
    if (old !== undefined && this.#node.nodeIsUp(old) === true) this.#tell(old, "seedme0");
    this.#tell(id, "seedme1");
  }

  /** Init function of the port another node makes here. */
  connected(version: unknown, from: unknown): void {
    if (Math.trunc(Number(version)) !== PROTOCOL_VERSION) {
      throw new Error(
        `Cannot join: global protocol version ${version}, ours is ${PROTOCOL_VERSION}`,
      );
    }
    if (typeof from !== "string" || from === "" || from === this.#node.id) {
      throw new Error("Cannot join: bad node id");
    }
    const node = this.#node;
    if (from !== node.caller) {
      throw new Error(`Cannot join: ${node.caller} says that it is ${from}`);
    }
    const sessions = this.#incoming.get(from) ?? 0;
    if (sessions >= MAX_SESSIONS) throw new Error(`Cannot join: ${from} has joined already`);
    this.#incoming.set(from, sessions + 1);
    const self = SELF()!;
    const session = { telling: false };
    node.mon(from, () => node.kil(self));
    node.rcv(self, {
      setup: () => undefined,
      addr: (addresses: unknown) => this.#learnAddress(from, addresses, session),
      nodes: (nodes: unknown) => this.#learnNodes(from, nodes),
      set: (groups: unknown) => this.#learnGroups(from, groups),
      reg1: (group: unknown, port: unknown) => this.#learnPort(from, group, port, true),
      reg0: (group: unknown, port: unknown) => this.#learnPort(from, group, port, false),
      find: (id: unknown) => this.#answerFind(from, id),
      seedme1: () => {
        this.#node.log(9, `${from} asked us to seed it.`);
        this.#seedees.add(from);
        if (this.#addresses.size > 0) this.#tell(from, "nodes", this.#allAddresses());
      },
      seedme0: () => void this.#seedees.delete(from),
    });
    node.mon(self, (...reason) => this.#left(from, reason));
  }

  /** A port of another node here is gone. */
  #left(from: NodeId, reason: readonly unknown[]): void {
    const sessions = this.#incoming.get(from) ?? 0;
    if (sessions > 1) this.#incoming.set(from, sessions - 1);
    else this.#incoming.delete(from);
    if (reason[0] === "die") this.#node.log(2, `membership of ${from} failed: ${reason[1]}`);
  }

  #learnAddress(from: NodeId, addresses: unknown, session: { telling: boolean }): void {
    const list = addressList(addresses);
    this.#node.log(9, `${from} told us its addresses (${list.join(", ")}).`);
    this.#addresses.set(from, list);
    // However often it tells: the last word is passed on, once a session.
    if (session.telling) return;
    session.telling = true;
    const timer = this.#node.loop.timer({
      after: 2 + this.#node.random.float(),
      cb: () => {
        this.#timers.delete(timer);
        session.telling = false;
        const known = this.#addresses.get(from);
        if (known === undefined) return;
        for (const id of this.#seedees) this.#tell(id, "nodes", { [from]: known });
      },
    });
    this.#timers.add(timer);
  }

  #learnNodes(from: NodeId, nodes: unknown): void {
    if (typeof nodes !== "object" || nodes === null) return;
    const told = Object.entries(nodes);
    if (told.length > MAX_NODES_TOLD) {
      this.#excess(from, `${told.length} nodes at once, ${MAX_NODES_TOLD} are taken`);
    }
    for (const [id, addresses] of told.slice(0, MAX_NODES_TOLD)) {
      if (id === this.#node.id) continue;
      if (this.#node.nodeIsUp(id) === true) {
        this.#begin(id);
        continue;
      }
      const dialable = addressList(addresses).map(parseLiteral)
        .filter((address): address is Address => address !== undefined);
      if (dialable.length > 0 && !this.#told.add(from, id, dialable)) return;
    }
  }

  #learnGroups(from: NodeId, groups: unknown): void {
    if (typeof groups !== "object" || groups === null) return;
    for (const [group, ports] of Object.entries(groups)) {
      if (!Array.isArray(ports)) continue;
      for (const port of ports) if (!this.#learnPort(from, group, port, true)) return;
    }
  }

  /** @returns false when the node has as many registrations as it may */
  #learnPort(from: NodeId, group: unknown, port: unknown, added: boolean): boolean {
    if (!isGroup(group) || typeof port !== "string") return true;
    // Every node tells about its own ports only.
    if (nodeOf(port || "#") !== from || port.length > MAX_NAME_LENGTH) return true;
    if (!added) {
      this.#groups.remove(group, port);
      return true;
    }
    if (this.#groups.registrationsOf(from) >= MAX_REGISTRATIONS) {
      this.#excess(from, `more than ${MAX_REGISTRATIONS} registrations`);
      return false;
    }
    this.#groups.add(group, port);
    return true;
  }

  #excess(from: NodeId, what: string): void {
    if (this.#excessive.has(from)) return;
    this.#excessive.add(from);
    this.#node.log(2, `${from} told us about ${what}: the rest is ignored.`);
  }

  #answerFind(from: NodeId, id: unknown): void {
    if (typeof id !== "string") return;
    const addresses = this.#addresses.get(id);
    if (addresses !== undefined) this.#tell(from, "nodes", { [id]: addresses });
  }
}

function addressList(value: unknown): string[] {
  if (!Array.isArray(value)) return [];
  return value.slice(0, MAX_ADDRESSES).filter((item): item is string =>
    typeof item === "string" && item.length <= MAX_ADDRESS_LENGTH
  );
}
