import {
  type Address,
  type Backend,
  type ByteStream,
  type DatagramSocket,
  type Listener,
  type Net,
  PeerError,
  type Random,
  type Secured,
  show,
  type TlsOptions,
  type TlsRole,
  type Undo,
  UsageError,
} from "../contract/mod.ts";
import { checkOptions } from "../contract/options.ts";
import { checkCallback } from "../driven/core.ts";
import { fakeSecure } from "../driven/fake_secure.ts";
import { checkSecure } from "../driven/secure_arguments.ts";
import { memoryPair, type MemoryStream } from "./stream.ts";
import { DatagramHub } from "./udp.ts";

const FIRST_PORT = 49152;

/** Options of {@linkcode memoryNet}. */
export interface MemoryNetOptions {
  /** Where the bytes of handshakes come from. Default: the host's `crypto`. */
  readonly random?: Random;
  /** Bytes a connection buffers in each direction before writing would block. Default 65536. */
  readonly capacity?: number;
}

/** The sockets of {@linkcode memoryNet}, and the faults a test may want of them. */
export interface MemoryNet extends Net {
  /**
   * Breaks connections: their reads and writes fail with `ECONNRESET`.
   *
   * @param which chooses by the ends of either side. Default: all connections
   * @returns how many connections were broken
   */
  sever(which?: (ends: { readonly local: string; readonly remote: string }) => boolean): number;
}

interface Binding {
  readonly address: Address;
  readonly accepted: (stream: ByteStream) => void;
}

function hostCrypto(count: number): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(count));
}

function isWildcard(host: string): boolean {
  return host === "0.0.0.0" || host === "::";
}

/** An address from outside, checked; `localhost` in digits. */
function canonical(address: Address): Address {
  const { transport, host, port, path } = (address ?? {}) as Partial<Record<string, unknown>>;
  if (transport === "unix") {
    if (typeof path !== "string" || path === "" || path.includes("\0")) {
      throw new UsageError(`Cannot use address path ${show(path)}: it is not a path`);
    }
    return { transport: "unix", path };
  }
  if (transport !== "tcp") {
    throw new UsageError(`Cannot use address transport ${show(transport)}: it is not tcp or unix`);
  }
  if (typeof host !== "string" || host === "" || host.includes("\0")) {
    throw new UsageError(`Cannot use address host ${show(host)}: it is not a name or literal`);
  }
  if (typeof port !== "number" || !Number.isInteger(port) || port < 0 || port > 65535) {
    throw new UsageError(`Cannot use address port ${show(port)}: it is not within 0..65535`);
  }
  return { transport: "tcp", host: host === "localhost" ? "127.0.0.1" : host, port };
}

function textOf(address: Address): string {
  if (address.transport === "unix") return `unix/:${address.path}`;
  const host = address.host.includes(":") ? `[${address.host}]` : address.host;
  return `${host}:${address.port}`;
}

class Network implements MemoryNet {
  readonly #backend: Backend;
  readonly #random: Random;
  readonly #capacity: number | undefined;
  readonly #bindings = new Set<Binding>();
  readonly #streams = new Map<MemoryStream, MemoryStream>();
  readonly #datagrams: DatagramHub;
  #attempts = 0;
  #nextPort = FIRST_PORT;

  constructor(backend: Backend, options: MemoryNetOptions) {
    this.#backend = backend;
    this.#datagrams = new DatagramHub(backend);
    this.#random = options.random ?? { bytes: hostCrypto, float: () => 0 };
    this.#capacity = options.capacity;
  }

