/** What belongs to a thread or to the scheduler, beyond switching. */
import assert from "node:assert/strict";
import { memoryUsage } from "node:process";
import {
  async,
  cede,
  cedeIfDue,
  Coro,
  current,
  guard,
  main,
  nready,
  schedule,
  Specific,
  swapProp,
  timeout,
} from "@anyevent/coro";
import { world } from "./world.ts";

Deno.test("cedeIfDue() gives way once the slice is over, and not before", () => {
  const { threads, env, printed, print, settle } = world();
  const worker = threads.async(function* () {
    for (let i = 0; i < 6; i++) {
      print(`work ${i}`);
      env.backend.skip(0.0008);
      yield* cedeIfDue();
    }
  });
  threads.async(function* () {
    for (let i = 0; i < 3; i++) {
      print(`other ${i}`);
      yield* cede();
    }
  });
  assert.equal(worker.timeslice, 0.002);
  settle();
  // The slice counts from its first cedeIfDue().
  assert.deepEqual(printed.slice(0, 6), [
    "work 0",
    "work 1",
    "work 2",
    "work 3",
    "other 0",
    "work 4",
  ]);
  worker.timeslice = { total: () => 0 };
  assert.equal(worker.timeslice, 0);
  assert.throws(() => worker.timeslice = -1, { name: "UsageError", message: /-1/ });
  assert.throws(() => cedeIfDue()[Symbol.iterator]().next(), { name: "UsageError" });
});

Deno.test("cedeIfDue() with a slice of 0 always gives way, and awaited too", async () => {
  const { threads, printed, print } = world();
  const thread = threads.async(function* () {
    current().timeslice = 0;
    for (let i = 0; i < 2; i++) {
      print(`thread ${i}`);
      yield* cedeIfDue();
    }
  });
  await threads.run(cedeIfDue());
  print("main");
  await threads.run(thread.join());
  assert.deepEqual(printed, ["thread 0", "main", "thread 1"]);
});

Deno.test("idle as a callback is called when threads have run and none is ready", () => {
  const { threads, printed, print, settle } = world();
  let more = 2;
  threads.idle = () => {
    print("idle");
    if (more-- > 0) threads.async(() => print("made by idle"));
  };
  threads.async(() => print("a"));
  threads.async(() => print("b"));
  settle();
  assert.deepEqual(printed, ["a", "b", "idle", "made by idle", "idle", "made by idle", "idle"]);
  threads.idle = undefined;
  threads.async(() => print("c"));
  settle();
  assert.equal(printed.at(-1), "c");
});

Deno.test("idle as a thread is readied when none is ready, and not for its own sake", () => {
  const { threads, printed, print, settle } = world();
  const idle = threads.spawn(function* () {
    for (;;) {
      print("idle");
      yield* schedule();
    }
  }, { desc: "idle" });
  threads.idle = idle;
  assert.equal(threads.idle, idle);
  threads.async(() => print("a"));
  settle();
  threads.async(() => print("b"));
  settle();
  assert.deepEqual(printed, ["idle", "a", "idle", "b", "idle"]);
  idle.cancel();
  threads.async(() => print("c"));
  settle();
  assert.equal(printed.at(-1), "c");
  assert.throws(() => threads.idle = 5 as never, { name: "UsageError", message: /5/ });
  assert.throws(() => threads.idle = threads.main, { name: "UsageError" });
});

Deno.test("idle that throws goes to onUncaught, and is called when main blocks too", () => {
  const { threads, printed, print, settle } = world();
  threads.onUncaught = (error) => print((error as Error).message);
  threads.idle = () => {
    throw new Error("idle failed");
  };
  const blocked = threads.run(schedule());
  assert.deepEqual(printed, ["idle failed"]);
  threads.main.ready();
  threads.idle = undefined;
  settle();
  return blocked;
});

Deno.test("useCount counts switches, and times() the seconds it ran, while they are taken", () => {
  const { threads, env, settle } = world();
  const body = function* (length: number) {
    for (let i = 0; i < 3; i++) {
      env.backend.skip(length);
      yield* cede();
    }
  };
  const untimed = threads.async(body, 0.1);
  settle();
  assert.deepEqual([untimed.useCount, untimed.times()], [4, 0]);
  assert.equal(threads.enableTimes(), false);
  const all = [0.5, 0.25].map((length) => threads.async(body, length));
  settle();
  assert.deepEqual(all.map((thread) => thread.times().toFixed(3)), ["1.500", "0.750"]);
  assert.equal(threads.enableTimes(false), true);
  const after = threads.async(body, 0.1);
  settle();
  assert.equal(after.times(), 0);
});

