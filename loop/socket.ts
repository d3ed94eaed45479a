/**
 * AnyEvent::Socket on the default loop: connecting, listening, and looking up where to.
 *
 * @module
 */
import { type ByteStream, show, UsageError } from "@anyevent/backends/contract";
import type { Callback } from "./callback.ts";
import type { ConnectCallback, PrepareConnect } from "./connect.ts";
import type { Operation } from "./operation.ts";
import { defaultLoop } from "./registry.ts";
import type { AcceptCallback, PrepareServer, SocketServer } from "./server.ts";
import type { SocketTarget, SocketType } from "./sockaddr.ts";
import { type ConnectOptions, socketsOf } from "./sockets.ts";
import type { Watcher } from "./watcher.ts";

/**
 * Connects to a host and service, trying all its targets in turn.
 *
 * The host is a name (international ones too), an address, or `"unix/"`; the service a port, a name,
 * `name=port`, or the absolute path of a Unix socket. When both are names, SRV records say where the
 * service is, if the resolver knows them. Preferred protocols come first, see `Sockets.protocols`.
 *
 * The callback is never called before this returns. It gets the stream, the peer's address as text, its
 * port, and a function that closes the stream and goes on with the next target. When all have failed the
 * stream is `undefined` and the fifth argument the error of the last target: `ENXIO` when there was none,
 * `ECONNREFUSED` and so on, `ETIMEDOUT` after the time limit. Follows AnyEvent::Socket's `tcp_connect`.
 *
 * Permissions: `--allow-net` for each address with its port, and for the name itself when there is one to look
 * up; for a Unix socket `--allow-net=unix:PATH`, and read and write of its path. A name that may not be looked up
 * has no addresses; the log says why.
 *
 * @param cb gets the outcome; once, and once more after each call of the function it got
 * @param prepare called before each target is tried; returns the limit for it in seconds
 * @returns cancelling it ends the attempt silently; a stream already handed out stays as it is
 * @throws {UsageError} for an unknown service, and for arguments that make no sense
 * @example
 * ```ts
 * import { AE, tcpConnect, tcpServer } from "@anyevent/loop";
 *
 * const done = AE.cv<[string]>();
 * const server = tcpServer("127.0.0.1", 0, (fh) => fh.close());
 * tcpConnect("localhost", server.port, (fh, host, _port, _retry, error) => {
 *   if (fh === undefined) return done.croak(error);
 *   fh.close();
 *   done.send(`connected to ${host}`);
 * }, () => 15);
 * console.log(await done.recv()); // connected to 127.0.0.1
 * server.cancel();
 * ```
 */
export function tcpConnect(
  host: string,
  service: string | number,
  cb: ConnectCallback,
  prepare?: PrepareConnect,
): Watcher {
  return socketsOf(defaultLoop()).tcpConnect(host, service, cb, prepare);
}

/**
 * Connects to a host and service, for threads and `await`; see {@linkcode tcpConnect}.
 *
 * Ending the wait early ends the attempt. Permissions: as for `tcpConnect`. Follows the `rouse_cb` idiom that
 * Coro recommends for `tcp_connect`.
 *
 * @returns gives the stream
 * @throws {UsageError} for an unknown service, and for arguments that make no sense
 * @throws {PeerError} (when run) when no target can be reached
 * @example
 * ```ts
 * import { connectTcp, tcpServer } from "@anyevent/loop";
 *
 * using server = tcpServer("127.0.0.1", 0, (fh) => fh.close());
 * const stream = await connectTcp("127.0.0.1", server.port, { timeout: 5 });
 * console.log(stream.remote);
 * stream.close();
 * ```
 */
export function connectTcp(
  host: string,
  service: string | number,
  options: ConnectOptions = {},
): Operation<ByteStream> {
  return socketsOf(defaultLoop()).connectTcp(host, service, options);
}

/**
 * Listens on an address: bound and listening when it returns.
 *
 * A Unix socket that was left behind at the path is removed before, and the socket's name after it was
 * cancelled; files of other kinds are never removed. The length of the queue of connections is the host's own.
 * Follows AnyEvent::Socket's `tcp_server`.
 *
 * Permissions: `--allow-net` for the address with its port; for a Unix socket `--allow-net=unix:PATH`, and read and
 * write of its path.
 *
 * @param host an address, no name; `"unix/"`; absent: all addresses of the preferred protocol
 * @param service a port, the name of a service, or `name=port`; 0 or absent: the system picks a port; the
 * absolute path of a Unix socket
 * @param accept gets each connection with its peer's address and port
 * @param prepare called inside this call, once bound, before anything is accepted
 * @returns cancelling it closes the socket; accepted connections are unaffected
 * @throws {UsageError} for a host that is no address, an unknown service, or a missing permission
 * @throws {PeerError} when it cannot bind, with the system's code
 * @example
 * ```ts
 * import { tcpServer } from "@anyevent/loop";
 *
 * const server = tcpServer("127.0.0.1", undefined, (fh, host, port) => {
 *   fh.tryWrite(new TextEncoder().encode(`The internet is full, ${host}:${port}. Go away!\r\n`));
 *   fh.shutdown();
 * }, (_server, host, port) => console.log(`Bound to ${host}, port ${port}.`));
 * server.cancel();
 * ```
 */
