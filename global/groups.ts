import { show, UsageError } from "@anyevent/backends/contract";
import {
  checkPlainCallback,
  type Node,
  type NodeId,
  nodeOf,
  type PortId,
  portNameOf,
  type Registration,
} from "@anyevent/mp";

/** Told when the members of a group change. */
export type GroupMonitor = (
  members: readonly PortId[],
  added: readonly PortId[],
  removed: readonly PortId[],
) => unknown;

interface Watch {
  readonly callback: GroupMonitor;
  seen: ReadonlySet<PortId>;
  posted: boolean;
}

/** Tells other nodes about a registration that came or went. */
export type GroupAnnouncer = (added: boolean, group: string, port: PortId) => void;

/** Characters in the name of a group, or the id of a port in one: other nodes have to remember them. */
export const MAX_NAME_LENGTH = 4096;

/** Whether it can name a group. */
export function isGroup(group: unknown): group is string {
  return typeof group === "string" && group !== "" && group.length <= MAX_NAME_LENGTH;
}

/** @throws {UsageError} unless `group` can name a group */
export function checkGroup(group: unknown): asserts group is string {
  if (isGroup(group)) return;
  throw new UsageError(
    `Cannot use group ${
      show(group)
    }: its name must be a non-empty string of at most ${MAX_NAME_LENGTH} characters`,
  );
}

/** A registration of this node. */
interface Own {
  port: PortId;
  monitor: Registration;
}

/**
 * The port groups as one node sees them: its own registrations and those other nodes told it about.
 *
 * {@linkcode globalOf} gives those of a node; `grpReg`, `grpGet` and `grpMon` use those of the node whose
 * code is running. Follows AnyEvent::MP::Global.
 *
 * @example
 * ```ts
 * import { globalOf } from "@anyevent/global";
 * import { defaultLoop } from "@anyevent/loop";
 * import { Node } from "@anyevent/mp";
 *
 * await using node = new Node({ loop: defaultLoop() });
 * const { groups } = globalOf(node);
 * const registration = groups.register("printers", node.port());
 * console.log(groups.get("printers")?.length); // 1
 * registration.cancel();
 * console.log(groups.get("printers")); // undefined
 * ```
 */
export class Groups {
  readonly #node: Node;
  readonly #announce: GroupAnnouncer;
  readonly #members = new Map<string, Set<PortId>>();
  readonly #own = new Map<string, Map<PortId, Own>>();
  /** How many members there are of each node. */
  readonly #counts = new Map<NodeId, number>();
  readonly #watches = new Map<string, Set<Watch>>();

  /**
   * Groups that only this node knows so far.
   *
   * @param announce called for each change of an own registration
   */
  constructor(node: Node, announce: GroupAnnouncer) {
    this.#node = node;
    this.#announce = announce;
  }

