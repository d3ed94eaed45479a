import type { ByteStream, PeerError } from "@anyevent/backends/contract";
import type { Loop } from "../loop.ts";
import { socketsOf } from "../sockets.ts";
import type { Seconds } from "../time.ts";
import type { Registration } from "../watcher.ts";

/** What a handle is told of its connection. */
export interface ConnectObserver {
  /** Asked before each target is tried. @returns seconds it may take */
  prepare(): Seconds | undefined | void;
  /** It is connected. `retry` closes the stream and goes on with the next target. */
  connected(stream: ByteStream, host: string, port: number | string, retry: () => void): void;
  /** No target is left. */
  failed(error: PeerError): void;
}

/**
 * Connects a handle; never calls back inside the call.
 *
 * @returns cancelling it aborts the attempt; no effect on a stream that was told
 */
export function connectStream(
  loop: Loop,
  host: string,
  service: string | number,
  observer: ConnectObserver,
): Registration {
  return socketsOf(loop).tcpConnect(host, service, (stream, peer, port, retry, error) => {
    if (stream === undefined) observer.failed(error!);
    else observer.connected(stream, peer, port, retry);
  }, () => observer.prepare());
}
