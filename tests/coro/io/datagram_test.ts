import assert from "node:assert/strict";
import { async, cede, CoroDatagram } from "@anyevent/coro";
import { inSim, onEach, text } from "./support.ts";

onEach("CoroDatagram: an echo server and a client", function* () {
  using server = yield* CoroDatagram.open({ host: "127.0.0.1", port: 0 });
  const echo = async(function* () {
    for (let got; (got = yield* server.receive()) !== undefined;) {
      const { bytes, from } = got;
      assert.equal(yield* server.send(bytes, from), true);
    }
  });
  using client = yield* CoroDatagram.open({ host: "127.0.0.1", port: 0 });
  for (const word of ["one", "two", "three"]) {
    yield* client.send(word, server);
    const { bytes, from } = (yield* client.receive())!;
    assert.equal(text(bytes), word);
    assert.deepEqual(from, { transport: "tcp", host: "127.0.0.1", port: server.port });
  }
  server.close();
  yield* echo.join();
  let failed: unknown;
  try {
    yield* server.send("x", client);
  } catch (error) {
    failed = error;
  }
  assert.equal((failed as Error).name, "ClosedError");
  assert.equal(yield* server.receive(), undefined);
});

inSim("CoroDatagram: limits of time, cancel and throw", function* (place) {
  using socket = yield* CoroDatagram.open({ host: "127.0.0.1", port: 0 }, { timeout: 2 });
  const begin = place.loop.now();
  assert.equal(yield* socket.receive(), undefined);
  assert.equal(Math.round(place.loop.now() - begin), 2);
  socket.timeout = undefined;
  let name = "";
  try {
    yield* socket.receive({ timeout: 1 });
  } catch (error) {
    name = (error as Error).name;
  }
  assert.equal(name, "TimeoutError");
  const before = place.left;
  const waiting = async(() => socket.receive());
  const opening = async(() => CoroDatagram.open({ host: "127.0.0.1", port: 0 }));
  yield* cede();
  waiting.cancel();
  opening.cancel();
  assert.deepEqual(place.left, before);
  for (
    const wrong of [
      () => socket.send(5 as never, socket),
      () => socket.send("x", { host: "a name", port: 1 }),
      () => socket.send("x", { host: "127.0.0.1", port: 1e6 }),
      () => CoroDatagram.open(undefined as never),
      () => CoroDatagram.open(socket, { timeout: -1 }),
      () => CoroDatagram.open(socket, 5 as never),
    ]
  ) assert.throws(wrong, { name: "UsageError" }, String(wrong));
});