  /** Own registrations, as the wire has them. */
  get own(): Record<string, PortId[]> {
    return Object.fromEntries([...this.#own].map(([group, ports]) => [group, [...ports.keys()]]));
  }

  /** Registers a local port; it leaves when the port dies or the guard is cancelled. */
  register(group: string, port: PortId): Registration {
    checkGroup(group);
    if (typeof port !== "string" || !this.#node.portIsLocal(port)) {
      throw new UsageError(
        `Cannot register ${
          show(port)
        } in group ${group}: it is not a port of node ${this.#node.id}`,
      );
    }
    if (port.length > MAX_NAME_LENGTH) {
      throw new UsageError(`Cannot register a port in group ${group}: its id is too long`);
    }
    const ports = this.#own.get(group) ?? new Map<PortId, Own>();
    if (ports.has(port)) {
      throw new UsageError(`Cannot register ${port} in group ${group}: it is in it already`);
    }
    this.#own.set(group, ports);
    const leave = (): void => this.#leave(group, ports, own);
    const own: Own = { port, monitor: this.#node.mon(port, leave) };
    ports.set(port, own);
    this.add(group, port);
    this.#announce(true, group, port);
    return { cancel: leave, [Symbol.dispose]: leave };
  }

  #leave(group: string, ports: Map<PortId, Own>, own: Own): void {
    if (ports.get(own.port) !== own) return;
    ports.delete(own.port);
    if (ports.size === 0 && this.#own.get(group) === ports) this.#own.delete(group);
    own.monitor.cancel();
    this.remove(group, own.port);
    this.#announce(false, group, own.port);
  }

  /** The node has another id than before: its own registration goes with it, other ports are gone. */
  renamed(): void {
    const { id } = this.#node;
    for (const [group, ports] of [...this.#own]) {
      for (const own of [...ports.values()]) {
        if (this.#node.portIsLocal(own.port)) continue;
        if (portNameOf(own.port) !== "" || ports.has(id)) {
          this.#leave(group, ports, own);
          continue;
        }
        ports.delete(own.port);
        this.remove(group, own.port);
        own.monitor.cancel();
        own.monitor = this.#node.mon(id, () => this.#leave(group, ports, own));
        own.port = id;
        ports.set(id, own);
        this.add(group, id);
      }
    }
  }

  /** How many members of groups a node has. */
  registrationsOf(id: NodeId): number {
    return this.#counts.get(id) ?? 0;
  }

  #count(port: PortId, change: number): void {
    const id = nodeOf(port);
    const count = (this.#counts.get(id) ?? 0) + change;
    if (count > 0) this.#counts.set(id, count);
    else this.#counts.delete(id);
  }

  /** Members of a group, `undefined` when there are none. */
  get(group: string): readonly PortId[] | undefined {
    checkGroup(group);
    const members = this.#members.get(group);
    return members === undefined ? undefined : [...members];
  }

  /** Watches a group. */
  monitor(group: string, callback: GroupMonitor): Registration {
    checkGroup(group);
    checkPlainCallback(callback, `monitor group ${group}`);
    const watch: Watch = { callback, seen: new Set(), posted: false };
    const watches = this.#watches.get(group) ?? new Set();
    this.#watches.set(group, watches);
    watches.add(watch);
    this.#notify(group, watch);
    const cancel = (): void => {
      watches.delete(watch);
      if (watches.size === 0 && this.#watches.get(group) === watches) this.#watches.delete(group);
    };
    return { cancel, [Symbol.dispose]: cancel };
  }

  /** Changes of one turn are told together, each watcher by what it has seen. */
  #notify(group: string, watch: Watch): void {
    if (watch.posted) return;
    watch.posted = true;
    this.#node.defer(() => {
      watch.posted = false;
      if (!this.#watches.get(group)?.has(watch)) return;
      const now: ReadonlySet<PortId> = new Set(this.#members.get(group));
      const added = [...now].filter((port) => !watch.seen.has(port));
      const removed = [...watch.seen].filter((port) => !now.has(port));
      if (added.length === 0 && removed.length === 0) return;
      watch.seen = now;
      const failed = (error: unknown): void =>
        this.#node.log(1, `monitor of group ${group} failed: ${error}`);
      try {
        const result = this.#node.outside(() => watch.callback([...now], added, removed));
        if (result instanceof Promise) result.catch(failed);
      } catch (error) {
        failed(error);
      }
    });
  }

  #changed(group: string): void {
    for (const watch of this.#watches.get(group) ?? []) this.#notify(group, watch);
  }

  /** A port is a member. */
  add(group: string, port: PortId): void {
    const members = this.#members.get(group) ?? new Set();
    if (members.has(port)) return;
    this.#members.set(group, members);
    members.add(port);
    this.#count(port, 1);
    this.#changed(group);
  }

  /** A port is no member. */
  remove(group: string, port: PortId): void {
    const members = this.#members.get(group);
    if (members === undefined || !members.delete(port)) return;
    this.#count(port, -1);
    if (members.size === 0) this.#members.delete(group);
    this.#changed(group);
  }

  /** A node is gone, and its ports with it. */
  removeNode(id: NodeId): void {
    if (!this.#counts.has(id)) return;
    for (const [group, members] of [...this.#members]) {
      for (const port of [...members]) if (nodeOf(port) === id) this.remove(group, port);
    }
  }

  /** Ends everything. */
  clear(): void {
    for (const ports of this.#own.values()) for (const own of ports.values()) own.monitor.cancel();
    this.#own.clear();
    this.#counts.clear();
    this.#members.clear();
    this.#watches.clear();
  }
}
