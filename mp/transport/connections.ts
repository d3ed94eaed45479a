import {
  type Address,
  type ByteStream,
  InternalError,
  type Listener,
  messageOf,
  PeerError,
  UsageError,
} from "@anyevent/backends/contract";
import { formatAddress, isLoopback, resolveAddresses } from "../address.ts";
import type { Node } from "../node.ts";
import type { Peer } from "../peer.ts";
import type { NodeId } from "../types.ts";
import { Session, type SessionOptions } from "../wire/mod.ts";
import type { Dial, DialObserver } from "./dial.ts";
import { Handshakes, PROVIDER, RUN_KEY } from "./handshakes.ts";
import type { Link, LinkOwner } from "./link.ts";
import { StreamLink } from "./stream_link.ts";

const VERSION = "0.1.0";

/** Seconds between two log lines about a flood of connections. */
const FLOOD_QUIET = 60;

/** The connections of one node: listeners, attempts, handshakes, and links once they are open. */
export class Connections {
  /** Those that are not authenticated yet. */
  readonly handshakes: Handshakes;
  readonly #node: Node;
  readonly #open = new Map<Link, { readonly peer: Peer; readonly dial: DialState | undefined }>();
  readonly #dialOf = new Map<Link, DialState>();
  #listeners: Listener[] = [];
  #hold: (() => void) | undefined;
  #quietUntil = -Infinity;

  /** @param node whose connections these are */
  constructor(node: Node) {
    this.#node = node;
    this.handshakes = new Handshakes(node);
  }

  /** Addresses listened on. */
  get listening(): readonly string[] {
    return this.#listeners.map((listener) => formatAddress(listener.address));
  }

  /**
   * Binds all addresses.
   *
   * @throws {UsageError} beyond loopback without secret or certificate
   * @throws {PeerError} when one cannot be bound; none is then
   */
  async listen(binds: readonly string[]): Promise<void> {
    const { env } = this.#node.loop;
    const addresses = await resolveAddresses(binds, env.host);
    if (this.#node.stopped) return;
    for (const address of addresses) this.#checkSecured(address, "bind to");
    try {
      for (const address of addresses) {
        this.#listeners.push(env.net.listen(
          address,
          (stream) => this.#accepted(stream),
          (error) => this.#node.log(1, `${formatAddress(address)}: ${error.message}`),
        ));
      }
    } catch (error) {
      this.#closeListeners();
      throw error;
    }
    if (this.#listeners.length > 0) this.#hold = this.#node.loop.hold();
  }

  #closeListeners(): void {
    for (const listener of this.#listeners) listener.close();
    this.#listeners = [];
    this.#hold?.();
    this.#hold = undefined;
  }

