/**
 * How messages become bytes: the interface of a framing, and its limits.
 *
 * @module
 */

/** The largest frame that is accepted or sent, in bytes, unless configured otherwise. */
export const MAX_FRAME_BYTES = 64 * 1024 * 1024;

/** The deepest nesting of a message, counting the message itself: the limit of Perl's decoder. */
export const MAX_DEPTH = 512;

/** Turns the bytes of one direction of one connection into messages. */
export interface FrameDecoder {
  /**
   * Takes the next bytes, cut anywhere, and delivers what is complete, in order.
   *
   * `bytes` is not kept. Messages before an error are delivered first; after an error, or after
   * `deliver` returned false, the decoder must not be used again.
   *
   * @param bytes what arrived
   * @param deliver called for each message; false stops; it must not throw
   * @throws {PeerError} when the bytes are not of this framing, or a frame is too large
   */
  push(bytes: Uint8Array, deliver: (message: unknown[]) => boolean): void;
}

/** One framing. */
export interface Framing {
  /** Its name on the wire. */
  readonly name: string;
  /**
   * One message, ready to be sent (text as UTF-8).
   *
   * @param message destination port name, then the payload
   * @returns the whole frame
   * @throws {UsageError} when the framing cannot carry a value, naming which
   */
  encode(message: readonly unknown[]): string | Uint8Array;
  /**
   * A decoder for one direction of one connection.
   *
   * @param maxFrameBytes the largest frame accepted, in bytes
   * @returns a fresh decoder
   */
  decoder(maxFrameBytes: number): FrameDecoder;
}
