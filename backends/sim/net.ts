import type { Undo } from "../contract/backend.ts";
import type { Random } from "../contract/env.ts";
import { PeerError } from "../contract/errors.ts";
import type {
  Address,
  DatagramSocket,
  Listener,
  Net,
  Secured,
  TlsOptions,
  TlsRole,
} from "../contract/net.ts";
import type { ByteStream } from "../contract/stream.ts";
import { checkCallback } from "../driven/core.ts";
import { type DatagramAddress, datagramAddress } from "../driven/datagrams.ts";
import { checkSecure } from "../driven/secure_arguments.ts";
import { fakeSecure } from "../driven/fake_secure.ts";
import { checkAddress, isLiteral, textOf } from "./address.ts";
import type { SimBackend } from "./backend.ts";
import { SimSocket } from "./datagram.ts";
import { type Binding, type Machine, reaches } from "./machine.ts";
import type { Network, Place } from "./network.ts";
import type { SimStream } from "./stream.ts";

/** The sockets of one simulated process. */
export class SimNet implements Required<Net> {
  readonly machine: Machine;
  readonly backend: SimBackend;
  readonly #network: Network;
  readonly #random: Random;
  readonly #streams = new Set<SimStream>();
  readonly #bindings = new Set<Binding>();
  readonly #sockets = new Set<SimSocket>();
  readonly #attempts = new Set<Undo>();
  #dead = false;

  constructor(network: Network, machine: Machine, backend: SimBackend, random: Random) {
    this.#network = network;
    this.machine = machine;
    this.backend = backend;
    this.#random = random;
  }

