import { AE, ioStream, PeerError, type Watcher } from "@anyevent/loop";

/** Longest line kept, in characters; what is longer comes in pieces. */
const MAX_LINE = 1_000_000;

/**
 * Reads lines from a stream of the host with an io watcher.
 *
 * @param source standard input, or the output of a child
 * @param line called for each, without its line end
 * @param end called once, at the end of file or when the stream breaks
 * @returns the watcher
 */
export function onLines(
  source: Parameters<typeof ioStream>[0],
  line: (text: string) => void,
  end: () => unknown,
): Watcher {
  const stream = ioStream(source);
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(65536);
  let text = "";
  const watcher = AE.io(stream, false, () => {
    const count = tryRead();
    if (count === 0) return;
    text += count === null ? decoder.decode() : decoder.decode(buffer.subarray(0, count), {
      stream: true,
    });
    const lines = text.split(/\r?\n/);
    text = lines.pop()!;
    if (text.length > MAX_LINE || (count === null && text !== "")) {
      lines.push(text);
      text = "";
    }
    for (const each of lines) if (watcher.active) line(each);
    if (count !== null || !watcher.active) return;
    watcher.cancel();
    stream.close();
    return end();
  });
  function tryRead(): number | null {
    try {
      return stream.tryRead(buffer);
    } catch (error) {
      if (error instanceof PeerError) return null;
      throw error;
    }
  }
  return watcher;
}
