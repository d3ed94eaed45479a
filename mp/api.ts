/**
 * The functions of AnyEvent::MP, acting on the node whose code is running, else on the default node.
 *
 * @module
 */
import type { NodeConfig } from "./config.ts";
import type { Seconds } from "@anyevent/loop";
import { currentNode, defaultNode } from "./default_node.ts";
import type { MonitorCallback } from "./monitor.ts";
import type { NodeMonitor } from "./node.ts";
import type { CallCallback } from "./rpc.ts";
import type {
  Handlers,
  MessageOf,
  NodeId,
  PortCallback,
  PortContext,
  PortId,
  Registration,
} from "./types.ts";

/**
 * Gives the default node its id, binds its addresses and starts to look for its mesh; see
 * {@linkcode Node.configure}.
 *
 * Permissions: `--allow-net` for what is bound and dialled; `--allow-read` and `--allow-env=HOME` only
 * to use a configuration file; `--allow-sys=hostname` only for the default node id.
 *
 * Follows AnyEvent::MP's `configure`.
 *
 * @param profile of the configuration file; may be left out
 * @throws {UsageError} for bad settings, or when ports exist already
 * @throws {PeerError} when it cannot bind
 * @example
 * ```ts
 * import { configure, NODE, stop } from "@anyevent/mp";
 *
 * await configure({ nodeid: "n1", binds: [] });
 * console.log(NODE()); // n1
 * await stop();
 * ```
 */
export async function configure(config?: NodeConfig): Promise<void>;
/** The same, with a profile of the configuration file. */
export async function configure(profile: string, config?: NodeConfig): Promise<void>;
export async function configure(
  first: string | NodeConfig = {},
  second: NodeConfig = {},
): Promise<void> {
  const node = defaultNode();
  if (typeof first === "string") await node.configure(first, second);
  else await node.configure(first);
}

/** Ends the default node; see {@linkcode Node.stop}. */
export async function stop(): Promise<void> {
  await defaultNode().stop();
}

/** The id of the node. Follows AnyEvent::MP's `NODE`. */
export function NODE(): NodeId {
  return currentNode().id;
}

/**
 * Makes a port; see {@linkcode Node.port}. Follows AnyEvent::MP's `port`.
 *
 * @param callback default callback: gets every message that no tag matches, whole
 * @returns its id
 * @example
 * ```ts
 * import { port, snd } from "@anyevent/mp";
 *
 * const p = port((...message) => console.log(message)); // ["hello", 1]
 * snd(p, "hello", 1);
 * ```
 */
export function port<P = unknown>(callback?: PortCallback): PortId<P> {
  return currentNode().port<P>(callback);
}

/**
 * Installs callbacks on a local port; see {@linkcode Node.rcv}. Follows AnyEvent::MP's `rcv`.
 *
 * @returns the port id
 * @throws {UsageError} for a port of another node, or something that is no callback
 * @example
 * ```ts
 * import { port, rcv, snd } from "@anyevent/mp";
 *
 * const p = port<{ add: [a: number, b: number] }>();
 * rcv(p, { add: (a, b) => console.log(a + b) }); // 3
 * snd(p, "add", 1, 2);
 * ```
 */
export function rcv<P>(port: PortId<P>, callback: PortCallback): PortId<P>;
/** The same, with callbacks by tag. */
export function rcv<P>(port: PortId<P>, handlers: Handlers<P>): PortId<P>;
/** The same, with tags and callbacks in turn. */
export function rcv<P>(
  port: PortId<P>,
  tag: string,
  callback: PortCallback | undefined,
  ...more: (string | PortCallback | undefined)[]
): PortId<P>;
export function rcv<P>(port: PortId<P>, ...what: unknown[]): PortId<P> {
  const receive = currentNode().rcv as (port: PortId<P>, ...what: unknown[]) => PortId<P>;
  return receive.call(currentNode(), port, ...what);
}

/**
 * Sends a message; see {@linkcode Node.snd}. Follows AnyEvent::MP's `snd`.
 *
 * @throws {UsageError} when `port` is no id, or the message holds what cannot be sent to another node
 */
export function snd<P>(port: PortId<P>, ...message: MessageOf<P>): void {
  currentNode().snd(port, ...message);
}

/**
 * Kills a port; see {@linkcode Node.kil}. Follows AnyEvent::MP's `kil`.
 *
 * @param reason none for a normal end
 * @throws {UsageError} for a node port
 */
export function kil(port: PortId, ...reason: unknown[]): void {
  currentNode().kil(port, ...reason);
}

/**
 * Monitors a port or node; see {@linkcode Node.mon}. Follows AnyEvent::MP's `mon`.
 *
 * @returns stops monitoring
 * @throws {UsageError} for `mon(port)` outside of a port
 * @example
 * ```ts
 * import { kil, mon, port } from "@anyevent/mp";
 *
 * const p = port();
 * mon(p, (...reason) => console.log(reason)); // ["custom", "text"]
 * kil(p, "custom", "text");
 * ```
 */
