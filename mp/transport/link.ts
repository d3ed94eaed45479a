/**
 * Links: one authenticated connection to one other node, whatever carries it.
 *
 * @module
 */
import { UsageError } from "@anyevent/backends/contract";
import type { Greeting, PeerInfo, Verdict } from "../wire/mod.ts";

/** A connection to another node. */
export interface Link {
  /** Whether this side began the connection. */
  readonly initiated: boolean;
  /** Address of the other end, for people. */
  readonly remote: string;
  /** Bytes that wait to be sent. */
  readonly queued: number;
  /** The peer's greeting, once it has been read. */
  readonly greeting: Greeting | undefined;
  /**
   * Sends a message, in order, at the latest at the end of this turn.
   *
   * @throws {UsageError} when the message cannot be encoded; nothing is sent then
   */
  send(message: readonly unknown[]): void;
  /** Goes on with a handshake that its owner held back. */
  proceed(): void;
  /** Sends what is queued at once, as far as the system takes it. */
  flush(): void;
  /** Ends it now; the owner hears nothing more of it. Idempotent. */
  abort(): void;
  /** Sends what is queued, then ends it; `done` is called once, at the latest after `limit` seconds. */
  drain(limit: number, done: () => void): void;
}

/** Who a link reports to. */
export interface LinkOwner {
  /** The peer's greeting is acceptable so far. */
  greeted(link: Link, greeting: Greeting): Verdict;
  /** The peer has authenticated, and this side would follow now. */
  proved(link: Link, greeting: Greeting): Verdict;
  /** The peer is authenticated; messages may follow. */
  opened(link: Link, peer: PeerInfo): void;
  /** A message from the peer; in order. */
  received(link: Link, message: unknown[]): void;
  /** It is over, before or after it opened; nothing follows. `reason` is for people. */
  lost(link: Link, reason: string): void;
}

/**
 * Whoever sends too much is told, as the peer would have to drop the link.
 *
 * @throws {UsageError} when a message is larger than the limit
 */
export function checkSize(bytes: number, limit: number): void {
  if (bytes > limit) {
    throw new UsageError(
      `Cannot send message of ${bytes} bytes: the limit is ${limit} (maxFrameBytes)`,
    );
  }
}
