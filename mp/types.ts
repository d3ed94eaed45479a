import type { Node } from "./node.ts";

/** The id of a node: any string without `#`. */
export type NodeId = string;

/** What a port understands: tag to the arguments after it. */
export type Protocol = Record<string, readonly unknown[]>;

/**
 * The id of a port: `NODE#NAME`, or a bare node id for the node port.
 *
 * It is a plain string and can be sent in messages. The type argument says what the port understands;
 * an untyped one accepts any message.
 */
export type PortId<P = unknown> = string & { readonly "~protocol"?: P };

/** The messages of a protocol, as tuples. */
export type MessageOf<P> = unknown extends P ? readonly unknown[]
  : P extends Protocol
    ? { [K in keyof P & string]: readonly [tag: K, ...args: P[K]] }[keyof P & string]
  : readonly unknown[];

/**
 * Why a port died: empty for a normal end, else usually an identifier and a text, as in
 * `["die", "oops"]`, `["transport_error", "n1", "Broken pipe"]`, `["no_such_port", …]`.
 */
export type Reason = readonly unknown[];

/** `this` of every port callback; stays valid after an `await`, when `SELF()` no longer does. */
export interface PortContext {
  /** The port whose code runs. */
  readonly self: PortId;
  /** The node it lives on: for calls after an `await`, when several nodes live in one process. */
  readonly node: Node;
}

/**
 * A callback of a port. What it returns is ignored, but for a promise: its rejection kills the port.
 * A generator function runs as a thread (with `@anyevent/mp/coro`).
 *
 * Declared so that parameters may be annotated with what the messages are known to hold.
 */
export type PortCallback<A extends readonly unknown[] = readonly unknown[]> = {
  bivariant(this: PortContext, ...args: A): unknown;
}["bivariant"];

/** The callbacks of a port by tag. */
export type Handlers<P> = unknown extends P ? { readonly [tag: string]: PortCallback | undefined }
  : P extends Protocol ? { readonly [K in keyof P & string]?: PortCallback<P[K]> }
  : { readonly [tag: string]: PortCallback | undefined };

export type { Registration } from "@anyevent/loop";
