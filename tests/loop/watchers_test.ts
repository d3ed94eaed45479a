import assert from "node:assert/strict";
import { Loop, streamPair, UsageError } from "@anyevent/loop";
import { manualEnv } from "../support/manual_env.ts";

Deno.test("io() is called each turn while readable, by every watcher, until cancelled", () => {
  const env = manualEnv();
  const loop = new Loop(env);
  const [a, b] = streamPair(env.backend);
  const order: string[] = [];
  const one = loop.io({ fh: b, poll: "r", cb: () => void order.push("one") });
  const two = loop.io({ fh: b, poll: "r", cb: () => void order.push("two") });
  env.backend.turn();
  assert.deepEqual(order, []);
  a.tryWrite(new Uint8Array(3));
  assert.deepEqual(order, []);
  env.backend.turn();
  env.backend.turn();
  assert.deepEqual(order, ["one", "two", "one", "two"]);
  one.cancel();
  env.backend.turn();
  assert.deepEqual(order.slice(4), ["two"]);
  two.cancel();
  env.backend.turn();
  assert.equal(order.length, 5);
  assert.equal(b.tryRead(new Uint8Array(10)), 3);
  assert.equal(env.backend.stats().ios, 0);
  assert.equal(env.backend.held, false);
});

Deno.test("io() counts end of file as readable and watches for writing", () => {
  const env = manualEnv();
  const loop = new Loop(env);
  const [a, b] = streamPair(env.backend, { capacity: 2 });
  const order: string[] = [];
  a.tryWrite(new Uint8Array(2));
  using _w = loop.io({ fh: a, poll: "w", cb: () => void order.push("writable") });
  env.backend.turn();
  assert.equal(order.length, 0);
  b.tryRead(new Uint8Array(2));
  env.backend.turn();
  assert.deepEqual(order, ["writable"]);
  a.shutdown();
  const r = loop.io({
    fh: b,
    poll: "r",
    cb: () => void order.push(`eof ${b.tryRead(new Uint8Array(1))}`),
  });
  env.backend.turn();
  r.cancel();
  assert.ok(order.includes("eof null"));
});

Deno.test("io() ends and lets the process go when its stream is closed", () => {
  const env = manualEnv();
  const loop = new Loop(env);
  const [a, b] = streamPair(env.backend);
  const watchers = [
    loop.io({ fh: a, poll: "r", cb: () => assert.fail("called after close()") }),
    loop.io({ fh: a, poll: "w", cb: () => assert.fail("called after close()") }),
  ];
  assert.equal(env.backend.held, true);
  a.close();
  assert.deepEqual(watchers.map((it) => it.active), [false, false]);
  assert.deepEqual([loop.stats().ios, loop.stats().held, env.backend.held], [0, 0, false]);
  env.backend.turn();
  for (const watcher of watchers) watcher.cancel();
  assert.equal(loop.stats().held, 0);
  b.close();
});

Deno.test("io() refuses other modes and sources", () => {
  const loop = new Loop(manualEnv());
  assert.throws(() => loop.io({ fh: 0, poll: "x" as never, cb: () => {} }), /poll "x"/);
  assert.throws(() => loop.io({ fh: 0, poll: "r", cb: () => {} }), UsageError);
  assert.equal(loop.stats().held, 0);
});

Deno.test("signal() calls every watcher in order and shares one registration", () => {
  const env = manualEnv();
  const loop = new Loop(env);
  const order: string[] = [];
  const cb = () => void order.push("same");
  const watchers = [
    loop.signal({ signal: "INT", cb: () => void order.push("first") }),
    loop.signal({ signal: "INT", cb }),
    loop.signal({ signal: "INT", cb }),
  ];
  assert.equal(env.backend.stats().signals, 1);
  assert.equal(env.backend.held, false);
  env.backend.raise("INT");
  env.backend.turn();
  assert.deepEqual(order, ["first", "same", "same"]);
  watchers[0].cancel();
  watchers[1].cancel();
  assert.equal(env.backend.stats().signals, 1);
  watchers[2].cancel();
  assert.equal(env.backend.stats().signals, 0);
});

Deno.test("signal() does not call a watcher cancelled by an earlier one, nor one made meanwhile", () => {
  const env = manualEnv();
  const loop = new Loop(env);
  const order: string[] = [];
  loop.signal({
    signal: "HUP",
    cb: () => {
      order.push("first");
      second.cancel();
      if (order.length === 1) loop.signal({ signal: "HUP", cb: () => void order.push("new") });
    },
  });
  const second = loop.signal({ signal: "HUP", cb: () => void order.push("second") });
  env.backend.raise("HUP");
  env.backend.turn();
  assert.deepEqual(order, ["first"]);
  env.backend.raise("HUP");
  env.backend.turn();
  assert.deepEqual(order, ["first", "first", "new"]);
  loop.dispose();
  assert.equal(env.backend.stats().signals, 0);
});

