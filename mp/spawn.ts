import { show, UsageError } from "@anyevent/backends/contract";
import { checkFunctionName, type FunctionTable, type RemoteFunction } from "./functions.ts";
import { checkId, nodeOf } from "./id.ts";
import type { Node } from "./node.ts";
import { isGeneratorFunction, type Port, runGenerator } from "./port.ts";
import type { NodeId, PortCallback, PortId } from "./types.ts";

/** The name of the request on the wire. */
export const SPAWN_FUNCTION = "AnyEvent::MP::_spawn";

/** Spawner's half: names the port and sends the request, in order with all else. */
export function spawnPort(
  node: Node,
  target: NodeId | PortId,
  name: string,
  args: readonly unknown[],
): PortId {
  checkId(target, "node");
  checkFunctionName(name);
  const on = nodeOf(target);
  const portName = `${node.identity.runiq}.${node.identity.next()}`;
  node.sendTo(on, [SPAWN_FUNCTION, portName, name, ...args]);
  return `${on === "" ? node.id : on}#${portName}`;
}

/**
 * Spawned half: runs the init function as the new port.
 *
 * The port comes into being when the function calls `rcv` on it. While an asynchronous function has not
 * finished the port exists and keeps its messages for the callbacks to come.
 */
export function acceptSpawn(
  node: Node,
  functions: FunctionTable,
  from: NodeId,
  args: readonly unknown[],
): void {
  const [portName, name, ...rest] = args;
  if (typeof portName !== "string" || portName === "" || typeof name !== "string") {
    throw new UsageError(`Cannot spawn ${show(name)} as ${show(portName)}: malformed request`);
  }
  if (from !== node.id && portName.startsWith(`${node.identity.uniq}.`)) {
    throw new UsageError(
      `Cannot spawn ${show(name)} as ${show(portName)}: the name is ours to give`,
    );
  }
  if (node.portNamed(portName) !== undefined) {
    throw new UsageError(`Cannot spawn ${show(name)} as ${show(portName)}: the port exists`);
  }
  const found = functions.resolve(name);
  if (found === undefined) throw new UsageError(`Cannot resolve function ${show(name)}`);
  if (typeof found === "function") {
    start(node, portName, found, rest);
    return;
  }
  const port = holdingPort(node, portName);
  found.then((init) => {
    if (port.alive) runHolding(port, init, rest);
  }).catch((error) => port.die(error));
}

/** Begins while the init function has not called `rcv` yet: messages are kept. */
function holdingPort(node: Node, portName: string): Port {
  const port = node.makePort(portName);
  port.beLenient();
  port.startHolding();
  return port;
}

/** The init function has ended: without a callback there is no port. */
function settle(port: Port): void {
  if (port.holding) port.kill(["no_such_port", "init function installed no callback", port.id]);
}

function runHolding(port: Port, init: RemoteFunction, args: readonly unknown[]): void {
  if (isGeneratorFunction(init)) {
    runGenerator(port, init as PortCallback, args, () => settle(port));
    return;
  }
  const result = port.node.runIn(port.context, () => init.apply(port.context, args as never[]));
  Promise.resolve(result).then(() => settle(port), (error) => port.die(error));
}

function start(node: Node, portName: string, init: RemoteFunction, args: readonly unknown[]): void {
  if (isGeneratorFunction(init)) {
    runHolding(holdingPort(node, portName), init, args);
    return;
  }
  const context = node.contextFor(`${node.id}#${portName}`);
  const result = node.runIn(context, () => init.apply(context, args as never[]));
  if (!(result instanceof Promise)) return;
  // It goes on asynchronously: the port must be there for what is sent meanwhile.
  const port = node.portNamed(portName) ?? holdingPort(node, portName);
  result.then(() => settle(port), (error) => port.die(error));
}
