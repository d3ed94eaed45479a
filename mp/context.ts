import type { Node } from "./node.ts";
import type { PortContext, PortId } from "./types.ts";

/** The context with which the code of one port runs: one object for the life of the port. */
export class Context implements PortContext {
  /** @param self the port; @param node where it lives */
  constructor(readonly self: PortId, readonly node: Node) {}
}

let current: Context | undefined;

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
export function currentContext(): Context | undefined {
  return current;
}

/**
 * Makes `context` the running one.
 *
 * @returns the one before, to be put back by another call
 */
export function enterContext(context: Context | undefined): Context | undefined {
  const previous = current;
  current = context;
  return previous;
}
