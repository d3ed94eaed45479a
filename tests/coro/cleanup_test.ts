/** What runs while a thread is being cancelled, as whom, and where its errors go. */
import assert from "node:assert/strict";
import {
  Channel,
  type Coro,
  current,
  onLeave,
  schedule,
  Scheduler,
  sleep,
  terminate,
} from "@anyevent/coro";
import { world } from "./world.ts";

Deno.test("terminate() in the clean-up of a cancelled thread ends that thread, not the canceller", async () => {
  const { threads, printed, print, env, settle } = world();
  const b: Coro = threads.async(function* () {
    try {
      try {
        yield* schedule();
      } finally {
        yield* terminate(9);
        print("never");
      }
    } finally {
      print("outer");
    }
  });
  const a = threads.async(function* () {
    b.cancel(1);
    yield* sleep(0.01);
    print("goes on");
    return "a";
  });
  threads.async(function* () {
    print(`b: ${yield* b.join()}`);
  });
  // `b` was made first, so it waits when `a` runs.
  settle();
  await env.backend.run(1);
  settle();
  assert.deepEqual(printed, ["outer", "b: 9", "goes on"]);
  assert.deepEqual(await threads.run(a.join()), ["a"]);
});

Deno.test("current().cancel() in the clean-up of a cancelled thread replaces its values only", async () => {
  const { threads, env } = world();
  const b: Coro = threads.async(function* () {
    try {
      yield* schedule();
    } finally {
      current().cancel("mine");
    }
  });
  const a = threads.async(function* () {
    b.cancel("theirs");
    yield* sleep(0.01);
    return "goes on";
  });
  await env.backend.run(1);
  assert.deepEqual(await threads.run(b.join()), ["mine"]);
  assert.deepEqual(await threads.run(a.join()), ["goes on"]);
});

Deno.test("current() in the clean-up of a cancelled thread is that thread, and then the canceller again", () => {
  const { threads, printed, print, settle } = world();
  const make = (name: string, before: () => void): Coro => {
    const thread: Coro = threads.async(function* () {
      onLeave(() => print(`${name} leaves: ${threads.current === thread}`));
      try {
        yield* schedule();
      } finally {
        before();
        print(`${name}: ${current() === thread} ${threads.current === thread} ${thread.isRunning}`);
      }
    });
    return thread;
  };
  const c = make("c", () => undefined);
  const b = make("b", () => c.cancel());
  settle();
  printed.length = 0;
  const a: Coro = threads.async(() => {
    b.cancel();
    print(`a: ${current() === a}`);
  });
  settle();
  assert.deepEqual(printed, [
    ...["c: true true true", "c leaves: true"],
    ...["b: true true true", "b leaves: true"],
    "a: true",
  ]);
  const d = make("d", () => undefined);
  settle();
  printed.length = 0;
  d.cancel();
  assert.deepEqual(printed, ["d: true true true", "d leaves: true"]);
  assert.equal(threads.current, threads.main);
});

Deno.test("an onDestroy callback runs as the canceller", () => {
  const { threads, printed, print, settle } = world();
  const thread = threads.async(() => schedule());
  thread.onDestroy(() => print(threads.current.desc));
  settle();
  threads.spawn(() => thread.cancel(), { desc: "canceller" });
  settle();
  assert.deepEqual(printed, ["canceller"]);
});

Deno.test("await inside the clean-up of a cancelled thread runs no thread inside cancel()", async () => {
  const { threads, printed, print, env, settle } = world();
  const thread = threads.async(function* () {
    try {
      yield* schedule();
    } finally {
      threads.run(sleep(0.01)).then(() => print("slept"));
    }
  });
  settle();
  threads.async(() => print("other"));
  thread.cancel();
  print("cancelled");
  await env.backend.run(1);
  assert.deepEqual(printed, ["cancelled", "other", "slept"]);
});

function* blocksInCleanUp(channel: Channel<number>) {
  try {
    yield* schedule();
  } finally {
    yield* channel.put(1);
  }
}

Deno.test("what a clean-up throws on cancel() goes to the thread's onUncaught first", () => {
  const { threads, printed, print, env, settle } = world();
  threads.onUncaught = () => print("scheduler");
  const thread = threads.async(() => blocksInCleanUp(new Channel<number>(1)));
  thread.onUncaught = (error, coro) => print(`${coro === thread} ${(error as Error).message}`);
  settle();
  thread.cancel();
  assert.deepEqual(printed, [
    "true Cannot block in clean-up of a cancelled thread: channel.put()",
  ]);
  thread.onUncaught = undefined;
  assert.deepEqual(env.logged, []);
});

Deno.test("what a clean-up throws on cancel() is logged as an error when nobody takes it", () => {
  const { threads, env, settle } = world();
  const blocking = threads.spawn(() => blocksInCleanUp(new Channel<number>(1)), { desc: "worker" });
  const throwing = threads.async(function* () {
    try {
      yield* schedule();
    } finally {
      // deno-lint-ignore no-unsafe-finally
      throw new Error("clumsy");
    }
  });
  settle();
  blocking.cancel("values");
  throwing.cancel();
  env.backend.turn();
  assert.deepEqual(env.backend.thrown, []);
  assert.deepEqual(env.logged.map(({ level }) => level), [4, 4]);
  assert.match(env.logged[0].message, /clean-up of thread worker failed: .*channel\.put\(\)/);
  assert.match(env.logged[1].message, /clean-up of thread .* failed: .*clumsy/);
  assert.equal(blocking.isZombie && throwing.isZombie, true);
});

Deno.test("the clean-up runs although aborting the wait throws", () => {
  const { threads, printed, print, env, settle } = world();
  const thread = threads.async(function* () {
    try {
      yield {
        describe: () => "waiting",
        start: () => () => {
          throw new Error("abort");
        },
      };
    } finally {
      print("finally");
    }
  });
  settle();
  thread.cancel();
  assert.deepEqual(printed, ["finally"]);
  assert.match(env.logged[0].message, /abort/);
});

Deno.test("a thread of another scheduler is cleaned up as itself", () => {
  const { threads, loop, env, printed, print, settle } = world();
  const others = new Scheduler(loop);
  const thread: Coro = threads.async(function* () {
    try {
      yield* schedule();
    } finally {
      print(current() === thread);
    }
  });
  settle();
  const canceller: Coro = others.async(() => {
    thread.cancel();
    print(current() === canceller);
  });
  while (others.nready > 0) env.backend.turn();
  assert.deepEqual(printed, ["true", "true"]);
});

Deno.test("thousands of threads that cancel each other in their clean-up all end, without an error", () => {
  for (const by of ["finally", "onDestroy"]) {
    const { threads, env, settle } = world();
    const all: Coro[] = [];
    for (let n = 0; n < 5000; n++) {
      const thread = threads.async(function* () {
        try {
          yield* schedule();
        } finally {
          if (by === "finally") all[n + 1]?.cancel(n);
        }
      });
      if (by === "onDestroy") thread.onDestroy(() => all[n + 1]?.cancel(n));
      all.push(thread);
    }
    settle();
    all[1000].suspend();
    all[0].cancel();
    assert.ok(all[100].isZombie && all[0].isZombie);
    settle();
    assert.equal(all.filter((thread) => !thread.isZombie).length, 0);
    assert.deepEqual([threads.list().length, threads.nready], [1, 0]);
    assert.deepEqual(env.logged, []);
    assert.deepEqual(env.backend.thrown, []);
  }
});
