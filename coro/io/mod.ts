/**
 * Input and output for threads.
 *
 * @module
 */
export { aio } from "./aio.ts";
export { idle, idleUpto, poll, readable, writable } from "./anyevent.ts";
export { CoroDatagram, type DatagramAddress, type DatagramOptions } from "./datagram.ts";
export { CoroHandle } from "./handle.ts";
export { type Fetch, http, type HttpApi, type HttpOptions, type HttpResponse } from "./http.ts";
export type { CoroHandleOptions, LineOptions, ReadOptions } from "./options.ts";
export { select, type Selected } from "./select.ts";
export {
  CoroListener,
  CoroSocket,
  type ListenOptions,
  type SocketAddress,
  type SocketOptions,
} from "./socket.ts";
export { storable, type StorableApi } from "./storable.ts";
export { type CoroHandleSource, unblock } from "./unblock.ts";
export { type CoroUtil, type HostEntry, util } from "./util.ts";
