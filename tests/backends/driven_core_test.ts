import assert from "node:assert/strict";
import * as fc from "fast-check";
import { UsageError } from "@anyevent/backends/contract";
import { LoopClock } from "../../backends/driven/clock.ts";
import { DrivenCore } from "../../backends/driven/core.ts";
import { PostedReadiness } from "../../backends/driven/readiness.ts";

/** A core in time that stands still until told. */
function made(): {
  core: DrivenCore;
  clock: { at: number };
  faults: unknown[];
  changes: () => number;
} {
  const clock = { at: 0 };
  const faults: unknown[] = [];
  let changes = 0;
  const core = new DrivenCore({
    clock: { monotonic: () => clock.at, wall: () => 1000 + clock.at },
    onError: (thrown) => faults.push(thrown),
    changed: () => changes++,
  });
  return { core, clock, faults, changes: () => changes };
}

Deno.test("turn() runs posts, then due timers, then I/O", () => {
  const { core, clock } = made();
  const seen: string[] = [];
  core.timer(1, () => seen.push("one"));
  core.timer(0, () => seen.push("zero"));
  core.post(() => seen.push("post a"));
  core.post(() => seen.push("post b"));
  core.idle(() => seen.push("idle"));
  clock.at = 1;
  core.turn({
    poll: (call) => {
      call(() => seen.push("io"));
      return true;
    },
  });
  assert.deepEqual(seen, ["post a", "post b", "zero", "one", "io"]);
});

Deno.test("turn() leaves what it causes to the next turn", () => {
  const { core } = made();
  const seen: string[] = [];
  core.post(() => {
    core.post(() => seen.push("post"));
    core.timer(0, () => seen.push("timer"));
    core.timer(-5, () => seen.push("late"));
  });
  core.turn();
  assert.deepEqual(seen, []);
  assert.equal(core.sleep(), 0);
  core.turn();
  assert.deepEqual(seen, ["post", "timer", "late"]);
});

Deno.test("turn() calls idle callbacks only when it had nothing else to do", () => {
  const { core } = made();
  let idle = 0;
  const undo = core.idle(() => idle++);
  core.post(() => undefined);
  core.turn();
  assert.equal(idle, 0);
  core.turn();
  core.turn();
  assert.equal(idle, 2);
  undo();
  undo();
  core.turn();
  assert.equal(idle, 2);
  assert.equal(core.sleep(), Infinity);
});

Deno.test("undo is final even for a timer that is due in this very turn", () => {
  const { core, clock } = made();
  core.timer(1, () => undo());
  const undo = core.timer(1, () => assert.fail("called"));
  clock.at = 2;
  core.turn();
  assert.equal(core.timers, 0);
});

Deno.test("turn() runs the rest when a callback throws", () => {
  const { core, faults } = made();
  let ran = 0;
  const thrown = new Error("mine");
  core.post(() => {
    throw thrown;
  });
  core.post(() => ran++);
  core.timer(0, () => {
    throw thrown;
  });
  core.timer(0, () => ran++);
  core.turn();
  assert.equal(ran, 2);
  assert.deepEqual(faults, [thrown, thrown]);
});

Deno.test("now() stands still in a turn, moves by nowUpdate, and never runs backwards", () => {
  const { core, clock } = made();
  assert.equal(core.now(), 1000);
  core.post(() => {
    clock.at = 5;
    assert.equal(core.now(), 1000);
    core.nowUpdate();
    assert.equal(core.now(), 1005);
  });
  core.turn();
  clock.at = 2;
  assert.equal(core.now(), 1005);
});

Deno.test("LoopClock keeps its offset when the wall clock is set", () => {
  let wall = 100;
  let at = 7;
  const clock = new LoopClock({ monotonic: () => at, wall: () => wall });
  assert.equal(clock.read(), 100);
  wall = 5;
  at = 8;
  assert.equal(clock.read(), 101);
  assert.equal(clock.wall(), 5);
  clock.raise(110);
  assert.equal(clock.read(), 110);
});

