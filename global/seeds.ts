import type { Address } from "@anyevent/backends/contract";
import type { Watcher } from "@anyevent/loop";
import { formatAddress, type Node, type NodeId } from "@anyevent/mp";

interface Seed {
  readonly address: Address;
  /** Who was last seen there. */
  nodeId: NodeId | undefined;
  dialling: boolean;
}

/**
 * The addresses by which a node gets into its mesh: tried in rounds, for ever.
 *
 * Follows AnyEvent::MP::Global's seeding: a round picks a random seed that has not had its turn; the
 * less alone the node is, the longer it waits for the next.
 */
export class Seeds {
  readonly #node: Node;
  readonly #seeds = new Map<string, Seed>();
  #untried: string[] = [];
  #timer: Watcher | undefined;
  readonly #first: Watcher[] = [];

  /**
   * No seeds yet.
   *
   * @param node that wants in
   */
  constructor(node: Node) {
    this.#node = node;
  }

  /** Begins: every seed once within the first tenth of a second, then rounds. */
  start(addresses: readonly Address[]): void {
    for (const address of addresses) {
      const text = formatAddress(address);
      this.#seeds.set(text, { address, nodeId: undefined, dialling: false });
    }
    if (this.#seeds.size === 0) return;
    for (const text of this.#seeds.keys()) {
      this.#first.push(this.#node.loop.timer({
        after: 0.1 * this.#node.random.float(),
        cb: () => this.#dial(text),
      }));
    }
    this.#schedule();
  }

  /** Ends. */
  stop(): void {
    this.#timer?.cancel();
    for (const timer of this.#first) timer.cancel();
    this.#seeds.clear();
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

  /** The last node is gone: do not wait for the round. */
  alone(): void {
    if (this.#seeds.size === 0) return;
    this.#round();
  }

  #schedule(): void {
    const node = this.#node;
    const known = node.upNodes().length === 0 ? 1 : node.knownNodes().length + 1;
    this.#timer?.cancel();
    this.#timer = node.loop.timer({
      after: Math.max(1, node.settings.connectInterval * known - node.random.float()),
      cb: () => this.#round(),
    });
  }

  #round(): void {
    if (this.#untried.length === 0) this.#untried = [...this.#seeds.keys()];
    const index = Math.floor(this.#node.random.float() * this.#untried.length);
    const [text] = this.#untried.splice(index, 1);
    if (text !== undefined) this.#dial(text);
    if (this.#seeds.size > 0) this.#schedule();
  }

  #dial(text: string): void {
    const seed = this.#seeds.get(text);
    if (seed === undefined || seed.dialling) return;
    if (seed.nodeId !== undefined && this.#node.nodeIsUp(seed.nodeId)) return;
    seed.dialling = true;
    let greeted = false;
    this.#node.log(8, `trying connect to seed node ${text}.`);
    this.#node.dial(seed.address, undefined, {
      greeted: (id) => {
        seed.nodeId = id;
        // What comes of it is the peer's affair now; the address may be tried again when it is down.
        seed.dialling = false;
        greeted = true;
      },
      ended: (reason) => {
        // The loss of a connection may have begun the next attempt already.
        if (!greeted) seed.dialling = false;
        if (/refuse to talk to myself/.test(reason)) {
          this.#node.log(8, `seed ${text} is this node.`);
          this.#seeds.delete(text);
        }
      },
    });
  }
}
