import { type Address, messageOf, show, UsageError } from "@anyevent/backends/contract";
import type { Watcher } from "@anyevent/loop";
import { formatAddress } from "./address.ts";
import { checkSize } from "./transport/link.ts";
import { type Monitor, MonitorList } from "./monitor.ts";
import type { Node } from "./node.ts";
import type { Link } from "./transport/link.ts";
import type { NodeId, Reason } from "./types.ts";
import { encodeJson } from "./wire/json_text.ts";

/** Messages that may wait for a connection to one node. */
export const MAX_QUEUED_MESSAGES = 1_000_000;

/**
 * What a node knows of another one: the link or the queue for it, and the monitors across it.
 *
 * The guarantee rests on one rule: when anything sent may have been lost (the link broke, the queue was
 * dropped), every monitor of every port of that node fires, after the loss and before anything else
 * is sent.
 *
 * `Node.peer` gives it. Follows the nodes of AnyEvent::MP::Node.
 *
 * @example
 * ```ts
 * import { AE, defaultLoop } from "@anyevent/loop";
 * import { Node, parseLiteral } from "@anyevent/mp";
 *
 * await using a = new Node({ loop: defaultLoop() });
 * await using b = new Node({ loop: defaultLoop() });
 * await a.configure({ nodeid: "a", binds: ["127.0.0.1:*"] });
 * await b.configure({ nodeid: "b", binds: [] });
 * const peer = b.peer("a");
 * peer.connect([parseLiteral(a.listeners[0])!]);
 * const up = AE.cv();
 * using _monitor = b.monNodes(up);
 * await up.recv();
 * console.log(peer.up); // true
 * ```
 */
export class Peer {
  #link: Link | undefined;
  #up = false;
  /** JSON texts: what was sent, as it was when it was sent. */
  #queue: string[] = [];
  #queuedBytes = 0;
  #monitors = new Map<string, MonitorList>();
  /** Monitors the peer has on our ports, by port name. */
  readonly #watched = new Map<string, Monitor>();
  #loss:
    | { readonly reason: Reason; readonly wasUp: boolean; readonly link: Link | undefined }
    | undefined;
  #giveUp: Watcher | undefined;
  #retry: Watcher | undefined;
  #addresses: Address[] = [];
  #next = 0;
  readonly #dialling = new Set<string>();

  /**
   * An entry for a node that is not connected.
   *
   * @param id of the other node
   */
  constructor(readonly node: Node, readonly id: NodeId) {}

  /** Whether it is connected. */
  get up(): boolean {
    return this.#up;
  }

  /** The link, when up. */
  get link(): Link | undefined {
    return this.#link;
  }

  /** Whether anything still depends on this entry. */
  get idle(): boolean {
    return !this.#up && this.#loss === undefined && this.#queue.length === 0 &&
      this.#monitors.size === 0 &&
      this.#giveUp === undefined;
  }

