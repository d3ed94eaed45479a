import {
  type Address,
  type ByteStream,
  type Listener,
  messageOf,
  show,
  UsageError,
} from "@anyevent/backends/contract";
import { formatAddress, parseAddress, parseHostport, UNIX_HOST } from "./address.ts";
import { type Callback, toFunction } from "./callback.ts";
import { Held } from "./held.ts";
import type { Loop } from "./loop.ts";
import { parseService } from "./services.ts";
import type { Watcher } from "./watcher.ts";

/**
 * Gets each connection with its peer's address as text and port (`"unix/"` and a path for Unix sockets). When it
 * throws, the connection is closed.
 */
export type AcceptCallback = Callback<[fh: ByteStream, host: string, port: number | string]>;

/** Called once the socket is bound, with the address and port it is bound to, before anything is accepted. */
export type PrepareServer = (server: SocketServer, host: string, port: number | string) => unknown;

/**
 * A bound socket that accepts connections until it is cancelled; accepted ones are unaffected by that.
 *
 * It keeps the process alive unless `unref` was called.
 */
export interface SocketServer extends Watcher {
  /** Where it is bound, with the real port. */
  readonly address: Address;
  /** The address it is bound to as text; `"unix/"` for a Unix socket. */
  readonly host: string;
  /** The port it is bound to; the path of a Unix socket. */
  readonly port: number | string;
  /**
   * Says who gets the connections, those that came already too, never inside this call. A later one
   * replaces an earlier one.
   *
   * @throws {UsageError} when `cb` is no callback
   */
  accept(cb: AcceptCallback): void;
}

/** Connections that wait for `accept` to be called; more are closed. */
const BACKLOG = 128;

/** Where to listen. @throws {UsageError} for a name, a bad service, or a relative path */
export function bindAddress(
  host: string | undefined,
  service: string | number | undefined,
  wildcard: string,
): Address {
  if (host !== undefined && typeof host !== "string") {
    throw new UsageError(`Cannot listen: host ${show(host)} is not a string`);
  }
  const ipn = parseAddress(host ?? wildcard);
  if (ipn === undefined) {
    throw new UsageError(
      `Cannot listen: host ${show(host)} is not an address; names are not looked up`,
    );
  }
  const text = formatAddress(ipn)!;
  if (text === UNIX_HOST) {
    if (typeof service !== "string" || !service.startsWith("/")) {
      throw new UsageError(`Cannot listen: path ${show(service)} is not absolute`);
    }
    return { transport: "unix", path: service };
  }
  const { port } = parseService(service ?? 0, "tcp", "listen");
  return { transport: "tcp", host: text, port };
}

/** The peer's address as text, and its port. */
function peerOf(stream: ByteStream): [host: string, port: number | string] {
  const split = parseHostport(stream.remote, "0");
  if (split === undefined || split[0] === UNIX_HOST) return [UNIX_HOST, split?.[1] ?? ""];
  const ipn = parseAddress(split[0]);
  return [ipn === undefined ? split[0] : formatAddress(ipn)!, Number(split[1])];
}

/** See {@linkcode SocketServer}. */
export class BoundServer extends Held implements SocketServer {
  readonly address: Address;
  readonly #listener: Listener;
  #accept: ((fh: ByteStream, host: string, port: number | string) => unknown) | undefined;
  #waiting: ByteStream[] = [];

  /**
   * Binds and listens.
   *
   * @throws {PeerError} when it cannot bind; @throws {ClosedError} when the loop was disposed of
   */
  constructor(loop: Loop, on: Address) {
    super(loop);
    const { net } = loop.env;
    this.begin();
    try {
      if (on.transport === "unix") net.removeSocket?.(on.path);
      this.#listener = net.listen(
        on,
        (stream) => this.#accepted(stream),
        (error) => this.#log(error),
      );
    } catch (error) {
      this.end();
      throw error;
    }
    this.address = this.#listener.address;
  }

  get host(): string {
    return this.address.transport === "tcp" ? this.address.host : UNIX_HOST;
  }

  get port(): number | string {
    return this.address.transport === "tcp" ? this.address.port : this.address.path;
  }

  describe(): string {
    return `tcpServer(${formatAddress(this.address)})`;
  }

  accept(cb: AcceptCallback): void {
    this.#accept = toFunction(cb, "accept connections");
    if (this.#waiting.length === 0) return;
    this.loop.postpone(() => {
      for (const stream of this.#waiting.splice(0)) this.#accepted(stream);
    });
  }

  protected stop(): void {
    this.#listener.close();
    for (const stream of this.#waiting.splice(0)) stream.close();
    if (this.address.transport !== "unix") return;
    try {
      this.loop.env.net.removeSocket?.(this.address.path);
    } catch (error) {
      this.#log(error);
    }
  }

  #log(error: unknown): void {
    this.loop.log.ctx("AnyEvent::Socket").log(5, () => `${this.describe()}: ${messageOf(error)}`);
  }

  #accepted(stream: ByteStream): void {
    const accept = this.#accept;
    if (!this.active || (accept === undefined && this.#waiting.length >= BACKLOG)) {
      stream.close();
    } else if (accept === undefined) {
      this.#waiting.push(stream);
    } else {
      this.hand(stream, () => accept(stream, ...peerOf(stream)));
    }
  }
}
