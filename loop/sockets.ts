import {
  type ByteStream,
  checkOptional,
  checkOptions,
  show,
  UsageError,
} from "@anyevent/backends/contract";
import { formatHostport, parseAddress, parseUnix } from "./address.ts";
import { type Callback, toFunction } from "./callback.ts";
import { checkLoop } from "./check_loop.ts";
import {
  ConnectAttempt,
  type ConnectCallback,
  ConnectOperation,
  type ConnectOutcome,
  type PrepareConnect,
} from "./connect.ts";
import { environment } from "./environment.ts";
import { parseIpv4, parseIpv6 } from "./ip.ts";
import { Lookup } from "./lookup.ts";
import type { LogContext } from "./log/types.ts";
import type { Loop } from "./loop.ts";
import { HostResolver, type NameResolver } from "./name_resolver.ts";
import type { Operation } from "./operation.ts";
import {
  type AcceptCallback,
  bindAddress,
  BoundServer,
  type PrepareServer,
  type SocketServer,
} from "./server.ts";
import {
  findSockaddrs,
  type IpProtocol,
  lookupName,
  type SockaddrContext,
  sockaddrRequest,
  type SocketTarget,
  type SocketType,
} from "./sockaddr.ts";
import { type Seconds, seconds } from "./time.ts";
import type { Watcher } from "./watcher.ts";

/** Options of `connectTcp`. */
export interface ConnectOptions {
  /** Seconds for each target. Default: the system's own limit. */
  readonly timeout?: Seconds;
  /** Called before each target is tried; what it returns goes before `timeout`. */
  readonly prepare?: PrepareConnect;
}

const DEFAULT_PROTOCOLS: readonly IpProtocol[] = ["ipv4", "ipv6"];

/**
 * AnyEvent::Socket on one loop; get it with {@linkcode socketsOf}. The functions of the same names work on
 * the default loop.
 *
 * @example
 * ```ts
 * import { defaultLoop, socketsOf } from "@anyevent/loop";
 *
 * const sockets = socketsOf(defaultLoop());
 * using server = sockets.tcpServer("127.0.0.1", 0, (fh) => fh.close());
 * (await sockets.connectTcp("127.0.0.1", server.port)).close();
 * ```
 */
export class Sockets {
  readonly #loop: Loop;
  readonly #hostResolver: NameResolver;
  #resolver: NameResolver | undefined;
  #protocols: readonly IpProtocol[] | undefined;

