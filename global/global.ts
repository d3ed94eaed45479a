import { show, UsageError } from "@anyevent/backends/contract";
import { extendNodes, Node, type NodeExtension, type Registration } from "@anyevent/mp";
import { Groups } from "./groups.ts";
import { CONNECT_FUNCTION, Membership } from "./membership.ts";
import { Seeds } from "./seeds.ts";

/**
 * The mesh side of one node: seeds, membership, groups. {@linkcode globalOf} gives it.
 *
 * It begins when its node is configured, and ends with it. Follows AnyEvent::MP::Global.
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
 * const { groups } = globalOf(a);
 * groups.register("printers", a.port());
 * const seen = AE.cv();
 * globalOf(b).groups.monitor("printers", seen);
 * await b.configure({ nodeid: "b", binds: [], seeds: a.listeners });
 * await seen.recv();
 * console.log(globalOf(b).groups.get("printers")?.length); // 1
 * ```
 */
export class Global implements NodeExtension {
  /** Port groups. */
  readonly groups: Groups;
  /** Who else is there. */
  readonly membership: Membership;
  /** How it gets in. */
  readonly seeds: Seeds;
  readonly #node: Node;
  #monitor: Registration | undefined;
  #unregister: (() => void) | undefined;

  /**
   * Use `globalOf`.
   *
   * @param node whose side it is
   * @throws {UsageError} when it is none
   */
  constructor(node: Node) {
    if (!(node instanceof Node)) {
      throw new UsageError(`Cannot make Global: ${show(node)} is not a Node`);
    }
    this.#node = node;
    this.seeds = new Seeds(node);
    this.groups = new Groups(node, (...change) => this.membership.announce(...change));
    this.membership = new Membership(node, this.groups, this.seeds);
  }

  /**
   * The node listens now.
   *
   * @throws {UsageError} for what cannot be the address of a seed
   */
  async start(): Promise<void> {
    const node = this.#node;
    this.#unregister = node.register(
      CONNECT_FUNCTION,
      (version: unknown, from: unknown) => this.membership.connected(version, from),
    );
    this.#monitor = node.monNodes((id, up) => {
      if (up) this.membership.up(id);
      else this.membership.down(id);
    });
    this.groups.renamed();
    await this.seeds.join(node.settings.seeds);
  }

  /** The node stops. */
  stop(): void {
    this.#monitor?.cancel();
    this.#unregister?.();
    this.seeds.stop();
    this.groups.clear();
    this.membership.stop();
  }
}

const instances = new WeakMap<Node, Global>();

/**
 * The mesh side of a node; made on first use, so that ports can be registered before `configure`.
 *
 * @param node any; the free functions use that of the default node
 * @returns the same for the same node
 * @example
 * ```ts
 * import { globalOf } from "@anyevent/global";
 * import { defaultLoop } from "@anyevent/loop";
 * import { Node } from "@anyevent/mp";
 *
 * await using node = new Node({ loop: defaultLoop() });
 * console.log(globalOf(node) === globalOf(node)); // true
 * ```
 */
export function globalOf(node: Node): Global {
  let global = instances.get(node);
  if (global === undefined) {
    global = new Global(node);
    instances.set(node, global);
  }
  return global;
}

extendNodes(globalOf);
