import type { Host } from "../contract/env.ts";
import { PeerError, show, UsageError } from "../contract/errors.ts";
import type { Address } from "../contract/net.ts";
import type { ByteStream } from "../contract/stream.ts";
import { isLiteral, isLoopback, isWildcard } from "./address.ts";
import type { SimSocket } from "./datagram.ts";
import { SimFiles } from "./files.ts";
import type { SimNet } from "./net.ts";

const FIRST_PORT = 49152;

/** A listener. */
export interface Binding {
  /** Whose it is. */
  readonly net: SimNet;
  readonly address: Address;
  /** Takes a connection over, in a turn of its loop. */
  readonly arrived: (stream: ByteStream) => void;
  /** It fails for a reason of the world's. */
  readonly fail: () => void;
}

/** A simulated computer: its addresses, files and what is bound on it. It outlives its process. */
export class Machine {
  readonly name: string;
  readonly addresses: readonly string[];
  readonly files: SimFiles;
  readonly bindings = new Set<Binding>();
  readonly sockets = new Set<SimSocket>();
  #nextPort = FIRST_PORT;

  /** @param clock wall clock in seconds */
  constructor(name: string, addresses: readonly string[], clock: () => number) {
    this.name = name;
    this.addresses = addresses;
    this.files = new SimFiles(clock);
  }

  /** Whether one may listen on it here. */
  owns(host: string): boolean {
    return isWildcard(host) || isLoopback(host) || this.addresses.includes(host);
  }

  /** The listener that a connection to `to` arrives at. */
  bindingFor(to: Address): Binding | undefined {
    for (const binding of this.bindings) if (reaches(binding.address, to)) return binding;
    return undefined;
  }

  /** The sockets that a datagram to `to` arrives at. */
  socketFor(to: Address): SimSocket | undefined {
    for (const socket of this.sockets) if (reaches(socket.local, to)) return socket;
    return undefined;
  }

  /** A port that nothing is bound to. */
  freePort(): number {
    for (;;) {
      const port = this.#nextPort++;
      if (this.#nextPort > 65535) this.#nextPort = FIRST_PORT;
      const taken = ({ address }: { readonly address: Address }): boolean =>
        address.transport === "tcp" && address.port === port;
      const bound = [...this.sockets].map(({ local }) => ({ address: local }));
      if (![...this.bindings, ...bound].some(taken)) return port;
    }
  }

  /** The address from which it talks to another one. */
  sourceFor(target: string): string {
    if (isLoopback(target)) return target;
    const six = target.includes(":");
    return this.addresses.find((own) => own.includes(":") === six) ?? this.addresses[0];
  }
}

/** Whether what is sent to `to` arrives at something bound on `on`. */
export function reaches(on: Address, to: Address): boolean {
  if (on.transport === "unix" || to.transport === "unix") {
    return on.transport === "unix" && to.transport === "unix" && on.path === to.path;
  }
  if (on.port !== to.port) return false;
  return on.host === to.host || on.host === "::" ||
    (on.host === "0.0.0.0" && !to.host.includes(":"));
}

/** Where a machine is told apart from others. */
export interface Directory {
  /** The machine of that name. */
  byName(name: string): Machine | undefined;
}

/** What a process sees of its machine. */
export function hostOf(
  machine: Machine,
  directory: Directory,
  pid: number,
  variables: Readonly<Record<string, string>>,
): Host {
  return {
    pid,
    env: (name) => Object.hasOwn(variables, name) ? variables[name] : undefined,
    hostname: () => machine.name,
    files: machine.files,
    async readTextFile(path: string): Promise<string> {
      checkPath(path, "read");
      return new TextDecoder().decode(await machine.files.load(path));
    },
    // Async, so that a mistake is a rejection, too.
    // deno-lint-ignore require-await
    async writeTextFile(path: string, text: string): Promise<void> {
      checkPath(path, "write");
      machine.files.store(path, new TextEncoder().encode(String(text)));
    },
    // deno-lint-ignore require-await
    async resolve(name: string): Promise<readonly string[]> {
      if (typeof name !== "string" || name === "") {
        throw new UsageError(`Cannot resolve ${show(name)}: it is not a name`);
      }
      if (isLiteral(name)) return [name];
      if (name === "localhost") return ["127.0.0.1", "::1"];
      const found = directory.byName(name.toLowerCase());
      if (found === undefined) {
        throw new PeerError(`Cannot resolve ${name}: no host has this name`, "ENOTFOUND");
      }
      return found.addresses;
    },
    interfaceAddresses: () => [
      { address: "127.0.0.1", internal: true },
      { address: "::1", internal: true },
      ...machine.addresses.map((address) => ({ address, internal: false })),
    ],
  };
}

function checkPath(path: unknown, doing: string): void {
  if (typeof path === "string" && path !== "") return;
  throw new UsageError(`Cannot ${doing} file ${show(path)}: it is not a path`);
}
