import { type DatagramAddress, QueuedDatagrams } from "../driven/datagrams.ts";
import type { SimBackend } from "./backend.ts";

/** What a {@linkcode SimSocket} needs of the network. */
export interface SimSocketOptions {
  /** Puts one on its way, or drops it. */
  readonly send: (bytes: Uint8Array, to: DatagramAddress) => void;
  /** Called once, when it is closed. */
  readonly gone: (socket: SimSocket) => void;
}

/** A simulated UDP socket. */
export class SimSocket extends QueuedDatagrams {
  readonly #options: SimSocketOptions;

  constructor(backend: SimBackend, local: DatagramAddress, options: SimSocketOptions) {
    super(backend, local);
    this.#options = options;
  }

  /** One has arrived. */
  receive(bytes: Uint8Array, from: DatagramAddress): void {
    this.arrived({ bytes, from });
  }

  protected send(bytes: Uint8Array, to: DatagramAddress): boolean {
    this.#options.send(bytes.slice(), to);
    return true;
  }

  protected writable(): boolean {
    return true;
  }

  protected stop(): void {
    this.#options.gone(this);
  }
}
