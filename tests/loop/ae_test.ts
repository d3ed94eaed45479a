import assert from "node:assert/strict";
import { AE, AnyEvent, defaultLoop, sleep, streamPair, UsageError } from "@anyevent/loop";

Deno.test("AE.io() refuses a mode that is not a boolean", () => {
  const [a] = streamPair(defaultLoop().env.backend);
  for (const mode of ["r", 1, undefined]) {
    assert.throws(() => AE.io(a, mode as never, () => {}), UsageError);
  }
  assert.equal(defaultLoop().stats().ios, 0);
});

Deno.test("AE and AnyEvent work on the one default loop", async () => {
  const loop = defaultLoop();
  assert.equal(AnyEvent.detect(), loop.env.name);
  assert.equal(AnyEvent.MODEL, loop.env.name);
  const [a, b] = streamPair(loop.env.backend);
  const cb = (): void => {};
  const watchers = [
    AE.timer(100, 0, cb),
    AnyEvent.timer({ after: 100, cb }),
    AE.io(a, true, cb),
    AE.io(a, false, cb),
    AnyEvent.io({ fh: b, poll: "r", cb }),
    AE.signal("USR1", cb),
    AnyEvent.signal({ signal: "USR1", cb }),
    AE.child(0, cb),
    AnyEvent.child({ pid: 0, cb }),
    AE.idle(cb),
    AnyEvent.idle({ cb }),
  ];
  assert.deepEqual(
    loop.watchers().map((it) => it.describe()),
    [
      ...["timer(100)", "timer(100)", "io(w)", "io(r)", "io(r)", "signal(USR1)", "signal(USR1)"],
      ...["child(any)", "child(any)", "idle()", "idle()"],
    ],
  );
  for (const watcher of watchers) watcher.cancel();
  assert.equal(loop.stats().held, 0);
  const order: string[] = [];
  AE.postpone(() => void order.push("AE"));
  AnyEvent.postpone(() => void order.push("AnyEvent"));
  const begun = AE.now();
  await sleep(0.005);
  assert.deepEqual(order, ["AE", "AnyEvent"]);
  assert.ok(AnyEvent.now() >= begun + 0.005);
  assert.ok(Math.abs(AE.time() - AnyEvent.time()) < 5);
  AE.nowUpdate();
  AnyEvent.nowUpdate();
});

Deno.test("AE.cv() and AnyEvent.condvar() make condvars with callbacks", async () => {
  const order: unknown[] = [];
  const one = AE.cv<[number]>((cv) => void order.push(cv === one));
  const two = AnyEvent.condvar<[number]>({ cb: (cv) => void order.push(cv === two) });
  one.send(1);
  two.send(2);
  assert.deepEqual(order, [true, true]);
  assert.deepEqual([await one.recv(), await two.recv()], [1, 2]);
});

Deno.test("a callback may be any object with a send method, which gets the arguments", async () => {
  const sent: unknown[][] = [];
  const done = AE.cv();
  AE.timer(0, 0, {
    send: (...values: unknown[]) => {
      sent.push(values);
      done.send();
    },
  });
  await done.recv();
  assert.deepEqual(sent, [[]]);
  assert.throws(() => AE.timer(0, 0, {} as never), /neither a function nor has a send method/);
});

Deno.test("AnyEvent.use() comes too late once the default loop is in use", () => {
  AnyEvent.detect();
  assert.throws(() => AnyEvent.use("pure"), UsageError);
  let called = 0;
  assert.equal(AnyEvent.postDetect(() => void called++), undefined);
  assert.equal(called, 1);
  assert.deepEqual(AnyEvent.registry, []);
});