export function mon(port: PortId, callback: MonitorCallback): Registration;
/** The same, killing another port or sending it a message. */
export function mon(port: PortId, other?: PortId, ...message: unknown[]): Registration;
export function mon(
  port: PortId,
  what?: MonitorCallback | PortId,
  ...message: unknown[]
): Registration {
  const node = currentNode();
  if (typeof what === "function") return node.mon(port, what);
  return node.mon(port, what, ...message);
}

/** Disposes of values when a port dies; see {@linkcode Node.monGuard}. */
export function monGuard(port: PortId, ...values: Disposable[]): Registration {
  return currentNode().monGuard(port, ...values);
}

/**
 * Binds a function to the running port; see {@linkcode Node.psub}. Follows AnyEvent::MP's `psub`.
 *
 * @throws {UsageError} outside of a port
 * @example
 * ```ts
 * import { AE } from "@anyevent/loop";
 * import { after, mon, port, psub, snd } from "@anyevent/mp";
 *
 * const p = port(() => {
 *   after(0.01, psub(() => {
 *     throw new Error("oops");
 *   }));
 * });
 * const died = AE.cv();
 * mon(p, died);
 * snd(p);
 * console.log(await died.recvAll()); // ["die", "oops"]
 * ```
 */
export function psub<A extends unknown[], R>(
  callback: (this: PortContext, ...args: A) => R,
): (...args: A) => R | undefined {
  return currentNode().psub(callback);
}

/**
 * Runs a function in the context of a local port; see {@linkcode Node.peval}. Follows AnyEvent::MP's
 * `peval`.
 */
export function peval<A extends unknown[], R>(
  port: PortId,
  callback: (this: PortContext, ...args: A) => R,
  ...args: A
): R | undefined {
  return currentNode().peval(port, callback, ...args);
}

/**
 * Calls back, or sends a message, once after some seconds; see {@linkcode Node.after}. Follows
 * AnyEvent::MP's `after`.
 *
 * @returns cancels it
 */
export function after(seconds: Seconds, callback: () => unknown): Registration;
/** The same, sending a message. */
export function after(seconds: Seconds, port: PortId, ...message: unknown[]): Registration;
export function after(
  seconds: Seconds,
  what: (() => unknown) | PortId,
  ...message: unknown[]
): Registration {
  const node = currentNode();
  if (typeof what === "function") return node.after(seconds, what);
  return node.after(seconds, what, ...message);
}

/**
 * Sends a message with a temporary reply port appended; see {@linkcode Node.cal}. Follows
 * AnyEvent::MP's `cal`.
 *
 * @returns the reply port
 * @example
 * ```ts
 * import { AE } from "@anyevent/loop";
 * import { cal, port, type PortId, rcv, snd } from "@anyevent/mp";
 *
 * const doubler = port();
 * rcv(doubler, "double", (n: number, reply: PortId) => snd(reply, 2 * n));
 * const doubled = AE.cv();
 * cal(doubler, "double", 21, doubled, 5);
 * console.log(await doubled.recv()); // 42
 * ```
 */
export function cal(
  port: PortId,
  ...rest: [...message: unknown[], callback: CallCallback]
): PortId;
/** The same, with a timeout in seconds. */
export function cal(
  port: PortId,
  ...rest: [...message: unknown[], callback: CallCallback, timeout: Seconds | undefined]
): PortId;
export function cal(port: PortId, ...rest: unknown[]): PortId {
  const node = currentNode();
  const call = node.cal as (port: PortId, ...rest: unknown[]) => PortId;
  return call.call(node, port, ...rest);
}

/**
 * Makes a port on a node and runs a registered function there; see {@linkcode Node.spawn}. Follows
 * AnyEvent::MP's `spawn`.
 */
export function spawn(node: NodeId | PortId, name: string, ...args: unknown[]): PortId {
  return currentNode().spawn(node, name, ...args);
}

/** Lets a node send a message; see {@linkcode Node.sndOn}. */
export function sndOn(node: NodeId, port: PortId, ...message: unknown[]): void {
  currentNode().sndOn(node, port, ...message);
}

/** Calls a registered function on a node; see {@linkcode Node.sndToFunc}. */
export function sndToFunc(node: NodeId, name: string, ...args: unknown[]): void {
  currentNode().sndToFunc(node, name, ...args);
}

/** Ids of all connected nodes, without this one. Follows AnyEvent::MP::Kernel's `up_nodes`. */
export function upNodes(): NodeId[] {
  return currentNode().upNodes();
}

/** Tells when nodes come up and go down; see {@linkcode Node.monNodes}. */
export function monNodes(callback: NodeMonitor): Registration {
  return currentNode().monNodes(callback);
}
