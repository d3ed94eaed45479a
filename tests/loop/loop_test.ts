import assert from "node:assert/strict";
import { ClosedError, Loop, UsageError, type Watcher } from "@anyevent/loop";
import { manualEnv } from "../support/manual_env.ts";

Deno.test("a callback that throws stops neither its siblings nor its own repetition", () => {
  const env = manualEnv();
  const seen: [unknown, string][] = [];
  const loop = new Loop(env, {
    onCallbackError: (error, what) => void seen.push([error, what.describe()]),
  });
  const order: string[] = [];
  const bad = loop.timer({
    after: 1,
    interval: 1,
    cb: () => {
      throw new Error("bad");
    },
  });
  loop.timer({ after: 1, cb: () => void order.push("sibling") });
  env.backend.advance(2);
  bad.cancel();
  assert.deepEqual(order, ["sibling"]);
  assert.deepEqual(seen.map(([error, what]) => `${error} in ${what}`), [
    "Error: bad in timer(1, every 1)",
    "Error: bad in timer(1, every 1)",
  ]);
  assert.deepEqual(env.backend.thrown, []);
  assert.deepEqual(env.logged, []);
});

Deno.test("a callback that rejects is reported like one that throws", async () => {
  const env = manualEnv();
  const seen: string[] = [];
  const loop = new Loop(env);
  loop.onCallbackError = (error, what) => void seen.push(`${error} in ${what.describe()}`);
  loop.timer({ after: 1, cb: () => Promise.reject(new Error("later")) });
  loop.child({ pid: 3, cb: () => Promise.reject(new Error("child")) });
  loop.postpone(() => Promise.reject(new Error("posted")));
  env.backend.exit(3, 0);
  await env.backend.run(1);
  await env.backend.settle();
  assert.deepEqual(seen.toSorted(), [
    "Error: child in child(3)",
    "Error: later in timer(1)",
    "Error: posted in postpone()",
  ]);
});

Deno.test("errors go to the log at level 4 when there is no handler, or it throws", () => {
  const env = manualEnv();
  const loop = new Loop(env);
  loop.postpone(() => {
    throw new Error("first");
  });
  env.backend.turn();
  loop.onCallbackError = () => {
    throw new Error("handler");
  };
  loop.timer({
    after: 0,
    cb: () => {
      throw "second";
    },
  });
  env.backend.turn();
  assert.deepEqual(env.logged.map((it) => it.level), [4, 4, 4]);
  assert.match(env.logged[0].message, /^callback of postpone\(\) failed: Error: first\n +at/);
  assert.match(env.logged[1].message, /^onCallbackError failed: Error: handler/);
  assert.equal(env.logged[2].message, "callback of timer(0) failed: second");
  assert.deepEqual(env.backend.thrown, []);
  assert.throws(() => loop.onCallbackError = 1 as never, UsageError);
});

Deno.test("postpone() calls in order, never inside the call, the nested ones a turn later", () => {
  const env = manualEnv();
  const loop = new Loop(env);
  const order: string[] = [];
  loop.postpone(() => {
    order.push("a");
    loop.postpone(() => void order.push("nested"));
  });
  loop.postpone(() => void order.push("b"));
  assert.deepEqual(order, []);
  env.backend.turn();
  assert.deepEqual(order, ["a", "b"]);
  env.backend.turn();
  assert.deepEqual(order, ["a", "b", "nested"]);
});

Deno.test("now() stands still in a turn, time() is the wall clock", () => {
  const env = manualEnv({ start: 5 });
  const loop = new Loop(env);
  env.backend.wallOffset = 100;
  assert.equal(loop.now(), 5);
  assert.equal(loop.time(), 105);
  loop.nowUpdate();
});

