import type { Undo } from "../contract/backend.ts";
import type { Env } from "../contract/env.ts";
import { PeerError } from "../contract/errors.ts";
import type { Secured, TlsRole } from "../contract/net.ts";
import type { ByteStream } from "../contract/stream.ts";
import { type Case, deferred } from "./case.ts";
import { check } from "./expect.ts";
import { socketPair } from "./streams.ts";

/** How a handshake ended: with an error, or with the stream that it gave. */
async function outcome(env: Env, stream: ByteStream, role: TlsRole): Promise<Secured | PeerError> {
  const done = deferred<Secured | PeerError>();
  env.net.secure(stream, role, {}, (error, secured) => done.resolve(error ?? secured!));
  return await done.promise;
}

/** Passes bytes on from one stream to another, `limit` of them; then, or at the end, calls `over`. */
function relay(env: Env, from: ByteStream, to: ByteStream, limit: number, over: () => void): Undo {
  let left = limit;
  const undo = env.backend.io(from, "r", () => {
    if (left === 0) return over();
    try {
      const into = new Uint8Array(Math.min(left, 4096));
      const count = from.tryRead(into);
      if (count === null) return over();
      // A handshake is far smaller than what a stream takes, but it may take it piece by piece.
      for (let sent = 0; sent < count;) {
        const taken = to.tryWrite(into.subarray(sent, count));
        check(taken > 0, "a stream takes no more in the middle of a handshake");
        sent += taken;
      }
      left -= count;
      if (left === 0) over();
    } catch (thrown) {
      if (!(thrown instanceof PeerError)) throw thrown;
      over();
    }
  });
  if (left === 0) env.backend.post(over);
  return undo;
}

/** Reads until the end or the break that must come. */
async function ended(env: Env, { stream }: Secured): Promise<void> {
  const done = deferred();
  const undo = env.backend.io(stream, "r", () => {
    try {
      if (stream.tryRead(new Uint8Array(1000)) === null) done.resolve();
    } catch (thrown) {
      if (thrown instanceof PeerError) done.resolve();
      else done.reject(thrown);
    }
  });
  try {
    await done.promise;
  } finally {
    undo();
    stream.close();
  }
}

/** Peers that vanish in the middle of what they were doing. */
export const vanishCases: readonly Case[] = [
  {
    name: "secure() ends at both ends, wherever in the handshake the line is cut",
    needs: ["tls"],
    async run(env: Env): Promise<void> {
      for (const cut of ["to the server", "to the client"]) {
        for (const limit of [0, 1, 4, 5, 6, 43, 100, 200, 300, 600, 1000]) {
          const [client, near] = await socketPair(env);
          const [far, server] = await socketPair(env);
          let open = true;
          const undos: Undo[] = [];
          const over = (): void => {
            if (!open) return;
            open = false;
            for (const undo of undos) undo();
            near.close();
            far.close();
          };
          const toServer = cut === "to the server";
          undos.push(relay(env, near, far, toServer ? limit : Infinity, over));
          undos.push(relay(env, far, near, toServer ? Infinity : limit, over));
          const ends = await Promise.all([
            outcome(env, client, "client"),
            outcome(env, server, "server"),
          ]);
          over();
          for (const end of ends) {
            if (end instanceof PeerError) continue;
            check("stream" in end, `the handshake failed with ${end}`);
            await ended(env, end);
          }
        }
      }
    },
  },
];
