/** A name server for tests: on the sockets of any Env, UDP and TCP on one port. */
import {
  type ByteStream,
  type Datagram,
  type DatagramSocket,
  dnsPack,
  type DnsPacket,
  type DnsPackInput,
  type DnsRecord,
  dnsUnpack,
  type Env,
  type Listener,
  PeerError,
} from "@anyevent/loop";

/** How a question came. */
export type Via = "udp" | "tcp";

/** What to answer: a message, bytes as they are, several of them, or nothing at all. */
export type Answer = DnsPackInput | Uint8Array | readonly Uint8Array[] | undefined;

/** Decides what to answer. */
export type Answering = (query: DnsPacket, via: Via) => Answer;

export interface DnsServerOptions {
  /** Where to bind. Default 127.0.0.1. */
  readonly host?: string;
  /** Default: the system picks one. */
  readonly port?: number;
  /** Seconds before each answer. Default 0. */
  readonly latency?: number;
}

/** A reply that repeats a query's id and question. */
export function reply(query: DnsPacket, more: DnsPackInput = {}): DnsPackInput {
  return { id: query.id, qr: true, rd: query.rd, ra: true, qd: query.qd, ...more };
}

/** Answers from a table of records, `nxdomain` for names that it does not have. */
export function zone(records: readonly DnsRecord[]): Answering {
  return (query) => {
    const [name, type] = query.qd[0];
    const about = records.filter((record) => record[0] === name.toLowerCase());
    const an = about.filter((record) => type === "*" || record[1] === type);
    return reply(query, { rc: about.length === 0 ? "nxdomain" : "noerror", an });
  };
}

/** A running server. Its sockets do not keep the process alive. */
export class DnsServer implements Disposable {
  /** All queries so far, oldest first. */
  readonly queries: { readonly query: DnsPacket; readonly via: Via; readonly from: string }[] = [];
  /** Most of them waiting for their answer at one time. */
  most = 0;
  answering: Answering;
  readonly #env: Env;
  readonly #latency: number;
  readonly #streams = new Set<ByteStream>();
  #udp!: DatagramSocket;
  #tcp!: Listener;
  #waiting = 0;

  private constructor(env: Env, answering: Answering, latency: number) {
    this.#env = env;
    this.answering = answering;
    this.#latency = latency;
  }

  /** Starts one. */
  static async start(
    env: Env,
    answering: Answering,
    options: DnsServerOptions = {},
  ): Promise<DnsServer> {
    const { host = "127.0.0.1", latency = 0 } = options;
    const server = new DnsServer(env, answering, latency);
    server.#tcp = env.net.listen(
      { transport: "tcp", host, port: options.port ?? 0 },
      (stream) => server.#serve(stream),
    );
    const { port } = server.#tcp.address as { readonly port: number };
    server.#udp = await new Promise<DatagramSocket>((resolve, reject) => {
      env.net.udp!({ transport: "tcp", host, port }, (error, socket) => {
        if (socket === undefined) reject(error);
        else resolve(socket);
      });
    });
    env.backend.io(server.#udp, "r", () => server.#receive());
    return server;
  }

  /** `host:port`. */
  get address(): string {
    const { host, port } = this.#udp.local as { readonly host: string; readonly port: number };
    return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
  }

  /** The names asked for so far, each with its type. */
  get asked(): string[] {
    return this.queries.map(({ query }) => query.qd[0].slice(0, 2).join(" "));
  }

  [Symbol.dispose](): void {
    this.#udp.close();
    this.#tcp.close();
    for (const stream of this.#streams) stream.close();
  }

  #receive(): void {
    for (let got = this.#udp.tryReceive(); got !== undefined; got = this.#udp.tryReceive()) {
      const { bytes, from } = got as Datagram & { readonly from: { readonly port: number } };
      this.#answer(bytes, "udp", String(from.port), (out) => void this.#udp.trySend(out, from));
    }
  }

  #serve(stream: ByteStream): void {
    this.#streams.add(stream);
    let bytes = new Uint8Array(0);
    const read = (into: Uint8Array): number | null => {
      try {
        return stream.tryRead(into);
      } catch (error) {
        // A client that left before it had read everything.
        if (error instanceof PeerError) return null;
        throw error;
      }
    };
    const undo = this.#env.backend.io(stream, "r", () => {
      const into = new Uint8Array(4096);
      const count = read(into);
      if (count === null) {
        undo();
        stream.close();
        this.#streams.delete(stream);
        return;
      }
      bytes = Uint8Array.of(...bytes, ...into.subarray(0, count));
      const length = bytes.length < 2 ? Infinity : bytes[0] << 8 | bytes[1];
      if (bytes.length < 2 + length) return;
      this.#answer(bytes.slice(2, 2 + length), "tcp", stream.remote, (out) => {
        stream.tryWrite(Uint8Array.of(out.length >> 8, out.length & 255, ...out));
      });
    });
  }

  #answer(bytes: Uint8Array, via: Via, from: string, send: (bytes: Uint8Array) => void): void {
    const query = dnsUnpack(bytes);
    this.queries.push({ query, via, from });
    const answer = this.answering(query, via);
    if (answer === undefined) return;
    this.most = Math.max(this.most, ++this.#waiting);
    const out = answer instanceof Uint8Array
      ? [answer]
      : Array.isArray(answer)
      ? answer as readonly Uint8Array[]
      : [dnsPack(answer as DnsPackInput)];
    const deliver = (): void => {
      this.#waiting--;
      for (const one of out) send(one);
    };
    if (this.#latency > 0) this.#env.backend.timer(this.#latency, deliver);
    else deliver();
  }
}
