import type { Watcher } from "@anyevent/loop";
import { isNodeId } from "../id.ts";
import type { Node } from "../node.ts";
import type { NodeId } from "../types.ts";
import type { Greeting, Verdict } from "../wire/mod.ts";
import type { Dial } from "./dial.ts";
import type { Link } from "./link.ts";

/** What this implementation calls itself in greetings. */
export const PROVIDER = "deno-AE";

/** Greeting key whose value differs each time a node starts: tells a restart from a duplicate. */
export const RUN_KEY = "run";

/** Seconds a connection is held at most while an attempt of ours may reach the same node. */
const MAX_HOLD = 2;

interface Entry {
  readonly link: Link;
  nodeId: NodeId | undefined;
  held: boolean;
}

/**
 * Sees to it that two nodes end up with one connection, although both may begin one.
 *
 * Of any two nodes the one with the smaller id decides, alone. It lets the other end prove itself first and
 * answers on one connection only: so the other end is never open on a connection that is then dropped, and
 * nothing is lost; and who cannot prove anything keeps nobody out. A proven connection from the larger id
 * waits while an attempt of ours might reach that same node: then ours survives. Towards an implementation
 * that does not know this rule we always decide.
 */
export class Handshakes {
  readonly #node: Node;
  readonly #entries = new Map<Link, Entry>();
  readonly #dials = new Set<Dial>();
  #timer: Watcher | undefined;

  /** @param node whose connections these are */
  constructor(node: Node) {
    this.#node = node;
  }

  /** Connections that are not authenticated yet. */
  get count(): number {
    return this.#entries.size;
  }

  /** Whether a link is under handshake. */
  has(link: Link): boolean {
    return this.#entries.has(link);
  }

  /** Attempts to connect. */
  get dials(): readonly Dial[] {
    return [...this.#dials];
  }

  /** The oldest connection begun by somebody else. */
  get oldestAccepted(): Link | undefined {
    for (const link of this.#entries.keys()) if (!link.initiated) return link;
    return undefined;
  }

  /** A connection begins its handshake. */
  begin(link: Link): void {
    this.#entries.set(link, { link, nodeId: undefined, held: false });
  }

  /** Its handshake is over, well or not. */
  end(link: Link): void {
    if (this.#entries.delete(link) && link.initiated) this.#reconsider();
  }

  /** We try to connect. */
  addDial(dial: Dial): void {
    this.#dials.add(dial);
  }

  /** The attempt failed, or we know now whom it reached. */
  settleDial(dial: Dial): void {
    dial.settled = true;
    this.#dials.delete(dial);
    this.#reconsider();
  }

  /** What to do with a connection whose peer has introduced itself. */
  verdict(link: Link, greeting: Greeting): Verdict {
    const id = greeting.nodeId;
    if (!isNodeId(id)) return { go: "refuse", reason: "unusable node id" };
    const entry = this.#entries.get(link);
    if (entry !== undefined) entry.nodeId = id;
    if (this.#node.nodeIsUp(id)) {
      // Only a proof shows that it was really started anew.
      if (!link.initiated && this.#restarted(greeting)) return { go: "on", after: "proof" };
      return connected(id);
    }
    if (this.#ownRival(id, link)) return this.#decides(greeting) ? underWay(id) : { go: "on" };
    if (isOurs(greeting)) {
      const waits = !link.initiated && this.#decides(greeting);
      return waits ? { go: "on", after: "proof" } : { go: "on" };
    }
    return this.#verdictOnStranger(link, entry, id);
  }

  /** The original authenticates at once: what is to be dropped must be dropped before. */
  #verdictOnStranger(link: Link, entry: Entry | undefined, id: NodeId): Verdict {
    if (link.initiated) {
      for (const rival of [...this.#entries.values()]) {
        if (rival.held && rival.nodeId === id) {
          this.#node.drop(rival.link, "superseded by another connection");
        }
      }
      return { go: "on" };
    }
    return entry !== undefined && this.#mayReach(id) ? this.#hold(entry) : { go: "on" };
  }

  /** What to do with a connection from elsewhere whose peer has proved who it is. */
  proved(link: Link, greeting: Greeting): Verdict {
    const id = greeting.nodeId;
    if (this.#node.nodeIsUp(id)) {
      if (!this.#restarted(greeting)) return connected(id);
      this.#node.peer(id).lose("node restarted");
      this.#node.peer(id).finishLoss();
    }
    const entry = this.#entries.get(link);
    if (entry === undefined || !this.#decides(greeting) || !this.#mayReach(id)) return { go: "on" };
    return this.#hold(entry);
  }

  #hold(entry: Entry): Verdict {
    entry.held = true;
    this.#timer ??= this.#node.loop.timer({
      after: Math.min(MAX_HOLD, this.#node.settings.connectInterval),
      cb: () => {
        this.#timer = undefined;
        this.#release((id) => !this.#ownRival(id));
      },
    });
    return { go: "hold" };
  }

  #decides(greeting: Greeting): boolean {
    return this.#node.id < greeting.nodeId || !isOurs(greeting);
  }

  #restarted(greeting: Greeting): boolean {
    const before = this.#node.peer(greeting.nodeId).link?.greeting?.extra.get(RUN_KEY);
    const now = greeting.extra.get(RUN_KEY);
    return before !== undefined && now !== undefined && before !== now;
  }

  /** Whether a connection begun by us with that node is under handshake. */
  #ownRival(id: NodeId, but?: Link): boolean {
    for (const { link, nodeId } of this.#entries.values()) {
      if (link !== but && link.initiated && nodeId === id) return true;
    }
    return false;
  }

  #mayReach(id: NodeId): boolean {
    for (const dial of this.#dials) {
      if (dial.expected === undefined || dial.expected === id) return true;
    }
    return this.#ownRival(id);
  }

  #reconsider(): void {
    this.#release((id) => !this.#mayReach(id));
  }

  #release(which: (id: NodeId) => boolean): void {
    for (const entry of [...this.#entries.values()]) {
      if (!entry.held || !which(entry.nodeId!)) continue;
      entry.held = false;
      // In its own turn: what brought us here is finished first.
      this.#node.defer(() => {
        if (!this.#entries.has(entry.link)) return;
        if (this.#node.nodeIsUp(entry.nodeId!)) {
          this.#node.drop(entry.link, connected(entry.nodeId!).reason);
        } else entry.link.proceed();
      });
    }
  }

  /** Gives everything up. */
  clear(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    for (const dial of this.#dials) dial.undo();
    this.#dials.clear();
    for (const link of [...this.#entries.keys()]) link.abort();
    this.#entries.clear();
  }
}

/** Whether the peer knows the rule. */
function isOurs(greeting: Greeting): boolean {
  return (greeting.extra.get("provider") ?? "").startsWith(PROVIDER);
}

function connected(id: NodeId): { readonly go: "refuse"; readonly reason: string } {
  return { go: "refuse", reason: `${id} already connected, not connecting again.` };
}

function underWay(id: NodeId): Verdict {
  return { go: "refuse", reason: `another connection with ${id} is under way` };
}
