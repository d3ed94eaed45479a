import {
  type ByteStream,
  show,
  TimeoutError,
  type Undo,
  UsageError,
} from "@anyevent/backends/contract";
import {
  formatHostport,
  type Loop,
  type Operation,
  operation,
  parseHostport,
  type Seconds,
  seconds,
  type SocketServer,
  socketsOf,
  UNIX_HOST,
} from "@anyevent/loop";
import { Channel } from "../channel.ts";
import { limited, type WaitOptions } from "../limited.ts";
import { currentLoop } from "./anyevent.ts";
import { limitOf } from "./arguments.ts";
import { described } from "./described.ts";
import { CoroHandle } from "./handle.ts";
import type { CoroHandleOptions } from "./options.ts";

/** Where to connect to or listen on. */
export interface SocketAddress {
  /** An address, or a name to connect to. */
  readonly host?: string;
  /** A number, the name of a service, or `name=number`. */
  readonly port?: number | string;
  /** The absolute path of a Unix socket, in place of the others. */
  readonly path?: string;
}

/** Options of {@linkcode CoroSocket.connect}. */
export interface SocketOptions extends CoroHandleOptions {
  /** Gives up connecting when it is aborted; the call throws its reason. */
  readonly signal?: AbortSignal;
}

/** Options of {@linkcode CoroSocket.listen}. */
export interface ListenOptions extends CoroHandleOptions {
  /** Connections that may wait to be accepted; more are closed. Default 128. */
  readonly backlog?: number;
}

const BACKLOG = 128;

/**
 * A connected socket: a {@linkcode CoroHandle} that knows how to come to be.
 *
 * Follows `Coro::Socket`.
 *
 * @example
 * ```ts
 * import { async, CoroSocket } from "@anyevent/coro";
 *
 * using server = CoroSocket.listen({ host: "127.0.0.1", port: 0 });
 * async(function* () {
 *   using peer = (yield* server.accept())!;
 *   yield* peer.print("hello, ", peer.peerHost, "\n");
 * });
 * using socket = await CoroSocket.connect({ host: "127.0.0.1", port: server.port });
 * console.log(await socket.readline("\n", { chomp: true })); // hello, 127.0.0.1
 * ```
 */
export class CoroSocket extends CoroHandle {
  /**
   * Connects, trying all addresses of a host in turn.
   *
   * @param to `"host:port"`, `"unix/:/path"`, or their parts
   * @param options `timeout` limits each attempt, and then each call of the socket
   * @returns the socket; who is cancelled meanwhile leaves no attempt behind
   * @throws {UsageError} (at once) for an unknown service and what makes no sense
   * @throws {PeerError} when none can be reached, with the code of the last one: `ECONNREFUSED`, `ETIMEDOUT`,
   * `ENXIO` for a host without addresses
   */
  static connect(
    to: string | SocketAddress,
    options: SocketOptions = {},
  ): Operation<CoroSocket> {
    const loop = loopOf(options, "connect");
    const [host, service] = targetOf(to, "connect");
    const { timeout, signal } = options;
    if (host === "" || service === undefined) {
      throw new UsageError(`Cannot connect: ${showAddress(to)} has no host and port`);
    }
    const limit = timeout === undefined ? undefined : seconds(timeout, "connect: timeout");
    const connect = socketsOf(loop).connectTcp(host, service, {
      // 0 would be no limit at all.
      timeout: limit === undefined || limit === Infinity ? 0 : Math.max(limit, 1e-6),
    });
    const name = formatHostport(host, service);
    return limited(
      operation(() => `connect(${name})`, function* () {
        return new CoroSocket(yield* connect, { ...options, loop });
      }),
      signal === undefined ? undefined : { signal },
    );
  }

  /**
   * Listens: bound when it returns.
   *
   * @param on as for `connect`; the host is an address, absent: all; port 0: the system picks one
   * @param options for the sockets it accepts too; `timeout` also limits `accept`
   * @throws {PeerError} when it cannot bind, with the system's code
   * @throws {UsageError} for a host that is no address, and what makes no sense
   */
  static listen(on: string | SocketAddress, options: ListenOptions = {}): CoroListener {
    const loop = loopOf(options, "listen");
    const { backlog = BACKLOG } = options;
    if (!Number.isSafeInteger(backlog) || backlog < 1) {
      throw new UsageError(`Cannot listen: backlog ${show(backlog)} is no number above 0`);
    }
    const [host, service] = targetOf(on, "listen");
    // For what it throws.
    limitOf(options.timeout, "set timeout");
    const listener: { it?: CoroListener } = {};
    const server = socketsOf(loop).tcpServer(
      host === "" ? undefined : host,
      service,
      (fh) => accepted(listener.it, fh),
    );
    return listener.it = new CoroListener(loop, server, { ...options, loop });
  }
}

let accepted: (listener: CoroListener | undefined, fh: ByteStream) => void;

/**
 * A listening socket for threads; made by {@linkcode CoroSocket.listen}.
 *
 * It keeps the process alive until it is closed, unless `unref` was called.
 *
 * @example
 * ```ts
 * import { async, CoroSocket } from "@anyevent/coro";
 *
 * using listener = CoroSocket.listen({ host: "127.0.0.1", port: 0 });
 * async(function* () {
 *   using client = yield* CoroSocket.connect({ host: "127.0.0.1", port: listener.port });
 *   yield* client.print("hello\n");
 * });
 * for await (using peer of listener) {
 *   console.log(await peer.readline("\n", { chomp: true })); // hello
 *   listener.close();
 * }
 * ```
 */
