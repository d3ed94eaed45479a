/**
 * Message passing between ports of nodes, in one process or many: AnyEvent::MP for Deno.
 *
 * @module
 */
export * from "./api.ts";
export type {
  ConfigFile,
  ListKey,
  NodeConfig,
  OptionalKey,
  SecondsKey,
  Settings,
} from "./config.ts";
export {
  camelKey,
  checkConfig,
  configPath,
  parseRelaxed,
  readConfigFile,
  resolveSettings,
} from "./config.ts";
export { SELF } from "./context.ts";
export { currentNode, defaultNode } from "./default_node.ts";
export { register, type RemoteFunction } from "./functions.ts";
export { formatAddress, isLoopback, parseLiteral, resolveAddresses } from "./address.ts";
export { base64, escapeUnique, isNodeId, nodeOf, portNameOf } from "./id.ts";
export type { MonitorCallback } from "./monitor.ts";
export {
  extendNodes,
  Node,
  type NodeExtension,
  type NodeMonitor,
  type NodeOptions,
} from "./node.ts";
export { checkPlainCallback } from "./port.ts";
export type { CallCallback } from "./rpc.ts";
export type { Dial, DialObserver } from "./transport/dial.ts";
export type { Link } from "./transport/link.ts";
export { Peer } from "./peer.ts";
export type {
  Handlers,
  MessageOf,
  NodeId,
  PortCallback,
  PortContext,
  PortId,
  Protocol,
  Reason,
  Registration,
} from "./types.ts";