  #checkSecured(address: Address, what: string): void {
    const { secret, cert } = this.#node.settings;
    if (secret !== undefined || cert !== undefined || isLoopback(address)) return;
    throw new UsageError(
      `Cannot ${what} ${
        formatAddress(address)
      }: beyond loopback a secret or certificate is needed (see \`aemp gensecret\`)`,
    );
  }

  #accepted(stream: ByteStream): void {
    const { maxHandshakes } = this.#node.settings;
    if (this.handshakes.count >= maxHandshakes) {
      // The oldest has had its time: who floods gains seconds, not our listener.
      const oldest = this.handshakes.oldestAccepted;
      this.#flooded(maxHandshakes);
      if (oldest === undefined) return stream.close();
      this.drop(oldest, `more than ${maxHandshakes} connections under handshake`);
    }
    try {
      this.#begin(stream, undefined);
    } catch (error) {
      this.#node.log(1, `${stream.remote}: ${messageOf(error)}`);
      stream.close();
    }
  }

  #flooded(limit: number): void {
    const now = this.#node.loop.now();
    if (now < this.#quietUntil) return;
    this.#quietUntil = now + FLOOD_QUIET;
    this.#node.log(2, `more than ${limit} connections under handshake: the oldest are dropped`);
  }

  /**
   * Says now what every connection would fail of.
   *
   * @throws {UsageError} when the settings make no usable handshake
   */
  checkSession(): void {
    const nothing = (): never => {
      throw new InternalError("Cannot use this session: it is a check");
    };
    new Session(this.#sessionOptions("nonce", this.#fields(`[${"f".repeat(45)}]:65535`)), {
      send: nothing,
      greeting: nothing,
      upgrade: nothing,
      open: nothing,
      message: nothing,
      fail: nothing,
    });
  }

  #begin(stream: ByteStream, dial: DialState | undefined): Link {
    const node = this.#node;
    const { settings } = node;
    const link: Link = new StreamLink(stream, this.#owner, {
      loop: node.loop,
      session: this.#sessionOptions(
        node.nonce(),
        node.greetingExtra(stream.remote) ?? this.#fields(stream.remote),
      ),
      initiated: dial !== undefined,
      certificate: settings.cert,
      handshakeTimeout: settings.monitorTimeout,
      keepalive: this.#listeners.length === 0 ? settings.monitorTimeout : 0,
      sendQueueLimit: settings.sendQueueLimit,
      nodelay: settings.nodelay,
    });
    this.handshakes.begin(link);
    if (dial !== undefined) this.#dialOf.set(link, dial);
    return link;
  }

  #sessionOptions(
    nonce: string,
    fields: readonly (readonly [string, string])[],
  ): SessionOptions {
    const node = this.#node;
    const { settings } = node;
    // On loopback a node may do without: the empty secret keeps out whoever has one.
    const secret = settings.secret ?? (settings.cert === undefined ? "" : undefined);
    const extra = [...fields];
    if (settings.cert !== undefined) extra.push(["tls", "1.0"]);
    if (settings.encrypt && secret !== undefined) extra.push(["xtls", "1"]);
    return {
      nodeId: node.id,
      secret,
      nonce,
      authOffer: settings.authOffer,
      authAccept: settings.authAccept,
      framings: settings.framingFormat,
      extra,
      maxFrameBytes: settings.maxFrameBytes,
    };
  }

  #fields(remote: string): readonly (readonly [string, string])[] {
    return [
      ["provider", `${PROVIDER}-${VERSION}`],
      ["peeraddr", remote],
      [RUN_KEY, this.#node.identity.runiq],
    ];
  }

  readonly #owner: LinkOwner = {
    greeted: (link, greeting) => {
      const dial = this.#dialOf.get(link);
      const verdict = this.handshakes.verdict(link, greeting);
      if (dial !== undefined) {
        this.handshakes.settleDial(dial);
        dial.observer.greeted?.(greeting.nodeId);
      }
      return verdict;
    },
    proved: (link, greeting) => this.handshakes.proved(link, greeting),
    opened: (link, info) => {
      const node = this.#node;
      const dial = this.#dialOf.get(link);
      this.handshakes.end(link);
      this.#dialOf.delete(link);
      if (node.nodeIsUp(info.nodeId)) {
        // Only an implementation without our rule for duplicates gets here.
        link.abort();
        this.#over(dial, `${info.nodeId} already connected`);
        return;
      }
      node.log(9, `${link.remote} connected as ${info.nodeId}`);
      const peer = node.peer(info.nodeId);
      this.#open.set(link, { peer, dial });
      peer.attach(link);
      dial?.observer.opened?.(info.nodeId);
    },
    received: (link, message) => {
      const open = this.#open.get(link);
      if (open !== undefined) this.#node.received(open.peer, message);
    },
    lost: (link, reason) => this.#lost(link, reason),
  };

  #lost(link: Link, reason: string): void {
    const dial = this.#dialOf.get(link) ?? this.#open.get(link)?.dial;
    const open = this.#open.get(link);
    this.handshakes.end(link);
    this.#dialOf.delete(link);
    this.#open.delete(link);
    this.#node.log(9, `${link.remote} ${reason}`);
    if (open?.peer.link === link) open.peer.lose(reason);
    if (dial !== undefined && !dial.settled) this.handshakes.settleDial(dial);
    this.#over(dial, reason);
  }

  #over(dial: DialState | undefined, reason: string): void {
    if (dial === undefined || dial.over) return;
    dial.over = true;
    dial.observer.ended?.(reason);
  }

  /** Ends a connection, under handshake or open; no effect on one that is forgotten already. */
  drop(link: Link, reason: string): void {
    link.abort();
    if (this.handshakes.has(link) || this.#open.has(link)) this.#lost(link, reason);
  }

  /** Tries to connect; the observer hears how it went, never inside the call. */
  dial(address: Address, expected: NodeId | undefined, observer: DialObserver): Dial {
    const node = this.#node;
    const dial: DialState = {
      address,
      expected,
      observer,
      link: undefined,
      settled: false,
      over: false,
      undo: () => undefined,
    };
    const failed = (reason: string): void => {
      node.log(9, `${formatAddress(address)} ${reason}`);
      this.handshakes.settleDial(dial);
      this.#over(dial, reason);
    };
    this.handshakes.addDial(dial);
    try {
      this.#checkSecured(address, "connect to");
    } catch (error) {
      node.defer(() => failed(messageOf(error)));
      return dial;
    }
    const abort = node.loop.env.net.connect(address, (error, stream) => {
      limit.cancel();
      if (stream === undefined) {
        failed(error === undefined ? "cannot connect" : error.message);
        return;
      }
      try {
        dial.link = this.#begin(stream, dial);
      } catch (error) {
        stream.close();
        failed(messageOf(error));
      }
    });
    const limit = node.loop.timer({
      after: node.settings.monitorTimeout,
      cb: () => {
        abort();
        failed(new PeerError("Connection timed out", "ETIMEDOUT").message);
      },
    });
    dial.undo = () => {
      limit.cancel();
      abort();
    };
    return dial;
  }

  /** Closes everything; open links first send what is queued. */
  async stop(peers: readonly Peer[], limit: number): Promise<void> {
    this.#closeListeners();
    this.handshakes.clear();
    this.#dialOf.clear();
    const links = peers.map((peer) => peer.link).filter((link) => link !== undefined);
    await Promise.all(links.map((link) => new Promise<void>((done) => link.drain(limit, done))));
    this.#open.clear();
  }
}

interface DialState extends Dial {
  readonly observer: DialObserver;
  over: boolean;
}
