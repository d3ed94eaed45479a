import type { Backend, IoMode, Undo } from "../contract/backend.ts";
import { Deque } from "../contract/deque.ts";
import { ClosedError, PeerError, show, UsageError } from "../contract/errors.ts";
import type { Address, Datagram, DatagramSocket } from "../contract/net.ts";
import { WATCH } from "../contract/stream.ts";
import { PostedReadiness } from "./readiness.ts";

/** Bytes of the largest datagram: what IPv4 leaves of 65535. */
export const MAX_DATAGRAM = 65507;

/** Bytes held for a reader; what arrives beyond them is lost, as in a system's socket buffer. */
const HELD = 1 << 20;

/** An address of UDP. */
export type DatagramAddress = Extract<Address, { readonly transport: "tcp" }>;

/**
 * An address for UDP from outside, checked; `localhost` in digits.
 *
 * @param address any value
 * @param doing as in `open UDP socket`
 * @param least the lowest port: 0 to bind, 1 to send to
 * @throws {UsageError} when it makes no sense, or names a host: datagrams go to address literals only
 */
export function datagramAddress(address: unknown, doing: string, least: number): DatagramAddress {
  const { transport, host, port } = (address ?? {}) as Partial<Record<string, unknown>>;
  if (transport !== "tcp") {
    throw new UsageError(`Cannot ${doing}: transport ${show(transport)} has no datagrams`);
  }
  if (typeof host !== "string" || !/^([\d.]+|.*:.*|localhost)$/.test(host)) {
    throw new UsageError(`Cannot ${doing}: host ${show(host)} is not an address literal`);
  }
  if (typeof port !== "number" || !Number.isInteger(port) || port < least || port > 65535) {
    throw new UsageError(`Cannot ${doing}: port ${show(port)} is not one of ${least} to 65535`);
  }
  return { transport, host: host === "localhost" ? "127.0.0.1" : host, port };
}

/**
 * A UDP socket that is told what arrives: queue, checks and readiness are here, the host's part is in a
 * subclass.
 */
export abstract class QueuedDatagrams implements DatagramSocket {
  readonly local: DatagramAddress;
  readonly #arrived: Deque<Datagram> = new Deque();
  readonly #readable: PostedReadiness;
  readonly #writable: PostedReadiness;
  #held = 0;
  #closed = false;

  constructor(backend: Backend, local: DatagramAddress) {
    this.local = local;
    this.#readable = new PostedReadiness(backend, () => this.#arrived.size > 0);
    this.#writable = new PostedReadiness(backend, () => this.writable());
  }

  /** Sends a checked datagram, or returns false when `writable` is false. It keeps no reference. */
  protected abstract send(bytes: Uint8Array, to: DatagramAddress): boolean;

  /** Whether `send` would take one. */
  protected abstract writable(): boolean;

  /** Closes what is under it; called once. */
  protected abstract stop(): void;

  /** Whether it was closed. */
  protected get closed(): boolean {
    return this.#closed;
  }

  tryReceive(): Datagram | undefined {
    if (this.#closed) throw new ClosedError("Cannot receive datagram: the socket is closed");
    const datagram = this.#arrived.shift();
    if (datagram !== undefined) this.#held -= size(datagram);
    return datagram;
  }

  trySend(bytes: Uint8Array, to: Address): boolean {
    if (this.#closed) throw new ClosedError("Cannot send datagram: the socket is closed");
    if (!(bytes instanceof Uint8Array)) {
      throw new UsageError(`Cannot send datagram: ${show(bytes)} is not a Uint8Array`);
    }
    const target = datagramAddress(to, "send datagram", 1);
    if (bytes.length > MAX_DATAGRAM) {
      throw new PeerError(
        `Cannot send datagram: ${bytes.length} bytes are more than ${MAX_DATAGRAM}`,
        "EMSGSIZE",
      );
    }
    return this.send(bytes, target);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#readable.clear();
    this.#writable.clear();
    this.#arrived.clear();
    this.#held = 0;
    this.stop();
  }

  [WATCH](mode: IoMode, cb: () => void, closed?: () => void): Undo {
    if (this.#closed) throw new ClosedError("Cannot watch socket: it is closed");
    return (mode === "r" ? this.#readable : this.#writable).add(cb, closed);
  }

  /** Takes what arrived, or drops it. */
  protected arrived(datagram: Datagram): void {
    if (this.#closed || this.#held + size(datagram) > HELD) return;
    this.#arrived.push(datagram);
    this.#held += size(datagram);
    this.#readable.poke();
  }

  /** To be called when `writable` may have become true. */
  protected drained(): void {
    this.#writable.poke();
  }
}

/** Empty ones take room too. */
function size(datagram: Datagram): number {
  return datagram.bytes.length + 64;
}
