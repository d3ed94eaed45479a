import type { ByteStream } from "@anyevent/backends/contract";
import type { Loop } from "../loop.ts";
import type { Seconds } from "../time.ts";
import type { HandleError } from "./errors.ts";
import type { Handle } from "./handle.ts";
import type { BytesCodec } from "./msgpack_codec.ts";
import type { JsonCodec } from "./read_types/json.ts";
import type { StarttlsCallback, TlsContext, TlsMode } from "./tls.ts";

/**
 * Told of an error.
 *
 * A fatal one destroys the handle after this callback; after another one (`ETIMEDOUT`, `EBADMSG`) it goes on.
 */
export type HandleErrorCallback = (
  h: Handle,
  fatal: boolean,
  message: string,
  error: HandleError,
) => unknown;

/** Called with the handle. */
export type HandleEventCallback = (h: Handle) => unknown;

/** Told that a handle is connected; `retry` drops the connection and tries the next target. */
export type HandleConnectCallback = (
  h: Handle,
  host: string,
  port: number | string,
  retry: () => void,
) => unknown;

/** Told that no target could be connected to; the handle is destroyed afterwards. */
export type HandleConnectErrorCallback = (
  h: Handle,
  message: string,
  error: HandleError,
) => unknown;

/** Options of {@linkcode Handle}: `fh` or `connect`, and what can be set later, too. */
export interface HandleOptions {
  /** The stream to work on: of the loop's own sockets, `ioStream` or `streamPair`. */
  readonly fh?: ByteStream;
  /** Host (`"unix/"`: the service is a path) and port to connect to. */
  readonly connect?: readonly [host: string, service: string | number];
  /** Default: the default loop. */
  readonly loop?: Loop;
  /** Called before each target is tried. @returns seconds it may take; 0 or nothing: the system's own limit */
  readonly onPrepare?: (h: Handle) => Seconds | void;
  /** See {@linkcode HandleConnectCallback}. */
  readonly onConnect?: HandleConnectCallback;
  /** See {@linkcode HandleConnectErrorCallback}; without it a failure is a fatal error. */
  readonly onConnectError?: HandleConnectErrorCallback;
  /** See {@linkcode HandleErrorCallback}; without it errors destroy the handle and are thrown into the loop. */
  readonly onError?: HandleErrorCallback;
  /** See {@linkcode Handle.onRead}. */
  readonly onRead?: HandleEventCallback;
  /** See {@linkcode Handle.onEof}. */
  readonly onEof?: HandleEventCallback;
  /** See {@linkcode Handle.onDrain}. */
  readonly onDrain?: HandleEventCallback;
  /** Seconds without reading or writing until `onTimeout`; 0: none. */
  readonly timeout?: Seconds;
  /** Seconds without reading until `onRtimeout`; 0: none. */
  readonly rtimeout?: Seconds;
  /** Seconds without writing until `onWtimeout`; 0: none. */
  readonly wtimeout?: Seconds;
  /** Called when `timeout` is over; without it that is an error (`ETIMEDOUT`) which is not fatal. */
  readonly onTimeout?: HandleEventCallback;
  /** Same for `rtimeout`. */
  readonly onRtimeout?: HandleEventCallback;
  /** Same for `wtimeout`. */
  readonly onWtimeout?: HandleEventCallback;
  /** Bytes that may stay unread; more is a fatal error (`ENOSPC`). Default: any number. */
  readonly rbufMax?: number;
  /** Bytes that may wait to be written; more is a fatal error (`ENOSPC`). Default: any number. */
  readonly wbufMax?: number;
  /** Write in the next turn only, many writes together. Default false. */
  readonly autocork?: boolean;
  /** Small writes leave at once (`TCP_NODELAY`). Default false. */
  readonly noDelay?: boolean;
  /** The system probes an idle peer (`SO_KEEPALIVE`). Default false. */
  readonly keepalive?: boolean;
  /** Accepted for programs written for AnyEvent; urgent data is in line always. */
  readonly oobinline?: boolean;
  /** Bytes to read at once at first. Default 2048. */
  readonly readSize?: number;
  /** Up to which `readSize` grows. Default 131072. */
  readonly maxReadSize?: number;
  /** Bytes that may be left when `onDrain` is called. Default 0. */
  readonly lowWaterMark?: number;
  /** Seconds that writing may go on after `destroy`; 0: not at all. Default 3600. */
  readonly linger?: Seconds;
  /** Who the peer is: for messages, and for TLS to ask for and verify. Default: the host of `connect`. */
  readonly peername?: string;
  /** Start TLS at once. */
  readonly tls?: TlsMode;
  /** How to: a context, or what to make one of. Without it nothing is verified. */
  readonly tlsCtx?: TlsContext;
  /** See {@linkcode Handle.onStarttls}. */
  readonly onStarttls?: StarttlsCallback;
  /** See {@linkcode Handle.onStoptls}. */
  readonly onStoptls?: HandleEventCallback;
  /** What the type `json` uses. Default: the global `JSON`. */
  readonly json?: JsonCodec;
  /** What the type `msgpack` uses. Default: a built-in codec that is loaded at its first use. */
  readonly msgpack?: BytesCodec;
}
