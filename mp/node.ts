/**
 * A node: local ports, the other nodes it knows, and the way messages take between them.
 *
 * Longer than most files because it is the one place where ports, peers and transport meet; each of
 * those is a file of its own.
 *
 * @module
 */
import {
  type Address,
  ClosedError,
  type LogLevel,
  messageOf,
  type Random,
  show,
  UsageError,
} from "@anyevent/backends/contract";
import { type Loop, type Seconds, seconds as toSeconds } from "@anyevent/loop";
import {
  checkConfig,
  type ConfigFile,
  type NodeConfig,
  readConfigFile,
  resolveSettings,
  type Settings,
} from "./config.ts";
import { type Context, currentContext, enterContext, type Outside } from "./context.ts";
import { noSuchPort, reasonText, textOf } from "./errors.ts";
import { FunctionTable, type RemoteFunction, sharedFunctions } from "./functions.ts";
import { checkId, checkNodeId, Identity, nodeOf, portNameOf } from "./id.ts";
import { Inbox } from "./inbox.ts";
import { Monitor, type MonitorCallback } from "./monitor.ts";
import { handleNodeMessage } from "./node_port.ts";
import { Peer } from "./peer.ts";
import {
  checkCallback,
  checkPlainCallback,
  isGeneratorFunction,
  Port,
  runGenerator,
  tagOf,
} from "./port.ts";
import { call, type CallCallback } from "./rpc.ts";
import { runServices } from "./services.ts";
import { spawnPort } from "./spawn.ts";
import { Connections } from "./transport/connections.ts";
import type { Dial, DialObserver } from "./transport/dial.ts";
import type { Link } from "./transport/link.ts";
import type {
  Handlers,
  MessageOf,
  NodeId,
  PortCallback,
  PortContext,
  PortId,
  Reason,
  Registration,
} from "./types.ts";

/** What a {@linkcode Node} is made with. */
export interface NodeOptions {
  /** The loop it lives on. */
  readonly loop: Loop;
  /** Fixes what chance would choose, for tests: prefixes of port names, names already given out. */
  readonly identity?: { readonly uniq?: string; readonly runiq?: string; readonly count?: number };
  /** Chance for delays, identifiers and nonces. Default: that of the loop's Env. */
  readonly random?: Random;
  /** Makes the nonce of each connection. Default: 66 random bytes in base64. */
  readonly nonce?: () => string;
  /**
   * Makes the `KEY=VALUE` fields that describe this end of a connection, given the address of the other
   * end, for tests. Default: `provider` and `peeraddr`.
   */
  readonly greetingExtra?: (remote: string) => readonly (readonly [key: string, value: string])[];
  /** Reads no configuration file, takes this instead. */
  readonly configFile?: ConfigFile;
  /** Gets messages up to its own level. Default: the log of the loop's Env. */
  readonly log?: (level: number, message: string) => void;
  /** The addresses to announce instead of those bound (behind a proxy or NAT). */
  readonly advertise?: readonly string[];
}

/** Something that lives on every node, as `@anyevent/global` does. */
export interface NodeExtension {
  /** The node is configured and listens; `configure` waits for what it returns. */
  start(): void | Promise<void>;
  /** The node stops. */
  stop(): void;
}

const extensions: ((node: Node) => NodeExtension)[] = [];

/**
 * Adds something to every node of this process that is configured from now on, as `@anyevent/global` does.
 *
 * `configure` begins it and waits for it, the end of the node ends it; what it throws fails `configure`.
 *
 * @param extension makes what lives on one node; the same function twice counts once
 * @throws {UsageError} when it is not a function
 * @example
 * ```ts
 * import { configure, extendNodes, stop } from "@anyevent/mp";
 *
 * extendNodes((node) => ({
 *   start: () => console.log(node.id, "is there"), // n1 is there
 *   stop: () => console.log(node.id, "ends"), // n1 ends
 * }));
 * await configure({ nodeid: "n1", binds: [] });
 * await stop();
 * ```
 */
export function extendNodes(extension: (node: Node) => NodeExtension): void {
  if (typeof extension !== "function") {
    throw new UsageError(`Cannot extend nodes: ${show(extension)} is not a function`);
  }
  if (!extensions.includes(extension)) extensions.push(extension);
}

function madeBy(extension: (node: Node) => NodeExtension, node: Node): NodeExtension {
  const made = extension(node);
  if (typeof made?.start === "function" && typeof made.stop === "function") return made;
  throw new UsageError(
    `Cannot extend node ${node.id}: ${show(extension)} gave ${show(made)}, not { start, stop }`,
  );
}