Deno.test("signal() and child() name the backend when it cannot", () => {
  const loop = new Loop(manualEnv({ signal: false, child: false }));
  assert.throws(
    () => loop.signal({ signal: "INT", cb: () => {} }),
    /backend manual has no signals/,
  );
  assert.throws(() => loop.child({ pid: 5, cb: () => {} }), /backend manual has no child/);
  assert.throws(() => loop.signal({ signal: "SIGINT", cb: () => {} }), /leave the SIG out/);
  assert.throws(() => loop.signal({ signal: "int", cb: () => {} }), UsageError);
  assert.throws(() => loop.child({ pid: -1, cb: () => {} }), UsageError);
  assert.throws(() => loop.child({ pid: {} as never, cb: () => {} }), UsageError);
  assert.equal(loop.stats().held, 0);
});

Deno.test("child() calls all of the child's watchers, then those of pid 0", () => {
  const env = manualEnv();
  const loop = new Loop(env);
  const order: string[] = [];
  const any = loop.child({ pid: 0, cb: (pid, status) => void order.push(`any ${pid} ${status}`) });
  const one = loop.child({
    pid: { pid: 7 },
    cb: (pid, status) => void order.push(`1 ${pid} ${status}`),
  });
  loop.child({ pid: 7, cb: (pid, status) => void order.push(`2 ${pid} ${status}`) });
  assert.equal(env.backend.stats().children, 1);
  assert.equal(one.describe(), "child(7)");
  env.backend.exit(7, 3 << 8);
  env.backend.turn();
  assert.deepEqual(order, ["1 7 768", "2 7 768", "any 7 768"]);
  assert.equal(one.active, false);
  assert.equal(any.active, true);
  // Nobody is left that it would hear of.
  assert.equal(env.backend.held, false);
  const next = loop.child({ pid: 8, cb: () => {} });
  next.unref();
  assert.equal(env.backend.held, true);
  any.cancel();
  assert.equal(env.backend.held, false);
  next.cancel();
});

Deno.test("child() tells the end of a child that has ended before", () => {
  const env = manualEnv();
  const loop = new Loop(env);
  env.backend.exit(9, 9);
  env.backend.turn();
  const status: number[] = [];
  loop.child({ pid: 9, cb: (_pid, it) => void status.push(it) });
  assert.deepEqual(status, []);
  env.backend.turn();
  assert.deepEqual(status, [9]);
});

Deno.test("child() is silent after cancel(), and the last one undoes the registration", () => {
  const env = manualEnv();
  const loop = new Loop(env);
  const order: string[] = [];
  const one = loop.child({ pid: 7, cb: () => two.cancel() });
  const two = loop.child({ pid: 7, cb: () => void order.push("two") });
  env.backend.exit(7, 0);
  env.backend.turn();
  assert.deepEqual(order, []);
  assert.equal(one.active || two.active, false);
  const three = loop.child({ pid: 8, cb: () => {} });
  three.cancel();
  assert.equal(env.backend.stats().children, 0);
  assert.equal(loop.stats().held, 0);
});

Deno.test("idle() runs only in turns with nothing else to do", () => {
  const env = manualEnv();
  const loop = new Loop(env);
  const order: string[] = [];
  const idle = loop.idle({ cb: () => void order.push("idle") });
  loop.timer({ after: 0, cb: () => void order.push("timer") });
  loop.postpone(() => void order.push("posted"));
  env.backend.turn();
  env.backend.turn();
  idle.cancel();
  env.backend.turn();
  assert.deepEqual(order, ["posted", "timer", "idle"]);
});

Deno.test("idle() without the backend's help: 0.05 s, then as long as the callback took", () => {
  const env = manualEnv({ idle: false, start: 0 });
  const loop = new Loop(env);
  const at: number[] = [];
  const lengths = [0.4, 20, 0];
  const idle = loop.idle({
    cb: () => {
      at.push(loop.now());
      env.backend.skip(lengths[at.length - 1] ?? 0);
      if (at.length === 5) idle.cancel();
    },
  });
  env.backend.advance(30);
  const expected = [0.05, 0.85, 25.85, 25.8501, 25.8502];
  assert.equal(at.length, 5);
  at.forEach((time, i) => assert.ok(Math.abs(time - expected[i]) < 1e-9, `${i}: ${time}`));
  assert.equal(env.backend.stats().timers, 0);
});

Deno.test("describe() says what a watcher waits for", () => {
  const env = manualEnv();
  const loop = new Loop(env);
  const [a] = streamPair(env.backend);
  loop.addTimer(1, 0, () => {});
  loop.addTimer(1, 2, () => {});
  loop.addIo(a, "w", () => {});
  loop.addSignal("INT", () => {});
  loop.addChild(0, () => {});
  loop.addIdle(() => {});
  assert.deepEqual(loop.watchers().map((it) => it.describe()), [
    "timer(1)",
    "timer(1, every 2)",
    "io(w)",
    "signal(INT)",
    "child(any)",
    "idle()",
  ]);
  assert.deepEqual(loop.stats(), { timers: 2, ios: 1, signals: 1, children: 1, idles: 1, held: 4 });
  loop.dispose();
  assert.deepEqual(loop.stats(), { timers: 0, ios: 0, signals: 0, children: 0, idles: 0, held: 0 });
});
