import assert from "node:assert/strict";
import fc from "fast-check";
import { Scheduler } from "@anyevent/coro";
import { ClosedError, type HandleError, type Operation, TimeoutError } from "@anyevent/loop";
import { bytes, World } from "./support.ts";

/** Runs an operation until it is settled. */
async function settled<T>(world: World, op: PromiseLike<T>): Promise<T> {
  let over = false;
  const promise = op.then((value) => {
    over = true;
    return { value };
  }, (error) => {
    over = true;
    return { error };
  });
  while (!over) await world.env.backend.settle();
  const result = await promise;
  if ("error" in result) throw result.error;
  return result.value;
}

Deno.test("read() gives what is there at once, and waits for what is not", async () => {
  using world = new World();
  const [h, peer] = world.pair();
  peer.tryWrite(bytes("one\ntw"));
  assert.equal(await settled(world, h.read("line")), "one");
  const two = settled(world, h.read("line"));
  await world.env.backend.settle();
  peer.tryWrite(bytes("o\n[3]4:four,"));
  assert.equal(await two, "two");
  assert.deepEqual(await settled(world, h.read("json")), [3]);
  assert.deepEqual(await settled(world, h.read("netstring")), bytes("four"));
  assert.equal(h.read("line").describe(), "handle.read(line)");
  assert.equal(world.loop.stats().ios, 0);
});

Deno.test("read() gives undefined at the end of file, which is no error then", async () => {
  using world = new World();
  const [h, peer] = world.pair();
  peer.tryWrite(bytes("last\n"));
  peer.shutdown();
  assert.equal(await settled(world, h.read("line")), "last");
  assert.equal(await settled(world, h.read("line")), undefined);
  assert.equal(await settled(world, h.read("chunk", 3)), undefined);
  assert.equal(h.destroyed, false);
});

Deno.test("read() fails with EPIPE in the middle of an item, and so do all that wait", async () => {
  using world = new World();
  const [h, peer] = world.pair();
  const all = [h.read("line"), h.read("line"), h.drained()].map((op: Operation<unknown>) =>
    settled(world, op).then(() => "done", (error) => error.code)
  );
  await world.env.backend.settle();
  peer.tryWrite(bytes("partial"));
  peer.shutdown();
  assert.deepEqual(await Promise.all(all), ["EPIPE", "EPIPE", "done"]);
  assert.equal(h.destroyed, true);
  await assert.rejects(settled(world, h.read("line")), { code: "EPIPE" });
});

Deno.test("read() fails with EBADMSG by itself: the handle goes on", async () => {
  using world = new World();
  const [h, peer] = world.pair();
  peer.tryWrite(bytes("[1,][2]"));
  await assert.rejects(settled(world, h.read("json")), { code: "EBADMSG" });
  assert.deepEqual(await settled(world, h.read("json")), [2]);
  const waiting = settled(world, h.read("json")).catch((error: HandleError) => error.code);
  await world.env.backend.settle();
  peer.tryWrite(bytes("x"));
  assert.equal(await waiting, "EBADMSG");
});

Deno.test("read() and drained() fail with TimeoutError when their timeout is over", async () => {
  using world = new World();
  const [h] = world.pair({ rtimeout: 1, linger: 0 }, 4);
  h.pushWrite("12345678");
  const read = settled(world, h.read("line")).catch((error) => error);
  await world.env.backend.run(1);
  assert.ok(await read instanceof TimeoutError);
  assert.equal(h.destroyed, false);
  h.rtimeout(0);
  const drained = settled(world, h.drained()).catch((error) => error);
  await world.env.backend.settle();
  h.wtimeoutReset();
  h.wtimeout(1);
  await world.env.backend.run(1);
  assert.ok(await drained instanceof TimeoutError);
});

Deno.test("read() and drained() fail when the handle is destroyed", async () => {
  using world = new World();
  const [h] = world.pair({ linger: 0 }, 4);
  h.pushWrite("12345678");
  const all = [h.read("line"), h.drained()].map((op: Operation<unknown>) =>
    settled(world, op).catch((error) => error)
  );
  await world.env.backend.settle();
  h.destroy();
  for (const error of await Promise.all(all)) assert.ok(error instanceof ClosedError);
  await assert.rejects(settled(world, h.read("line")), ClosedError);
  await assert.rejects(settled(world, h.drained()), ClosedError);
});

