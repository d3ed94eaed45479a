import type { IoMode, Undo } from "../contract/backend.ts";
import { ClosedError, show, UsageError } from "../contract/errors.ts";
import type { Address, Datagram, DatagramSocket } from "../contract/net.ts";
import { WATCH } from "../contract/stream.ts";
import { EAGAIN, ECONNREFUSED, EINTR, systemError } from "./errno.ts";
import type { FdPoller } from "./fd_poller.ts";
import { libc } from "./libc.ts";
import { bindable } from "./names.ts";
import {
  addressName,
  addressOf,
  checkAddress,
  familyOf,
  literalAddress,
  readAddress,
  type SockAddr,
} from "./sockaddr.ts";

const SOCK_DGRAM = 2;
const FLAGS = 0o2004000;
const MSG_NOSIGNAL = 0x4000;

/** The largest datagram there can be. */
const LARGEST = 65536;

class UdpSocket implements DatagramSocket {
  readonly local: Address;
  readonly #poller: FdPoller;
  readonly #fd: number;
  readonly #gone: () => void;
  readonly #buffer = new Uint8Array(LARGEST);
  readonly #from = new Uint8Array(28);
  readonly #length = new Uint32Array(1);
  readonly #lengthBytes = new Uint8Array(this.#length.buffer);
  #lastTo: Address | undefined;
  #lastAddress: SockAddr | undefined;
  #closed = false;

  constructor(poller: FdPoller, fd: number, local: Address, gone: () => void) {
    this.#poller = poller;
    this.#fd = fd;
    this.#gone = gone;
    this.local = local;
  }

  tryReceive(): Datagram | undefined {
    this.#check("receive datagram");
    for (;;) {
      this.#length[0] = this.#from.length;
      const count = libc().calls
        .recvfrom(this.#fd, this.#buffer, LARGEST, 0, this.#from, this.#lengthBytes);
      if (count >= 0) {
        const from = readAddress(this.#from);
        // An Internet socket has no nameless senders.
        if (from === undefined) continue;
        return { bytes: this.#buffer.slice(0, count), from };
      }
      const errno = libc().errno();
      if (errno === EAGAIN) return undefined;
      // What became of an earlier datagram is not told.
      if (errno !== EINTR && errno !== ECONNREFUSED) {
        throw systemError(`receive on ${addressName(this.local)}`, errno);
      }
    }
  }

  trySend(bytes: Uint8Array, to: Address): boolean {
    this.#check("send datagram");
    if (!(bytes instanceof Uint8Array)) {
      throw new UsageError(`Cannot send datagram: ${show(bytes)} is not a Uint8Array`);
    }
    const address = this.#addressOf(to);
    const given = bytes as Uint8Array<ArrayBuffer>;
    for (;;) {
      const count = libc().calls
        .sendto(this.#fd, given, given.length, MSG_NOSIGNAL, address, address.length);
      if (count >= 0) return true;
      const errno = libc().errno();
      if (errno === EAGAIN) return false;
      // The answer to an earlier datagram, told once; this one was not sent yet.
      if (errno !== EINTR && errno !== ECONNREFUSED) {
        throw systemError(`send datagram to ${addressName(to)}`, errno);
      }
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#poller.forget(this.#fd);
    libc().calls.close(this.#fd);
    this.#gone();
  }

  [WATCH](mode: IoMode, cb: () => void, closed?: () => void): Undo {
    this.#check("watch UDP socket");
    return this.#poller.watch(this.#fd, mode, cb, false, closed);
  }

  #check(doing: string): void {
    if (this.#closed) throw new ClosedError(`Cannot ${doing}: the socket is closed`);
  }

  #addressOf(to: Address): SockAddr {
    if (to === this.#lastTo && this.#lastAddress !== undefined) return this.#lastAddress;
    const name = checkAddress(to, "send datagram");
    const found = to.transport === "tcp" ? literalAddress(to.host, to.port) : undefined;
    if (found === undefined) {
      throw new UsageError(`Cannot send datagram to ${name}: it is not an address literal`);
    }
    if (to.transport === "tcp" && to.port === 0) {
      throw new UsageError(`Cannot send datagram to ${name}: nobody has port 0`);
    }
    // The caller may change what it gave.
    if (Object.isFrozen(to)) [this.#lastTo, this.#lastAddress] = [to, found];
    return found;
  }
}

/** Binds a UDP socket. @param gone called when it is closed @throws {PeerError} when it cannot */
export function openUdp(poller: FdPoller, on: Address, gone: () => void): DatagramSocket {
  const doing = `open UDP socket on ${addressName(on)}`;
  const { calls } = libc();
  const where = bindable(on, doing);
  const fd = calls.socket(familyOf(where), SOCK_DGRAM | FLAGS, 0);
  if (fd < 0) throw systemError(doing, libc().errno());
  if (calls.bind(fd, where, where.length) < 0) {
    const error = systemError(doing, libc().errno());
    calls.close(fd);
    throw error;
  }
  return new UdpSocket(poller, fd, addressOf(fd, false) ?? on, gone);
}
