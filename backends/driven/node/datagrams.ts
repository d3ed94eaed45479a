import type { Backend, Undo } from "../../contract/backend.ts";
import { PeerError, show, UsageError } from "../../contract/errors.ts";
import type { Address, DatagramSocket } from "../../contract/net.ts";
import { type DatagramAddress, datagramAddress, QueuedDatagrams } from "../datagrams.ts";

/** Bytes handed to the host and not yet sent, from which on sending would block. */
const UNSENT = 1 << 20;

/** What is used of a `node:dgram` socket. */
interface Socket {
  on(event: "error", cb: (error: Error) => void): unknown;
  on(event: "message", cb: (bytes: Uint8Array, from: Sender) => void): unknown;
  bind(options: { readonly port: number; readonly address: string }): unknown;
  address(): Sender;
  send(
    bytes: Uint8Array,
    port: number,
    host: string,
    sent: (error: Error | null) => void,
  ): void;
  close(): unknown;
  unref(): unknown;
}

interface Sender {
  readonly address: string;
  readonly port: number;
}

/** What is used of `node:dgram`. */
export interface DgramModule {
  /** Makes a socket that is not bound. */
  createSocket(options: {
    readonly type: "udp4" | "udp6";
    readonly lookup: typeof literalLookup;
  }): unknown;
}

/** What opens and counts the sockets of a backend. */
export interface DatagramMaker {
  /** Calls the watchers. */
  readonly backend: Backend;
  /** The host's `node:dgram`. */
  readonly dgram: DgramModule;
  /** Turns what the host threw into an error. */
  failed(doing: string, thrown: unknown): PeerError;
  /** Those that are open. */
  readonly open: Set<DatagramSocket>;
  /** The number of attempts to open one changes by this. */
  countAttempts(by: 1 | -1): void;
}

/**
 * Hosts are literals already, so nothing is looked up. That it answers inside the call makes `bind` do
 * its work there too, so that its errors, Deno's missing permissions among them, can be caught.
 */
function literalLookup(
  host: string,
  family: unknown,
  cb?: (error: null, host: string, family: number) => void,
): void {
  const answer = (cb ?? family) as (error: null, host: string, family: number) => void;
  answer(null, host, host.includes(":") ? 6 : 4);
}

class NodeDatagrams extends QueuedDatagrams {
  readonly #socket: Socket;
  readonly #gone: () => void;
  #unsent = 0;

  constructor(backend: Backend, socket: Socket, local: DatagramAddress, gone: () => void) {
    super(backend, local);
    this.#socket = socket;
    this.#gone = gone;
    socket.on("message", (bytes, { address, port }) => {
      // Plain bytes, not a Buffer, whose methods differ.
      const plain = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
      this.arrived({ bytes: plain, from: { transport: "tcp", host: address, port } });
    });
  }

  protected send(bytes: Uint8Array, to: DatagramAddress): boolean {
    if (!this.writable()) return false;
    const { length } = bytes;
    this.#unsent += length;
    // Lost, as datagrams may be: also when the host refuses it, which hosts tell in different ways.
    const sent = (): void => {
      this.#unsent -= length;
      this.drained();
    };
    try {
      this.#socket.send(bytes.slice(), to.port, to.host, sent);
    } catch (thrown) {
      this.#unsent -= length;
      const code = (thrown as { code?: unknown }).code;
      throw new PeerError(
        `Cannot send datagram to ${to.host}: ${thrown}`,
        typeof code === "string" ? code : "EACCES",
        { cause: thrown },
      );
    }
    return true;
  }

  protected writable(): boolean {
    return this.#unsent < UNSENT;
  }

  protected stop(): void {
    this.#socket.close();
    this.#gone();
  }
}

/**
 * Opens a UDP socket by `node:dgram`, for the backends whose host has it; see `Net.udp`.
 *
 * @param maker the host's part
 * @param on where to bind
 * @param cb gets the outcome
 */
export function openNodeDatagrams(
  maker: DatagramMaker,
  on: Address,
  cb: (error: PeerError | undefined, socket: DatagramSocket | undefined) => void,
): Undo {
  const { backend } = maker;
  const where = datagramAddress(on, "open UDP socket", 0);
  if (typeof cb !== "function") {
    throw new UsageError(`Cannot open UDP socket: callback ${show(cb)} is not a function`);
  }
  const opened = bind(maker, where);
  let live = true;
  maker.countAttempts(1);
  backend.post(() => {
    if (!live) return;
    live = false;
    maker.countAttempts(-1);
    if (opened instanceof PeerError) cb(opened, undefined);
    else cb(undefined, opened);
  });
  return () => {
    if (!live) return;
    live = false;
    maker.countAttempts(-1);
    if (!(opened instanceof PeerError)) opened.close();
  };
}

function bind(maker: DatagramMaker, on: DatagramAddress): NodeDatagrams | PeerError {
  const doing = `open UDP socket on ${on.host.includes(":") ? `[${on.host}]` : on.host}:${on.port}`;
  const type = on.host.includes(":") ? "udp6" : "udp4";
  const socket = maker.dgram.createSocket({ type, lookup: literalLookup }) as Socket;
  let thrown: unknown;
  // Later errors are about single datagrams, which may get lost.
  socket.on("error", (error) => thrown ??= error);
  try {
    socket.bind({ port: on.port, address: on.host });
    if (thrown === undefined) {
      const { address, port } = socket.address();
      // It does not keep the process alive: `hold` does.
      socket.unref();
      const local: DatagramAddress = { transport: "tcp", host: address, port };
      const { backend, open } = maker;
      const datagrams: NodeDatagrams = new NodeDatagrams(
        backend,
        socket,
        local,
        () => open.delete(datagrams),
      );
      open.add(datagrams);
      return datagrams;
    }
  } catch (error) {
    thrown ??= error;
  }
  closeQuietly(socket);
  return maker.failed(doing, thrown);
}

function closeQuietly(socket: Socket): void {
  try {
    socket.close();
  } catch (thrown) {
    // One that could not be bound may count as closed already.
    if ((thrown as { code?: unknown }).code !== "ERR_SOCKET_DGRAM_NOT_RUNNING") throw thrown;
  }
}