Deno.test("the end of the loop destroys its handles: who waits is told, the stream is closed", async () => {
  const world = new World();
  const [h, peer] = world.pair({}, 4);
  h.pushWrite("12345678");
  const read = settled(world, h.read("line")).catch((error) => error);
  await world.env.backend.settle();
  world.loop.dispose();
  assert.ok(await read instanceof ClosedError);
  assert.equal(h.destroyed, true);
  assert.equal(world.received(peer), "1234");
  assert.equal(peer.tryRead(new Uint8Array(1)), null);
});

Deno.test("drained() returns when all is written", async () => {
  using world = new World();
  const [h, peer] = world.pair({}, 4);
  await settled(world, h.drained());
  h.pushWrite("12345678");
  let done = false;
  const op = settled(world, h.drained()).then(() => done = true);
  await world.env.backend.settle();
  assert.equal(done, false);
  world.received(peer);
  await op;
  assert.equal(h.wbufSize, 0);
});

Deno.test("readers and operations take turns in the order in which they came", async () => {
  using world = new World();
  const [h, peer] = world.pair();
  h.pushRead("line", world.log("a"));
  const b = settled(world, h.read("line")).then((line) => world.events.push(`b ${line}`));
  await world.env.backend.settle();
  h.pushRead("line", world.log("c"));
  h.onRead((h) => {
    world.log("rest")(h, h.rbuf);
    h.rbuf = new Uint8Array();
  });
  peer.tryWrite(bytes("1\n2\n3\n4"));
  await b;
  await world.env.backend.settle();
  // What an operation gives, its caller gets a few microtasks later.
  assert.deepEqual(world.take().filter((it) => it !== "b 2"), ["a 1 \n", "c 3 \n", "rest 4"]);
  assert.equal(await b, 4);
});

Deno.test("threads read lines; one that is cancelled takes nothing, even when its line is there", async () => {
  using world = new World();
  const scheduler = new Scheduler(world.loop);
  const [h, peer] = world.pair();
  const got: (string | undefined)[] = [];
  const thread = scheduler.async(function* () {
    got.push(yield* h.read("line"));
  });
  const other = scheduler.async(function* () {
    got.push(yield* h.read("line"));
  });
  await world.env.backend.settle();
  peer.tryWrite(bytes("a\nb\n"));
  world.env.backend.turn();
  // The stream was read, and the thread made ready, but it has not run yet.
  assert.equal(h.rbuf.length, 4);
  thread.cancel();
  await world.env.backend.settle();
  assert.deepEqual(got, ["a"]);
  assert.equal(await settled(world, h.read("line")), "b");
  other.cancel();
});

Deno.test("read() gives the same however the input is split and the reads are placed", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.string({ maxLength: 5 }).map((s) => s.replace(/[\n\r]/g, "")), { maxLength: 6 }),
      fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 6 }),
      async (lines, sizes) => {
        using world = new World();
        const [h, peer] = world.pair();
        const got: unknown[] = [];
        const reader = (async () => {
          for (let line = await h.read("line"); line !== undefined; line = await h.read("line")) {
            got.push(line);
          }
        })();
        let data = bytes(lines.map((line) => `${line}\n`).join(""));
        for (const size of sizes) {
          peer.tryWrite(data.subarray(0, size));
          data = data.subarray(size);
          await world.env.backend.settle();
        }
        peer.tryWrite(data);
        peer.shutdown();
        await world.env.backend.settle();
        await reader;
        assert.deepEqual(got, lines.map((line) => new TextDecoder().decode(bytes(line))));
      },
    ),
    { numRuns: 25 },
  );
});

Deno.test("100000 reads that wait end at once when their time is over", async () => {
  using world = new World();
  const [h] = world.pair({ rtimeout: 1, onError: () => undefined });
  const count = 100_000;
  let failed = 0;
  for (let i = 0; i < count; i++) {
    Promise.resolve(h.read("line")).catch((error) => {
      if (error instanceof TimeoutError) failed++;
    });
  }
  await world.env.backend.settle();
  const before = performance.now();
  world.run(1);
  while (failed < count) await world.env.backend.settle();
  // Takes some two seconds; when each looks through the whole queue, half a minute.
  assert.ok(performance.now() - before < 15_000);
});
