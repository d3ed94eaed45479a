import type { Address } from "@anyevent/backends/contract";
import type { Watcher } from "@anyevent/loop";
import { isNodeId, type Node, type NodeId } from "@anyevent/mp";
import { Backoff, SETTLED } from "./backoff.ts";

/** Nodes that are not connected, which one peer may make us want to reach at a time. */
export const MAX_TOLD_PER_PEER = 4096;

/** The same for all peers together. */
export const MAX_TOLD = 4 * MAX_TOLD_PER_PEER;

/** Told nodes we try to reach at a time; the others wait for their turn. */
export const MAX_TOLD_DIALS = 128;

/** How many of them one peer may have told us about: some turns are left for what others tell. */
export const MAX_DIALS_PER_PEER = MAX_TOLD_DIALS / 2;

/** Addresses of one node, of those one peer told. */
export const MAX_ADDRESSES = 64;

/** Nodes whose connections broke soon, which we keep in mind. */
const MAX_BACKOFFS = 4096;

interface Trial {
  /** Who gave up a turn for it. */
  readonly by: NodeId;
  /** How many addresses each peer has told meanwhile. */
  readonly told: Map<NodeId, number>;
}

/**
 * The nodes that peers told us about and that are not connected: who is tried now, and who waits.
 *
 * Peers take turns, so that one that tells much does not keep out what others tell.
 */
export class ToldNodes {
  readonly #node: Node;
  readonly #begin: (id: NodeId) => void;
  readonly #waiting = new Map<NodeId, Map<NodeId, readonly Address[]>>();
  readonly #trials = new Map<NodeId, Trial>();
  readonly #trialsBy = new Map<NodeId, number>();
  readonly #backoffs = new Map<NodeId, Backoff>();
  /** Peers whose excess has been logged. */
  readonly #excessive = new Set<NodeId>();
  #size = 0;
  #timer: Watcher | undefined;

  /**
   * Nobody yet.
   *
   * @param node that wants to reach them
   * @param begin called for each that is tried: has to lead to `up` or `over`
   */
  constructor(node: Node, begin: (id: NodeId) => void) {
    this.#node = node;
    this.#begin = begin;
  }

  /** How many are being tried, and how many wait: for inspection. */
  get counts(): { readonly tried: number; readonly waiting: number } {
    return { tried: this.#trials.size, waiting: this.#size };
  }

  /**
   * A peer told the addresses of a node that is not connected.
   *
   * @param by the peer
   * @param id the node; one that cannot name a node is passed over
   * @returns false when the peer has told about too many: this one is passed over
   */
  add(by: NodeId, id: NodeId, addresses: readonly Address[]): boolean {
    const trial = this.#trials.get(id);
    if (trial !== undefined) {
      this.#more(trial, by, id, addresses);
      return true;
    }
    if (!isNodeId(id)) return true;
    if (this.#node.nodeIsUp(id) === false && this.#backoffOver(id)) {
      // Somebody here wants to reach it: no turn is waited for.
      this.#try(by, id, addresses);
      return true;
    }
    const own = this.#waiting.get(by) ?? new Map<NodeId, readonly Address[]>();
    if (!own.has(id)) {
      if (own.size >= MAX_TOLD_PER_PEER || this.#size >= MAX_TOLD) return this.#tooMany(by);
      this.#size++;
    }
    own.set(id, addresses);
    this.#waiting.set(by, own);
    this.#next();
    return true;
  }

  /** A node is connected. */
  up(id: NodeId): void {
    for (const [by, own] of this.#waiting) this.#remove(by, own, id);
    this.over(id);
  }

  /**
   * A node is not connected any more.
   *
   * @param lived seconds that it was
   */
  down(id: NodeId, lived: number): void {
    if (lived >= SETTLED) {
      this.#backoffs.delete(id);
      return;
    }
    const backoff = this.#backoffs.get(id) ?? new Backoff();
    this.#backoffs.delete(id);
    this.#backoffs.set(id, backoff);
    backoff.failed(this.#node.loop.now(), this.#node.random);
    for (const oldest of this.#backoffs.keys()) {
      if (this.#backoffs.size <= MAX_BACKOFFS) break;
      this.#backoffs.delete(oldest);
    }
  }

  /** A trial is over, well or not. */
  over(id: NodeId): void {
    const trial = this.#trials.get(id);
    if (trial === undefined) return;
    this.#trials.delete(id);
    const left = this.#trialsBy.get(trial.by)! - 1;
    if (left > 0) this.#trialsBy.set(trial.by, left);
    else this.#trialsBy.delete(trial.by);
    this.#next();
  }

  /** Ends. */
  stop(): void {
    this.#timer?.cancel();
    this.#waiting.clear();
    this.#trials.clear();
    this.#trialsBy.clear();
    this.#backoffs.clear();
    this.#excessive.clear();
    this.#size = 0;
  }

  #tooMany(by: NodeId): false {
    if (!this.#excessive.has(by)) {
      this.#excessive.add(by);
      this.#node.log(2, `${by} told us about too many nodes that are not connected: ignored.`);
    }
    return false;
  }

  #remove(by: NodeId, own: Map<NodeId, readonly Address[]>, id: NodeId): void {
    if (!own.delete(id)) return;
    this.#size--;
    if (own.size > 0) return;
    this.#waiting.delete(by);
    this.#excessive.delete(by);
  }

  #backoffOver(id: NodeId): boolean {
    const backoff = this.#backoffs.get(id);
    return backoff === undefined || backoff.notBefore <= this.#node.loop.now();
  }

  #more(trial: Trial, by: NodeId, id: NodeId, addresses: readonly Address[]): void {
    const told = trial.told.get(by) ?? 0;
    const some = addresses.slice(0, MAX_ADDRESSES - told);
    trial.told.set(by, told + some.length);
    this.#node.peer(id).connect(some);
  }

  #try(by: NodeId, id: NodeId, addresses: readonly Address[]): void {
    const trial: Trial = { by, told: new Map() };
    this.#trials.set(id, trial);
    this.#trialsBy.set(by, (this.#trialsBy.get(by) ?? 0) + 1);
    this.#more(trial, by, id, addresses);
    this.#begin(id);
  }

  /** Tries as many as may be tried now. */
  #next(): void {
    this.#timer?.cancel();
    while (this.#trials.size < MAX_TOLD_DIALS) {
      const found = this.#find();
      if (found === undefined) return;
      const own = this.#waiting.get(found.by)!;
      const addresses = own.get(found.id)!;
      this.#remove(found.by, own, found.id);
      if (this.#waiting.has(found.by)) {
        // To the end of the row.
        this.#waiting.delete(found.by);
        this.#waiting.set(found.by, own);
      }
      const trial = this.#trials.get(found.id);
      if (trial !== undefined) this.#more(trial, found.by, found.id, addresses);
      else this.#try(found.by, found.id, addresses);
    }
  }

  /** Whose turn it is; when all have to wait, a timer looks again. */
  #find(): { readonly by: NodeId; readonly id: NodeId } | undefined {
    let soonest = Infinity;
    const now = this.#node.loop.now();
    for (const [by, own] of this.#waiting) {
      if ((this.#trialsBy.get(by) ?? 0) >= MAX_DIALS_PER_PEER) continue;
      for (const id of own.keys()) {
        const due = this.#backoffs.get(id)?.notBefore ?? now;
        if (due <= now) return { by, id };
        soonest = Math.min(soonest, due);
      }
    }
    if (soonest < Infinity) {
      this.#timer = this.#node.loop.timer({ after: soonest - now, cb: () => this.#next() });
    }
    return undefined;
  }
}
