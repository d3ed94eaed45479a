import type { Node } from "./node.ts";
import type { PortContext, PortId } from "./types.ts";

/** The context with which the code of one port runs: one object for the life of the port. */
export class Context implements PortContext {
  /** @param self the port; @param node where it lives */
  constructor(readonly self: PortId, readonly node: Node) {}
}

/** The context of code of a node that belongs to no port: `SELF()` is not set, but the node is known. */
export interface Outside {
  readonly self: undefined;
  readonly node: Node;
}

/** What code runs with. */
export type Running = Context | Outside;

let current: Running | undefined;

/**
 * The id of the port whose code is running.
 *
 * Set in `rcv` callbacks, init functions of `spawn`, `psub` closures, `peval` and threads of ports; it
 * holds up to the first `await` of an async callback (use `this.self` after it). Not set in `mon` and
 * `after` callbacks.
 *
 * Follows AnyEvent::MP's `$SELF`.
 *
 * @returns the port id, or `undefined` outside of any port
 * @example
 * ```ts
 * import { port, SELF, snd } from "@anyevent/mp";
 *
 * const p: string = port(() => console.log(SELF() === p)); // true
 * snd(p, "hello");
 * ```
 */
export function SELF(): PortId | undefined {
  return current?.self;
}

/** The running context. */
export function currentContext(): Running | undefined {
  return current;
}

/**
 * Makes `context` the running one.
 *
 * @returns the one before, to be put back by another call
 */
export function enterContext(context: Running | undefined): Running | undefined {
  const previous = current;
  current = context;
  return previous;
}