  /**
   * Uses nothing yet.
   *
   * @param loop whose Env has the sockets
   * @throws {UsageError} when it is no loop
   */
  constructor(loop: Loop) {
    this.#loop = checkLoop(loop, "make sockets");
    this.#hostResolver = new HostResolver(
      loop.env.host,
      (level, message) => void this.#log().log(level, message),
    );
  }

  /**
   * What looks up names: by default the host, which follows the system's configuration with no more than the
   * permission to connect, and knows addresses only. For SRV records of named services, set the DNS one:
   * `socketsOf(loop).resolver = resolver(loop)`. `undefined` sets it back.
   *
   * @throws {UsageError} when it is no resolver
   */
  get resolver(): NameResolver {
    return this.#resolver ?? this.#hostResolver;
  }

  set resolver(resolver: NameResolver | undefined) {
    if (resolver !== undefined && typeof resolver?.resolve !== "function") {
      throw new UsageError(`Cannot set resolver: ${show(resolver)} has no resolve method`);
    }
    this.#resolver = resolver;
  }

  /**
   * The versions of the Internet Protocol to use, preferred ones first: as set, else as
   * `ANYEVENT_PROTOCOLS` (or `PERL_ANYEVENT_PROTOCOLS`, `AE_PROTOCOLS`) says (`ipv6,ipv4`; what it leaves out is not used), else ipv4 before ipv6.
   *
   * @throws {UsageError} when set to anything else
   */
  get protocols(): readonly IpProtocol[] {
    return this.#protocols ??= this.#protocolsOfHost();
  }

  set protocols(protocols: readonly IpProtocol[]) {
    if (
      !Array.isArray(protocols) || protocols.length === 0 ||
      !protocols.every((each) => DEFAULT_PROTOCOLS.includes(each))
    ) {
      throw new UsageError(`Cannot set protocols: ${show(protocols)} is no list of ipv4 and ipv6`);
    }
    this.#protocols = [...new Set(protocols)];
  }

  /** See {@linkcode tcpConnect}. */
  tcpConnect(
    host: string,
    service: string | number,
    cb: ConnectCallback,
    prepare?: PrepareConnect,
  ): Watcher {
    const call = toFunction<ConnectOutcome>(cb, "connect");
    checkOptional(prepare, "connect: prepare");
    const request = sockaddrRequest("connect", host, service, "tcp", 0, "stream");
    const context = this.#context();
    return new ConnectAttempt(
      this.#loop,
      host,
      service,
      (found) => findSockaddrs(context, request, found),
      call,
      prepare,
    );
  }

  /** See {@linkcode connectTcp}. */
  connectTcp(
    host: string,
    service: string | number,
    options: ConnectOptions = {},
  ): Operation<ByteStream> {
    sockaddrRequest("connect", host, service, "tcp", 0, "stream");
    checkOptions(options, "connect");
    const { timeout, prepare } = options;
    checkOptional(prepare, "connect: prepare");
    const limit = timeout === undefined ? 0 : seconds(timeout, "connect: timeout");
    return new ConnectOperation(
      this.#loop,
      formatHostport(host, service),
      (cb) => this.tcpConnect(host, service, cb, (to) => prepare?.(to) || limit),
    );
  }

  /** See {@linkcode tcpServer}. */
  tcpServer(
    host: string | undefined,
    service: string | number | undefined,
    accept: AcceptCallback,
    prepare?: PrepareServer,
  ): SocketServer {
    toFunction(accept, "accept connections");
    const server = this.#bind(host, service, prepare);
    server.accept(accept);
    return server;
  }

  /** See {@linkcode tcpBind}. */
  tcpBind(
    host: string | undefined,
    service: string | number | undefined,
    done: Callback<[server: SocketServer]>,
    prepare?: PrepareServer,
  ): SocketServer {
    const call = toFunction<[SocketServer]>(done, "bind");
    const server = this.#bind(host, service, prepare);
    try {
      call(server);
    } catch (error) {
      server.cancel();
      throw error;
    }
    return server;
  }

  /** See {@linkcode inetAton}. */
  inetAton(name: string, cb: Callback<[addresses: readonly Uint8Array[]]>): Watcher {
    const call = toFunction<[readonly Uint8Array[]]>(cb, "look up name");
    if (typeof name !== "string") {
      throw new UsageError(`Cannot look up name ${show(name)}: it is not a string`);
    }
    const context = this.#context();
    const find = (found: (addresses: readonly Uint8Array[]) => void): void => {
      const literal = parseIpv4(name) ?? parseIpv6(name);
      if (literal !== undefined) return found([literal]);
      if (name.toLowerCase() === "localhost") {
        return found([Uint8Array.of(127, 0, 0, 1), parseIpv6("::1")!]);
      }
      if (parseUnix(name) !== undefined) return this.#loop.postpone(() => found([]));
      const families = context.protocols.map((protocol) => protocol === "ipv4" ? 4 : 6);
      lookupName(
        context,
        name,
        families,
        false,
        (hosts) => found(hosts.map(({ host }) => parseAddress(host)!)),
      );
    };
    return new Lookup(this.#loop, `inetAton(${show(name)})`, find, call);
  }

  /** See {@linkcode resolveSockaddr}. */
  resolveSockaddr(
    node: string,
    service: string | number,
    proto: string | 0 | undefined,
    family: 0 | 4 | 6 | undefined,
    type: SocketType | undefined,
    cb: Callback<[targets: readonly SocketTarget[]]>,
  ): Watcher {
    const call = toFunction<[readonly SocketTarget[]]>(cb, "resolve");
    const request = sockaddrRequest("resolve", node, service, proto, family, type);
    const context = this.#context();
    const find = (found: (targets: readonly SocketTarget[]) => void): void =>
      findSockaddrs(context, request, found);
    return new Lookup(
      this.#loop,
      `resolveSockaddr(${formatHostport(node, service)})`,
      find,
      call,
    );
  }

  #context(): SockaddrContext {
    const { env } = this.#loop;
    return { env, log: this.#log(), resolver: this.resolver, protocols: this.protocols };
  }

  #log(): LogContext {
    return this.#loop.log.ctx("AnyEvent::Socket");
  }

  #bind(
    host: string | undefined,
    service: string | number | undefined,
    prepare: PrepareServer | undefined,
  ): BoundServer {
    checkOptional(prepare, "listen: prepare");
    const wildcard = this.protocols[0] === "ipv6" ? "::" : "0.0.0.0";
    const server = new BoundServer(this.#loop, bindAddress(host, service, wildcard));
    try {
      prepare?.(server, server.host, server.port);
    } catch (error) {
      server.cancel();
      throw error;
    }
    return server;
  }

  #protocolsOfHost(): readonly IpProtocol[] {
    const variable = environment(this.#loop.env.host, "PROTOCOLS");
    // An empty one counts as unset.
    if (variable === undefined || variable.value === "") return DEFAULT_PROTOCOLS;
    const { name, value: text } = variable;
    const words = text.split(",").map((word) => word.trim());
    const known = DEFAULT_PROTOCOLS.filter((each) => words.includes(each));
    if (known.length < words.length) {
      this.#log().log(5, `${name} ${show(text)}: only ipv4 and ipv6 are known, once each`);
    }
    if (known.length === 0) return DEFAULT_PROTOCOLS;
    return known.sort((a, b) => words.indexOf(a) - words.indexOf(b));
  }
}

const known = new WeakMap<Loop, Sockets>();

/**
 * AnyEvent::Socket on a loop of your own.
 *
 * @param loop any
 * @returns the same for the same loop
 * @throws {UsageError} when it is no loop
 * @example
 * ```ts
 * import { defaultLoop, socketsOf } from "@anyevent/loop";
 *
 * const sockets = socketsOf(defaultLoop());
 * sockets.protocols = ["ipv6", "ipv4"];
 * ```
 */
export function socketsOf(loop: Loop): Sockets {
  let sockets = known.get(loop);
  if (sockets === undefined) {
    sockets = new Sockets(loop);
    known.set(loop, sockets);
  }
  return sockets;
}
