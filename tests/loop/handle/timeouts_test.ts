import assert from "node:assert/strict";
import { TimeoutError } from "@anyevent/loop";
import { bytes, World } from "./support.ts";

Deno.test("timeout() fires after inactivity and again each time as long", () => {
  using world = new World();
  const at: number[] = [];
  const begun = world.loop.now();
  world.pair({ timeout: 2, onTimeout: () => void at.push(world.loop.now() - begun) });
  world.run(7);
  assert.deepEqual(at, [2, 4, 6]);
});

Deno.test("reading and writing hold off timeout, and each its own", () => {
  using world = new World();
  const [h, peer] = world.pair({
    timeout: 10,
    rtimeout: 10,
    wtimeout: 10,
    onTimeout: world.log("timeout"),
    onRtimeout: world.log("rtimeout"),
    onWtimeout: world.log("wtimeout"),
    onRead: (h) => h.rbuf = new Uint8Array(),
  });
  world.run(6);
  peer.tryWrite(bytes("x"));
  world.run(5);
  assert.deepEqual(world.take(), ["wtimeout"]);
  h.pushWrite("x");
  world.run(4.9);
  assert.deepEqual(world.take(), []);
  world.run(0.2);
  assert.deepEqual(world.take(), ["rtimeout"]);
  world.run(4.8);
  assert.deepEqual(world.take(), []);
  world.run(0.2);
  assert.deepEqual(world.take().sort(), ["timeout", "wtimeout"]);
});

Deno.test("timeout() of 0 disables, and looks at once when it is set", () => {
  using world = new World();
  const [h] = world.pair({ timeout: 1, onTimeout: world.log("timeout") });
  h.timeout(0);
  world.run(5);
  assert.deepEqual(world.take(), []);
  h.timeout(4);
  assert.deepEqual(world.take(), ["timeout"]);
  world.run(3.9);
  h.timeoutReset();
  world.run(3.9);
  assert.deepEqual(world.take(), []);
  assert.throws(() => h.timeout(-1), /Cannot set timeout: -1 is negative/);
  assert.throws(() => h.rtimeout("x" as never), /Cannot set rtimeout/);
  h.rtimeoutReset();
  h.wtimeoutReset();
});

Deno.test("without its callback it is an ETIMEDOUT that is not fatal", () => {
  using world = new World();
  const [h] = world.pair({
    rtimeout: 1,
    onError: (_h, fatal, message, error) => {
      assert.ok(error instanceof TimeoutError);
      world.events.push(`${fatal} ${error.code} ${message}: ${error.message}`);
    },
  });
  world.run(1);
  const wanted = "false ETIMEDOUT Connection timed out: Cannot wait for b: its rtimeout is over";
  assert.deepEqual(world.take(), [wanted]);
  assert.equal(h.destroyed, false);
  world.run(1);
  assert.deepEqual(world.take(), [wanted]);
});

Deno.test("without onError either, it destroys the handle and is thrown into the loop", () => {
  using world = new World();
  const [h] = world.pair({ wtimeout: 1 });
  world.run(1);
  assert.equal(h.destroyed, true);
  assert.match(String(world.thrown.splice(0)), /TimeoutError/);
});

Deno.test("onTimeout() may destroy the handle or change the timeout", () => {
  using world = new World();
  const at: number[] = [];
  const begun = world.loop.now();
  const [h] = world.pair({
    timeout: 1,
    onTimeout: (h) => {
      at.push(world.loop.now() - begun);
      h.timeout(3);
      if (at.length === 2) h.destroy();
    },
  });
  world.run(20);
  assert.deepEqual(at, [1, 4]);
  assert.equal(h.destroyed, true);
  h.onTimeout(undefined);
});
