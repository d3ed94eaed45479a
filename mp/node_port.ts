import { messageOf, show, UsageError } from "@anyevent/backends/contract";
import type { FunctionTable } from "./functions.ts";
import type { Node } from "./node.ts";
import { isGeneratorFunction } from "./port.ts";
import { acceptSpawn, SPAWN_FUNCTION } from "./spawn.ts";
import type { NodeId, PortId } from "./types.ts";

type Request = (node: Node, from: NodeId, args: readonly unknown[]) => void;

function portName(value: unknown): string {
  if (typeof value === "string") return value;
  if (typeof value === "number") return String(value);
  throw new UsageError(`Cannot use port name ${show(value)}`);
}

/** Answers to the id and leading elements a request carries. */
function reply(node: Node, to: readonly unknown[], ...values: unknown[]): void {
  const [id, ...lead] = to;
  if (id === undefined || id === null) return;
  if (typeof id !== "string") throw new UsageError(`Cannot answer to ${show(id)}: not a port id`);
  node.snd(id as PortId, ...lead, ...values);
}

function evaluate(node: Node, args: readonly unknown[]): void {
  const [code, ...to] = args;
  if (!node.settings.eval) {
    reply(node, to, `eval is not enabled on ${node.id}`);
    return;
  }
  const indirect = globalThis.eval;
  let value: unknown;
  try {
    value = indirect(String(code));
  } catch (error) {
    reply(node, to, messageOf(error));
    return;
  }
  reply(node, to, "", value);
}

/** Everything a node port understands by itself: PROTOCOL of AEMP version 1. */
const requests: ReadonlyMap<string, Request> = new Map<string, Request>([
  ["mon1", (node, from, [name]) => remote(node, from)?.watch(portName(name ?? ""))],
  ["mon0", (node, from, [name]) => remote(node, from)?.unwatch(portName(name ?? ""))],
  [
    "kil0",
    (node, from, [name, ...reason]) => remote(node, from)?.portGone(portName(name ?? ""), reason),
  ],
  ["kil", (node, _from, [name, ...reason]) => node.portNamed(portName(name ?? ""))?.kill(reason)],
  ["snd", (node, _from, args) => reply(node, args)],
  ["snd_multiple", (node, _from, args) => {
    for (const message of args) if (Array.isArray(message)) reply(node, message);
  }],
  ["info", (node, _from, args) => reply(node, args, node.id)],
  ["known_nodes", (node, _from, args) => reply(node, args, node.id, ...node.knownNodes())],
  ["up_nodes", (node, _from, args) => reply(node, args, ...node.upNodes())],
  ["eval", (node, _from, args) => evaluate(node, args)],
  ["time", (node, _from, args) => reply(node, args, node.loop.time())],
  ["devnull", () => undefined],
  ["", () => undefined],
]);

function remote(node: Node, from: NodeId): ReturnType<Node["peer"]> | undefined {
  return from === node.id ? undefined : node.peer(from);
}

/**
 * A message to the node port: a request of the table, a spawn, or a plain call of a registered
 * function. What it throws is logged by the caller; nothing is sent back.
 *
 * @param from the node that sent it
 * @param message tag and arguments
 */
export function handleNodeMessage(
  node: Node,
  functions: FunctionTable,
  from: NodeId,
  message: readonly unknown[],
): void {
  const [value, ...args] = message;
  const tag = value === undefined || value === null ? "" : portName(value);
  const request = requests.get(tag);
  if (request !== undefined) {
    request(node, from, args);
    return;
  }
  if (tag === SPAWN_FUNCTION) {
    acceptSpawn(node, functions, from, args);
    return;
  }
  const found = functions.resolve(tag);
  if (found === undefined) throw new UsageError(`unable to resolve function ${show(tag)}`);
  const failed = (error: unknown): void =>
    node.log(2, `error processing node message: ${messageOf(error)}`);
  if (isGeneratorFunction(found)) {
    throw new UsageError(`Cannot call ${show(tag)}: a generator function can only be spawned`);
  }
  const context = node.contextFor(node.id);
  if (typeof found === "function") {
    const result = found.apply(context, args as never[]);
    if (result instanceof Promise) result.catch(failed);
  } else {
    found.then((callback) => node.outside(() => callback.apply(context, args as never[])))
      .catch(failed);
  }
}
