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

/**
 * Ends the node that `configure` configured: its ports die with the reason `shutdown`, what waits to be
 * sent leaves, and its connections are closed; see {@linkcode Node.stop}. Idempotent.
 *
 * The next use of a free function begins with a new node. Ours: AnyEvent::MP has none, its node ends with
 * the process.
 *
 * @returns when all is closed; after `flushTimeout` seconds at the latest it is closed all the same
 * @example
 * ```ts
 * import { configure, mon, port, stop } from "@anyevent/mp";
 *
 * await configure({ nodeid: "n1", binds: [] });
 * mon(port(), (...reason) => console.log(reason)); // [ "shutdown" ]
 * await stop();
 * ```
 */
export async function stop(): Promise<void> {
  await defaultNode().stop();
}

/**
 * The id of the node whose code is running, else of the default node.
 *
 * Follows AnyEvent::MP's `NODE`.
 *
 * @returns `anon/` and chance until the node has been configured
 * @example
 * ```ts
 * import { configure, NODE, stop } from "@anyevent/mp";
 *
 * console.log(NODE().startsWith("anon/")); // true
 * await configure({ nodeid: "n1", binds: [] });
 * console.log(NODE()); // n1
 * await stop();
 * ```
 */
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
 * It never arrives inside the call. What one port or program sends to one port arrives in order, and what
 * is lost is told to the monitors of the port. To a port that does not exist it goes unnoticed.
 *
 * @param port where to; a node id means the node itself
 * @param message the tag first, by custom
 * @throws {UsageError} when `port` is no id, or the message holds what cannot be sent to another node
 * @example
 * ```ts
 * import { port, rcv, snd } from "@anyevent/mp";
 *
 * const p = port<{ say: [text: string] }>();
 * rcv(p, { say: (text) => console.log(text) });
 * snd(p, "say", "second");
 * console.log("first"); // first, then second
 * ```
 */
export function snd<P>(port: PortId<P>, ...message: MessageOf<P>): void {
  currentNode().snd(port, ...message);
}

/**
 * Kills a port; see {@linkcode Node.kil}. Follows AnyEvent::MP's `kil`.
 *
 * Never inside the call: what was sent to the port before still arrives. A port that does not exist stays
 * so.
 *
 * @param port of any node
 * @param reason what monitors get; none for a normal end
 * @throws {UsageError} for a node port
 * @example
 * ```ts
 * import { kil, mon, port, snd } from "@anyevent/mp";
 *
 * const p = port((text) => console.log(text));
 * mon(p, () => console.log("ended normally"));
 * snd(p, "last words");
 * kil(p); // last words, then ended normally
 * ```
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

/**
 * Disposes of values when a port dies, the last one first; see {@linkcode Node.monGuard}.
 *
 * Follows AnyEvent::MP's `mon_guard`.
 *
 * @param port of any node; the loss of its node counts as its death
 * @param values such as guards, watchers and monitors
 * @returns cancelled, it forgets them; they are not disposed of
 * @throws {UsageError} for a value without `[Symbol.dispose]`
 * @example
 * ```ts
 * import { guard } from "@anyevent/loop";
 * import { kil, monGuard, port } from "@anyevent/mp";
 *
 * const p = port();
 * monGuard(p, guard(() => console.log("released"))); // released
 * kil(p);
 * ```
 */
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
 * Runs a function in the context of a local port, at once; see {@linkcode Node.peval}. Follows
 * AnyEvent::MP's `peval`.
 *
 * @param port a port of this node
 * @param callback runs with `SELF()` being the port
 * @param args what it gets
 * @returns what it returns, or `undefined` when it threw, which kills the port
 * @throws {UsageError} for a port of another node, or no function
 * @example
 * ```ts
 * import { peval, port, SELF } from "@anyevent/mp";
 *
 * const p: string = port();
 * console.log(peval(p, (n: number) => SELF() === p && n + 1, 41)); // 42
 * ```
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
 * The callback runs in the context of no port (`psub` gives it one). The end of the node cancels it.
 *
 * @param seconds from now; 0 and less: soon
 * @returns cancels it
 * @throws {UsageError} when it is no time, or what to do makes no sense
 * @throws {ClosedError} after the node was stopped
 * @example
 * ```ts
 * import { AE } from "@anyevent/loop";
 * import { after, port } from "@anyevent/mp";
 *
 * const done = AE.cv<[string]>();
 * const p = port((text: string) => done.send(text));
 * after(0.01, p, "it is time");
 * console.log(await done.recv()); // it is time
 * ```
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
 *
 * Returns at once, and what is sent to the port afterwards arrives after the function has run. That there
 * is no such function, or no such node, a monitor of the port tells.
 *
 * @param node a node id, or any port id of that node
 * @param name qualified function name, as in `mymod::init` or `::init`
 * @param args what the function gets
 * @returns the id of the port
 * @throws {UsageError} for what is no id or no such name
 * @throws {ClosedError} after the node was stopped
 * @example
 * ```ts
 * import { NODE, rcv, register, snd, spawn } from "@anyevent/mp";
 *
 * register("demo::counter", function (start: number) {
 *   rcv(this.self, "add", (n: number) => console.log(start += n));
 * });
 * const counter = spawn(NODE(), "demo::counter", 40); // any node that has the function
 * snd(counter, "add", 2); // 42
 * ```
 */
