import {
  type Address,
  type Backend,
  type DatagramSocket,
  PeerError,
  show,
  type Undo,
  UsageError,
} from "../contract/mod.ts";
import { type DatagramAddress, datagramAddress, QueuedDatagrams } from "../driven/datagrams.ts";

const FIRST_PORT = 49152;

function isWildcard(host: string): boolean {
  return host === "0.0.0.0" || host === "::";
}

class MemoryDatagrams extends QueuedDatagrams {
  readonly #hub: DatagramHub;

  constructor(backend: Backend, hub: DatagramHub, local: DatagramAddress) {
    super(backend, local);
    this.#hub = hub;
  }

  /** Takes what another socket sent. */
  receive(bytes: Uint8Array, from: DatagramAddress): void {
    this.arrived({ bytes, from });
  }

  protected send(bytes: Uint8Array, to: DatagramAddress): boolean {
    this.#hub.carry(bytes.slice(), this.local, to);
    return true;
  }

  protected writable(): boolean {
    return true;
  }

  protected stop(): void {
    this.#hub.remove(this);
  }
}

/** The UDP sockets of one memory net: found by address, in a port space of their own. */
export class DatagramHub {
  readonly #backend: Backend;
  readonly #sockets = new Set<MemoryDatagrams>();
  #attempts = 0;
  #nextPort = FIRST_PORT;

  constructor(backend: Backend) {
    this.#backend = backend;
  }

  /** How many are open. */
  get open(): number {
    return this.#sockets.size;
  }

  /** How many are being opened. */
  get attempts(): number {
    return this.#attempts;
  }

  /** See `Net.udp`. */
  bind(
    on: Address,
    cb: (error: PeerError | undefined, socket: DatagramSocket | undefined) => void,
  ): Undo {
    const wanted = datagramAddress(on, "open UDP socket", 0);
    if (typeof cb !== "function") {
      throw new UsageError(`Cannot open UDP socket: callback ${show(cb)} is not a function`);
    }
    let live = true;
    this.#attempts++;
    this.#backend.post(() => {
      if (!live) return;
      live = false;
      this.#attempts--;
      if (wanted.port !== 0 && this.#taken(wanted)) {
        const name = `${wanted.host}:${wanted.port}`;
        cb(
          new PeerError(`Cannot open UDP socket on ${name}: address in use`, "EADDRINUSE"),
          undefined,
        );
        return;
      }
      const local = wanted.port === 0 ? { ...wanted, port: this.#freePort() } : wanted;
      const socket = new MemoryDatagrams(this.#backend, this, local);
      this.#sockets.add(socket);
      cb(undefined, socket);
    });
    return () => {
      if (!live) return;
      live = false;
      this.#attempts--;
    };
  }

  /** Brings a datagram to whoever is bound there in the next turn. */
  carry(bytes: Uint8Array, from: DatagramAddress, to: DatagramAddress): void {
    const sender = isWildcard(from.host) ? { ...from, host: to.host } : from;
    this.#backend.post(() => {
      for (const socket of this.#sockets) {
        const { host, port } = socket.local;
        if (port !== to.port || !(host === to.host || isWildcard(host))) continue;
        socket.receive(bytes, sender);
        return;
      }
    });
  }

  /** Forgets a socket that was closed. */
  remove(socket: MemoryDatagrams): void {
    this.#sockets.delete(socket);
  }

  #taken({ host, port }: DatagramAddress): boolean {
    for (const { local } of this.#sockets) {
      if (local.port !== port) continue;
      if (local.host === host || isWildcard(local.host) || isWildcard(host)) return true;
    }
    return false;
  }

  #freePort(): number {
    for (;;) {
      const port = this.#nextPort++;
      if (this.#nextPort > 65535) this.#nextPort = FIRST_PORT;
      if (![...this.#sockets].some(({ local }) => local.port === port)) return port;
    }
  }
}
