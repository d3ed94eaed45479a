import assert from "node:assert/strict";
import {
  type Abort,
  addAwaiting,
  CondVar,
  driving,
  Loop,
  type Operation,
  operation,
  RESUMED,
  setBridge,
  suspend,
  type Suspension,
  UsageError,
  WaitOperation,
  type Waker,
} from "@anyevent/loop";
import { manualEnv } from "../support/manual_env.ts";

/** Waits until `open`; counts what its driver does. */
class Gate extends WaitOperation<string> {
  open = false;
  starts = 0;
  aborts = 0;
  waker: Waker | undefined;
  protected poll(): boolean {
    return this.open;
  }
  protected result(): string {
    return "through";
  }
  describe(): string {
    return "gate";
  }
  start(waker: Waker): Abort {
    this.starts++;
    this.waker = waker;
    return () => void this.aborts++;
  }
}

function drive<T>(body: () => T): T {
  driving.depth++;
  try {
    return body();
  } finally {
    driving.depth--;
  }
}

Deno.test("an operation that can complete does so without suspending", () => {
  const gate = new Gate();
  gate.open = true;
  assert.deepEqual(drive(() => gate[Symbol.iterator]().next()), { done: true, value: "through" });
  assert.equal(gate.starts, 0);
});

Deno.test("an operation runs once", async () => {
  const gate = new Gate();
  gate.open = true;
  assert.equal(await gate, "through");
  await assert.rejects(Promise.resolve(gate), /it has run before/);
  const op = operation(() => "made", function* () {});
  await op;
  await assert.rejects(Promise.resolve(op), UsageError);
});

Deno.test("an operation driven by something else throws at the first step", () => {
  assert.throws(() => [...new Gate()[Symbol.iterator]()], /`yield\*` in a thread or `await`/);
  const loop = new Loop(manualEnv());
  assert.throws(() => {
    for (const _ of loop.sleep(1)) assert.fail("stepped");
  }, UsageError);
  assert.equal(loop.stats().timers, 0);
});

Deno.test("await starts again after a wake-up for nothing, and wakes count once", async () => {
  const gate = new Gate();
  const done = Promise.resolve(gate);
  await Promise.resolve();
  assert.equal(gate.starts, 1);
  const first = gate.waker!;
  first.wake();
  first.wake();
  assert.equal(gate.starts, 1, "never inside the waker's call");
  await Promise.resolve();
  await Promise.resolve();
  assert.equal(gate.starts, 2);
  gate.open = true;
  gate.waker!.wake();
  assert.equal(await done, "through");
  assert.equal(gate.aborts, 0, "not aborted once resumed");
});

Deno.test("a deadlock aborts the wait exactly once and fails the await", async () => {
  const env = manualEnv();
  const loop = new Loop(env);
  const gate = new Gate();
  const failed = assert.rejects(Promise.resolve(gate), /gate/);
  await Promise.resolve();
  env.backend.exhaust();
  await failed;
  assert.equal(gate.aborts, 1);
  loop.dispose();
});

Deno.test("operation() runs its body's finally when the wait fails", async () => {
  const env = manualEnv();
  const loop = new Loop(env);
  const order: string[] = [];
  const op = operation(() => "outer", function* () {
    try {
      yield* new Gate();
    } catch (error) {
      order.push((error as Error).name);
      return "recovered";
    } finally {
      order.push("finally");
    }
  });
  const done = Promise.resolve(op);
  await Promise.resolve();
  env.backend.exhaust();
  assert.equal(await done, "recovered");
  assert.deepEqual(order, ["DeadlockError", "finally"]);
  loop.dispose();
});

Deno.test("suspend() gives the driver the suspension and comes back on any resumption", async () => {
  let waker: Waker | undefined;
  const suspension: Suspension = {
    describe: () => "by hand",
    start: (it) => {
      waker = it;
      return () => undefined;
    },
  };
  const op = operation(() => "outer", function* () {
    yield* suspend(suspension);
    return 1;
  });
  const done = Promise.resolve(op);
  await Promise.resolve();
  waker!.wake();
  assert.equal(await done, 1);
});

Deno.test("an aborted recv() waits no longer, and the others still do", () => {
  const cv = new CondVar<[string]>();
  const ops = [cv.recv(), cv.recv(), cv.recv()];
  const woken: number[] = [];
  const aborts = ops.map((op, i) => {
    const step = drive(() => op[Symbol.iterator]().next());
    assert.equal(step.done, false);
    return (step.value as Suspension).start({ wake: () => void woken.push(i) });
  });
  aborts[1]();
  cv.send("x");
  assert.deepEqual(woken, [0, 2]);
  aborts[0]();
  assert.deepEqual(drive(() => ops[2][Symbol.iterator]().next(RESUMED)), {
    done: true,
    value: "x",
  });
});

Deno.test("an aborted sleep() leaves no timer", () => {
  const env = manualEnv();
  const loop = new Loop(env);
  const step = drive(() => loop.sleep(5)[Symbol.iterator]().next());
  const abort = (step.value as Suspension).start({ wake: () => assert.fail("woken") });
  assert.equal(loop.stats().timers, 1);
  abort();
  assert.equal(loop.stats().timers, 0);
  assert.equal(env.backend.stats().timers, 0);
  assert.equal(env.backend.held, false);
});

Deno.test("sleep() woken for nothing sleeps for the rest", () => {
  const env = manualEnv({ start: 0 });
  const loop = new Loop(env);
  const steps = loop.sleep(5)[Symbol.iterator]();
  let wakes = 0;
  const waker = { wake: () => void wakes++ };
  const first = drive(() => steps.next());
  const abort = (first.value as Suspension).start(waker);
  env.backend.advance(3);
  abort();
  const second = drive(() => steps.next(RESUMED));
  assert.equal(second.done, false);
  (second.value as Suspension).start(waker);
  env.backend.advance(1.9);
  assert.equal(wakes, 0);
  env.backend.advance(0.1);
  assert.equal(wakes, 1);
  assert.equal(drive(() => steps.next(RESUMED)).done, true);
});

Deno.test("setBridge() replaces what runs awaited operations", async () => {
  const ran: string[] = [];
  const previous = setBridge({
    run: <T>(op: Operation<T>) => {
      ran.push(op.describe());
      return Promise.resolve("bridged" as T);
    },
  });
  try {
    assert.equal(await new Gate(), "bridged");
  } finally {
    setBridge(previous);
  }
  assert.deepEqual(ran, ["gate"]);
});

Deno.test("a deadlock with signal watchers alone says how they could wake it", async () => {
  const env = manualEnv();
  const loop = new Loop(env);
  loop.signal({ signal: "INT", cb: () => {} });
  const failed = assert.rejects(Promise.resolve(loop.condvar().recv()), /condvar.*\.ref\(\)/);
  await env.backend.settle();
  env.backend.exhaust();
  await failed;
  loop.dispose();
});

Deno.test("addAwaiting() counts as waiting until taken back", async () => {
  const env = manualEnv();
  const loop = new Loop(env);
  const failed: string[] = [];
  const undo = addAwaiting({
    describe: () => "mine",
    fail: (error) => void failed.push(error.name),
  });
  assert.equal(env.backend.exhaustedWatched, true);
  env.backend.exhaust();
  assert.deepEqual(failed, ["DeadlockError"]);
  undo();
  undo();
  assert.equal(env.backend.exhaustedWatched, false);
  await env.backend.settle();
  loop.dispose();
});