  connect(
    to: Address,
    cb: (error: PeerError | undefined, stream: ByteStream | undefined) => void,
  ): Undo {
    const address = canonical(to);
    checkCallback(cb, "connect");
    let live = true;
    let stream: MemoryStream | undefined;
    this.#attempts++;
    const end = (): boolean => {
      if (!live) return false;
      live = false;
      this.#attempts--;
      return true;
    };
    this.#backend.post(() => {
      if (!live) return;
      const binding = this.#find(address);
      if (binding === undefined) {
        end();
        const code = address.transport === "unix" ? "ENOENT" : "ECONNREFUSED";
        const why = code === "ENOENT" ? "no such file" : "connection refused";
        cb(new PeerError(`Cannot connect to ${textOf(address)}: ${why}`, code), undefined);
        return;
      }
      const local = address.transport === "tcp" ? `127.0.0.1:${this.#freePort()}` : "unix/:";
      const [ours, theirs] = memoryPair(
        this.#backend,
        { capacity: this.#capacity, names: [local, textOf(address)] },
        (closed) => void this.#streams.delete(closed),
      );
      stream = ours;
      this.#streams.set(ours, theirs);
      this.#streams.set(theirs, ours);
      // The two callbacks are turns of their own, so that a fault in one does not lose the other.
      this.#backend.post(() => {
        if (this.#bindings.has(binding)) binding.accepted(theirs);
        else theirs.close();
      });
      this.#backend.post(() => {
        if (end()) cb(undefined, ours);
      });
    });
    return () => {
      if (end()) stream?.close();
    };
  }

  listen(on: Address, accepted: (stream: ByteStream) => void): Listener {
    const wanted = canonical(on);
    checkCallback(accepted, "listen");
    const address: Address = wanted.transport === "tcp" && wanted.port === 0
      ? { ...wanted, port: this.#freePort() }
      : wanted;
    for (const binding of this.#bindings) {
      if (overlaps(binding.address, address)) {
        throw new PeerError(`Cannot listen on ${textOf(address)}: address in use`, "EADDRINUSE");
      }
    }
    const binding: Binding = { address, accepted };
    this.#bindings.add(binding);
    return {
      address,
      close: () => void this.#bindings.delete(binding),
    };
  }

  secure(
    stream: ByteStream,
    role: TlsRole,
    options: TlsOptions,
    cb: (error: PeerError | undefined, secured: Secured | undefined) => void,
  ): Undo {
    checkSecure(stream, role, options, cb);
    let live = true;
    this.#attempts++;
    const end = (): void => {
      if (live) this.#attempts--;
      live = false;
    };
    const undo = fakeSecure(
      this.#backend,
      this.#random,
      stream,
      role,
      options,
      (error, secured) => {
        end();
        cb(error, secured);
      },
    );
    return () => {
      end();
      undo();
    };
  }

  udp(
    on: Address,
    cb: (error: PeerError | undefined, socket: DatagramSocket | undefined) => void,
  ): Undo {
    return this.#datagrams.bind(on, cb);
  }

  sever(
    which: (ends: { readonly local: string; readonly remote: string }) => boolean = () => true,
  ): number {
    let count = 0;
    const seen = new Set<MemoryStream>();
    for (const [stream, other] of [...this.#streams]) {
      if (seen.has(stream) || !(which(stream) || which(other))) continue;
      seen.add(stream).add(other);
      stream.sever("ECONNRESET");
      other.sever("ECONNRESET");
      count++;
    }
    return count;
  }

  stats(): { readonly streams: number; readonly listeners: number; readonly attempts: number } {
    return {
      streams: this.#streams.size + this.#datagrams.open,
      listeners: this.#bindings.size,
      attempts: this.#attempts + this.#datagrams.attempts,
    };
  }

  #find(address: Address): Binding | undefined {
    for (const binding of this.#bindings) {
      if (reaches(binding.address, address)) return binding;
    }
    return undefined;
  }

  #freePort(): number {
    for (;;) {
      const port = this.#nextPort++;
      if (this.#nextPort > 65535) this.#nextPort = FIRST_PORT;
      const taken = [...this.#bindings].some(({ address }) =>
        address.transport === "tcp" && address.port === port
      );
      if (!taken) return port;
    }
  }
}

/** Whether a connection to `to` arrives at a listener on `on`. */
function reaches(on: Address, to: Address): boolean {
  if (on.transport === "unix" || to.transport === "unix") return textOf(on) === textOf(to);
  return on.port === to.port && (on.host === to.host || isWildcard(on.host));
}

function overlaps(a: Address, b: Address): boolean {
  return reaches(a, b) || reaches(b, a);
}

/**
 * Sockets inside this process: listeners are found in a table, connections are
 * {@linkcode streamPair}s, and `secure` is a handshake without encryption that still gives both ends
 * one channel binding. Nothing of the host is used.
 *
 * All callbacks run on `backend`, so every `Env` that shares this net should have that backend.
 *
 * @param backend runs the callbacks
 * @param options where chance comes from, and how much a connection buffers
 * @example
 * ```ts
 * import { memoryNet } from "@anyevent/backends/memory";
 * import type { Backend } from "@anyevent/backends/contract";
 *
 * export function echo(backend: Backend): void {
 *   const net = memoryNet(backend);
 *   const listener = net.listen({ transport: "tcp", host: "127.0.0.1", port: 0 }, (stream) => {
 *     stream.tryWrite(new TextEncoder().encode("hello"));
 *     stream.shutdown();
 *   });
 *   net.connect(listener.address, (error, stream) => console.log(error ?? stream?.remote));
 * }
 * ```
 */
export function memoryNet(backend: Backend, options: MemoryNetOptions = {}): MemoryNet {
  if (typeof backend?.post !== "function") {
    throw new UsageError(`Cannot make memory net: ${show(backend)} is not a backend`);
  }
  checkOptions(options, "make memory net");
  return new Network(backend, options);
}