export class CoroListener implements Disposable, AsyncIterable<CoroSocket> {
  readonly #loop: Loop;
  readonly #server: SocketServer;
  readonly #options: ListenOptions;
  readonly #streams: Channel<ByteStream> = new Channel();
  readonly #forget: Undo;
  #limit: number;

  static {
    accepted = (listener, fh) => listener === undefined ? fh.close() : listener.#accepted(fh);
  }

  /** Takes over a server. Programs use `CoroSocket.listen`. */
  constructor(loop: Loop, server: SocketServer, options: ListenOptions) {
    this.#loop = loop;
    this.#server = server;
    this.#options = options;
    this.#limit = limitOf(options.timeout, "set timeout");
    this.#forget = loop.onDispose(() => this.close());
  }

  /** The address it is bound to; `"unix/"` for Unix sockets. */
  get host(): string {
    return this.#server.host;
  }

  /** The port it is bound to; the path of a Unix socket. */
  get port(): number | string {
    return this.#server.port;
  }

  /** Both, as text. */
  get sockname(): string {
    return formatHostport(this.host, this.port);
  }

  /** How many connections wait to be accepted. */
  get pending(): number {
    return this.#streams.size;
  }

  /** How long `accept` waits: seconds, 0: not at all; `undefined`: for ever. */
  get timeout(): number | undefined {
    return this.#limit === Infinity ? undefined : this.#limit;
  }

  /** Counts for calls that begin afterwards. @throws {UsageError} when negative or no time */
  set timeout(length: Seconds | undefined) {
    this.#limit = limitOf(length, "set timeout");
  }

  /**
   * Waits for a connection. Any number of threads may: they are served first come, first served.
   *
   * @param options stricter limits: past them it throws
   * @returns the socket; `undefined` when `timeout` is over, and after `close`
   */
  accept(options?: WaitOptions): Operation<CoroSocket | undefined> {
    const what = (): string => `accept(${this.sockname})`;
    const made = (fh: ByteStream): CoroSocket => new CoroSocket(fh, this.#options);
    const next = (signal: AbortSignal): Operation<ByteStream | undefined> =>
      limited(described(what, this.#streams.get()), { signal });
    const late = new TimeoutError(`Cannot accept on ${this.sockname}: the time is over`);
    const loop = this.#loop;
    const limit = this.#limit;
    return limited(
      operation(what, function* () {
        const over = new AbortController();
        const timer = limit < Infinity && loop.addTimer(limit, 0, () => over.abort(late));
        try {
          const fh = yield* next(over.signal);
          return fh === undefined ? undefined : made(fh);
        } catch (error) {
          // Not the time limit of `options`, which is for the caller to see.
          if (error === late) return undefined;
          throw error;
        } finally {
          if (timer) timer.cancel();
        }
      }),
      options,
    );
  }

  /** The connections, for `for await`, until it is closed. @throws {TimeoutError} (out of the loop) after `timeout` */
  async *[Symbol.asyncIterator](): AsyncIterableIterator<CoroSocket> {
    for (let socket; (socket = await this.accept()) !== undefined;) yield socket;
    if (!this.#server.active) return;
    throw new TimeoutError(`Cannot accept on ${this.sockname}: nobody came for ${this.#limit} s`);
  }

  /** Lets it keep the process alive, which is the default. @returns itself */
  ref(): this {
    this.#server.ref();
    return this;
  }

  /** Lets the process end although it listens. @returns itself */
  unref(): this {
    this.#server.unref();
    return this;
  }

  /** Stops listening, and closes what was not accepted; who waits in `accept` gets `undefined`. Idempotent. */
  close(): void {
    this.#forget();
    this.#server.cancel();
    this.#streams.shutdown();
    for (const fh of this.#streams) fh.close();
  }

  /** Same as `close`. */
  [Symbol.dispose](): void {
    this.close();
  }

  #accepted(fh: ByteStream): void {
    const { backlog = BACKLOG } = this.#options;
    if (!this.#server.active || this.#streams.size >= backlog) fh.close();
    else this.#streams.put(fh);
  }
}

function loopOf(options: unknown, what: string): Loop {
  if (typeof options !== "object" || options === null) {
    throw new UsageError(`Cannot ${what}: options ${show(options)} are no object`);
  }
  return (options as CoroHandleOptions).loop ?? currentLoop();
}

function showAddress(address: string | SocketAddress): string {
  return typeof address === "string" ? show(address) : "the address";
}

function targetOf(
  address: string | SocketAddress,
  what: string,
): readonly [host: string, service: string | number | undefined] {
  if (typeof address === "string") {
    const parts = parseHostport(address);
    if (parts !== undefined) return parts;
    throw new UsageError(`Cannot ${what}: ${show(address)} is not "host:port"`);
  }
  if (typeof address !== "object" || address === null) {
    throw new UsageError(`Cannot ${what}: ${show(address)} is no address`);
  }
  const { host = "", port, path } = address;
  if (path === undefined) return [host, port];
  if (host !== "" || port !== undefined) {
    throw new UsageError(`Cannot ${what}: there is a path, and a host or port besides`);
  }
  return [UNIX_HOST, path];
}
