import assert from "node:assert/strict";
import { DeadlockError, streamPair, UsageError } from "@anyevent/backends/contract";
import { PureBackend, pureEnv } from "@anyevent/backends/pure";

const NOTHING = { timers: 0, ios: 0, posted: 0, signals: 0, children: 0, idles: 0 };

Deno.test("PureBackend calls back for posts, timers and idle, in the host's loop", async () => {
  const backend = new PureBackend();
  const seen: string[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  backend.hold(true);
  backend.post(() => seen.push("post"));
  backend.timer(0, () => seen.push("zero"));
  const idle = backend.idle(() => {
    if (seen.at(-1) !== "idle") seen.push("idle");
  });
  backend.timer(0.02, () => {
    seen.push("timer");
    idle();
    backend.hold(false);
    resolve();
  });
  assert.deepEqual(seen, []);
  await promise;
  assert.deepEqual(seen, ["post", "zero", "idle", "timer"]);
  assert.deepEqual(backend.stats(), NOTHING);
});

Deno.test("PureBackend never fires a timer early, and keeps now() monotonic", async () => {
  const backend = new PureBackend();
  backend.hold(true);
  const began = backend.now();
  assert(Math.abs(began - backend.time()) < 1);
  for (let i = 0; i < 20; i++) {
    const due = backend.now() + i / 2000;
    await new Promise<void>((resolve) =>
      backend.timer(i / 2000, () => {
        assert(backend.now() >= due);
        resolve();
      })
    );
  }
  backend.hold(false);
});

Deno.test("PureBackend watches streams that bring their own readiness, level-triggered", async () => {
  const backend = new PureBackend();
  backend.hold(true);
  const [a, b] = streamPair(backend);
  let calls = 0;
  const { promise, resolve } = Promise.withResolvers<void>();
  const undo = backend.io(b, "r", () => {
    calls++;
    if (b.tryRead(new Uint8Array(1)) === null) resolve();
  });
  assert.equal(backend.stats().ios, 1);
  a.tryWrite(new Uint8Array(3));
  a.shutdown();
  await promise;
  assert.equal(calls, 4);
  undo();
  undo();
  backend.hold(false);
  a.close();
  b.close();
  // The pair has still posted that its watcher is to be called once more.
  while (backend.stats().posted > 0) await new Promise<void>((resolve) => backend.post(resolve));
  assert.equal(calls, 4);
  assert.deepEqual(backend.stats(), NOTHING);
});

Deno.test("PureBackend hands what an io callback throws to onError and calls it again", async () => {
  const faults: unknown[] = [];
  const backend = new PureBackend({ onError: (thrown) => faults.push(thrown) });
  const [a, b] = streamPair(backend);
  const { promise, resolve } = Promise.withResolvers<void>();
  const undo = backend.io(a, "w", () => {
    if (faults.length < 2) throw new Error("mine");
    undo();
    resolve();
  });
  await promise;
  assert.equal(faults.length, 2);
  a.close();
  b.close();
});

Deno.test("PureBackend refuses other sources, and what needs a host adapter, saying so", async () => {
  const { backend, net, host } = pureEnv();
  assert.equal(backend.accepts(0), false);
  const says = (what: RegExp) => (error: unknown): boolean =>
    error instanceof UsageError && what.test(error.message);
  assert.throws(() => backend.io(0, "r", () => undefined), says(/nodeStream/));
  assert.throws(() => backend.io({}, "x" as "r", () => undefined), says(/mode "x"/));
  assert.throws(() => backend.signal!("INT", () => undefined), says(/host adapter/));
  assert.throws(() => backend.child!(1, () => undefined), says(/host adapter/));
  const there = { transport: "tcp", host: "127.0.0.1", port: 0 } as const;
  assert.throws(() => net.listen(there, () => undefined), says(/host adapter/));
  assert.throws(() => net.connect(there, () => undefined), says(/host adapter/));
  await assert.rejects(host.readTextFile("x"), says(/host adapter/));
  assert.equal(host.env("HOME"), undefined);
  assert.deepEqual(backend.stats(), NOTHING);
  assert.doesNotThrow(() => backend.exhausted!(() => undefined)());
});

Deno.test("runUntil() blocks the thread for timers", () => {
  const backend = new PureBackend();
  const began = performance.now();
  let fired = false;
  backend.timer(0.03, () => fired = true);
  backend.runUntil(() => fired);
  assert(performance.now() - began >= 29);
  assert.deepEqual(backend.stats(), NOTHING);
});

Deno.test("runUntil() inside a callback runs the others meanwhile", async () => {
  const backend = new PureBackend();
  const { promise, resolve } = Promise.withResolvers<string[]>();
  const seen: string[] = [];
  backend.hold(true);
  backend.post(() => {
    backend.timer(0.005, () => seen.push("timer"));
    backend.runUntil(() => seen.length === 2);
    seen.push("on");
    resolve(seen);
  });
  backend.post(() => seen.push("post"));
  assert.deepEqual(await promise, ["post", "timer", "on"]);
  backend.hold(false);
});

Deno.test("runUntil() and runOnce() throw DeadlockError when nothing could wake the thread", () => {
  const backend = new PureBackend();
  assert.throws(() => backend.runUntil(() => false), DeadlockError);
  assert.throws(() => backend.runOnce(), DeadlockError);
  let ran = false;
  backend.post(() => ran = true);
  backend.runOnce();
  assert(ran);
});

Deno.test("dispose() leaves nothing behind, and the backend can be used again", async () => {
  const backend = new PureBackend();
  const [a, b] = streamPair(backend);
  backend.hold(true);
  backend.timer(100, () => assert.fail("timer"));
  backend.io(a, "w", () => assert.fail("io"));
  backend.idle(() => assert.fail("idle"));
  backend.dispose();
  backend.dispose();
  assert.deepEqual(backend.stats(), NOTHING);
  a.close();
  b.close();
  await new Promise<void>((resolve) => backend.post(resolve));
});

/** Runs `body` with some of the host's globals replaced. */
async function withGlobals(
  replaced: Readonly<Record<string, unknown>>,
  body: () => Promise<void> | void,
): Promise<void> {
  const saved = Object.keys(replaced).map((key) =>
    [key, Object.getOwnPropertyDescriptor(globalThis, key)] as const
  );
  for (const [key, value] of Object.entries(replaced)) {
    Object.defineProperty(globalThis, key, { value, configurable: true, writable: true });
  }
  try {
    await body();
  } finally {
    for (const [key, descriptor] of saved) Object.defineProperty(globalThis, key, descriptor!);
  }
}

for (
  const [what, replaced] of [
    ["a MessageChannel", { setImmediate: undefined }],
    ["zero timers", { setImmediate: undefined, MessageChannel: undefined }],
    ["Date alone", { performance: undefined }],
  ] as const
) {
  Deno.test(`PureBackend works when the host has but ${what}`, async () => {
    await withGlobals(replaced, async () => {
      const backend = new PureBackend();
      backend.hold(true);
      const seen: string[] = [];
      backend.timer(0.005, () => seen.push("timer"));
      await new Promise<void>((resolve) => backend.post(resolve));
      await new Promise<void>((resolve) => backend.timer(0.006, resolve));
      assert.deepEqual(seen, ["timer"]);
      backend.hold(false);
    });
  });
}

Deno.test("PureBackend runs without any Deno or process global", async () => {
  await withGlobals({ Deno: undefined, process: undefined }, async () => {
    const { backend, random } = pureEnv();
    backend.hold(true);
    await new Promise<void>((resolve) => backend.timer(0.001, resolve));
    assert.equal(random.bytes(70000).length, 70000);
    backend.hold(false);
  });
});

Deno.test("PureBackend says what is missing when the host has no timers at all", async () => {
  const none = { setImmediate: undefined, MessageChannel: undefined, setTimeout: undefined };
  await withGlobals(none, () => {
    const backend = new PureBackend();
    assert.throws(() => backend.post(() => undefined), /no setImmediate/);
    assert.throws(() => new PureBackend().timer(1, () => undefined), /no setTimeout/);
  });
});

Deno.test("runUntil() says so when the host does not let it block", async () => {
  const wait = Atomics.wait;
  Atomics.wait = (): never => {
    throw new TypeError("not on this thread");
  };
  try {
    const backend = new PureBackend();
    const undo = backend.timer(1, () => undefined);
    assert.throws(
      () => backend.runUntil(() => false),
      (error) => error instanceof UsageError && /does not allow/.test(error.message),
    );
    undo();
  } finally {
    Atomics.wait = wait;
  }
  await Promise.resolve();
});
