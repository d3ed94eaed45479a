import type { Address, Undo } from "@anyevent/backends/contract";
import type { NodeId } from "../types.ts";
import type { Link } from "./link.ts";

/** One attempt to connect to one address. */
export interface Dial {
  /** Where to. */
  readonly address: Address;
  /** Whom we expect there; `undefined` for seeds. */
  readonly expected: NodeId | undefined;
  /** The link, once TCP is connected. */
  link: Link | undefined;
  /** Whether its greeting has been read, or it failed: it can surprise nobody any more. */
  settled: boolean;
  /** Gives up before the link exists. */
  undo: Undo;
}

/** How an attempt went. */
export interface DialObserver {
  /** The peer there said who it is. */
  greeted?(nodeId: NodeId): void;
  /** It is connected and authenticated as `nodeId`. */
  opened?(nodeId: NodeId): void;
  /** It failed, or the connection that came of it is gone. Called once, last. */
  ended?(reason: string): void;
}
