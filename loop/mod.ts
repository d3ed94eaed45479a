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
export * from "./debug/mod.ts";
export * from "./dns/mod.ts";
export { type Guard, guard } from "./guard.ts";
export { idnNameprep, idnToAscii, idnToUnicode } from "./idn.ts";
export * from "./io/mod.ts";
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
export * from "./log/mod.ts";
export { sprintf } from "./log/printf.ts";
export type { Interceptor, MadeWatcher, WatcherKind } from "./intercept.ts";
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
export { Strict, type StrictApi, type StrictOptions } from "./strict/strict.ts";
export * from "./tls/mod.ts";
export { type DurationLike, type Seconds, seconds } from "./time.ts";
export * from "./util/mod.ts";
export type { CallbackErrorHandler, Registration, Watcher } from "./watcher.ts";
export type { ChildLike } from "./watchers/child.ts";
export {
  type Address,
  type AltName,
  type AppendFile,
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
  type FileKind,
  type Files,
  type FileStat,
  type Host,
  type HostWorker,
  InternalError,
  type IoMode,
  type Listener,
  type LogLevel,
  type LogSink,
  type Net,
  OPEN_FLAGS,
  type OpenFile,
  PeerError,
  type PeerNames,
  type Processes,
  type Random,
  type Redirection,
  type Secured,
  type SpawnedProcess,
  type SpawnOptions,
  streamPair,
  type StreamPairOptions,
  TimeoutError,
  type TlsOptions,
  type TlsRole,
  type TlsVersion,
  type Undo,
  UsageError,
  WATCH,
  type Watchable,
  type Whence,
  type WorkerEvents,
  type Workers,
} from "@anyevent/backends/contract";
export { type IoSource, type IoStream, ioStream, type Released } from "@anyevent/backends/native";
