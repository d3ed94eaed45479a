import {
  type Address,
  type ByteStream,
  messageOf,
  PeerError,
  type Undo,
} from "@anyevent/backends/contract";
import type { Loop } from "../loop.ts";
import type { Watcher } from "../watcher.ts";

/**
 * Asks one question over a connection of its own: a length in two bytes, then the message, and so back.
 *
 * @param cb gets the reply's bytes, or why there are none; not called inside the call
 * @returns stops it and closes the connection
 */
export function askByTcp(
  loop: Loop,
  server: Address,
  query: Uint8Array,
  cb: (error: PeerError | undefined, reply: Uint8Array | undefined) => void,
): Undo {
  const request = new Uint8Array(2 + query.length);
  new DataView(request.buffer).setUint16(0, query.length);
  request.set(query, 2);
  let stream: ByteStream | undefined;
  let watchers: Watcher[] = [];
  let live = true;
  const stop = (): void => {
    live = false;
    for (const watcher of watchers) watcher.cancel();
    watchers = [];
    stream?.close();
    undoConnect();
  };
  const finish = (error: PeerError | undefined, reply?: Uint8Array): void => {
    stop();
    cb(error, reply);
  };
  const guarded = (step: () => void) => (): void => {
    try {
      step();
    } catch (thrown) {
      if (!live) throw thrown;
      finish(
        thrown instanceof PeerError
          ? thrown
          : new PeerError(`Cannot ask by TCP: ${messageOf(thrown)}`, "", { cause: thrown }),
      );
    }
  };
  const undoConnect = loop.env.net.connect(server, (error, connected) => {
    if (connected === undefined) return finish(error);
    stream = connected;
    let sent = 0;
    const write = loop.addIo(
      connected,
      "w",
      guarded(() => {
        sent += connected.tryWrite(request.subarray(sent));
        if (sent === request.length) write.cancel();
      }),
    );
    let into = new Uint8Array(2);
    let got = 0;
    const read = loop.addIo(
      connected,
      "r",
      guarded(() => {
        const count = connected.tryRead(into.subarray(got));
        if (count === null) throw new PeerError("Cannot ask by TCP: it was closed", "EPIPE");
        got += count;
        if (got < into.length) return;
        if (into.length > 2) return finish(undefined, into.slice(2));
        const length = into[0] << 8 | into[1];
        if (length === 0) throw new PeerError("Cannot ask by TCP: the reply is empty", "EBADMSG");
        const both = new Uint8Array(2 + length);
        both.set(into);
        into = both;
      }),
    );
    watchers = [write, read];
  });
  return stop;
}
