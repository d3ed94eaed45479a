import { show, UsageError } from "../contract/errors.ts";
import type { Address } from "../contract/net.ts";
import { isLoopback, isWildcard, textOf } from "./address.ts";
import { Connection, type ConnectionOptions } from "./connection.ts";
import type { DatagramAddress } from "../driven/datagrams.ts";
import type { SimSocket } from "./datagram.ts";
import type { Faults } from "./faults.ts";
import { type Directory, Machine } from "./machine.ts";
import type { SimNet } from "./net.ts";
import type { Schedule } from "./schedule.ts";
import type { SimStream } from "./stream.ts";

/** Where an address leads. */
export interface Place {
  readonly machine: Machine;
  readonly address: Address;
  /** In digits; `""` for a path. */
  readonly host: string;
}

/** The two ends of a connection. */
export interface Ends {
  /** `host:port` of one. */
  readonly local: string;
  /** `host:port` of the other. */
  readonly remote: string;
  /** Names of their hosts, in the same order. */
  readonly hosts: readonly [string, string];
}

/** What a connecting end is told. */
interface Connecting {
  established(): void;
  failed(code: string, why: string): void;
}

/** All machines of a world and what is between them. */
export class Network implements Directory {
  readonly #schedule: Schedule;
  readonly #faults: Faults;
  readonly #capacity: number;
  readonly #options: ConnectionOptions;
  readonly #machines = new Map<string, Machine>();
  readonly #byAddress = new Map<string, Machine>();
  readonly #connections = new Set<Connection>();
  /** Arrival of the latest datagram from one host at another: without `reorder` they stay in order. */
  readonly #lastDatagram = new Map<string, number>();

