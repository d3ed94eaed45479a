/** Fast peers, the end of the loop, and what keeps a process alive. */
import assert from "node:assert/strict";
import {
  async,
  cede,
  type Coro,
  CoroDatagram,
  CoroHandle,
  CoroSocket,
  idle,
  readable,
  select,
  util,
} from "@anyevent/coro";
import { type ByteStream, type Operation, streamPair, WATCH } from "@anyevent/loop";
import { bytes, inSim, onEach, Place } from "./support.ts";

/** A peer that is never short of lines. */
class Endless implements ByteStream {
  readonly local = "here";
  readonly remote = "endless";
  readonly unsent = 0;
  [WATCH](): () => void {
    return () => undefined;
  }
  tryRead(into: Uint8Array): number {
    return into.fill(10).length;
  }
  tryWrite(data: Uint8Array): number {
    return data.length;
  }
  shutdown(): void {}
  close(): void {}
  setNoDelay(): void {}
  setKeepAlive(): void {}
}

onEach("a peer that never stops sending stops neither threads nor timers", function* ({ loop }) {
  const h = new CoroHandle(new Endless());
  let lines = 0;
  const reader = async(() =>
    h.each(function* () {
      lines++;
    })
  );
  const slurper = async(() => new CoroHandle(new Endless()).readline("never"));
  slurper.onUncaught = () => undefined;
  let turns = 0;
  const other = async(function* () {
    for (;;) {
      turns++;
      yield* cede();
    }
  });
  // Would never end.
  while (turns < 5) yield* loop.sleep(0.001);
  for (const thread of [reader, other, slurper] as Coro<unknown>[]) thread.cancel();
  assert.ok(lines > 0);
  h.close();
}, ["native", "pure", "ffi"]);

Deno.test("the end of the loop ends what waits on it, with a ClosedError", async () => {
  const place = new Place("sim");
  const ends: string[] = [];
  const [h] = place.pair({}, 2);
  const [a] = streamPair(place.env.backend);
  const server = CoroSocket.listen({ host: "127.0.0.1", port: 0 }, { loop: place.loop });
  const waiting: Readonly<Record<string, () => Operation<unknown>>> = {
    idle: () => idle(),
    readable: () => readable(a),
    select: () => select([a], [], 100),
    connect: () => CoroSocket.connect({ host: "127.0.0.1", port: server.port }),
    open: () => CoroDatagram.open({ host: "127.0.0.1", port: 0 }),
    lookup: () => util.gethostbyname("no-such-name.invalid"),
    readline: () => h.readline(),
    print: () => h.print("12345"),
    accept: () => server.accept(),
  };
  for (const [name, make] of Object.entries(waiting)) {
    place.threads.spawn(() => make(), {
      desc: name,
      onEnd: (outcome) =>
        void ends.push(
          `${name} ${outcome.kind === "failed" ? (outcome.error as Error).name : outcome.kind}`,
        ),
    });
  }
  while (place.threads.nready > 0) await place.threads.run(cede());
  place.loop.dispose();
  // The threads go on in later turns, which the backend still has.
  for (let look = 0; look < 1000 && ends.length < Object.keys(waiting).length; look++) {
    await Promise.resolve();
    await new Promise<void>((resolve) => place.env.backend.post(resolve));
  }
  assert.deepEqual(
    Object.fromEntries(ends.map((end) => end.split(" "))),
    {
      idle: "ClosedError",
      readable: "ClosedError",
      select: "ClosedError",
      connect: "ClosedError",
      open: "ClosedError",
      lookup: "ClosedError",
      // These have an end of their own.
      readline: "returned",
      print: "ClosedError",
      accept: "returned",
    },
  );
  assert.deepEqual(place.env.net.stats(), { streams: 0, listeners: 0, attempts: 0 });
  place.env.backend.dispose();
});

inSim("what waits keeps the process alive, unless unref() was called", function* (place) {
  const { loop } = place;
  const [h, peer] = place.pair({ timeout: 100 }, 1);
  const before = loop.stats().held;
  const held = function* (op: () => Operation<unknown>) {
    const thread = async(op);
    yield* cede();
    const now = loop.stats().held - before;
    thread.cancel();
    return now > 0;
  };
  peer.tryWrite(bytes("x"));
  peer.tryWrite(bytes("y"));
  yield* h.read(1);
  yield* h.write("1");
  const calls = [() => h.readline(), () => h.readable(), () => h.writable(), () => h.print("23")];
  for (const call of calls) assert.equal(yield* held(call), true, String(call));
  h.unref();
  for (const call of calls) assert.equal(yield* held(call), false, String(call));
  h.ref();
  for (const call of calls) assert.equal(yield* held(call), true, String(call));
  h.close();
  const server = CoroSocket.listen({ host: "127.0.0.1", port: 0 });
  assert.equal(loop.stats().held, before + 1);
  server.unref();
  assert.equal(loop.stats().held, before);
  server.ref();
  server.close();
});