  /**
   * Sends now, or keeps the message until there is a link or hope is given up. Between a loss and its
   * monitors what is sent is lost too.
   *
   * @throws {UsageError} when the message cannot be sent to another node; nothing is lost then
   */
  send(message: readonly unknown[]): void {
    if (this.#link !== undefined) {
      this.#link.send(message);
      return;
    }
    const text = encodeJson(message);
    const bytes = utf8Length(text) + 1;
    checkSize(bytes, this.node.settings.maxFrameBytes);
    if (this.#loss !== undefined || (this.node.stopped && !this.#up)) return;
    if (
      this.#queuedBytes + bytes > this.node.settings.sendQueueLimit ||
      this.#queue.length >= MAX_QUEUED_MESSAGES
    ) {
      this.lose("send queue limit exceeded while not connected");
      return;
    }
    this.#queue.push(text);
    this.#queuedBytes += bytes;
    this.#expectConnection();
  }

  #expectConnection(): void {
    if (this.#giveUp !== undefined || this.#up) return;
    this.#giveUp = this.node.loop.timer({
      after: this.node.settings.monitorTimeout,
      cb: () => this.lose("unable to connect"),
    });
  }

  /** Addresses at which this node may be reached: dialled in turn until connected or given up. */
  connect(addresses: readonly Address[]): void {
    if (this.#up || addresses.length === 0) return;
    const known = new Set(this.#addresses.map(formatAddress));
    const fresh = addresses.filter((address) => !known.has(formatAddress(address)));
    this.#addresses.unshift(...fresh);
    this.#expectConnection();
    if (this.#retry !== undefined) return;
    this.#next = 0;
    this.node.log(
      9,
      `connecting to ${this.id} with [${this.#addresses.map(formatAddress).join(", ")}]`,
    );
    this.#retry = this.node.loop.timer({
      after: this.node.random.float() * 0.05,
      cb: () => this.#attempt(),
    });
  }

  #attempt(): void {
    const { monitorTimeout, connectInterval } = this.node.settings;
    const count = this.#addresses.length;
    const spread = Math.max(
      0.4,
      Math.min(connectInterval, (monitorTimeout - connectInterval) / count),
    );
    this.#retry = this.node.loop.timer({
      after: spread * (0.9 + 0.1 * this.node.random.float()),
      cb: () => this.#attempt(),
    });
    const address = this.#addresses[this.#next++ % count];
    const text = formatAddress(address);
    if (this.#dialling.has(text)) return;
    this.#dialling.add(text);
    this.node.log(9, `connecting to ${this.id} at ${text}`);
    this.node.dial(address, this.id, { ended: () => void this.#dialling.delete(text) });
  }

  #stopDialling(): void {
    this.#giveUp?.cancel();
    this.#retry?.cancel();
    this.#giveUp = this.#retry = undefined;
    this.#addresses = [];
  }

  /** A link is open: what waited leaves first, in order. */
  attach(link: Link): void {
    this.finishLoss();
    this.#stopDialling();
    this.#up = true;
    this.node.announce(this.id, true, []);
    // The announcement may have queued more (which leaves last), or lost the node again.
    if (!this.#up) {
      this.node.drop(link, `${this.id} was lost`);
      return;
    }
    const queue = this.#queue;
    this.#queue = [];
    this.#queuedBytes = 0;
    this.#link = link;
    try {
      for (const text of queue) {
        // Losing the link on the way (queue limit) loses the rest with it: monitors will tell.
        if (this.#link !== link) return;
        link.send(JSON.parse(text));
      }
    } catch (error) {
      // Too large for the framing that was agreed on: a message is lost, so all after it are.
      this.lose(messageOf(error));
    }
  }

  /**
   * Everything sent and not yet delivered may be lost: cuts the link, and tells all who monitor in their
   * turn, never inside the call that found out.
   */
  lose(message: string): void {
    if (this.#loss !== undefined) return;
    const link = this.#link;
    this.#loss = { reason: ["transport_error", this.id, message], wasUp: this.#up, link };
    this.#up = false;
    this.#link = undefined;
    this.#queue = [];
    this.#queuedBytes = 0;
    this.#stopDialling();
    link?.abort();
    this.node.defer(() => this.finishLoss());
  }

  /** Tells of a loss now, if there is one to tell of. */
  finishLoss(): void {
    const loss = this.#loss;
    if (loss === undefined) return;
    for (const monitor of this.#watched.values()) monitor.cancel();
    this.#watched.clear();
    const monitors = this.#monitors;
    this.#monitors = new Map();
    this.#loss = undefined;
    if (loss.link !== undefined) this.node.drop(loss.link, String(loss.reason[2]));
    for (const list of monitors.values()) list.fire(loss.reason);
    if (loss.wasUp) this.node.announce(this.id, false, loss.reason);
    this.node.release(this);
  }

  /**
   * Monitors a port there; the name `""` is the node itself: only the loss of it fires.
   *
   * @internal
   */
  monitor(name: string, monitor: Monitor): void {
    const known = this.#monitors.get(name);
    const list = known ?? new MonitorList();
    this.#monitors.set(name, list);
    list.add(monitor, () => {
      if (this.#monitors.get(name) !== list) return;
      this.#monitors.delete(name);
      if (name !== "") this.send(["", "mon0", name]);
      this.node.release(this);
    });
    // Listed first: should the request be lost, this very monitor has to fire.
    if (known !== undefined) return;
    if (name !== "") this.send(["", "mon1", name]);
    else if (this.#loss === undefined) this.#expectConnection();
  }

  /** The peer says that a port of its is gone. */
  portGone(name: string, reason: Reason): void {
    const list = this.#monitors.get(name);
    if (list === undefined) return;
    this.#monitors.delete(name);
    list.fire(reason);
  }

  /** The peer monitors one of our ports: once, however often it says so. */
  watch(name: string): void {
    if (this.#watched.has(name)) return;
    // It fires inside the call when the port does not exist.
    const monitor = this.node.monitorNow(name, (...reason) => {
      this.#watched.delete(name);
      this.#tellGone(name, reason);
    });
    if (monitor.active) this.#watched.set(name, monitor);
  }

  #tellGone(name: string, reason: Reason): void {
    const link = this.#link;
    if (link === undefined) return;
    try {
      link.send(["", "kil0", name, ...reason]);
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      // A reason that cannot travel still has to be told.
      link.send(["", "kil0", name, ...reason.map((part) => show(part))]);
    }
  }

  /** The peer no longer monitors one of our ports. */
  unwatch(name: string): void {
    this.#watched.get(name)?.cancel();
    this.#watched.delete(name);
  }
}

const encoder = new TextEncoder();

function utf8Length(text: string): number {
  return encoder.encode(text).length;
}
