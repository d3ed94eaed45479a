import assert from "node:assert/strict";
import { Handle, Loop, streamPair } from "@anyevent/loop";
import { manualEnv } from "../../support/manual_env.ts";

Deno.test("unref() and ref() of a handle hold for reading, writing and timeouts, now and later", () => {
  const env = manualEnv();
  const loop = new Loop(env);
  const [a, b] = streamPair(env.backend, { capacity: 4 });
  const handle = new Handle({ loop, fh: a, linger: 0 });
  const held = (): number => loop.stats().held;
  assert.equal(handle.unref(), handle);
  handle.onRead((h) => {
    h.rbuf = new Uint8Array(0);
  });
  handle.timeout(5);
  handle.pushWrite("more than fits");
  assert.deepEqual([loop.stats().ios, loop.stats().timers, held()], [2, 1, 0]);
  assert.equal(handle.ref(), handle);
  assert.equal(held(), 3);
  handle.unref();
  assert.equal(held(), 0);
  handle.onTimeout(() => undefined);
  env.backend.advance(20);
  assert.deepEqual([loop.stats().ios, loop.stats().timers, held()], [2, 1, 0]);
  handle.destroy();
  handle.ref();
  assert.deepEqual([loop.stats().ios, loop.stats().timers, held()], [0, 0, 0]);
  b.close();
  loop.dispose();
});
