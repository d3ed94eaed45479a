/**
 * How nodes become a full mesh: each tells each its addresses, its registrations, and whom else it
 * knows. PROTOCOL section 12 of AEMP, version 0 of AnyEvent::MP::Global.
 *
 * @module
 */
import type { Address } from "@anyevent/backends/contract";
import type { Watcher } from "@anyevent/loop";
import { type Node, type NodeId, nodeOf, parseLiteral, type PortId, SELF } from "@anyevent/mp";
import type { Groups } from "./groups.ts";
import type { Seeds } from "./seeds.ts";

/** The function each node calls on each other one. */
export const CONNECT_FUNCTION = "AnyEvent::MP::Global::connect";
const PROTOCOL_VERSION = 0;

/** Nodes and addresses one message may tell about. */
const MAX_NODES_TOLD = 10_000;
const MAX_ADDRESSES = 64;

/** Membership of one node in its mesh. */
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
  readonly #timers = new Set<Watcher>();
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
  }

  /** Whom this node asks about changes. */
  get master(): NodeId | undefined {
    return this.#master;
  }

  /** Nodes that know us, and addresses we know: for inspection. */
  get known(): ReadonlyMap<NodeId, readonly string[]> {
    return this.#addresses;
  }

  /** Ends. */
  stop(): void {
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
    this.#sessions.clear();
    this.#addresses.clear();
    this.#seedees.clear();
    this.#master = undefined;
  }

  /** A node came up. */
  up(id: NodeId): void {
    this.#begin(id);
    this.#chooseMaster(id);
  }

  /** A node went down. */
  down(id: NodeId): void {
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
    const self = SELF()!;
    node.mon(from, () => node.kil(self));
    node.rcv(self, {
      setup: () => undefined,
      addr: (addresses: unknown) => this.#learnAddress(from, addresses),
      nodes: (nodes: unknown) => this.#learnNodes(nodes),
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
  }

  #learnAddress(from: NodeId, addresses: unknown): void {
    const list = stringList(addresses);
    this.#node.log(9, `${from} told us its addresses (${list.join(", ")}).`);
    this.#addresses.set(from, list);
    const timer = this.#node.loop.timer({
      after: 2 + this.#node.random.float(),
      cb: () => {
        this.#timers.delete(timer);
        const known = this.#addresses.get(from);
        if (known === undefined) return;
        for (const id of this.#seedees) this.#tell(id, "nodes", { [from]: known });
      },
    });
    this.#timers.add(timer);
  }

  #learnNodes(nodes: unknown): void {
    if (typeof nodes !== "object" || nodes === null) return;
    for (const [id, addresses] of Object.entries(nodes).slice(0, MAX_NODES_TOLD)) {
      if (id === this.#node.id || id === "" || /[#;\s]/.test(id)) continue;
      const dialable = stringList(addresses).map(parseLiteral)
        .filter((address): address is Address => address !== undefined);
      const up = this.#node.nodeIsUp(id) === true;
      if (!up && dialable.length === 0) continue;
      if (!up) this.#node.peer(id).connect(dialable);
      this.#begin(id);
    }
  }

  #learnGroups(from: NodeId, groups: unknown): void {
    if (typeof groups !== "object" || groups === null) return;
    for (const [group, ports] of Object.entries(groups)) {
      for (const port of stringList(ports)) this.#learnPort(from, group, port, true);
    }
  }

  #learnPort(from: NodeId, group: unknown, port: unknown, added: boolean): void {
    if (typeof group !== "string" || group === "" || typeof port !== "string") return;
    // Every node tells about its own ports only.
    if (nodeOf(port) !== from) return;
    if (added) this.#groups.add(group, port);
    else this.#groups.remove(group, port);
  }

  #answerFind(from: NodeId, id: unknown): void {
    if (typeof id !== "string") return;
    const addresses = this.#addresses.get(id);
    if (addresses !== undefined) this.#tell(from, "nodes", { [id]: addresses });
  }
}

function stringList(value: unknown): string[] {
  if (!Array.isArray(value)) return [];
  return value.filter((item): item is string => typeof item === "string").slice(0, MAX_ADDRESSES);
}
