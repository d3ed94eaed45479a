import assert from "node:assert/strict";
import { type Handle, type HandleError, loadMsgpack, streamPair } from "@anyevent/loop";
import { bytes, World } from "./support.ts";

Deno.test("pushWrite() writes at once: bytes, text as UTF-8, and typed items", () => {
  using world = new World();
  const [h, peer] = world.pair();
  h.pushWrite(bytes("a"));
  h.pushWrite("ü");
  h.pushWrite("netstring", "hi");
  h.pushWrite("json", [1, { b: 2 }]);
  h.pushWrite("packstring", "N", "xyz");
  assert.equal(world.received(peer), 'aü2:hi,[1,{"b":2}]\0\0\0\x03xyz');
});

Deno.test("pushWrite() copies what it cannot write at once", () => {
  using world = new World();
  const [h, peer] = world.pair({}, 4);
  const data = bytes("12345678");
  h.pushWrite(data);
  data.fill(0);
  h.pushWrite("9");
  assert.equal(h.wbufSize, 5);
  let out = "";
  for (let i = 0; i < 5; i++) {
    out += world.received(peer);
    world.run();
  }
  assert.equal(out, "123456789");
  assert.equal(world.loop.stats().ios, 0);
});

Deno.test("onDrain() is called at creation, when set, and after each write that drains", () => {
  using world = new World();
  const [h, peer] = world.pair({ onDrain: world.log("drain") }, 4);
  assert.deepEqual(world.take(), ["drain"]);
  h.pushWrite("12");
  assert.deepEqual(world.take(), ["drain"]);
  h.pushWrite("3456");
  assert.deepEqual(world.take(), []);
  world.received(peer);
  world.run();
  assert.deepEqual(world.take(), ["drain"]);
  h.onDrain(world.log("other"));
  assert.deepEqual(world.take(), ["other"]);
  h.pushWrite("");
  assert.deepEqual(world.take(), []);
});

Deno.test("onDrain() may write without end: not deeper and deeper", () => {
  using world = new World();
  let left = 50_000;
  const [, peer] = world.pair({
    onDrain: (h) => {
      if (left-- > 0) h.pushWrite("x");
    },
  }, 1 << 20);
  world.run();
  assert.equal(world.received(peer).length, 50_000);
});

Deno.test("what onDrain() wrote before it threw is written all the same", () => {
  using world = new World();
  let first = true;
  const [h, peer] = world.pair();
  h.onDrain((h) => {
    if (!first) return;
    first = false;
    h.pushWrite("b");
  });
  assert.equal(world.received(peer), "b");
  h.onDrain(undefined);
  first = true;
  h.pushWrite("c");
  let thrown = false;
  assert.throws(() =>
    h.onDrain((h) => {
      if (thrown) return;
      thrown = true;
      h.pushWrite("d");
      throw new Error("drain");
    }), /drain/);
  const throwing = (h: Handle): void => {
    if (h.wbufSize > 0 || thrown) return;
    thrown = true;
    h.pushWrite("f");
    throw new Error("later");
  };
  thrown = true;
  h.onDrain(throwing);
  thrown = false;
  assert.throws(() => h.pushWrite("e"), /later/);
  world.run();
  assert.equal(world.received(peer), "cdef");
});

Deno.test("lowWaterMark says how much may be left when onDrain is called", () => {
  using world = new World();
  const [h, peer] = world.pair({ lowWaterMark: 3, linger: 0 }, 4);
  h.pushWrite("12345678901");
  h.onDrain(world.log("drain"));
  assert.deepEqual(world.take(), []);
  world.received(peer);
  world.run();
  assert.equal(h.wbufSize, 3);
  assert.deepEqual(world.take(), ["drain"]);
});

Deno.test("wbufMax() allows as many bytes to wait and not one more", () => {
  using world = new World();
  const [h] = world.pair({
    wbufMax: 5,
    linger: 0,
    onError: (_h, fatal, message, error) =>
      void world.events.push(`${fatal} ${error.code} ${message}`),
  }, 4);
  h.pushWrite("123456789");
  assert.deepEqual(world.take(), []);
  h.pushWrite("0");
  assert.deepEqual(world.take(), ["true ENOSPC No space left on device"]);
  assert.equal(h.destroyed, true);
});

Deno.test("autocork() writes in the next turn, all together", () => {
  using world = new World();
  const [h, peer] = world.pair({ autocork: true });
  h.pushWrite("a");
  h.pushWrite("b");
  assert.equal(world.received(peer), "");
  assert.equal(h.wbufSize, 2);
  world.run();
  assert.equal(world.received(peer), "ab");
  h.autocork(false);
  h.pushWrite("c");
  assert.equal(world.received(peer), "c");
});

Deno.test("pushShutdown() sends the end of file after all data, and reading goes on", () => {
  using world = new World();
  const [h, peer] = world.pair({ lowWaterMark: 100 }, 4);
  h.pushWrite("12345678");
  h.pushShutdown();
  h.pushRead("line", world.log("line"));
  let out = world.received(peer);
  for (let i = 0; i < 3; i++) {
    world.run();
    out += world.received(peer);
  }
  assert.equal(out, "12345678");
  assert.equal(peer.tryRead(new Uint8Array(1)), null);
  peer.tryWrite(bytes("yes\n"));
  world.run();
  assert.deepEqual(world.take(), ["line yes \n"]);
});

