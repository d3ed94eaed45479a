import assert from "node:assert/strict";
import fc from "fast-check";
import { Loop, UsageError } from "@anyevent/loop";
import { manualEnv } from "../support/manual_env.ts";

Deno.test("timer() fires once, after its time and never inside the call", () => {
  const env = manualEnv();
  const loop = new Loop(env);
  const fired: number[] = [];
  const watcher = loop.timer({ after: 2.5, cb: () => void fired.push(loop.now()) });
  assert.equal(watcher.active, true);
  env.backend.advance(2.4);
  assert.deepEqual(fired, []);
  env.backend.advance(10);
  assert.deepEqual(fired, [1002.5]);
  assert.equal(watcher.active, false);
  assert.equal(env.backend.held, false);
  assert.equal(loop.stats().timers, 0);
});

Deno.test("timer() treats zero and negative delays as the next turn", () => {
  const env = manualEnv();
  const loop = new Loop(env);
  const order: string[] = [];
  loop.timer({ after: 0, cb: () => void order.push("zero") });
  loop.timer({ after: -5, cb: () => void order.push("negative") });
  assert.deepEqual(order, []);
  env.backend.turn();
  assert.deepEqual(order, ["zero", "negative"]);
});

Deno.test("timer() keeps the grid when its callback takes time", () => {
  const env = manualEnv({ start: 0 });
  const loop = new Loop(env);
  const at: number[] = [];
  const watcher = loop.timer({
    after: 100,
    interval: 100,
    cb: () => {
      at.push(loop.now());
      env.backend.skip(30);
    },
  });
  env.backend.advance(450);
  watcher.cancel();
  assert.deepEqual(at, [100, 200, 300, 400]);
});

Deno.test("timer() collapses missed ticks into one and goes on from there", () => {
  const env = manualEnv({ start: 0 });
  const loop = new Loop(env);
  const at: number[] = [];
  const watcher = loop.timer({
    after: 10,
    interval: 10,
    cb: () => {
      at.push(loop.now());
      if (at.length === 1) env.backend.skip(55);
    },
  });
  env.backend.advance(85);
  watcher.cancel();
  // 20 had been due already: it comes at 65 at once, the tick after it too, then every 10.
  assert.deepEqual(at, [10, 65, 65, 75, 85]);
});

Deno.test("timer() is not called after cancel() in its own callback or by a sibling", () => {
  const env = manualEnv();
  const loop = new Loop(env);
  const order: string[] = [];
  const own = loop.timer({
    after: 1,
    interval: 1,
    cb: () => {
      order.push("own");
      own.cancel();
      own.cancel();
    },
  });
  loop.timer({ after: 2, cb: () => sibling.cancel() });
  const sibling = loop.timer({ after: 2, cb: () => void order.push("sibling") });
  env.backend.advance(10);
  assert.deepEqual(order, ["own"]);
  assert.equal(env.backend.stats().timers, 0);
  assert.equal(env.backend.held, false);
});

Deno.test("timer() takes durations and refuses what is no time", () => {
  const env = manualEnv();
  const loop = new Loop(env);
  let fired = 0;
  loop.timer({ after: Temporal.Duration.from({ milliseconds: 1500 }), cb: () => void fired++ });
  env.backend.advance(1.4);
  assert.equal(fired, 0);
  env.backend.advance(0.2);
  assert.equal(fired, 1);
  const cb = () => {};
  assert.throws(() => loop.timer({ after: NaN, cb }), UsageError);
  assert.throws(() => loop.timer({ after: "1" as never, cb }), /after: "1"/);
  assert.throws(() => loop.timer({ after: 1, interval: -1, cb }), /interval -1 is negative/);
  assert.throws(() => loop.timer({ after: 1, cb: 3 as never }), /callback 3/);
  assert.throws(() => loop.timer(undefined as never), UsageError);
  assert.throws(
    () => loop.timer({ after: Temporal.Duration.from({ months: 1 }), cb }),
    /no fixed length/,
  );
  assert.equal(env.backend.stats().timers, 0);
  assert.equal(loop.stats().held, 0);
});

