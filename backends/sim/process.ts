import type { Env, LogLevel, Random } from "../contract/env.ts";
import type { Net } from "../contract/net.ts";
import { type FullBackend, SimBackend } from "./backend.ts";
import { Children, type SimChild } from "./child.ts";
import { hostOf, type Machine } from "./machine.ts";
import { SimNet } from "./net.ts";
import type { Network } from "./network.ts";
import type { Schedule } from "./schedule.ts";
import type { World } from "./world.ts";

/** Options of {@linkcode World.env}. */
export interface SimEnvOptions {
  /** Address literals, the first one is the usual. Default: 10.0.0.N and fd00::N. */
  readonly addresses?: readonly string[];
  /** Environment variables. */
  readonly variables?: Readonly<Record<string, string>>;
}

/** One process on one host of a simulated world. */
export interface SimEnv extends Env {
  /** Its loop, with every optional part. */
  readonly backend: FullBackend;
  /** Its sockets, UDP included. */
  readonly net: Required<Net>;
  /** The world it is in. */
  readonly world: World;
  /** Its host's addresses. */
  readonly addresses: readonly string[];
  /**
   * Sends it a signal, named without `SIG`; watchers are called in a later turn. One that nobody watches
   * does nothing.
   *
   * @returns whether anybody watches it
   */
  raise(signal: string): boolean;
  /** Starts a child process that does nothing until told to end. `backend.child` takes it, or its pid. */
  spawn(): SimChild;
}

/** One of them, from within. */
export interface Process {
  readonly env: SimEnv;
  readonly backend: SimBackend;
  readonly net: SimNet;
}

const LEVELS: readonly string[] = ["", "fatal", "alert", "crit", "error"];

function logErrors(host: string, level: LogLevel, message: string, line?: string): void {
  if (line !== undefined) globalThis.console.error(`${host}: ${line.replace(/\n$/, "")}`);
  else if (level <= 4) globalThis.console.error(`${host}: ${LEVELS[level]}: ${message}`);
}

function reportToHost(thrown: unknown): void {
  const host = globalThis as { reportError?: (thrown: unknown) => void };
  if (host.reportError !== undefined) host.reportError(thrown);
  else globalThis.console.error(thrown);
}

/** What a process is made of. */
export interface ProcessOptions {
  readonly world: World;
  readonly machine: Machine;
  readonly network: Network;
  readonly schedule: Schedule;
  readonly random: Random;
  readonly pid: number;
  readonly newPid: () => number;
  readonly variables: Readonly<Record<string, string>>;
  readonly log?: (host: string, level: LogLevel, message: string, line?: string) => void;
  readonly onError?: (thrown: unknown, host: string) => void;
  readonly block: (host: string, done: () => boolean) => void;
}

/** Makes one; it takes no turns yet. */
export function makeProcess(options: ProcessOptions): Process {
  const { world, machine, network, schedule, random, pid, newPid, variables, block } = options;
  const { log = logErrors, onError = reportToHost } = options;
  const { name, addresses } = machine;
  const children = new Children(newPid);
  const backend = new SimBackend({
    host: name,
    schedule,
    children,
    onError: (thrown) => onError(thrown, name),
    block,
  });
  const net = new SimNet(network, machine, backend, random);
  const env: SimEnv = {
    name: "sim",
    backend,
    net,
    host: hostOf(machine, network, pid, variables),
    random,
    log: (level, message, line) => log(name, level, message, line),
    world,
    addresses,
    raise: (signal) => backend.raise(signal),
    spawn: () => children.spawn(),
  };
  return { env, backend, net };
}