Deno.test("turns() yields how long the driver may sleep", () => {
  const { core, clock } = made();
  core.timer(2.5, () => undefined);
  const turns = core.turns();
  assert.equal(turns.next().value, 2.5);
  clock.at = 1;
  assert.equal(turns.next().value, 1.5);
  clock.at = 3;
  assert.equal(turns.next().value, Infinity);
});

Deno.test("turn() inside a turn goes on where the outer one stands", () => {
  const { core } = made();
  const seen: string[] = [];
  core.post(() => {
    seen.push("outer");
    core.turn();
    seen.push("outer ends");
  });
  core.post(() => seen.push("second"));
  core.post(() => core.post(() => seen.push("later")));
  core.turn();
  assert.deepEqual(seen, ["outer", "second", "outer ends"]);
  core.turn();
  assert.deepEqual(seen, ["outer", "second", "outer ends", "later"]);
});

Deno.test("changed is told of what shortens the sleep, and never inside a turn", () => {
  const { core, changes } = made();
  core.timer(5, () => undefined);
  assert.equal(changes(), 1);
  core.timer(9, () => undefined);
  assert.equal(changes(), 1);
  core.timer(1, () => undefined);
  assert.equal(changes(), 2);
  core.post(() => core.timer(0.1, () => undefined));
  assert.equal(changes(), 3);
  core.turn();
  assert.equal(changes(), 3);
});

Deno.test("timer() throws UsageError when the delay is no number", () => {
  const { core } = made();
  assert.throws(() => core.timer(NaN, () => undefined), UsageError);
  assert.throws(() => core.timer("1" as unknown as number, () => undefined), UsageError);
  assert.throws(() => core.timer(1, 5 as unknown as () => void), UsageError);
  assert.throws(() => core.post(undefined as unknown as () => void), UsageError);
});

Deno.test("timers fire by deadline, then by creation, and never early, for any set of delays", () => {
  fc.assert(fc.property(
    fc.array(fc.record({ after: fc.integer({ min: -2, max: 20 }), undo: fc.boolean() })),
    fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 1 }),
    (timers, steps) => {
      const { core, clock } = made();
      const fired: { due: number; index: number; at: number }[] = [];
      timers.forEach(({ after, undo }, index) => {
        const due = Math.max(0, after);
        const back = core.timer(after, () => fired.push({ due, index, at: clock.at }));
        if (undo) back();
      });
      for (const step of [...steps, 30]) {
        clock.at += step;
        core.turn();
      }
      const expected = timers
        .map(({ after, undo }, index) => ({ due: Math.max(0, after), index, undo }))
        .filter(({ undo }) => !undo)
        .sort((a, b) => a.due - b.due || a.index - b.index);
      assert.deepEqual(fired.map(({ index }) => index), expected.map(({ index }) => index));
      assert(fired.every(({ due, at }) => at >= due));
    },
  ));
});

Deno.test("PostedReadiness calls siblings and goes on when a watcher throws", () => {
  const { core, faults } = made();
  const backend = core as unknown as ConstructorParameters<typeof PostedReadiness>[0];
  let bytes = 2;
  const readiness = new PostedReadiness(backend, () => bytes > 0);
  readiness.add(() => {
    throw new Error("mine");
  });
  let calls = 0;
  readiness.add(() => {
    calls++;
    bytes--;
  });
  while (core.sleep() === 0) core.turn();
  assert.equal(calls, 2);
  assert.equal(faults.length, 2);
});

Deno.test("dispose() leaves nothing registered", () => {
  const { core } = made();
  core.timer(1, () => assert.fail("timer"));
  core.post(() => assert.fail("post"));
  core.idle(() => assert.fail("idle"));
  core.dispose();
  core.turn();
  assert.deepEqual([core.timers, core.posted, core.idles], [0, 0, 0]);
  let ran = 0;
  core.post(() => ran++);
  core.turn();
  assert.equal(ran, 1);
});
