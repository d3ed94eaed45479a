/** Timeouts and signals of blocking calls, and that what was given up took nothing. */
import assert from "node:assert/strict";
import {
  cede,
  Channel,
  type Coro,
  type Operation,
  rouseCb,
  rouseWait,
  RWLock,
  schedule,
  Semaphore,
  SemaphoreSet,
  Signal,
  sleep,
  wait,
  type WaitOptions,
  within,
} from "@anyevent/coro";
import { operation } from "@anyevent/loop";
import { type World, world } from "./world.ts";

interface Case {
  readonly name: string;
  /** A call that blocks. */
  block(options: WaitOptions): Operation<unknown>;
  /** Lets one such call through. */
  give(): void;
  /** How many wait. */
  waiting(): number;
}

/** One of each primitive; nothing is there yet. */
function cases({ threads }: World): Case[] {
  const semaphore = new Semaphore(0);
  const set = new SemaphoreSet(0);
  const signal = new Signal();
  const channel = new Channel<number>();
  const readers = new RWLock();
  const writers = new RWLock();
  readers.tryWrlock();
  writers.tryRdlock();
  const thread = threads.async(() => schedule());
  return [
    {
      name: "semaphore.down()",
      block: (options) => semaphore.down(options),
      give: () => semaphore.up(),
      waiting: () => semaphore.stats().waiters,
    },
    {
      name: "semaphore.guard()",
      block: (options) => semaphore.guard(options),
      give: () => semaphore.up(),
      waiting: () => semaphore.waiters,
    },
    {
      name: "semaphore.wait()",
      block: (options) => semaphore.wait(options),
      give: () => semaphore.up(),
      waiting: () => semaphore.waiters,
    },
    {
      name: "semaphoreSet.down()",
      block: (options) => set.down("id", options),
      give: () => set.up("id"),
      waiting: () => set.waiters("id"),
    },
    {
      name: "signal.wait()",
      block: (options) => signal.wait(options),
      give: () => signal.send(),
      waiting: () => signal.stats().awaited,
    },
    {
      name: "channel.get()",
      block: (options) => channel.get(options),
      give: () => void channel.put(1),
      waiting: () => channel.stats().getters,
    },
    {
      name: "channel.next()",
      block: (options) => channel.next(options),
      give: () => void channel.put(1),
      waiting: () => channel.stats().getters,
    },
    {
      name: "rwlock.rdlock()",
      block: (options) => readers.rdlock(options),
      give: () => readers.unlock(),
      waiting: () => readers.stats().waitingReaders,
    },
    {
      name: "rwlock.wrGuard()",
      block: (options) => writers.wrGuard(options),
      give: () => writers.unlock(),
      waiting: () => writers.stats().waitingWriters,
    },
    {
      name: "join()",
      block: (options) => thread.join(options),
      give: () => thread.cancel(),
      waiting: () => 0,
    },
  ];
}

function outcome(w: World, op: () => Operation<unknown>): Coro {
  return w.threads.async(function* () {
    try {
      yield* op();
      w.print("done");
    } catch (error) {
      w.print((error as Error).name ?? error);
    }
  });
}

for (const { name } of cases(world())) {
  const fresh = () => {
    const w = world();
    return { w, one: cases(w).find((other) => other.name === name)! };
  };

  Deno.test(`${name} throws TimeoutError after its timeout, and leaves nothing behind`, () => {
    const { w, one } = fresh();
    outcome(w, () => one.block({ timeout: 2 }));
    w.settle();
    w.env.backend.advance(1.9);
    assert.deepEqual(w.printed, []);
    w.env.backend.advance(0.2);
    assert.deepEqual(w.printed, ["TimeoutError"]);
    assert.deepEqual([one.waiting(), w.env.backend.stats().timers], [0, 0]);
  });

  Deno.test(`${name} that gets what it waits for leaves no timer`, () => {
    const { w, one } = fresh();
    const controller = new AbortController();
    outcome(w, () => one.block({ timeout: 2, signal: controller.signal }));
    w.settle();
    one.give();
    w.settle();
    assert.deepEqual([w.printed, w.env.backend.stats().timers], [["done"], 0]);
    controller.abort();
    w.settle();
    assert.deepEqual(w.printed, ["done"]);
  });

  Deno.test(`${name} throws the reason of its signal, at once when that was aborted`, () => {
    const { w, one } = fresh();
    const controller = new AbortController();
    const { signal } = controller;
    outcome(w, () => one.block({ signal }));
    w.settle();
    controller.abort(new RangeError("enough"));
    outcome(w, () => one.block({ signal }));
    w.settle();
    assert.deepEqual([w.printed, one.waiting()], [["RangeError", "RangeError"], 0]);
  });

  Deno.test(`${name} with timeout 0 throws without a switch, or takes what is there`, () => {
    const { w, one } = fresh();
    outcome(w, () => one.block({ timeout: 0 }));
    w.threads.async(() => w.print("other"));
    w.settle();
    assert.deepEqual([w.printed, one.waiting()], [["TimeoutError", "other"], 0]);
    one.give();
    outcome(w, () => one.block({ timeout: 0 }));
    w.settle();
    assert.equal(w.printed.at(-1), "done");
  });

  Deno.test(`${name} that gave up does not swallow what comes next`, () => {
    const { w, one } = fresh();
    outcome(w, () => one.block({ timeout: 1 }));
    outcome(w, () => one.block({ timeout: 5 }));
    w.settle();
    w.env.backend.advance(2);
    one.give();
    w.settle();
    assert.deepEqual(w.printed, ["TimeoutError", "done"]);
  });

  Deno.test(`${name} with a timeout is cancelled and thrown into as without`, () => {
    const { w, one } = fresh();
    const cancelled = outcome(w, () => one.block({ timeout: 1 }));
    const thrown = outcome(w, () => one.block({ timeout: 1 }));
    w.settle();
    cancelled.cancel();
    thrown.throw(new RangeError("thrown"));
    w.settle();
    assert.deepEqual(w.printed, ["RangeError"]);
    assert.deepEqual([one.waiting(), w.env.backend.stats().timers], [0, 0]);
  });
}

