import {
  type Address,
  type DatagramSocket,
  messageOf,
  PeerError,
  type Undo,
} from "@anyevent/backends/contract";
import type { Loop } from "../loop.ts";
import type { Watcher } from "../watcher.ts";
import { type DnsPacket, dnsUnpack } from "./packet.ts";
import { askByTcp } from "./tcp.ts";

/** The address of a name server. */
export type ServerAddress = Extract<Address, { readonly transport: "tcp" }>;

/** One attempt: whom to ask, and for how many seconds to wait. */
export interface Attempt {
  readonly server: ServerAddress;
  readonly timeout: number;
}

/** What an exchange asks. */
export interface Query {
  /** Its number. */
  readonly id: number;
  /** All of it, packed. */
  readonly bytes: Uint8Array;
  /** The first question as a reply must repeat it: name in lower case, type, class. */
  readonly question: readonly [name: string, type: string, klass: string];
}

/** Gets the reply, or nothing, and whether a reply may still come. */
export type ExchangeDone = (reply: DnsPacket | undefined, late: boolean) => void;

/** Ports tried before the system picks one. */
const PORT_TRIES = 4;

/** Datagrams looked at in one turn. */
const MOST_DATAGRAMS = 64;

/** Below it a port is somebody's own. */
const FIRST_PORT = 1024;

/**
 * One query, sent to each server in turn until there is a reply. It has sockets of its own, with ports taken
 * by chance: a reply counts only when it comes from a server that was asked, to that port, with the
 * query's number and question, so that who cannot see the query has to guess both.
 */
export class Exchange {
  readonly #loop: Loop;
  readonly #query: Query;
  readonly #attempts: readonly Attempt[];
  readonly #done: ExchangeDone;
  readonly #failed: (error: PeerError) => void;
  readonly #sockets = new Map<string, DatagramSocket>();
  readonly #watchers: Watcher[] = [];
  readonly #asked = new Set<string>();
  #next = 0;
  #timer: Watcher | undefined;
  #undo: Undo | undefined;
  #late = false;
  #over = false;

  /** Begins at once. @param failed gets why a server could not be asked */
  constructor(
    loop: Loop,
    query: Query,
    attempts: readonly Attempt[],
    failed: (error: PeerError) => void,
    done: ExchangeDone,
  ) {
    this.#loop = loop;
    this.#query = query;
    this.#attempts = attempts;
    this.#failed = failed;
    this.#done = done;
    this.#try();
  }

  /** Ends it without a word. @returns whether a reply may still come */
  cancel(): boolean {
    this.#over = true;
    this.#endAttempt();
    for (const watcher of this.#watchers) watcher.cancel();
    for (const socket of this.#sockets.values()) socket.close();
    this.#sockets.clear();
    return this.#asked.size > 0;
  }

  #finish(reply: DnsPacket | undefined): void {
    this.cancel();
    this.#done(reply, this.#late);
  }

  #endAttempt(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#undo?.();
    this.#undo = undefined;
  }

  #try(): void {
    this.#endAttempt();
    const attempt = this.#attempts[this.#next++];
    if (attempt === undefined) {
      const post = this.#loop.env.backend.post;
      // Never inside the call that began it.
      post.call(this.#loop.env.backend, () => {
        if (!this.#over) this.#finish(undefined);
      });
      return;
    }
    this.#setTimer(attempt.timeout);
    try {
      if (this.#loop.env.net.udp === undefined) this.#askByTcp(attempt);
      else this.#withSocket(attempt, (socket) => this.#send(socket, attempt.server));
    } catch (thrown) {
      this.#fail(thrown);
    }
  }