/** Told when a node comes up or goes down. */
export type NodeMonitor = (nodeId: NodeId, up: boolean, ...reason: unknown[]) => unknown;

/** Levels up to this one are printed: AnyEvent::MP's default. */
const WARN_LEVEL = 5;

/**
 * One node of the mesh. Any number of them can live in one process.
 *
 * The free functions (`snd`, `rcv`, …) act on the node whose code is running, else on the process's
 * default node; each is a method here.
 *
 * Follows AnyEvent::MP::Kernel.
 *
 * @example
 * ```ts
 * import { AE, defaultLoop } from "@anyevent/loop";
 * import { Node } from "@anyevent/mp";
 *
 * await using node = new Node({ loop: defaultLoop() });
 * const heard = AE.cv();
 * const p = node.port(function (text: string) {
 *   console.log(text, this.self === p); // hello true
 *   heard.send();
 * });
 * node.snd(p, "hello");
 * await heard.recv();
 * ```
 */
export class Node {
  /** The loop it lives on. */
  readonly loop: Loop;
  /** Its chance. */
  readonly random: Random;
  readonly #options: NodeOptions;
  #identity: Identity;
  #id: NodeId;
  #settings: Settings;
  #state: "new" | "configuring" | "running" | "stopping" | "stopped" = "new";
  readonly #byId = new Map<string, Port>();
  readonly #byName = new Map<string, Port>();
  readonly #peers = new Map<NodeId, Peer>();
  readonly #nodeMonitors = new Set<NodeMonitor>();
  readonly #timers = new Set<Registration>();
  readonly #functions = new FunctionTable(sharedFunctions);
  readonly #inbox: Inbox;
  readonly #outside: Outside = { self: undefined, node: this };
  readonly #connections: Connections;
  #extensions: NodeExtension[] = [];
  readonly #warnLevel: number;

