/**
 * All that a backend of your own needs: the contract, its errors, and the data structures the
 * built-in backends share.
 *
 * @module
 */
export * from "./backend.ts";
export * from "./deque.ts";
export * from "./env.ts";
export * from "./errors.ts";
export * from "./options.ts";
export * from "./files.ts";
export * from "./heap.ts";
export * from "./net.ts";
export * from "./pipe.ts";
export * from "./prng.ts";
export * from "./processes.ts";
export * from "./stream.ts";
export * from "./workers.ts";