Deno.test("timer() refuses a generator function, naming unblockSub", () => {
  const loop = new Loop(manualEnv());
  assert.throws(() => loop.timer({ after: 1, cb: function* () {} }), /unblockSub/);
  assert.throws(() => loop.timer({ after: 1, cb: async function* () {} }), /unblockSub/);
});

Deno.test("timer() accepts a condvar, which gets nothing sent", async () => {
  const env = manualEnv();
  const loop = new Loop(env);
  const cv = loop.condvar();
  loop.timer({ after: 1, cb: cv });
  env.backend.advance(1);
  assert.deepEqual(await cv.recvAll(), []);
});

Deno.test("ref() and unref() decide whether a timer keeps the process alive", () => {
  const env = manualEnv();
  const loop = new Loop(env);
  const watcher = loop.timer({ after: 1, cb: () => {} });
  assert.equal(env.backend.held, true);
  assert.equal(watcher.unref(), watcher);
  assert.equal(env.backend.held, false);
  watcher.unref();
  watcher.ref().ref();
  assert.equal(env.backend.held, true);
  watcher.cancel();
  assert.equal(env.backend.held, false);
  watcher.ref();
  assert.equal(env.backend.held, false);
});

Deno.test("two loops on one backend hold the process until both are done", () => {
  const env = manualEnv();
  const [a, b] = [new Loop(env), new Loop(env)];
  const one = a.timer({ after: 1, cb: () => {} });
  const two = b.timer({ after: 1, cb: () => {} });
  one.cancel();
  assert.equal(env.backend.held, true);
  two.cancel();
  assert.equal(env.backend.held, false);
});

Deno.test("timers behave as a list sorted by (deadline, creation) for any sequence of commands", () => {
  interface Model {
    id: number;
    due: number;
    seq: number;
    interval: number;
  }
  const command = fc.oneof(
    fc.record({
      do: fc.constant("start" as const),
      after: fc.integer({ min: -1, max: 6 }),
      interval: fc.integer({ min: 0, max: 3 }),
    }),
    fc.record({ do: fc.constant("cancel" as const), which: fc.nat(20) }),
    fc.record({ do: fc.constant("advance" as const), by: fc.integer({ min: 0, max: 5 }) }),
  );
  fc.assert(fc.property(fc.array(command, { maxLength: 40 }), (commands) => {
    const env = manualEnv({ start: 0 });
    const loop = new Loop(env);
    const actual: string[] = [];
    const expected: string[] = [];
    const watchers: { cancel(): void }[] = [];
    let model: Model[] = [];
    let seq = 0;
    let now = 0;
    for (const step of commands) {
      if (step.do === "start") {
        const id = watchers.length;
        watchers.push(
          loop.addTimer(step.after, step.interval, () => void actual.push(`${id}@${loop.now()}`)),
        );
        model.push({
          id,
          due: now + Math.max(0, step.after),
          seq: seq++,
          interval: step.interval,
        });
      } else if (step.do === "cancel") {
        watchers[step.which]?.cancel();
        model = model.filter((it) => it.id !== step.which);
      } else {
        env.backend.advance(step.by);
        const end = now + step.by;
        for (;;) {
          const next = model.toSorted((a, b) => a.due - b.due || a.seq - b.seq)[0];
          if (next === undefined || next.due > end) break;
          now = Math.max(now, next.due);
          expected.push(`${next.id}@${now}`);
          if (next.interval === 0) model = model.filter((it) => it !== next);
          else {
            next.due = Math.max(next.due + next.interval, now);
            next.seq = seq++;
          }
        }
        now = end;
      }
    }
    assert.deepEqual(actual, expected);
    assert.equal(loop.stats().timers, model.length);
    assert.equal(env.backend.held, model.length > 0);
    loop.dispose();
    assert.equal(env.backend.stats().timers, 0);
  }));
});