Deno.test("sleep() waits for its time when run, and takes no time before", async () => {
  const env = manualEnv({ start: 0 });
  const loop = new Loop(env);
  const op = loop.sleep(3);
  assert.equal(op.describe(), "sleep(3)");
  env.backend.advance(10);
  let woke: number | undefined;
  const done = Promise.resolve(op).then(() => void (woke = loop.now()));
  await env.backend.run(2.9);
  assert.equal(woke, undefined);
  await env.backend.run(0.2);
  await done;
  assert.ok(woke === 13, String(woke));
  assert.equal(loop.stats().timers, 0);
  await assert.rejects(Promise.resolve(op), UsageError);
  assert.throws(() => loop.sleep("x" as never), UsageError);
});

Deno.test("dispose() cancels all watchers, fails sleepers, and drops what was postponed", async () => {
  const env = manualEnv();
  const loop = new Loop(env);
  const order: string[] = [];
  const watchers: Watcher[] = [
    loop.timer({ after: 0, cb: () => void order.push("timer") }),
    loop.idle({ cb: () => void order.push("idle") }),
  ];
  loop.postpone(() => void order.push("posted"));
  const asleep = assert.rejects(Promise.resolve(loop.sleep(1)), ClosedError);
  await Promise.resolve();
  loop.dispose();
  loop.dispose();
  env.backend.advance(5);
  await asleep;
  assert.deepEqual(order, []);
  assert.deepEqual(watchers.map((it) => it.active), [false, false]);
  assert.equal(env.backend.held, false);
  assert.throws(() => loop.timer({ after: 0, cb: () => {} }), ClosedError);
  assert.throws(() => loop.postpone(() => {}), ClosedError);
});

Deno.test("hold() keeps the process alive until taken back", () => {
  const env = manualEnv();
  const loop = new Loop(env);
  const undo = loop.hold();
  assert.equal(env.backend.held, true);
  undo();
  undo();
  assert.equal(env.backend.held, false);
});

Deno.test("oneEvent() and run() name the backend that cannot block", () => {
  const loop = new Loop(manualEnv());
  assert.throws(() => loop.oneEvent(), /backend manual cannot run/);
  assert.throws(() => loop.run(), /backend manual cannot run/);
});

Deno.test("oneEvent() and run() drive a backend that can block", () => {
  const env = manualEnv({ blocking: true, start: 0 });
  const loop = new Loop(env);
  const order: string[] = [];
  loop.timer({ after: 1, cb: () => void order.push("one") });
  loop.timer({ after: 2, cb: () => void order.push("two") });
  loop.oneEvent();
  assert.deepEqual(order, ["one"]);
  loop.timer({
    after: 3,
    cb: () => assert.throws(() => loop.run(), /recursive blocking wait attempted/),
  });
  loop.run();
  assert.deepEqual(order, ["one", "two"]);
  assert.equal(loop.now(), 4);
  assert.deepEqual(env.logged, []);
});

Deno.test("a deadlock names what waits", async () => {
  const env = manualEnv();
  const loop = new Loop(env);
  assert.equal(env.backend.exhaustedWatched, false);
  const failed = assert.rejects(Promise.resolve(loop.condvar().recv()), {
    name: "DeadlockError",
    waiting: ["condvar.recv()"],
  });
  await env.backend.settle();
  assert.equal(env.backend.exhaustedWatched, true);
  env.backend.exhaust();
  await failed;
  assert.equal(env.backend.exhaustedWatched, false);
  loop.dispose();
});

Deno.test("new Loop() refuses what is no Env", () => {
  assert.throws(() => new Loop({} as never), UsageError);
  assert.throws(() => new Loop(undefined as never), UsageError);
});

Deno.test("onDispose() calls all, also after one that throws", () => {
  const loop = new Loop(manualEnv());
  const told: string[] = [];
  loop.onCallbackError = (error, what) =>
    void told.push(`${what.describe()}: ${(error as Error).message}`);
  loop.onDispose(() => {
    throw new Error("oops");
  });
  loop.onDispose(() => void told.push("second"));
  loop.dispose();
  assert.deepEqual(told, ["onDispose(): oops", "second"]);
});