export function tcpServer(
  host: string | undefined,
  service: string | number | undefined,
  accept: AcceptCallback,
  prepare?: PrepareServer,
): SocketServer {
  return socketsOf(defaultLoop()).tcpServer(host, service, accept, prepare);
}

/**
 * Binds like {@linkcode tcpServer}, but leaves it to `done` to accept connections, now or later.
 *
 * Up to 128 connections wait for `SocketServer.accept`. Follows AnyEvent::Socket's `tcp_bind`.
 *
 * @param done called with the server inside this call, after `prepare`
 * @returns the same server
 * @throws {UsageError} and {PeerError} as `tcpServer`, and what `done` throws
 * @example
 * ```ts
 * import { tcpBind } from "@anyevent/loop";
 *
 * const server = tcpBind("127.0.0.1", 0, (server) => console.log(`bound to ${server.port}`));
 * server.accept((fh) => fh.close());
 * server.cancel();
 * ```
 */
export function tcpBind(
  host: string | undefined,
  service: string | number | undefined,
  done: Callback<[server: SocketServer]>,
  prepare?: PrepareServer,
): SocketServer {
  return socketsOf(defaultLoop()).tcpBind(host, service, done, prepare);
}

/**
 * Lets small writes leave at once, or not.
 *
 * Follows AnyEvent::Socket's `tcp_nodelay`.
 *
 * @param fh a stream
 * @param on `TCP_NODELAY`
 * @returns false when the stream refuses
 * @throws {UsageError} when `fh` is no stream or `on` no boolean
 * @example
 * ```ts
 * import { connectTcp, tcpNodelay, tcpServer } from "@anyevent/loop";
 *
 * using server = tcpServer("127.0.0.1", 0, (fh) => fh.close());
 * const stream = await connectTcp("127.0.0.1", server.port);
 * console.log(tcpNodelay(stream, true)); // true
 * stream.close();
 * ```
 */
export function tcpNodelay(fh: ByteStream, on: boolean): boolean {
  if (typeof fh?.setNoDelay !== "function") {
    throw new UsageError(`Cannot set nodelay: ${show(fh)} is not a stream`);
  }
  if (typeof on !== "boolean") {
    throw new UsageError(`Cannot set nodelay: ${show(on)} is neither true nor false`);
  }
  try {
    fh.setNoDelay(on);
    return true;
  } catch {
    return false;
  }
}

/**
 * Looks up the addresses of a name, in network form, preferred protocol first; none when there are none or
 * it failed.
 *
 * Addresses and `localhost` are answered inside the call. {@linkcode resolveSockaddr} does more. Follows
 * AnyEvent::Socket's `inet_aton`. Permissions: `--allow-net` for the name.
 *
 * @param cb gets the addresses, once
 * @returns takes it back
 * @example
 * ```ts
 * import { AE, formatAddress, inetAton } from "@anyevent/loop";
 *
 * const cv = AE.cv<[readonly Uint8Array[]]>();
 * inetAton("localhost", cv);
 * for (const ipn of await cv.recv() ?? []) console.log(formatAddress(ipn)); // 127.0.0.1, ::1
 * ```
 */
export function inetAton(
  name: string,
  cb: Callback<[addresses: readonly Uint8Array[]]>,
): Watcher {
  return socketsOf(defaultLoop()).inetAton(name, cb);
}

/**
 * Finds where a host and service can be reached, best first; none when they cannot or it failed.
 *
 * Addresses and `localhost` are answered inside the call; for other names the resolver is asked: for SRV
 * records when the service is a name, then for addresses. Sorted by preferred protocol, then by the order
 * of SRV records. Follows AnyEvent::Socket's `resolve_sockaddr`. Permissions: `--allow-net` for the names that are
 * looked up.
 *
 * @param node host name, address, or `"unix/"`
 * @param service port, name, `name=port`; the absolute path of a Unix socket
 * @param proto `"tcp"` (also for 0 and `undefined`), `"udp"` or `"sctp"`
 * @param family 4 or 6: that only; 0 or `undefined`: as `Sockets.protocols` says
 * @param type default: `"stream"`, for udp `"dgram"`
 * @param cb gets the targets, once
 * @returns takes it back
 * @throws {UsageError} for an unknown service or protocol
 * @example
 * ```ts
 * import { formatAddress, resolveSockaddr } from "@anyevent/loop";
 *
 * resolveSockaddr("127.1", "http", 0, 0, undefined, (targets) => {
 *   for (const { address } of targets) console.log(formatAddress(address)); // 127.0.0.1:80
 * });
 * ```
 */
export function resolveSockaddr(
  node: string,
  service: string | number,
  proto: string | 0 | undefined,
  family: 0 | 4 | 6 | undefined,
  type: SocketType | undefined,
  cb: Callback<[targets: readonly SocketTarget[]]>,
): Watcher {
  return socketsOf(defaultLoop()).resolveSockaddr(node, service, proto, family, type, cb);
}
