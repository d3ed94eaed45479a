import type { Watcher } from "@anyevent/loop";
import type { Node } from "../node.ts";
import type { NodeId } from "../types.ts";
import type { Greeting, Verdict } from "../wire/mod.ts";
import type { Dial } from "./dial.ts";
import type { Link } from "./link.ts";

/** What this implementation calls itself in greetings. */
export const PROVIDER = "deno-AE";

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
 * Of any two nodes the one with the smaller id decides, alone, and before it authenticates; so the other
 * end is never up on a connection that is then dropped, and nothing is lost. A connection from the
 * larger id waits while an attempt of ours might reach that same node: then ours survives.
 * Towards an implementation that does not know this rule we always decide.
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

  /** Links under handshake. */
  get links(): readonly Link[] {
    return [...this.#entries.keys()];
  }

  /** Attempts to connect. */
  get dials(): readonly Dial[] {
    return [...this.#dials];
  }

  /** A connection begins its handshake. */
  begin(link: Link): void {
    this.#entries.set(link, { link, nodeId: undefined, held: false });
  }

  /** Its handshake is over, well or not. */
  end(link: Link): void {
    this.#entries.delete(link);
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
    const entry = this.#entries.get(link);
    if (entry !== undefined) entry.nodeId = id;
    if (this.#node.nodeIsUp(id)) {
      return { go: "refuse", reason: `${id} already connected, not connecting again.` };
    }
    const provider = greeting.extra.get("provider") ?? "";
    const deciding = this.#node.id < id || !provider.startsWith(PROVIDER);
    if (!deciding) return { go: "on" };
    for (const rival of this.#entries.values()) {
      if (rival.link === link || rival.nodeId !== id) continue;
      if (!(link.initiated && rival.held)) {
        return { go: "refuse", reason: `another connection with ${id} is under way` };
      }
      this.#node.drop(rival.link, "superseded by another connection");
    }
    if (entry !== undefined && !link.initiated && this.#mayReach(id)) {
      entry.held = true;
      this.#timer ??= this.#node.loop.timer({
        after: Math.min(MAX_HOLD, this.#node.settings.connectInterval),
        cb: () => {
          this.#timer = undefined;
          this.#release(() => true);
        },
      });
      return { go: "hold" };
    }
    return { go: "on" };
  }

  #mayReach(id: NodeId): boolean {
    for (const dial of this.#dials) {
      if (dial.expected === undefined || dial.expected === id) return true;
    }
    return false;
  }

  #reconsider(): void {
    this.#release((entry) => !this.#mayReach(entry.nodeId!));
  }

  #release(which: (entry: Entry) => boolean): void {
    for (const entry of [...this.#entries.values()]) {
      if (!entry.held || !which(entry)) continue;
      entry.held = false;
      // In its own turn: the greeting that settled the attempt is judged first.
      this.#node.defer(() => {
        if (this.#entries.has(entry.link)) entry.link.proceed();
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