  /**
   * A node with an id of its own, not configured yet.
   *
   * @param options the loop, and what a test wants to fix
   * @throws {UsageError} without a loop, or for an option that makes no sense
   */
  constructor(options: NodeOptions) {
    const backend: unknown = options?.loop?.env?.backend;
    if (typeof backend !== "object" || backend === null) {
      throw new UsageError(`Cannot make a node of ${show(options)}: it needs { loop }, a Loop`);
    }
    if (options.log !== undefined && typeof options.log !== "function") {
      throw new UsageError(`Cannot make a node: log ${show(options.log)} is not a function`);
    }
    this.#options = options;
    this.loop = options.loop;
    const { env } = this.loop;
    this.random = options.random ?? env.random;
    if (typeof this.random?.bytes !== "function") {
      throw new UsageError(`Cannot make a node: random ${show(this.random)} gives no bytes`);
    }
    this.#identity = new Identity(this.random, options.identity);
    this.#id = `anon/${this.#identity.runiq}`;
    this.#settings = resolveSettings({ nodeid: this.#id, profile: this.#id }, {}, env);
    this.#inbox = new Inbox(
      env.backend,
      (id, message) => this.#deliver(id, message),
      (thrown) => this.log(1, `internal error: ${messageOf(thrown)}`),
    );
    this.#connections = new Connections(this);
    const level = env.host.env("ANYEVENT_MP_WARNLEVEL") ??
      env.host.env("PERL_ANYEVENT_MP_WARNLEVEL");
    this.#warnLevel = level !== undefined && /^\d+$/.test(level) ? Number(level) : WARN_LEVEL;
  }

  /** Its id; `anon/…` until it has been configured. */
  get id(): NodeId {
    return this.#id;
  }

  /** The settings in force. */
  get settings(): Settings {
    return this.#settings;
  }

  /**
   * What its port names are made of.
   *
   * @internal
   */
  get identity(): Identity {
    return this.#identity;
  }

  /** Addresses it listens on, as announced to other nodes. */
  get listeners(): readonly string[] {
    return this.#options.advertise ?? this.#connections.listening;
  }

  /** Whether it has been configured and not been stopped. */
  get running(): boolean {
    return this.#state === "running";
  }

  /** Whether it is stopping or has been stopped. */
  get stopped(): boolean {
    return this.#state === "stopped" || this.#state === "stopping";
  }

  /**
   * A message for people: 0 always, 1 errors, 2 warnings, 7 connectivity, 8 debug, 9 trace.
   *
   * It goes to the context `AnyEvent::MP`: as an error up to the node's `warnLevel`.
   *
   * @throws {UsageError} when the level is not a number
   */
  log(level: number, message: string): void {
    if (typeof level !== "number") {
      throw new UsageError(`Cannot log: level ${show(level)} is not a number`);
    }
    if (this.#options.log !== undefined) this.#options.log(level, message);
    else {
      const shown = level <= this.#warnLevel ? 4 : Math.min(9, Math.max(6, level));
      this.loop.log.ctx("AnyEvent::MP").log(shown as LogLevel, message);
    }
  }

  /**
   * The nonce of a new connection.
   *
   * @internal
   */
  nonce(): string {
    return this.#options.nonce?.() ?? btoa(String.fromCharCode(...this.random.bytes(66)));
  }

  /**
   * The fields of a new connection's greeting that a test fixes, if it does.
   *
   * @internal
   */
  greetingExtra(remote: string): readonly (readonly [key: string, value: string])[] | undefined {
    return this.#options.greetingExtra?.(remote);
  }

  /**
   * Gives the node its id, binds its addresses and starts to look for its mesh.
   *
   * Once, before any port is made. Follows AnyEvent::MP's `configure`; what the configuration file says
   * beats what the program passes.
   *
   * @param profile of the configuration file; may be left out
   * @throws {UsageError} for bad settings, or when ports exist already
   * @throws {PeerError} when it cannot bind (with the system's code)
   */
  async configure(config?: NodeConfig): Promise<void>;
  /** The same, with a profile of the configuration file. */
  async configure(profile: string, config?: NodeConfig): Promise<void>;
  async configure(first: string | NodeConfig = {}, second: NodeConfig = {}): Promise<void> {
    if (this.#state !== "new") {
      throw new UsageError(`Cannot configure node ${this.#id}: it has been configured or stopped`);
    }
    if (this.#byId.size > 0) {
      throw new UsageError(`Cannot configure node ${this.#id}: it has ports already`);
    }
    const given = typeof first === "string"
      ? { ...checkConfig(second), profile: first }
      : checkConfig(first);
    this.#state = "configuring";
    const before = { id: this.#id, identity: this.#identity, settings: this.#settings };
    try {
      await this.#begin(given);
    } catch (error) {
      // Nothing has begun: it may be configured better.
      if (this.#state === "configuring") {
        this.#state = "new";
        this.#id = before.id;
        this.#identity = before.identity;
        this.#settings = before.settings;
      }
      throw error;
    }
    try {
      this.#extensions = extensions.map((extension) => madeBy(extension, this));
      for (const extension of this.#extensions) await extension.start();
      await runServices(this, this.#functions, this.#settings.services);
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  async #begin(given: NodeConfig): Promise<void> {
    const { env } = this.loop;
    const file = this.#options.configFile ?? await readConfigFile(env);
    const settings = resolveSettings(given, file, env);
    if (settings.seeds.length > 0 && extensions.length === 0) {
      throw new UsageError(`Cannot use seeds: import "@anyevent/global", which joins the mesh`);
    }
    const identity = new Identity(this.random, this.#options.identity);
    const id = settings.nodeid === "anon/" ? `anon/${identity.runiq}` : settings.nodeid;
    checkNodeId(id);
    this.#identity = identity;
    this.#id = id;
    this.#settings = settings;
    this.#functions.setModules(settings.modules);
    this.#connections.checkSession();
    this.log(8, `node ${id} starting up.`);
    await this.#connections.listen(settings.binds);
    if (this.#state !== "configuring") {
      throw new ClosedError(`Cannot configure node ${id}: stopped`);
    }
    this.log(8, `node listens on [${this.listeners.join(", ")}].`);
    this.#state = "running";
  }

  /**
   * Ends the node: its ports die with `["shutdown"]`, queued data leaves (for at most `flushTimeout`
   * seconds), and links, listeners and timers are gone when the promise resolves. Idempotent.
   */
  stop(): Promise<void> {
    if (this.#stopped === undefined) {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      // Known before anything else: what runs on the way may call this again.
      this.#stopped = promise;
      this.#state = "stopping";
      this.#end().then(resolve, reject);
    }
    return this.#stopped;
  }
  #stopped: Promise<void> | undefined;

  async #end(): Promise<void> {
    for (const extension of this.#extensions.splice(0)) extension.stop();
    for (const port of [...this.#byId.values()]) port.kill(["shutdown"]);
    for (const timer of [...this.#timers]) timer.cancel();
    this.#timers.clear();
    await this.#connections.stop([...this.#peers.values()], this.#settings.flushTimeout);
    for (const peer of [...this.#peers.values()]) {
      peer.lose("node stopped");
      peer.finishLoss();
    }
    this.#peers.clear();
    this.#nodeMonitors.clear();
    this.#state = "stopped";
  }

  /** `stop`, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #checkUsable(what: string): void {
    if (this.stopped) {
      throw new ClosedError(`Cannot ${what}: node ${this.#id} is stopped`);
    }
  }

  // Ports.

  /**
   * Makes a port.
   *
   * A message that matches no callback kills it. Ports exist until they are killed.
   *
   * @param callback default callback: gets every message that no tag matches, whole
   * @returns its id
   */
  port<P = unknown>(callback?: PortCallback): PortId<P> {
    this.#checkUsable("make a port");
    if (callback !== undefined) checkCallback(callback, "make a port");
    const port = this.#add(new Port(this, `${this.#identity.uniq}.${this.#identity.next()}`));
    if (callback !== undefined) port.setDefault(callback);
    return port.id as PortId<P>;
  }

  #add(port: Port): Port {
    this.#byId.set(port.id, port);
    this.#byName.set(port.name, port);
    return port;
  }

  /**
   * The local port of that id, if it exists.
   *
   * @internal
   */
  localPort(id: PortId): Port | undefined {
    return this.#byId.get(id) ?? (id.startsWith("#") ? this.#byName.get(id.slice(1)) : undefined);
  }

  /**
   * A port with a name of its own choice, for spawned and well-known ones.
   *
   * @internal
   */
  makePort(name: string): Port {
    return this.#add(new Port(this, name));
  }

  /**
   * The running context of a port that may not exist yet.
   *
   * @internal
   */
  portNamed(name: string): Port | undefined {
    return this.#byName.get(name);
  }

  /**
   * A killed port leaves the tables.
   *
   * @internal
   */
  forget(port: Port): void {
    if (this.#byId.get(port.id) === port) this.#byId.delete(port.id);
    if (this.#byName.get(port.name) === port) this.#byName.delete(port.name);
  }

  /** Whether a port or node id belongs to this node. */
  portIsLocal(id: PortId): boolean {
    const node = nodeOf(id);
    return node === this.#id || node === "";
  }

  /**
   * Installs callbacks: `rcv(port, cb)` the default one, `rcv(port, tag, cb, …)` and
   * `rcv(port, { tag: cb })` one a tag (called without the tag; `undefined` removes it).
   *
   * On a local id that is no port it makes one: so spawned and well-known ports come to be. Such a port
   * ignores messages that match nothing until it has a default callback.
   *
   * @returns the port id
   * @throws {UsageError} for a port of another node, or something that is no callback
   */
  rcv<P>(port: PortId<P>, callback: PortCallback): PortId<P>;
  /** The same, with callbacks by tag. */
  rcv<P>(port: PortId<P>, handlers: Handlers<P>): PortId<P>;
  /** The same, with tags and callbacks in turn. */
  rcv<P>(
    port: PortId<P>,
    tag: string,
    callback: PortCallback | undefined,
    ...more: (string | PortCallback | undefined)[]
  ): PortId<P>;
  rcv<P>(port: PortId<P>, ...what: unknown[]): PortId<P> {
    this.#checkUsable("receive");
    checkId(port, "port");
    if (!this.portIsLocal(port)) {
      throw new UsageError(`Cannot receive on ${show(port)}: it is not a port of node ${this.#id}`);
    }
    const name = portNameOf(port);
    if (name === "") throw new UsageError(`Cannot receive on ${show(port)}: it is the node port`);
    const actions = parseHandlers(what);
    let entry = this.#byName.get(name);
    if (entry === undefined) {
      entry = this.makePort(name);
      entry.beLenient();
    }
    for (const { tag, callback } of actions) {
      if (tag === undefined) entry.setDefault(callback!);
      else entry.setTag(tag, callback);
    }
    return port;
  }

  /**
   * Sends a message.
   *
   * Never blocks and never fails for want of a receiver. Order is kept between any sender and receiver.
   * A local port's callback never runs inside the call. Towards another node it waits for a connection;
   * what is lost is lost with everything after it, until monitors have fired.
   *
   * @throws {UsageError} when `port` is no id, or the message holds what cannot be sent to another node
   */
  snd<P>(port: PortId<P>, ...message: MessageOf<P>): void {
    const local = this.#byId.get(port);
    if (local !== undefined) {
      this.#inbox.message(local, message);
      return;
    }
    checkId(port, "port");
    this.sendTo(port, message);
  }

  /**
   * `snd` to something that is not known to be a local port.
   *
   * @internal
   */
  sendTo(id: PortId, message: readonly unknown[]): void {
    const node = nodeOf(id);
    if (node === this.#id || node === "") this.#inbox.message(id, message);
    else if (this.#state !== "stopped") this.peer(node).send([portNameOf(id), ...message]);
  }

  /** Delivers to a local port id, now. */
  #deliver(target: Port | string, message: readonly unknown[]): void {
    if (typeof target !== "string") {
      const port = target.alive ? target : this.#byId.get(target.id);
      port?.deliver(message, 0);
      return;
    }
    const name = portNameOf(target);
    if (name === "") this.#nodeMessage(this.#id, message, 0);
    else this.#byName.get(name)?.deliver(message, 0);
  }

  /**
   * A message that arrived from another node: element 0 names the port.
   *
   * @internal
   */
  received(from: Peer, message: readonly unknown[]): void {
    const first = message[0];
    const name = first === undefined || first === null ? "" : tagOf(first);
    if (name === undefined) return;
    if (name === "") this.#nodeMessage(from.id, message, 1);
    else this.#byName.get(name)?.deliver(message, 1);
  }

  /** The node whose request is being handled: set while functions that peers call begin to run. */
  get caller(): NodeId | undefined {
    return this.#caller;
  }
  #caller: NodeId | undefined;

  #nodeMessage(from: NodeId, message: readonly unknown[], start: number): void {
    const previous = enterContext(this.#outside);
    const outer = this.#caller;
    this.#caller = from;
    try {
      handleNodeMessage(this, this.#functions, from, message.slice(start));
    } catch (error) {
      this.log(2, `error processing node message: ${messageOf(error)}`);
    } finally {
      this.#caller = outer;
      enterContext(previous);
    }
  }

  /**
   * Runs an action in its turn, after everything sent locally so far.
   *
   * @internal
   */
  defer(action: () => void): void {
    this.#inbox.action(action);
  }

  /**
   * Kills a port; no reason is a normal end.
   *
   * Takes effect in order with messages: what was sent before is delivered, what is sent after is lost.
   *
   * @throws {UsageError} for a node port
   */
  kil(port: PortId, ...reason: unknown[]): void {
    checkId(port, "port");
    const name = portNameOf(port);
    if (name === "") {
      throw new UsageError(`Cannot kill ${show(port)}: killing a node port is not allowed`);
    }
    if (!this.portIsLocal(port)) {
      this.sendTo(nodeOf(port), ["kil", name, ...reason]);
      return;
    }
    const entry = this.#byName.get(name);
    if (entry !== undefined) entry.killPending = true;
    this.defer(() => this.#byName.get(name)?.kill(reason));
  }

  // Monitors.

  /**
   * Monitors a port or node: tells once when it dies, or when messages to it may have been lost.
   *
   * `mon(port, cb)` calls `cb(...reason)`; `mon(port, other)` kills `other` with the same reason, unless
   * it is empty; `mon(port)` does that to the running port; `mon(port, other, ...msg)` sends
   * `...msg, ...reason`, also for an empty reason. Never inside the call. A port that does not exist
   * counts as dead (`no_such_port`). Monitors of one port fire in the order of their registration.
   *
   * @throws {UsageError} for `mon(port)` outside of a port
   */
  mon(port: PortId, callback: MonitorCallback): Registration;
  /** The same, killing another port or sending it a message. */
  mon(port: PortId, other?: PortId, ...message: unknown[]): Registration;
  mon(port: PortId, what?: MonitorCallback | PortId, ...message: unknown[]): Registration {
    this.#checkUsable("monitor");
    checkId(port, "port");
    const callback = this.#monitorCallback(what, message);
    const monitor = this.#newMonitor(callback, port);
    if (!this.portIsLocal(port)) {
      this.peer(nodeOf(port)).monitor(portNameOf(port), monitor);
      return monitor;
    }
    const name = portNameOf(port);
    const entry = this.#byName.get(name);
    if (entry !== undefined && !entry.dying && !entry.killPending) entry.monitors.add(monitor);
    else if (name !== "") this.defer(() => this.#monitorPort(name, monitor));
    return monitor;
  }

  #monitorCallback(
    what: MonitorCallback | PortId | undefined,
    message: readonly unknown[],
  ): MonitorCallback {
    if (typeof what === "function") {
      checkPlainCallback(what, "monitor");
      return what;
    }
    if (what !== undefined && typeof what !== "string") {
      throw new UsageError(
        `Cannot monitor with ${show(what)}: it is neither a function nor a port`,
      );
    }
    const other = what ?? currentContext()?.self;
    if (what !== undefined) checkId(what, "port");
    if (other === undefined) {
      throw new UsageError("Cannot monitor for the running port: no port is running");
    }
    if (message.length > 0) return (...reason) => this.snd(other, ...message, ...reason);
    return (...reason) => {
      if (reason.length > 0) this.kil(other, ...reason);
    };
  }

  #newMonitor(callback: MonitorCallback, port: PortId): Monitor {
    return new Monitor((...reason) => this.outside(() => callback(...reason)), (thrown) => {
      this.log(1, `monitor of ${port} failed: ${textOf(thrown)}`);
    });
  }

  #monitorPort(name: string, monitor: Monitor): void {
    if (!monitor.active) return;
    const entry = this.#byName.get(name);
    if (entry !== undefined) entry.monitors.add(monitor);
    else monitor.fire(noSuchPort(`${this.#id}#${name}`));
  }

  /**
   * Monitors a local port for another node: a port that does not exist is told at once.
   *
   * @internal
   */
  monitorNow(name: string, callback: MonitorCallback): Monitor {
    const monitor = this.#newMonitor(callback, `${this.#id}#${name}`);
    if (name !== "") this.#monitorPort(name, monitor);
    return monitor;
  }

  /**
   * Disposes of values when a port dies.
   *
   * @returns keeps them after all
   */
  monGuard(port: PortId, ...values: Disposable[]): Registration {
    for (const value of values) {
      if (typeof value?.[Symbol.dispose] !== "function") {
        throw new UsageError(`Cannot guard ${show(value)}: it has no [Symbol.dispose]`);
      }
    }
    return this.mon(port, () => {
      using stack = new DisposableStack();
      for (const value of values) stack.use(value);
    });
  }

  // Port context.

  #runningPort(what: string): { context: Context; port: Port | undefined } {
    const context = currentContext();
    if (context?.self === undefined) throw new UsageError(`Cannot ${what}: no port is running`);
    return { context, port: context.node.localPort(context.self) };
  }

  /**
   * Binds a function to the running port: called later, from anywhere, it runs with that `SELF()`, and
   * what it throws or rejects with kills the port (the call then returns `undefined`).
   *
   * @throws {UsageError} outside of a port
   */
  psub<A extends unknown[], R>(
    callback: (this: PortContext, ...args: A) => R,
  ): (...args: A) => R | undefined {
    if (typeof callback !== "function") {
      throw new UsageError(`Cannot bind ${show(callback)} to the port: it is not a function`);
    }
    const { context } = this.#runningPort("bind a function to the port");
    return (...args) => context.node.invoke(context, callback, args);
  }

  /**
   * Runs code of this node that belongs to no port: the free functions act on this node.
   *
   * @internal
   */
  outside<R>(body: () => R): R {
    const previous = enterContext(this.#outside);
    try {
      return body();
    } finally {
      enterContext(previous);
    }
  }

  /**
   * Calls a function as a port; a generator function runs as a thread, and nothing comes back.
   *
   * @internal
   */
  invoke<A extends unknown[], R>(
    context: Context,
    callback: (this: PortContext, ...args: A) => R,
    args: A,
  ): R | undefined {
    if (!isGeneratorFunction(callback)) {
      return this.runIn(context, () => callback.apply(context, args));
    }
    const port = this.#byId.get(context.self);
    if (port === undefined) {
      throw new UsageError(`Cannot run a thread in ${show(context.self)}: there is no such port`);
    }
    runGenerator(port, callback as PortCallback, args);
    return undefined;
  }

  /**
   * Runs a function with the context of a port; an error kills the port, if there is one by then.
   *
   * @internal
   */
  runIn<R>(context: Context, body: () => R): R | undefined {
    const failed = (error: unknown): void => {
      const port = this.#byId.get(context.self);
      if (port !== undefined) port.die(error);
      else this.log(2, `error in code of dead port ${context.self}: ${messageOf(error)}`);
    };
    const previous = enterContext(context);
    try {
      const result = body();
      if (result instanceof Promise) result.catch(failed);
      return result;
    } catch (error) {
      failed(error);
      return undefined;
    } finally {
      enterContext(previous);
    }
  }

  /**
   * Runs a function in the context of a local port.
   *
   * @returns what it returns, or `undefined` when it threw, which kills the port
   * @throws {UsageError} for a port of another node
   */
  peval<A extends unknown[], R>(
    port: PortId,
    callback: (this: PortContext, ...args: A) => R,
    ...args: A
  ): R | undefined {
    checkId(port, "port");
    if (!this.portIsLocal(port)) {
      throw new UsageError(
        `Cannot run code in ${show(port)}: it is not a port of node ${this.#id}`,
      );
    }
    if (typeof callback !== "function") {
      throw new UsageError(`Cannot run ${show(callback)} in a port: it is not a function`);
    }
    const context = this.localPort(port)?.context ?? this.contextFor(port);
    return this.invoke(context, callback, args);
  }

  /**
   * A context for a port id that has no port yet.
   *
   * @internal
   */
  contextFor(id: PortId): Context {
    return new Port(this, portNameOf(id)).context;
  }

  // Time, calls, spawning.

  /**
   * Calls back, or sends a message, once after some seconds; not in the context of any port.
   *
   * @returns cancels it
   */
  after(seconds: Seconds, callback: () => unknown): Registration;
  /** The same, sending a message. */
  after(seconds: Seconds, port: PortId, ...message: unknown[]): Registration;
  after(seconds: Seconds, what: (() => unknown) | PortId, ...message: unknown[]): Registration {
    this.#checkUsable("set a timer");
    if (typeof what !== "function") checkId(what, "port");
    else checkPlainCallback(what, "set a timer");
    const length = toSeconds(seconds, "set a timer");
    const action = typeof what === "function" ? what : () => this.snd(what, ...message);
    const timer = this.loop.timer({
      after: length,
      cb: () => {
        this.#timers.delete(timer);
        return this.outside(action);
      },
    });
    const cancel = (): void => {
      this.#timers.delete(timer);
      timer.cancel();
    };
    this.#timers.add(timer);
    return { cancel, [Symbol.dispose]: cancel };
  }

  /**
   * Sends a message with a temporary reply port appended, and calls back once with the reply.
   *
   * Without a timeout the target is monitored: the callback gets no arguments when it dies.
   *
   * @param rest the message, the callback, and optionally a timeout in seconds: then the callback gets no
   * arguments when it has passed
   * @returns the reply port
   */
  cal(port: PortId, ...rest: [...message: unknown[], callback: CallCallback]): PortId;
  /** The same, with a timeout in seconds. */
  cal(
    port: PortId,
    ...rest: [...message: unknown[], callback: CallCallback, timeout: Seconds | undefined]
  ): PortId;
  cal(port: PortId, ...rest: unknown[]): PortId {
    this.#checkUsable("call");
    return call(this, port, rest);
  }

  /**
   * Makes a port on a node and runs a registered function there, with `SELF()` being that port.
   *
   * Returns at once; the init function never runs inside the call. Messages and monitors sent to the
   * port after this arrive after the init function has run. When the function is not registered, throws
   * before it has called `rcv`, or never does, there is no such port, as a monitor will tell.
   *
   * @param node a node id, or any port id of that node
   * @param name qualified function name, as in `mymod::init` or `::init`
   * @param args what the function gets
   * @returns the id of the port
   */
  spawn(node: NodeId | PortId, name: string, ...args: unknown[]): PortId {
    this.#checkUsable("spawn");
    return spawnPort(this, node, name, args);
  }

  /** Lets peers call a function of this node by name; see the free function `register`. */
  register(name: string, callback: RemoteFunction): () => void {
    return this.#functions.register(name, callback);
  }

  /** Calls a registered function on a node, without reply. */
  sndToFunc(node: NodeId, name: string, ...args: unknown[]): void {
    checkId(node, "node");
    checkId(name, "function name");
    this.sendTo(nodeOf(node), [name, ...args]);
  }

  /** Lets a node send a message: proves, when it comes back, that all sent before was processed. */
  sndOn(node: NodeId, port: PortId, ...message: unknown[]): void {
    checkId(node, "node");
    checkId(port, "port");
    this.sendTo(nodeOf(node), ["snd", port, ...message]);
  }

  /** Evaluates code on a node that allows it; the reply gets the error text and the results. */
  evalOn(node: NodeId, code: string, ...reply: unknown[]): void {
    checkId(node, "node");
    if (typeof code !== "string") {
      throw new UsageError(`Cannot evaluate ${show(code)}: it is not a string`);
    }
    this.sendTo(nodeOf(node), ["eval", code, ...reply]);
  }

  // Other nodes.

  /** The entry of another node, made when missing. */
  peer(id: NodeId): Peer {
    let peer = this.#peers.get(id);
    if (peer === undefined) {
      checkNodeId(id);
      peer = new Peer(this, id);
      this.#peers.set(id, peer);
    }
    return peer;
  }

  /**
   * Forgets a node nothing depends on any more.
   *
   * @internal
   */
  release(peer: Peer): void {
    if (peer.idle && this.#peers.get(peer.id) === peer) this.#peers.delete(peer.id);
  }

  /** Whether a node is connected (`true`), known but not connected (`false`), or unknown. */
  nodeIsUp(id: NodeId): boolean | undefined {
    if (id === this.#id) return true;
    return this.#peers.get(id)?.up;
  }

  /** Ids of all connected nodes, without this one. */
  upNodes(): NodeId[] {
    return [...this.#peers.values()].filter((peer) => peer.up).map((peer) => peer.id);
  }

  /** Ids of all nodes with an entry, this one first. */
  knownNodes(): NodeId[] {
    return [this.#id, ...this.#peers.keys()];
  }

  /** Tells when nodes come up and go down, from now on; combine with `upNodes`. */
  monNodes(callback: NodeMonitor): Registration {
    checkPlainCallback(callback, "monitor nodes");
    const entry: NodeMonitor = (...args) => callback(...args);
    this.#nodeMonitors.add(entry);
    const cancel = (): void => void this.#nodeMonitors.delete(entry);
    return { cancel, [Symbol.dispose]: cancel };
  }

  /**
   * A node came up or went down.
   *
   * @internal
   */
  announce(id: NodeId, up: boolean, reason: Reason): void {
    this.log(7, `${id} is ${up ? "up" : "down"} (${reasonText(reason)})`);
    for (const monitor of [...this.#nodeMonitors]) {
      if (!this.#nodeMonitors.has(monitor)) continue;
      try {
        const result = this.outside(() => monitor(id, up, ...reason));
        if (result instanceof Promise) {
          result.catch((error) => this.log(1, `node monitor failed: ${messageOf(error)}`));
        }
      } catch (error) {
        this.log(1, `node monitor failed: ${messageOf(error)}`);
      }
    }
  }

  /** Tries to connect to an address, whoever is there. */
  dial(address: Address, expected: NodeId | undefined, observer: DialObserver): Dial {
    return this.#connections.dial(address, expected, observer);
  }

  /**
   * Ends a connection, and tells who dialled it.
   *
   * @internal
   */
  drop(link: Link, reason: string): void {
    this.#connections.drop(link, reason);
  }

  /** Counters for tests: all but `ports` zero when nothing goes on. */
  stats(): { ports: number; peers: number; handshakes: number; dials: number; deferred: number } {
    return {
      ports: this.#byId.size,
      peers: this.#peers.size,
      handshakes: this.#connections.handshakes.count,
      dials: this.#connections.handshakes.dials.length,
      deferred: this.#inbox.size,
    };
  }
}

function parseHandlers(
  what: readonly unknown[],
): { readonly tag: string | undefined; readonly callback: PortCallback | undefined }[] {
  const actions: { tag: string | undefined; callback: PortCallback | undefined }[] = [];
  if (what.length === 0) throw new UsageError("Cannot receive: no callback given");
  for (let i = 0; i < what.length; i++) {
    const item = what[i];
    if (typeof item === "function") {
      checkCallback(item, "receive");
      actions.push({ tag: undefined, callback: item });
    } else if (typeof item === "string") {
      const callback = what[++i];
      if (callback !== undefined && callback !== null) checkCallback(callback, `receive "${item}"`);
      actions.push({ tag: item, callback: (callback ?? undefined) as PortCallback | undefined });
    } else if (typeof item === "object" && item !== null && !Array.isArray(item)) {
      for (const [tag, callback] of Object.entries(item)) {
        if (callback !== undefined && callback !== null) {
          checkCallback(callback, `receive "${tag}"`);
        }
        actions.push({ tag, callback: (callback ?? undefined) as PortCallback | undefined });
      }
    } else {
      throw new UsageError(`Cannot receive with ${show(item)}: it is neither a callback nor a tag`);
    }
  }
  return actions;
}