Deno.test("within(): what came before the time was over wins, though the thread runs later", () => {
  const w = world();
  const lock = new Semaphore(0);
  outcome(w, () => lock.down({ timeout: 1 }));
  w.settle();
  lock.up();
  w.env.backend.skip(2);
  w.env.backend.turn();
  w.settle();
  assert.deepEqual([w.printed, lock.count], [["done"], 0]);
});

Deno.test("within(): woken and then overtaken, it gives up when its time is over", () => {
  const w = world();
  const lock = new Semaphore(0);
  outcome(w, () => lock.down({ timeout: 1 }));
  w.settle();
  lock.up();
  assert.equal(lock.try(), true);
  w.settle();
  assert.deepEqual(w.printed, []);
  w.env.backend.advance(1);
  assert.deepEqual([w.printed, lock.waiters], [["TimeoutError"], 0]);
  lock.up();
  assert.equal(lock.count, 1);
});

Deno.test("within() limits an operation made of others, which may catch it and goes on without", () => {
  const w = world();
  const op = operation(() => "two", function* () {
    try {
      yield* w.loop.sleep(0.5);
      yield* schedule();
    } catch (error) {
      w.print((error as Error).message);
    }
    yield* w.loop.sleep(5);
  });
  outcome(w, () => within(op, { timeout: 1 }));
  w.settle();
  w.env.backend.advance(1);
  assert.deepEqual(w.printed, ["Cannot wait for schedule() any longer: 1 s are over"]);
  w.env.backend.advance(5);
  assert.deepEqual(w.printed.slice(1), ["done"]);
});

Deno.test("within() of calls that have no options of their own, by a duration", () => {
  const w = world();
  const timeout = { total: () => 0.25 };
  const never = new Promise<void>(() => undefined);
  outcome(w, () => wait(never, { timeout }));
  outcome(w, () => schedule({ timeout }));
  outcome(w, () => rouseWait(rouseCb(), { timeout }));
  outcome(w, () => sleep(1, { timeout }));
  outcome(w, () => within(cede(), { timeout }));
  outcome(w, () => new Channel(1).put(1, { timeout }));
  w.settle();
  assert.deepEqual(w.printed, ["done"]);
  w.env.backend.advance(0.25);
  assert.deepEqual(w.printed.slice(1), new Array(5).fill("TimeoutError"));
  assert.equal(w.env.backend.stats().timers, 0);
});

Deno.test("within() may be awaited", async () => {
  await assert.rejects(async () => await within(schedule(), { timeout: 0.01 }), {
    name: "TimeoutError",
  });
});

Deno.test("within() and options are checked", () => {
  const lock = new Semaphore();
  const usage = { name: "UsageError" };
  assert.throws(() => within(5 as never, {}), usage);
  assert.throws(() => lock.down(5 as never), usage);
  assert.throws(() => lock.down({ timeout: "1" as never }), usage);
  assert.throws(() => lock.down({ signal: 5 as never }), usage);
  assert.throws(() => new SemaphoreSet().down(1, { timeout: NaN }), usage);
});

Deno.test("a limit of time ends with the loop, by a ClosedError", () => {
  const { threads, loop, printed, print, settle } = world();
  const lock = new Semaphore(0);
  threads.async(function* () {
    try {
      yield* lock.down({ timeout: 3 });
    } catch (error) {
      print(`${(error as Error).name}: ${(error as Error).message}`);
    }
  });
  settle();
  loop.dispose();
  settle();
  assert.deepEqual(printed, [
    "ClosedError: Cannot go on with semaphore.down(): the loop was disposed of",
  ]);
  assert.equal(lock.waiters, 0);
});
