import assert from "node:assert/strict";
import {
  async,
  cede,
  CoroSocket,
  idle,
  idleUpto,
  poll,
  readable,
  select,
  sleep,
  unblock,
  writable,
} from "@anyevent/coro";
import { streamPair } from "@anyevent/loop";
import { bytes, inSim, onEach } from "./support.ts";

onEach("poll(), idle() and sleep() let others run", function* ({ print, printed, loop }) {
  const counter = async(function* () {
    for (let n = 0; n < 5; n++) {
      print("thread", n);
      yield* cede();
    }
  });
  yield* poll();
  // How many turns the others got is the scheduler's to say.
  assert.ok(printed.length > 0);
  yield* idle();
  assert.equal(printed.length, 5);
  let events = 0;
  const timer = loop.addTimer(0, 0, () => events++);
  yield* idle();
  assert.equal(events, 1);
  timer.cancel();
  yield* counter.join();
  yield* sleep(-1);
});

inSim("idleUpto() ends at its time when the loop is never idle", function* ({ loop }) {
  let busy = true;
  const begin = loop.now();
  async(function* () {
    // Time goes on in a simulated world only when nothing else does.
    for (let n = 0; busy; n++) yield* sleep(n % 10 === 9 ? 0.01 : 0);
  });
  yield* idleUpto(0.001);
  assert.ok(loop.now() - begin <= 0.02);
  busy = false;
  yield* idle();
  yield* idleUpto(1);
  assert.ok(loop.now() - begin < 1);
});

inSim("readable() and writable() tell, and give up in time", function* ({ loop, env }) {
  const [a, b] = streamPair(env.backend, { capacity: 2 });
  const begin = loop.now();
  assert.equal(yield* readable(a, 0), false);
  assert.equal(yield* readable(a, 2), false);
  assert.equal(Math.round(loop.now() - begin), 2);
  const waiting = async(() => readable(a));
  yield* poll();
  b.tryWrite(bytes("xy"));
  assert.deepEqual(yield* waiting.join(), [true]);
  assert.equal(yield* readable(a, 0), true);
  assert.equal(yield* writable(b, 1), false);
  assert.equal(a.tryRead(new Uint8Array(9)), 2);
  assert.equal(yield* writable(b, 1), true);
  // The end counts.
  b.close();
  assert.equal(yield* readable(a), true);
  const under = async(() => readable(a));
  yield* cede();
  a.close();
  assert.deepEqual(yield* under.join(), [true]);
  assert.throws(() => readable(5), { name: "UsageError" });
  assert.throws(() => readable(a, "x" as never), { name: "UsageError" });
});

inSim("select() gives those that are ready, or none in time", function* ({ loop, env }) {
  const [a, b] = streamPair(env.backend, { capacity: 2 });
  const [c, d] = streamPair(env.backend, { capacity: 2 });
  assert.deepEqual(yield* select([a, c], [], 0), { count: 0, read: [], write: [] });
  const begin = loop.now();
  assert.equal((yield* select([a, c], [], 1.5)).count, 0);
  assert.equal((yield* select([], [], 0.5)).count, 0);
  assert.equal(loop.now() - begin, 2);
  const waiting = async(() => select([a, c]));
  yield* poll();
  b.tryWrite(bytes("1"));
  d.tryWrite(bytes("2"));
  assert.deepEqual(yield* waiting.join(), [{ count: 2, read: [a, c], write: [] }]);
  const all = yield* select([a, b], [a, b, d]);
  assert.deepEqual([all.count, all.read, all.write], [4, [a], [a, b, d]]);
  // Bytes that a handle has read ahead count as well.
  using h = unblock(c);
  h.unread("x");
  assert.deepEqual((yield* select([a, h], [], 10)).read, [a, h]);
  a.tryRead(new Uint8Array(9));
  assert.deepEqual((yield* select([a, h], [], 10)).read, [h]);
  assert.throws(() => select([], []), { name: "UsageError" });
  assert.throws(() => select([5], []), { name: "UsageError" });
  assert.throws(() => select(5 as never), { name: "UsageError" });
  assert.throws(() => select([], [], {} as never), { name: "UsageError" });
});

onEach("select() watches real sockets, too", function* ({ env }) {
  using server = CoroSocket.listen({ host: "127.0.0.1", port: 0 });
  using one = yield* CoroSocket.connect({ host: "127.0.0.1", port: server.port });
  using peer = (yield* server.accept())!;
  assert.equal((yield* select([one], [], 0)).count, 0);
  assert.deepEqual((yield* select([one], [one])).write, [one]);
  yield* peer.print("x");
  assert.deepEqual((yield* select([one, peer])).read, [one]);
  assert.equal(env.backend.stats().ios, 0);
});