Deno.test("Specific has a value of its own in each thread, and in main", () => {
  const { threads, printed, print, settle } = world();
  const name = new Specific<string>();
  name.value = "default main";
  for (const mine of ["a", "b"]) {
    threads.async(function* () {
      print(`${name.get()}`);
      assert.equal(name.set(mine), undefined);
      yield* cede();
      print(name.value);
      assert.equal(name.set("other"), mine);
    });
  }
  settle();
  assert.deepEqual(printed, ["undefined", "undefined", "a", "b"]);
  assert.equal(name.value, "default main");
  name.value = undefined;
});

Deno.test("a Specific that nobody has any more takes its values along, those of main too", () => {
  const before = memoryUsage().heapUsed;
  for (let i = 0; i < 15_000; i++) new Specific<number[]>().value = new Array(10_000).fill(i);
  const grown = (memoryUsage().heapUsed - before) / 2 ** 20;
  // It would be 1100.
  assert.ok(grown < 500, `grew by ${grown} MiB`);
});

Deno.test("timeout() expires, readies its thread once, and does nothing when cancelled", () => {
  const { threads, env, printed, print, settle } = world();
  threads.async(function* () {
    using flag = timeout(2);
    let rounds = 0;
    while (!flag.expired) {
      rounds++;
      yield* schedule();
    }
    print(`expired after ${rounds} rounds`);
  });
  const other = threads.async(function* () {
    const flag = timeout(1);
    flag.cancel();
    yield* schedule();
    print("never");
  });
  settle();
  env.backend.advance(5);
  assert.deepEqual(printed, ["expired after 1 rounds"]);
  assert.equal(env.backend.stats().timers, 0);
  other.cancel();
  assert.throws(() => timeout("1" as never), { name: "UsageError" });
});

Deno.test("swapProp() gives each thread its own value of a property", () => {
  const { threads, printed, print, settle } = world();
  const shared = { colour: "none" };
  for (const colour of ["red", "blue"]) {
    threads.async(function* () {
      {
        using _own = swapProp(shared, "colour", colour);
        yield* cede();
        print(shared.colour);
        shared.colour += "ish";
        yield* cede();
        print(shared.colour);
      }
      print(shared.colour);
    });
  }
  settle();
  assert.deepEqual(printed, ["red", "blue", "redish", "none", "blueish", "none"]);
  assert.equal(shared.colour, "none");
  assert.throws(() => swapProp(5 as never, "x" as never, 1 as never), { name: "UsageError" });
});

Deno.test("data, setDesc() and debugDesc() belong to a thread; its data goes with it", () => {
  const { threads, settle } = world();
  const thread = threads.async(() => schedule());
  thread.data.set("key", 1);
  assert.equal(thread.setDesc("first"), undefined);
  assert.equal(thread.setDesc("second"), "first");
  assert.equal(thread.debugDesc(), "second");
  settle();
  assert.equal(thread.data.get("key"), 1);
  thread.cancel();
  assert.equal(thread.data.size, 0);
});

Deno.test("an uncaught error is logged with the thread's line, and thrown from the loop", () => {
  const { threads, env, settle } = world();
  const failing = threads.spawn(function* () {
    yield* cede();
    throw new Error("nobody joins");
  }, { desc: "worker" });
  settle();
  env.backend.turn();
  assert.equal(failing.isZombie, true);
  assert.deepEqual(env.logged, [
    { level: 2, message: "uncaught error in thread 1 U 2 worker" },
  ]);
  assert.deepEqual(env.backend.thrown.map((error) => (error as Error).message), ["nobody joins"]);
});

Deno.test("what is logged goes through the loop's log, in the context Coro", () => {
  const { threads, loop, settle } = world();
  const lines: string[] = [];
  loop.log.ctx("Coro").slaves().logCb((line) => void lines.push(line));
  threads.asyncPool(() => {
    throw new Error("in the pool");
  });
  settle();
  assert.match(lines[0], /error Coro: thread \[async_pool\] failed: Error: in the pool/);
});

Deno.test("static Coro accessors and the functions act on the default scheduler", async () => {
  const seen: unknown[] = [];
  assert.equal(Coro.main, main());
  assert.equal(Coro.current, current());
  Coro.onUncaught = (error) => seen.push(error);
  Coro.idle = () => seen.push("idle");
  async(() => {
    throw "thrown";
  });
  assert.equal(nready(), 1);
  const thread = async(() => 1);
  await thread.join();
  Coro.idle = undefined;
  Coro.onUncaught = undefined;
  assert.deepEqual([Coro.idle, Coro.onUncaught], [undefined, undefined]);
  assert.equal(seen[0], "thrown");
  {
    using _g = guard(() => seen.push("guard"));
  }
  assert.equal(seen.at(-1), "guard");
});