  #setTimer(timeout: number): void {
    this.#timer?.cancel();
    this.#timer = this.#loop.addTimer(timeout, 0, () => {
      this.#late = true;
      this.#try();
    });
  }

  /** This attempt came to nothing: the next one, in a turn of its own. */
  #fail(thrown: unknown): void {
    const { server } = this.#attempts[this.#next - 1];
    this.#endAttempt();
    const why = thrown instanceof PeerError ? thrown : new PeerError(
      `Cannot ask ${keyOf(server)}: ${messageOf(thrown)}`,
      "",
      { cause: thrown },
    );
    this.#failed(why);
    this.#timer = this.#loop.addTimer(0, 0, () => this.#try());
  }

  /** The socket for a server's family, opened at first need. */
  #withSocket({ server }: Attempt, use: (socket: DatagramSocket) => void): void {
    const host = localHost(server.host);
    const known = this.#sockets.get(host);
    if (known !== undefined) return use(known);
    const open = (tries: number): void => {
      const port = tries > 0 ? this.#chance() : 0;
      this.#undo = this.#loop.env.net.udp!({ transport: "tcp", host, port }, (error, socket) => {
        this.#undo = undefined;
        if (socket === undefined) {
          if (tries > 0 && error?.code !== "EACCES") return this.#guarded(() => open(tries - 1));
          return this.#fail(error);
        }
        this.#guarded(() => {
          this.#sockets.set(host, socket);
          this.#watchers.push(this.#loop.addIo(socket, "r", () => this.#receive(socket)));
          use(socket);
        });
      });
    };
    open(PORT_TRIES);
  }

  #guarded(step: () => void): void {
    try {
      step();
    } catch (thrown) {
      this.#fail(thrown);
    }
  }

  #chance(): number {
    const [high, low] = this.#loop.env.random.bytes(2);
    return FIRST_PORT + (high << 8 | low) % (65536 - FIRST_PORT);
  }

  #send(socket: DatagramSocket, server: ServerAddress): void {
    this.#asked.add(keyOf(server));
    // What is not taken counts as lost on the way.
    socket.trySend(this.#query.bytes, server);
  }

  #receive(socket: DatagramSocket): void {
    // A flood must not keep the loop from anything else: what is left comes in the next turn.
    for (let left = MOST_DATAGRAMS; left > 0 && !this.#over; left--) {
      const datagram = socket.tryReceive();
      if (datagram === undefined) return;
      const { bytes, from } = datagram;
      if (from.transport !== "tcp" || !this.#asked.has(keyOf(from))) continue;
      const reply = this.#check(bytes);
      if (reply === undefined) continue;
      if (!reply.tc) return this.#finish(reply);
      const server = this.#attempts.find((one) => keyOf(one.server) === keyOf(from))!.server;
      const { timeout } = this.#attempts[this.#next - 1];
      this.#guarded(() => this.#askByTcp({ server, timeout }));
      return;
    }
  }

  #askByTcp({ server, timeout }: Attempt): void {
    this.#undo?.();
    this.#setTimer(timeout);
    this.#undo = askByTcp(this.#loop, server, this.#query.bytes, (error, bytes) => {
      this.#undo = undefined;
      const reply = bytes === undefined ? undefined : this.#check(bytes);
      if (reply !== undefined) return this.#finish(reply);
      this.#fail(error ?? new PeerError(`Cannot ask ${keyOf(server)}: not a reply`, "EBADMSG"));
    });
  }

  /** The reply to this query, or nothing when it is none. */
  #check(bytes: Uint8Array): DnsPacket | undefined {
    const { id, question } = this.#query;
    // Who does not know the number makes no work.
    if (bytes.length < 2 || (bytes[0] << 8 | bytes[1]) !== id) return undefined;
    let reply: DnsPacket;
    try {
      reply = dnsUnpack(bytes);
    } catch {
      // Anybody can send anything.
      return undefined;
    }
    if (!reply.qr) return undefined;
    const [asked] = reply.qd;
    // A server that cannot read the question cannot repeat it.
    if (asked === undefined) return reply.rc === "noerror" ? undefined : reply;
    const [name, type, klass] = asked;
    const same = name.toLowerCase() === question[0] && type === question[1] &&
      klass === question[2];
    return same ? reply : undefined;
  }
}

/** Where to bind for asking a server: a loopback one is asked from there, which needs no other permission. */
function localHost(server: string): string {
  if (server.includes(":")) return server === "::1" ? "::1" : "::";
  return server.startsWith("127.") ? "127.0.0.1" : "0.0.0.0";
}

/** Names a server in the form in which its host appears as a sender too. */
function keyOf({ host, port }: ServerAddress): string {
  return `${host.replace(/%.*$/, "")}#${port}`;
}
