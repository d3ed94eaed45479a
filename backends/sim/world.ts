import type { Undo } from "../contract/backend.ts";
import type { LogLevel } from "../contract/env.ts";
import { DeadlockError, show, TimeoutError, UsageError } from "../contract/errors.ts";
import type { Address } from "../contract/net.ts";
import { checkOptional, checkOptions } from "../contract/options.ts";
import { seededRandom } from "../contract/prng.ts";
import { isLiteral } from "./address.ts";
import {
  type ChopLimits,
  type DatagramFaults,
  Faults,
  type LatencyRange,
  type LinkFilter,
} from "./faults.ts";
import { HostTurns, onHostExhausted } from "./host_turns.ts";
import { type Ends, Network } from "./network.ts";
import { makeProcess, type Process, type SimEnv, type SimEnvOptions } from "./process.ts";
import { Schedule } from "./schedule.ts";

/** Options of {@linkcode simWorld}. */
export interface SimWorldOptions {
  /** Where all chance of the world comes from: same seed and same program, same run. Default 1. */
  readonly seed?: number;
  /** Epoch seconds at which the clock begins. Default 1 000 000 000. */
  readonly start?: number;
  /**
   * Whether the world moves by itself, as fast as it can, as long as there is something to do. Default
   * false: it moves only in `run`, `until`, `finish` and `settle`.
   */
  readonly moving?: boolean;
  /** Bytes a connection takes in each direction before writing would block. Default 65536. */
  readonly capacity?: number;
  /** Seconds after which the system gives up what does not get through. Default 60. */
  readonly tcpTimeout?: number;
  /** Gets a line for each turn and packet. */
  readonly trace?: (line: string) => void;
  /** Gets messages for people; see `LogSink`. Default: as the native Env prints them, after the host. */
  readonly log?: (host: string, level: LogLevel, message: string, line?: string) => void;
  /** Gets what callbacks threw. Default: the host's `reportError`. */
  readonly onError?: (thrown: unknown, host: string) => void;
}

const DEFAULT_LIMIT = 3600;

function checkNumber(value: unknown, least: number, name: string): void {
  if (typeof value !== "number" || !(value >= least && value < Infinity)) {
    throw new UsageError(`Cannot make world: ${name} ${show(value)} is no number from ${least}`);
  }
}

