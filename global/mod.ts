/**
 * The mesh: seeds, full connection of all nodes, and port groups. AnyEvent::MP::Global for Deno.
 *
 * Importing it gives every node of the process its mesh side.
 *
 * @module
 */
export { grpGet, grpMon, grpReg } from "./api.ts";
export { Global, globalOf } from "./global.ts";
export { type GroupAnnouncer, type GroupMonitor, Groups } from "./groups.ts";
export { Membership } from "./membership.ts";
export { Seeds } from "./seeds.ts";
