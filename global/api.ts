import { currentNode, type PortId, type Registration } from "@anyevent/mp";
import { globalOf } from "./global.ts";
import type { GroupMonitor } from "./groups.ts";

/**
 * Registers a local port in a group that all nodes of the mesh see.
 *
 * This node sees it at once, others as soon as they are told. It leaves the group when the port dies, the
 * node is lost, or the guard is cancelled. The node id itself may be registered.
 *
 * Follows AnyEvent::MP::Global's `grp_reg`.
 *
 * @param group any name; prefix it with that of your program
 * @param port a port of this node
 * @returns takes it out again
 * @throws {UsageError} for a port of another node, or one that is in the group already
 * @example
 * ```ts
 * import { grpGet, grpReg } from "@anyevent/global";
 * import { port } from "@anyevent/mp";
 *
 * const p = port();
 * grpReg("demo", p);
 * console.log(grpGet("demo")?.[0] === p); // true
 * ```
 */
export function grpReg(group: string, port: PortId): Registration {
  return globalOf(currentNode()).groups.register(group, port);
}

/**
 * The ports in a group, as far as this node knows.
 *
 * Follows AnyEvent::MP::Global's `grp_get`.
 *
 * @param group its name
 * @returns `undefined` when there are none
 * @throws {UsageError} for what can name no group
 * @example
 * ```ts
 * import { grpGet, grpReg } from "@anyevent/global";
 * import { port } from "@anyevent/mp";
 *
 * console.log(grpGet("printers")); // undefined
 * using _registration = grpReg("printers", port());
 * console.log(grpGet("printers")?.length); // 1
 * ```
 */
export function grpGet(group: string): readonly PortId[] | undefined {
  return globalOf(currentNode()).groups.get(group);
}

/**
 * Watches a group: calls back with all members, those added and those removed, on every change, and soon
 * with the members there are now, if any. Changes of one turn come together.
 *
 * Never inside a call. Follows AnyEvent::MP::Global's `grp_mon`.
 *
 * @param group its name
 * @param callback runs in the context of no port
 * @returns stops watching
 * @throws {UsageError} for what can name no group, or is no plain function
 * @example
 * ```ts
 * import { grpMon, grpReg } from "@anyevent/global";
 * import { kil, port } from "@anyevent/mp";
 *
 * const p = port();
 * grpMon("printers", (members, added, removed) => {
 *   console.log(members.length, added.length, removed.length); // 1 1 0, then 0 0 1
 *   if (added.length > 0) kil(p);
 * });
 * grpReg("printers", p);
 * ```
 */
export function grpMon(group: string, callback: GroupMonitor): Registration {
  return globalOf(currentNode()).groups.monitor(group, callback);
}