  constructor(schedule: Schedule, faults: Faults, capacity: number, patience: number) {
    this.#schedule = schedule;
    this.#faults = faults;
    this.#capacity = capacity;
    this.#options = {
      schedule,
      faults,
      patience,
      over: (connection) => void this.#connections.delete(connection),
    };
    faults.relinked = () => {
      for (const connection of [...this.#connections]) connection.relink();
    };
  }

  /** The machine of that name. */
  byName(name: string): Machine | undefined {
    return this.#machines.get(name);
  }

  /** Adds one. */
  addMachine(name: string, addresses?: readonly string[]): Machine {
    const number = this.#machines.size + 1;
    const own = addresses?.map((address) => String(address).toLowerCase()) ??
      [`10.0.${number >> 8}.${number & 255}`, `fd00::${number.toString(16)}`];
    if (own.length === 0) throw new UsageError(`Cannot make host ${show(name)}: it has no address`);
    for (const address of own) {
      if (
        !/^(\d{1,3}(\.\d{1,3}){3}|[0-9a-f:]*:[0-9a-f:.]*)$/.test(address) || isLoopback(address)
      ) {
        throw new UsageError(
          `Cannot make host ${show(name)}: ${show(address)} is no address for it`,
        );
      }
      if (this.#byAddress.has(address)) {
        throw new UsageError(`Cannot make host ${show(name)}: another one has ${address}`);
      }
    }
    const machine = new Machine(name, own, () => this.#schedule.now + this.#schedule.wallOffset);
    this.#machines.set(name, machine);
    for (const address of own) this.#byAddress.set(address, machine);
    return machine;
  }

  /** Where an address leads from a machine; `undefined`: nowhere. */
  locate(from: Machine, address: Address): Place | undefined {
    if (address.transport === "unix") return { machine: from, address, host: "" };
    let { host } = address;
    if (host === "localhost" || host === "0.0.0.0") host = "127.0.0.1";
    else if (isWildcard(host)) host = "::1";
    let machine = isLoopback(host) ? from : this.#byAddress.get(host);
    if (machine === undefined) {
      machine = this.#machines.get(host);
      if (machine === undefined) return undefined;
      host = machine.addresses[0];
    }
    return { machine, host, address: { ...address, host } };
  }

  /** Something comes about as late as a packet would. */
  later(from: string, to: string, happen: () => void): void {
    this.#schedule.at(this.#schedule.now + this.#faults.delay(from, to), happen);
  }

  /** Begins to connect: three packets, which may get stuck as all others. @returns the client's end */
  connect(from: SimNet, place: Place, told: Connecting): SimStream {
    const { machine, address } = place;
    const local = address.transport === "unix" ? "unix/:" : textOf({
      ...address,
      host: from.machine.sourceFor(address.host),
      port: from.machine.freePort(),
    });
    const remote = textOf(address);
    const capacity = this.#capacity;
    let taken: SimNet | undefined;
    let phase: "connecting" | "established" | "failed" = "connecting";
    const fail = (code: string, why: string): void => {
      if (phase !== "connecting") return;
      phase = "failed";
      if (!connection.served) server.break(code, why);
      told.failed(code, why);
      client.close();
    };
    const connection: Connection = new Connection(
      this.#options,
      {
        host: from.machine.name,
        ready: from.backend.ready,
        capacity,
        local,
        remote,
        closed: () => from.forget(client),
        broke: fail,
      },
      {
        host: machine.name,
        // Whose it is shows when the connection arrives.
        ready: { set: (one, ready) => taken?.backend.ready.set(one, ready) },
        capacity,
        local: remote,
        remote: local,
        closed: () => taken?.forget(server),
      },
    );
    const [client, server] = connection.ends;
    this.#connections.add(connection);
    client.out.send("syn", true, () => {
      const binding = machine.bindingFor(address);
      if (binding === undefined) {
        const [code, why] = address.transport === "unix"
          ? ["ENOENT", "no such file"]
          : ["ECONNREFUSED", "connection refused"];
        server.out.send("refused", false, () => {
          server.break(code, why);
          fail(code, why);
        });
        return;
      }
      taken = binding.net;
      connection.served = true;
      taken.adopt(server);
      server.out.send("syn ack", true, () => {
        if (phase !== "connecting") return;
        phase = "established";
        told.established();
      });
      binding.arrived(server);
    });
    return client;
  }

  /** One datagram on its way, or lost. */
  datagram(socket: SimSocket, from: Machine, bytes: Uint8Array, to: DatagramAddress): void {
    const place = this.locate(from, to);
    if (place === undefined) return;
    const { machine, address, host } = place;
    const own = socket.local;
    const source: DatagramAddress = isWildcard(own.host)
      ? { ...own, host: from.sourceFor(host) }
      : own;
    const what = `${textOf(source)} -> ${textOf(address)} datagram ${bytes.length}`;
    for (const { after, late } of this.#faults.datagram(from.name, machine.name)) {
      const way = `${from.name} ${machine.name}`;
      let due = this.#schedule.now + after;
      if (!late) {
        due = Math.max(due, this.#lastDatagram.get(way) ?? 0);
        this.#lastDatagram.set(way, due);
      }
      this.#schedule.at(due, () => {
        if (this.#faults.blocked(from.name, machine.name)) return;
        this.#schedule.say(what);
        machine.socketFor(address)?.receive(bytes.slice(), source);
      });
    }
  }

  /** Breaks connections. @returns how many */
  sever(which: (ends: Ends) => boolean): number {
    let count = 0;
    for (const connection of [...this.#connections]) {
      const [a, b] = connection.ends;
      const chosen = which({ local: a.local, remote: a.remote, hosts: [a.host, b.host] });
      if (!chosen) continue;
      this.#schedule.say(`${a.local} -> ${a.remote} cut`);
      connection.sever();
      count++;
    }
    return count;
  }

  /** Drops listeners. @returns how many */
  dropListeners(which: (host: string, address: Address) => boolean): number {
    let count = 0;
    for (const machine of this.#machines.values()) {
      for (const binding of [...machine.bindings]) {
        if (!which(machine.name, binding.address)) continue;
        this.#schedule.say(`${machine.name} drops listener ${textOf(binding.address)}`);
        binding.fail();
        count++;
      }
    }
    return count;
  }
}
