import { type ByteStream, ClosedError, PeerError, type Undo } from "@anyevent/backends/contract";
import type { Loop } from "../loop.ts";
import type { Watcher } from "../watcher.ts";
import { Barrier, type WriteBuffer } from "./write_buffer.ts";

/** Seconds between looks at whether the system has taken everything: the first and the longest. */
const FIRST_LOOK = 0.001;
const LONGEST_LOOK = 0.1;

/**
 * Closes a stream after what is still to be written was written, after `limit` seconds, or with the loop.
 *
 * @param below the stream under a TLS stream
 * @param buffer what is to be written; it is used up
 */
export function closeLater(
  loop: Loop,
  stream: ByteStream,
  below: ByteStream | undefined,
  buffer: WriteBuffer,
  limit: number,
): void {
  let writer: Watcher | undefined;
  let look: Watcher | undefined;
  let end: Watcher | undefined;
  let forget: Undo | undefined;

  function close(): void {
    forget?.();
    for (const watcher of [writer, look, end]) watcher?.cancel();
    stream.close();
  }

  /** @returns whether all is written */
  function write(): boolean {
    for (let head = buffer.head(); head !== undefined; head = buffer.head()) {
      if (head instanceof Barrier) {
        // What follows was meant for an encrypted stream, which there will not be.
        if (head.dropsRest) return true;
        return false;
      }
      const count = stream.tryWrite(head);
      if (count === 0) return false;
      buffer.took(count);
    }
    return true;
  }

  function sent(): boolean {
    return stream.unsent === 0 && (below?.unsent ?? 0) === 0;
  }

  function wait(after: number, quiet: boolean): void {
    look = loop.addTimer(after, 0, () => {
      const now = sent();
      // A TLS stream hands its farewell on after it has nothing unsent itself.
      if (now && (quiet || below === undefined)) close();
      else wait(Math.min(2 * after, LONGEST_LOOK), now);
    });
  }

  function step(): void {
    try {
      if (!write()) {
        // A barrier that waits for nothing but time is looked at again.
        const head = buffer.head();
        if (head instanceof Barrier) {
          writer?.cancel();
          writer = undefined;
          look?.cancel();
          look = loop.addTimer(FIRST_LOOK, 0, step);
        } else writer ??= loop.addIo(stream, "w", step);
        return;
      }
      writer?.cancel();
      writer = undefined;
      stream.shutdown();
    } catch (error) {
      close();
      if (error instanceof PeerError || error instanceof ClosedError) return;
      throw error;
    }
    if (below === undefined && sent()) close();
    else wait(FIRST_LOOK, false);
  }

  try {
    forget = loop.onDispose(close);
    if (limit < Infinity) end = loop.addTimer(limit, 0, close);
    step();
  } catch (error) {
    close();
    // After the end of the loop nothing can be waited for.
    if (!(error instanceof ClosedError)) throw error;
  }
}