export function spawn(node: NodeId | PortId, name: string, ...args: unknown[]): PortId {
  return currentNode().spawn(node, name, ...args);
}

/**
 * Lets a node send a message; see {@linkcode Node.sndOn}.
 *
 * When it comes back to a port of this node, all that was sent to that node before has been processed
 * there. Follows AnyEvent::MP::Kernel's `snd_on`.
 *
 * @param node a node id, or any port id of that node
 * @param port where it sends to
 * @param message what it sends
 * @throws {UsageError} for what is no id, or cannot be sent to another node
 * @example
 * ```ts
 * import { NODE, port, snd, sndOn } from "@anyevent/mp";
 *
 * const work = port(() => console.log("processed"));
 * snd(work, "do it");
 * sndOn(NODE(), port((tag) => console.log(tag)), "synced"); // processed, then synced
 * ```
 */
export function sndOn(node: NodeId, port: PortId, ...message: unknown[]): void {
  currentNode().sndOn(node, port, ...message);
}

/**
 * Calls a registered function on a node, without reply; see {@linkcode Node.sndToFunc}.
 *
 * Follows AnyEvent::MP::Kernel's `snd_to_func`.
 *
 * @param node a node id, or any port id of that node
 * @param name qualified function name, as in `mymod::f`
 * @param args what it gets
 * @throws {UsageError} for what is no id, or cannot be sent to another node
 * @example
 * ```ts
 * import { NODE, register, sndToFunc } from "@anyevent/mp";
 *
 * register("demo::greet", (name: string) => console.log(`hello ${name}`)); // hello world
 * sndToFunc(NODE(), "demo::greet", "world");
 * ```
 */
export function sndToFunc(node: NodeId, name: string, ...args: unknown[]): void {
  currentNode().sndToFunc(node, name, ...args);
}

/**
 * Ids of all connected nodes, without this one.
 *
 * Follows AnyEvent::MP::Kernel's `up_nodes`.
 *
 * @returns in no particular order
 * @example
 * ```ts
 * import "@anyevent/global"; // for `seeds`
 * import { AE, defaultLoop } from "@anyevent/loop";
 * import { configure, defaultNode, Node, stop, upNodes } from "@anyevent/mp";
 *
 * await configure({ nodeid: "a", binds: ["127.0.0.1:*"] });
 * console.log(upNodes()); // []
 * await using b = new Node({ loop: defaultLoop() }); // usually in another process
 * await b.configure({ nodeid: "b", binds: [], seeds: defaultNode().listeners });
 * const up = AE.cv();
 * using _monitor = defaultNode().monNodes(up);
 * await up.recv();
 * console.log(upNodes()); // [ "b" ]
 * await stop();
 * ```
 */
export function upNodes(): NodeId[] {
  return currentNode().upNodes();
}

/**
 * Tells when nodes come up and go down, from now on; see {@linkcode Node.monNodes}. For those that are up
 * already there is {@linkcode upNodes}.
 *
 * Follows AnyEvent::MP::Kernel's `mon_nodes`.
 *
 * @param callback gets the node id, whether it is up, and the reason when not; in the context of no port
 * @returns stops telling
 * @throws {UsageError} when it is no plain function
 * @example
 * ```ts
 * import "@anyevent/global"; // for `seeds`
 * import { AE, defaultLoop } from "@anyevent/loop";
 * import { configure, defaultNode, monNodes, Node, stop } from "@anyevent/mp";
 *
 * await configure({ nodeid: "a", binds: ["127.0.0.1:*"] });
 * const seen = AE.cv<[id: string, up: boolean]>();
 * using _monitor = monNodes((id, up) => seen.send(id, up));
 * await using b = new Node({ loop: defaultLoop() }); // usually in another process
 * await b.configure({ nodeid: "b", binds: [], seeds: defaultNode().listeners });
 * console.log(await seen.recvAll()); // [ "b", true ]
 * await stop();
 * ```
 */
export function monNodes(callback: NodeMonitor): Registration {
  return currentNode().monNodes(callback);
}
