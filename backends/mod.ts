/**
 * Event loop backends behind one contract.
 *
 * @module
 */
export * from "./contract/mod.ts";
export * from "./native/mod.ts";
export * from "./ffi/mod.ts";
export * from "./sim/mod.ts";
