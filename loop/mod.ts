/**
 * Watchers, condition variables and operations over any event loop: AnyEvent for Deno.
 *
 * `AE` and `AnyEvent` work on the default loop, whose backend is chosen at the first use
 * (`ANYEVENT_BACKEND`, else native, or pure where the host is not Deno); importing touches nothing. `Loop` is the same without defaults.
 *
 * @module
 */
export {
  type AddressFamily,
  addressFamily,
  aton,
  formatAddress,
  formatHostport,
  ntoa,
  parseAddress,
  parseHostport,
  parseUnix,
  UNIX_HOST,
} from "./address.ts";
export { AE, type AEApi, sleep } from "./ae.ts";
export { AnyEvent, AnyEventApi } from "./anyevent.ts";
export type { Callback, Sendable } from "./callback.ts";
export {
  CondVar,
  type CondVarCallback,
  type CondVarConstructor,
  type CondVarHost,
} from "./condvar.ts";
export type { ConnectCallback, ConnectOutcome, PrepareConnect } from "./connect.ts";
export * from "./dns/mod.ts";
export { type Guard, guard } from "./guard.ts";
export { idnNameprep, idnToAscii, idnToUnicode } from "./idn.ts";
export { formatIpv4, formatIpv6, parseIpv4, parseIpv6 } from "./ip.ts";
export * from "./handle/mod.ts";
export {
  type ChildArguments,
  type ChildCallback,
  type IdleArguments,
  type IoArguments,
  Loop,
  type LoopOptions,
  type LoopStats,
  type SignalArguments,
  type TimerArguments,
} from "./loop.ts";
export type { NameRecord, NameResolver } from "./name_resolver.ts";
export * from "./operation.ts";
export { punycodeDecode, punycodeEncode } from "./punycode.ts";
export { type BackendEntry, defaultLoop, Detector } from "./registry.ts";
export type { AcceptCallback, PrepareServer, SocketServer } from "./server.ts";
export { getprotobyname, getservbyname, type ProtocolName } from "./services.ts";
export type { IpProtocol, SocketTarget, SocketType } from "./sockaddr.ts";
export {
  connectTcp,
  inetAton,
  resolveSockaddr,
  tcpBind,
  tcpConnect,
  tcpNodelay,
  tcpServer,
} from "./socket.ts";
export { type ConnectOptions, Sockets, socketsOf } from "./sockets.ts";
export { type DurationLike, type Seconds, seconds } from "./time.ts";
export type { CallbackErrorHandler, Registration, Watcher } from "./watcher.ts";
export type { ChildLike } from "./watchers/child.ts";
export {
  type Address,
  type Backend,
  type BackendStats,
  type ByteStream,
  type ChildStatus,
  ClosedError,
  type Datagram,
  type DatagramSocket,
  DeadlockError,
  type Endpoints,
  type Env,
  type Host,
  InternalError,
  type IoMode,
  type Listener,
  type LogLevel,
  type LogSink,
  type Net,
  PeerError,
  type Random,
  type Secured,
  streamPair,
  type StreamPairOptions,
  TimeoutError,
  type TlsOptions,
  type TlsRole,
  type Undo,
  UsageError,
  WATCH,
  type Watchable,
} from "@anyevent/backends/contract";
export { type IoSource, type IoStream, ioStream, type Released } from "@anyevent/backends/native";
