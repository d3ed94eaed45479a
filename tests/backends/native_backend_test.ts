import assert from "node:assert/strict";
import { UsageError } from "@anyevent/backends/contract";
import { NativeBackend, nativeEnv } from "@anyevent/backends/native";
import { FakeTime } from "../support/fake_time.ts";
import { runDeno } from "../support/run_deno.ts";

const microtask = (): Promise<void> => Promise.resolve().then(() => undefined);

Deno.test("timer() is driven by fake timers, right after it was created", () => {
  using time = new FakeTime();
  const backend = new NativeBackend();
  const log: string[] = [];
  backend.timer(1, () => log.push("a"));
  backend.timer(1, () => log.push("b"));
  backend.timer(3600, () => log.push("hour"));
  time.tick(999);
  assert.deepEqual(log, []);
  time.tick(1);
  assert.deepEqual(log, ["a", "b"]);
  time.tick(3599_000);
  assert.deepEqual(log, ["a", "b", "hour"]);
});

Deno.test("timer() re-armed by its callback keeps fake time exactly", () => {
  using time = new FakeTime();
  const backend = new NativeBackend();
  const at: number[] = [];
  const start = time.now;
  const again = (): void => {
    at.push(time.now - start);
    if (at.length < 5) backend.timer(0.25, again);
  };
  backend.timer(0.25, again);
  time.tick(10_000);
  assert.deepEqual(at, [250, 500, 750, 1000, 1250]);
});

Deno.test("now() and time() follow a replaced Date, and now() is continuous", () => {
  const backend = new NativeBackend();
  const before = backend.now();
  {
    using time = new FakeTime(1_000_000_000_000);
    const first = backend.now();
    assert.ok(first >= before && first - before < 1, `jumped by ${first - before}`);
    assert.equal(backend.time(), 1_000_000_000);
    time.tick(5000);
    assert.ok(Math.abs(backend.now() - first - 5) < 1e-6);
    assert.equal(backend.time(), 1_000_000_005);
  }
  const after = backend.now();
  assert.ok(after - before >= 5 && after - before < 6);
});

Deno.test("timer() is driven by fakes that replace the timers alone", () => {
  const { Date: RealDate } = globalThis;
  using time = new FakeTime();
  globalThis.Date = RealDate;
  const backend = new NativeBackend();
  const start = backend.now();
  let at = 0;
  backend.timer(100, () => at = backend.now());
  time.tick(100_000);
  assert.ok(at - start >= 100 && at - start < 101, `loop time moved by ${at - start}`);
});

Deno.test("timer() leaves no host timer when it is undone", async () => {
  using time = new FakeTime();
  const backend = new NativeBackend();
  for (let i = 0; i < 1000; i++) backend.timer(10 + i, () => {})();
  assert.equal(time.armed, 1);
  await microtask();
  await microtask();
  assert.equal(time.armed, 0);
});

Deno.test("hold() arms one host timer and takes it away", async () => {
  using time = new FakeTime();
  const backend = new NativeBackend();
  backend.hold(true);
  await microtask();
  await microtask();
  assert.equal(time.armed, 1);
  backend.hold(false);
  await microtask();
  await microtask();
  assert.equal(time.armed, 0);
});

Deno.test("timer() fires when a real one was armed before the timers were replaced", async () => {
  const backend = new NativeBackend();
  const undo = backend.timer(1000, () => {});
  {
    using time = new FakeTime();
    let fired = false;
    backend.timer(1, () => fired = true);
    time.tick(1000);
    assert.equal(fired, true);
  }
  undo();
  await microtask();
});

Deno.test("io() names ioStream and the ffi backend for what only they can watch", () => {
  const { backend } = nativeEnv();
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  for (const source of [0, listener, { fd: 3 }]) {
    assert.equal(backend.accepts(source), false);
    assert.throws(
      () => backend.io(source, "r", () => {}),
      (thrown) => thrown instanceof UsageError && /ioStream.*ffi/.test(thrown.message),
    );
  }
  listener.close();
});

Deno.test("timer() and post() report what they throw to onError, also when that throws", async () => {
  const faults: unknown[] = [];
  const backend = new NativeBackend({ onError: (thrown) => faults.push(thrown) });
  backend.hold(true);
  backend.timer(0, () => {
    throw "timer";
  });
  backend.post(() => {
    throw "post";
  });
  await new Promise<void>((resolve) => backend.timer(0.001, () => backend.post(resolve)));
  backend.hold(false);
  assert.deepEqual(faults, ["post", "timer"]);
});

for (const kind of ["timer", "zero", "signal", "idle", "listen", "stdin", "read", "child"]) {
  const allow = ["--allow-net=127.0.0.1", "--allow-run=deno"];
  Deno.test(`hold() alone keeps the process alive, a ${kind} does not`, async () => {
    const free = await runDeno("tests/support/hold_child.ts", [kind], { allow, stdin: "open" });
    assert.deepEqual([free.code, free.out, free.err], [0, "not held\n", ""]);
    const held = await runDeno("tests/support/hold_child.ts", [kind, "hold"], {
      allow,
      stdin: "open",
    });
    assert.deepEqual([held.code, held.out, held.err], [0, "held\n", ""]);
  });
}

Deno.test("exhausted() is called when nothing is left, and what it settles goes on", async () => {
  const { code, out, err } = await runDeno("tests/support/exhausted_child.ts", []);
  assert.deepEqual([code, out, err], [0, "nothing is left\nwent on\n", ""]);
});