  connect(
    to: Address,
    cb: (error: PeerError | undefined, stream: ByteStream | undefined) => void,
  ): Undo {
    const address = checkAddress(to, "connect");
    checkCallback(cb, "connect");
    if (this.#dead) return () => undefined;
    let stream: SimStream | undefined;
    const attempt = this.#attempt(() => stream?.close());
    const fail = (code: string, why: string): void =>
      this.backend.post(() => {
        if (attempt.end()) {
          cb(new PeerError(`Cannot connect to ${textOf(address)}: ${why}`, code), undefined);
        }
      });
    const place = this.#network.locate(this.machine, address);
    if (place === undefined) {
      const [code, why] = address.transport === "tcp" && !isLiteral(address.host)
        ? ["ENOTFOUND", "no host has this name"]
        : ["EHOSTUNREACH", "no route to host"];
      this.#network.later(this.machine.name, this.machine.name, () => fail(code, why));
    } else {
      stream = this.#network.connect(this, place, {
        established: () =>
          this.backend.post(() => {
            if (!attempt.end()) return;
            this.adopt(stream!);
            cb(undefined, stream);
          }),
        failed: fail,
      });
    }
    return attempt.abort;
  }

  listen(
    on: Address,
    accepted: (stream: ByteStream) => void,
    failed?: (error: PeerError) => void,
  ): Listener {
    const wanted = checkAddress(on, "listen");
    checkCallback(accepted, "listen");
    const address = this.#bindable(wanted, "listen");
    for (const other of this.machine.bindings) {
      if (!reaches(other.address, address) && !reaches(address, other.address)) continue;
      throw new PeerError(`Cannot listen on ${textOf(address)}: address in use`, "EADDRINUSE");
    }
    const binding: Binding = {
      net: this,
      address,
      arrived: (stream) =>
        this.backend.post(() => {
          // Nobody is left who could have taken it.
          if (this.#bindings.has(binding)) accepted(stream);
          else stream.close();
        }),
      fail: () => {
        close();
        const error = new PeerError(`Cannot listen on ${textOf(address)}: it was dropped`, "EIO");
        this.backend.post(() => failed?.(error));
      },
    };
    const close = (): void => {
      this.machine.bindings.delete(binding);
      this.#bindings.delete(binding);
    };
    if (!this.#dead) {
      this.machine.bindings.add(binding);
      this.#bindings.add(binding);
    }
    return { address, close };
  }

  secure(
    stream: ByteStream,
    role: TlsRole,
    options: TlsOptions,
    cb: (error: PeerError | undefined, secured: Secured | undefined) => void,
  ): Undo {
    checkSecure(stream, role, options, cb);
    const attempt = this.#attempt(() => undo());
    const undo = fakeSecure(this.backend, this.#random, stream, role, options, (error, secured) => {
      if (attempt.end()) cb(error, secured);
    });
    return attempt.abort;
  }

  udp(
    on: Address,
    cb: (error: PeerError | undefined, socket: DatagramSocket | undefined) => void,
  ): Undo {
    const wanted = datagramAddress(on, "open UDP socket", 0);
    checkCallback(cb, "open UDP socket");
    const attempt = this.#attempt(() => undefined);
    this.backend.post(() => {
      if (!attempt.end()) return;
      let socket: SimSocket;
      try {
        socket = this.#openSocket(wanted);
      } catch (thrown) {
        if (!(thrown instanceof PeerError)) throw thrown;
        cb(thrown, undefined);
        return;
      }
      cb(undefined, socket);
    });
    return attempt.abort;
  }

  /** Nothing to do: the name of a simulated Unix socket ends with its listener. */
  removeSocket(_path: string): void {}

  stats(): { readonly streams: number; readonly listeners: number; readonly attempts: number } {
    return {
      streams: this.#streams.size + this.#sockets.size,
      listeners: this.#bindings.size,
      attempts: this.#attempts.size,
    };
  }

  /** Counts a stream until it is closed. */
  adopt(stream: SimStream): void {
    this.#streams.add(stream);
  }

  /** It is closed. */
  forget(stream: SimStream): void {
    this.#streams.delete(stream);
  }

  /** The process is gone: its system closes all it had. */
  kill(): void {
    this.#dead = true;
    for (const binding of this.#bindings) this.machine.bindings.delete(binding);
    this.#bindings.clear();
    for (const abort of [...this.#attempts]) abort();
    for (const stream of [...this.#streams]) stream.close();
    for (const socket of [...this.#sockets]) socket.close();
  }

  /** Counts one until it has its outcome or is aborted, whichever is first. */
  #attempt(aborted: () => void): { readonly end: () => boolean; readonly abort: Undo } {
    const end = (): boolean => this.#attempts.delete(abort);
    const abort = (): void => {
      if (end()) aborted();
    };
    this.#attempts.add(abort);
    return { end, abort };
  }

  #openSocket(wanted: DatagramAddress): SimSocket {
    const local = this.#bindable(wanted, "open UDP socket") as DatagramAddress;
    for (const other of this.machine.sockets) {
      if (!reaches(other.local, local) && !reaches(local, other.local)) continue;
      throw new PeerError(
        `Cannot open UDP socket on ${textOf(local)}: address in use`,
        "EADDRINUSE",
      );
    }
    const socket: SimSocket = new SimSocket(this.backend, local, {
      send: (bytes, to) => this.#network.datagram(socket, this.machine, bytes, to),
      gone: (closed) => {
        this.machine.sockets.delete(closed);
        this.#sockets.delete(closed);
      },
    });
    this.machine.sockets.add(socket);
    this.#sockets.add(socket);
    return socket;
  }

  /** The address to bind: in digits, with a port. */
  #bindable(wanted: Address, doing: string): Address {
    if (wanted.transport === "unix") return wanted;
    const place: Place | undefined = this.#network.locate(this.machine, wanted);
    const literal = isLiteral(wanted.host) ? wanted.host : place?.host;
    if (literal === undefined || !this.machine.owns(literal)) {
      throw new PeerError(
        `Cannot ${doing} on ${textOf(wanted)}: it is no address of ${this.machine.name}`,
        "EADDRNOTAVAIL",
      );
    }
    return { ...wanted, host: literal, port: wanted.port || this.machine.freePort() };
  }
}