/** A condition's source in one line. */
function textOf(condition: () => boolean): string {
  const text = String(condition).replace(/\s+/g, " ");
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

/** Different, but as repeatable. */
function derived(seed: number, index: number): number {
  return (Math.imul(seed, 0x9e3779b1) ^ Math.imul(index, 0x85ebca6b)) | 0;
}

/**
 * A world in virtual time: hosts with a loop each, and a network between them that does what a test wants.
 *
 * Several hosts share one clock and one network. Time jumps to the next thing that is due, and only when
 * nothing is left to do before: each step is one turn of one loop (chosen by the seed where several have
 * something to do), and one turn of the real host lies between two steps, so that whatever promises make
 * runnable has run. Work of the real host (files, real sockets, `crypto.subtle`) is not waited for.
 *
 * Connections keep what they were given, as TCP does: latency never reorders or loses it; a partition
 * holds it back until it is healed, or until the system gives up after `tcpTimeout` seconds
 * (`ETIMEDOUT`). Connections with keep-alive notice a partition of that length also when idle.
 *
 * Names of hosts resolve to their addresses, on all hosts.
 *
 * Backends: sim. Permissions: none.
 *
 * @example
 * ```ts
 * import { simWorld } from "@anyevent/backends/sim";
 *
 * const world = simWorld({ seed: 7 });
 * const server = world.env("server");
 * const client = world.env("client");
 * world.latency([0.01, 0.2]);
 * server.net.listen({ transport: "tcp", host: "0.0.0.0", port: 80 }, (stream) => {
 *   stream.tryWrite(new TextEncoder().encode("hello"));
 *   stream.shutdown();
 * });
 * let remote = "";
 * client.net.connect({ transport: "tcp", host: "server", port: 80 }, (error, stream) => {
 *   remote = stream?.remote ?? String(error);
 * });
 * await world.until(() => remote !== "");
 * console.log(remote); // 10.0.0.1:80
 * ```
 */
export class World {
  readonly #schedule: Schedule;
  readonly #faults: Faults;
  readonly #network: Network;
  readonly #processes = new Map<string, Process>();
  readonly #options: SimWorldOptions;
  readonly #seed: number;
  readonly #turns: HostTurns;
  #driver = "";
  #stepping = false;
  #pids = 100;
  #undoExhausted: Undo | undefined;

  /** Use {@linkcode simWorld}. */
  constructor(options: SimWorldOptions = {}) {
    checkOptions(options, "make world");
    for (const name of ["log", "onError", "trace"] as const) {
      checkOptional(options[name], `make world: ${name}`);
    }
    const { seed = 1, start = 1e9, capacity = 65536, tcpTimeout = 60, trace } = options;
    checkNumber(seed, -Infinity, "seed");
    checkNumber(start, 0, "start");
    checkNumber(capacity, 1, "capacity");
    checkNumber(tcpTimeout, 0, "tcpTimeout");
    this.#options = options;
    this.#seed = seed;
    this.#turns = new HostTurns(() => this.#move());
    this.#schedule = new Schedule(start, seededRandom(derived(seed, 1)), trace);
    this.#faults = new Faults(seededRandom(derived(seed, 2)));
    this.#network = new Network(this.#schedule, this.#faults, Math.floor(capacity), tcpTimeout);
    if (options.moving) this.#schedule.changed = () => this.#park();
  }

  /** Virtual time: what `now()` of all loops reads, epoch seconds. */
  get now(): number {
    return this.#schedule.now;
  }

  /**
   * The process on a host, made when first asked for.
   *
   * @param name of the host, in lower case; it resolves to the host's addresses
   * @param options only when it is new
   * @throws {UsageError} when options are given for one that there is
   */
  env(name: string, options?: SimEnvOptions): SimEnv {
    const sound = typeof name === "string" && /^[a-z0-9][a-z0-9._-]*$/.test(name);
    if (!sound || name === "localhost" || isLiteral(name)) {
      throw new UsageError(`Cannot make host ${show(name)}: it is not a name for one`);
    }
    const known = this.#processes.get(name);
    if (known === undefined) return this.#start(name, options ?? {});
    if (options !== undefined) {
      throw new UsageError(
        `Cannot make host ${show(name)}: there is one, and options came too late`,
      );
    }
    return known.env;
  }

  /**
   * Ends the process on a host, as SIGKILL does: its callbacks are not called any more, its system closes
   * its connections and listeners. Host, addresses and files stay; `env` starts a new process there.
   *
   * @throws {UsageError} when there is none
   */
  kill(name: string): void {
    const process = this.#processes.get(name);
    if (process === undefined) throw new UsageError(`Cannot kill ${show(name)}: it does not run`);
    this.#processes.delete(name);
    this.#schedule.say(`kill ${name}`);
    process.net.kill();
    process.backend.dispose();
    this.#schedule.remove(process.backend);
  }

  /**
   * Lets time pass; everything due meanwhile happens.
   *
   * @param seconds how much
   * @throws {UsageError} while the world is driven already
   */
  run(seconds: number): Promise<void> {
    if (typeof seconds !== "number" || !(seconds >= 0 && seconds < Infinity)) {
      throw new UsageError(`Cannot run world: ${show(seconds)} is no number of seconds`);
    }
    return this.#drive("run", async () => {
      const end = this.now + seconds;
      while (await this.#step(end));
      this.#schedule.moveTo(end);
    });
  }

  /** Does everything that is due now, promises included, without letting time pass. */
  settle(): Promise<void> {
    return this.#drive("settle", async () => {
      const now = this.now;
      while (await this.#step(now));
    });
  }

  /**
   * Lets time pass until a condition holds; it is looked at after each turn.
   *
   * @param condition without effects
   * @param limit virtual seconds it may take. Default 3600
   * @throws {TimeoutError} when they have passed first
   * @throws {DeadlockError} when nothing is left that could happen
   */
  until(condition: () => boolean, limit: number = DEFAULT_LIMIT): Promise<void> {
    if (typeof condition !== "function") {
      throw new UsageError(`Cannot run world: condition ${show(condition)} is not a function`);
    }
    if (typeof limit !== "number" || !(limit >= 0)) {
      throw new UsageError(`Cannot run world: limit ${show(limit)} is no number of seconds`);
    }
    return this.#drive("until", async () => {
      const end = this.now + limit;
      let told = false;
      for (;;) {
        await this.#turns.next();
        if (condition()) return;
        if (this.#stepNow(end)) {
          told = false;
          continue;
        }
        if (this.#schedule.next() < Infinity) {
          this.#schedule.moveTo(end);
          throw new TimeoutError(
            `Cannot reach ${textOf(condition)}: ${limit} virtual seconds have passed first`,
          );
        }
        // Those who wait in vain are told first, and may still do something about it.
        if (told) throw new DeadlockError([`world.until(${textOf(condition)})`]);
        told = true;
        this.#tellExhausted();
      }
    });
  }

  /**
   * Lets time pass until a promise or operation has its outcome, and gives that.
   *
   * @param promise what to wait for
   * @param limit virtual seconds it may take. Default 3600
   * @returns its value
   * @throws {TimeoutError} when they have passed first
   * @throws {DeadlockError} when nothing is left that could happen
   */
  async finish<T>(promise: PromiseLike<T>, limit: number = DEFAULT_LIMIT): Promise<T> {
    let done = false;
    const mark = (): void => void (done = true);
    const outcome = Promise.resolve(promise);
    outcome.then(mark, mark);
    await this.until(() => done, limit);
    return await outcome;
  }

  /** Sets the wall clock forward or, by a negative number of seconds, back; timers do not notice. */
  stepClock(seconds: number): void {
    if (!Number.isFinite(seconds)) {
      throw new UsageError(`Cannot step clock: ${show(seconds)} is no number of seconds`);
    }
    this.#schedule.wallOffset += seconds;
  }

  /**
   * Sets how long things take from host to host; each packet's is drawn. The latest that applies counts.
   *
   * Default: 0.2 to 0.8 ms between hosts, 20 to 50 µs on one.
   *
   * @param range seconds
   * @param filter which ways. Default: those between different hosts
   * @returns takes it back
   */
  latency(range: LatencyRange, filter?: LinkFilter): Undo {
    return this.#faults.latency(range, filter);
  }

  /**
   * Lets nothing through on some ways. Connections need both directions: one blocked way stops them.
   *
   * @param filter which ways
   * @returns takes it back
   */
  block(filter: LinkFilter): Undo {
    return this.#faults.block(filter);
  }

  /**
   * Divides the hosts: nothing gets from one group to another. It replaces the partition before.
   *
   * @param groups names of hosts; those in none form one more group together
   */
  partition(groups: readonly (readonly string[])[]): void {
    const numbers = new Map<string, number>();
    if (!Array.isArray(groups) || !groups.every((group) => Array.isArray(group))) {
      throw new UsageError(`Cannot partition: ${show(groups)} is not an array of arrays of names`);
    }
    for (const [number, group] of groups.entries()) {
      for (const name of group) {
        if (this.#network.byName(name) === undefined || numbers.has(name)) {
          throw new UsageError(
            `Cannot partition: ${show(name)} is no host, or in several groups`,
          );
        }
        numbers.set(name, number);
      }
    }
    this.#schedule.say(`partition ${groups.map((group) => group.join("+")).join(" | ")}`);
    this.#faults.partition(numbers);
  }

  /** Ends the partition and all that is blocked; what was held back arrives. */
  heal(): void {
    this.#schedule.say("heal");
    this.#faults.heal();
  }

  /**
   * Breaks connections: reading gives what had arrived, then `ECONNRESET`; what was on the way is lost.
   *
   * @param which chooses by the ends of either side. Default: all
   * @returns how many
   */
  cut(which: (ends: Ends) => boolean = () => true): number {
    checkOptional(which, "cut connections");
    return this.#network.sever(which);
  }

  /**
   * Cuts reads, writes and what travels to pieces of random sizes.
   *
   * @param limits the most bytes of a piece
   * @param filter by host and peer: for reads the reading host comes first. Default: all
   * @returns takes it back
   */
  chop(limits: ChopLimits, filter?: LinkFilter): Undo {
    return this.#faults.chop(limits, filter);
  }

  /**
   * Loses, doubles and reorders datagrams. The latest that applies counts.
   *
   * @param faults probabilities
   * @param filter which ways. Default: all
   * @returns takes it back
   */
  datagrams(faults: DatagramFaults, filter?: LinkFilter): Undo {
    return this.#faults.datagrams(faults, filter);
  }

  /**
   * Ends listeners: they are told by `failed`; what they had accepted goes on.
   *
   * @param which chooses by host and address. Default: all
   * @returns how many
   */
  dropListeners(which: (host: string, address: Address) => boolean = () => true): number {
    checkOptional(which, "drop listeners");
    return this.#network.dropListeners(which);
  }

  #start(name: string, options: SimEnvOptions): SimEnv {
    const known = this.#network.byName(name);
    if (known !== undefined && options.addresses !== undefined) {
      throw new UsageError(
        `Cannot make host ${show(name)}: there is one, with addresses of its own`,
      );
    }
    const { log, onError } = this.#options;
    const pid = ++this.#pids;
    const process = makeProcess({
      world: this,
      machine: known ?? this.#network.addMachine(name, options.addresses),
      network: this.#network,
      schedule: this.#schedule,
      random: seededRandom(derived(this.#seed, pid)),
      pid,
      newPid: () => ++this.#pids,
      variables: options.variables ?? {},
      log,
      onError,
      block: (host, done) => this.#block(host, done),
    });
    this.#processes.set(name, process);
    this.#schedule.add(process.backend);
    return process.env;
  }

  async #drive(name: string, body: () => Promise<void>): Promise<void> {
    if (this.#driver !== "") {
      throw new UsageError(`Cannot ${name} world: ${this.#driver}() is driving it already`);
    }
    this.#driver = name;
    try {
      await body();
    } finally {
      this.#driver = "";
      if (this.#options.moving) this.#park();
    }
  }

  /** What promises made runnable, then one step. */
  async #step(limit: number): Promise<boolean> {
    await this.#turns.next();
    return this.#stepNow(limit);
  }

  #stepNow(limit: number): boolean {
    const outer = this.#stepping;
    this.#stepping = true;
    try {
      return this.#schedule.step(limit);
    } finally {
      this.#stepping = outer;
    }
  }

  #block(host: string, done: () => boolean): void {
    // The loop above watches for exhaustion exactly while an `await` of its operations waits.
    for (const { backend } of this.#processes.values()) {
      if (backend.exhaustedWatchers === 0) continue;
      throw new UsageError(
        `Cannot block host ${host}: an \`await\` is outstanding, which could not go on meanwhile; ` +
          "`await` or `yield*` here, too",
      );
    }
    while (!done()) {
      if (this.#stepNow(Infinity)) continue;
      throw new DeadlockError([`a call that blocks host ${host}`]);
    }
    if (this.#options.moving) this.#park();
  }

  #tellExhausted(): void {
    for (const { backend } of [...this.#processes.values()]) backend.tellExhausted();
  }

  /** One step of a world that moves by itself. */
  #move(): void {
    if (this.#driver === "" && !this.#stepping) this.#stepNow(Infinity);
    this.#park();
  }

  /** Asks the real host for what a world that moves by itself needs next, and for nothing else. */
  #park(): void {
    if (this.#stepping || this.#driver !== "") return;
    const backends = [...this.#processes.values()].map(({ backend }) => backend);
    if (backends.some((backend) => backend.exhaustedWatchers > 0)) {
      this.#undoExhausted ??= onHostExhausted(() => this.#tellExhausted());
    } else {
      this.#undoExhausted?.();
      this.#undoExhausted = undefined;
    }
    if (this.#schedule.next() === Infinity) this.#turns.disarm();
    else this.#turns.arm(backends.some((one) => one.held || one.stats().posted > 0));
  }
}

/**
 * Makes a {@linkcode World}: an empty one, to which `env` adds hosts.
 *
 * The host's `setImmediate` (or `setTimeout`) is taken here, so fake timers installed later do not stop it.
 *
 * @param options seed, start of time, and where messages go
 * @throws {UsageError} when an option makes no sense
 *
 * @example
 * ```ts
 * import { simWorld } from "@anyevent/backends/sim";
 *
 * const world = simWorld();
 * const { backend } = world.env("host");
 * const begun = backend.now();
 * let rang = 0;
 * backend.timer(3600, () => rang = backend.now() - begun);
 * await world.run(7200); // takes no time
 * console.log(rang); // 3600
 * ```
 */
export function simWorld(options: SimWorldOptions = {}): World {
  return new World(options);
}