Deno.test("writing to a broken or ended stream is a fatal EPIPE, thrown to who writes", () => {
  using world = new World();
  const [h, peer] = world.pair();
  peer.close();
  assert.throws(() => h.pushWrite("x"), (error: HandleError) => error.code === "EPIPE");
  assert.equal(h.destroyed, true);
  const [two] = world.pair({
    onError: (_h, fatal, _message, error) => void world.events.push(`${fatal} ${error.code}`),
  });
  two.pushShutdown();
  two.pushWrite("too late");
  assert.deepEqual(world.take(), ["true EPIPE"]);
});

Deno.test("destroy() goes on writing for up to `linger` seconds", () => {
  using world = new World();
  const [h, peer] = world.pair({}, 4);
  h.pushWrite("1234567890");
  h.destroy();
  assert.equal(h.destroyed, true);
  let out = "";
  for (let i = 0; i < 5; i++) {
    out += world.received(peer);
    world.run();
  }
  assert.equal(out, "1234567890");
  assert.equal(peer.tryRead(new Uint8Array(1)), null);
  assert.equal(world.loop.stats().held, 0);
});

Deno.test("destroy() gives up after `linger` seconds, at once with 0, or when the peer is gone", () => {
  using world = new World();
  const [slow, peer] = world.pair({ linger: 5 }, 4);
  slow.pushWrite("1234567890");
  slow.destroy();
  world.run(4.9);
  assert.equal(world.loop.stats().timers, 1);
  world.run(0.2);
  assert.deepEqual([world.loop.stats().timers, world.loop.stats().ios], [0, 0]);
  assert.equal(world.received(peer), "1234");
  const [none] = world.pair({ linger: 0 }, 4);
  none.pushWrite("1234567890");
  none.destroy();
  assert.equal(world.loop.stats().held, 0);
  const [gone, other] = world.pair({}, 4);
  gone.pushWrite("1234567890");
  gone.destroy();
  other.close();
  world.run();
  assert.equal(world.loop.stats().held, 0);
});

Deno.test("what is written while msgpack is being loaded keeps its order, also when lingering", async () => {
  // Another module instance has nothing loaded yet, whatever other tests did.
  const url = new URL("../../../loop/handle/handle.ts?unloaded", import.meta.url).href;
  const { Handle: Fresh } = await import(url) as { Handle: typeof Handle };
  const { encode } = await loadMsgpack();
  using world = new World();
  const [a, peer] = streamPair(world.env.backend);
  const h = new Fresh({ fh: a, loop: world.loop });
  const value = { n: 1 };
  h.pushWrite("before");
  h.pushWrite("msgpack", value);
  value.n = 2;
  h.pushWrite("after");
  h.pushShutdown();
  h.destroy();
  let out = world.received(peer);
  while (!out.endsWith("after")) {
    await world.env.backend.run(0.01);
    out += world.received(peer);
  }
  assert.equal(out, "before" + new TextDecoder().decode(encode({ n: 1 })) + "after");
});

Deno.test("many small writes that wait are put together, and each gets there once", () => {
  using world = new World();
  const [h, peer] = world.pair({}, 70_000);
  const stream = h.fh!;
  let calls = 0;
  const tryWrite = stream.tryWrite.bind(stream);
  stream.tryWrite = (data) => {
    calls++;
    return tryWrite(data);
  };
  h.pushWrite(new Uint8Array(70_000));
  let expected = "";
  for (let i = 0; i < 30_000; i++) {
    h.pushWrite(`${i},`);
    expected += `${i},`;
  }
  assert.equal(h.wbufSize, expected.length);
  assert.equal(calls, 2);
  let received = "";
  for (let turn = 0; turn < 20; turn++) {
    received += world.received(peer);
    world.run();
  }
  assert.equal(received.replace(/^\0+/, ""), expected);
  assert.ok(calls < 20, `${calls} calls`);
});

Deno.test("autocork() makes one write of many small ones", () => {
  using world = new World();
  const [h, peer] = world.pair({ autocork: true });
  const stream = h.fh!;
  const sizes: number[] = [];
  const tryWrite = stream.tryWrite.bind(stream);
  stream.tryWrite = (data) => {
    sizes.push(data.length);
    return tryWrite(data);
  };
  for (let i = 0; i < 1000; i++) h.pushWrite("abc");
  world.run();
  assert.deepEqual(sizes, [3000]);
  assert.equal(world.received(peer), "abc".repeat(1000));
});

Deno.test("what lingers is closed with the loop", () => {
  const world = new World();
  const [h, peer] = world.pair({}, 4);
  h.pushWrite("1234567890");
  h.destroy();
  world.loop.dispose();
  assert.equal(world.received(peer), "1234");
  assert.equal(peer.tryRead(new Uint8Array(1)), null);
});
