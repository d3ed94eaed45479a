import assert from "node:assert/strict";
import {
  cede,
  cedeNotself,
  Coro,
  current,
  nready,
  PRIO_HIGH,
  PRIO_LOW,
  PRIO_MAX,
  PRIO_MIN,
  schedule,
  Semaphore,
  sleep,
  terminate,
} from "@anyevent/coro";
import { UsageError } from "@anyevent/loop";
import { world } from "./world.ts";

Deno.test("async() queues the thread at the tail, and runs nothing itself", () => {
  const { threads, printed, print, settle } = world();
  for (const name of ["a", "b"]) {
    threads.async(function* (n: string) {
      print(`${n}1`);
      yield* cede();
      print(`${n}2`);
    }, name);
  }
  assert.deepEqual(printed, []);
  assert.equal(threads.nready, 2);
  settle();
  assert.deepEqual(printed, ["a1", "b1", "a2", "b2"]);
});

Deno.test("async() accepts generator functions, plain functions and functions that return an operation", async () => {
  const { threads, loop, env } = world();
  const generator = threads.async(
    function* (a: number, b: number) {
      yield* cede();
      return a + b;
    },
    1,
    2,
  );
  const plain = threads.async((a: string) => a.toUpperCase(), "x");
  const op = threads.async(() => loop.sleep(2));
  const all = Promise.all([
    threads.run(generator.join()),
    threads.run(plain.join()),
    threads.run(op.join()),
  ]);
  await env.backend.settle();
  env.backend.advance(2);
  await env.backend.settle();
  assert.deepEqual(await all, [[3], ["X"], []]);
});

Deno.test("async() throws UsageError for what cannot be a body, naming it", () => {
  const { threads } = world();
  assert.throws(() => threads.async(5 as never), { name: "UsageError", message: /5/ });
  assert.throws(() => threads.async(async function* named() {}), {
    name: "UsageError",
    message: /named is an async generator.*function\*/,
  });
});

Deno.test("a thread that yields something else than an operation gets UsageError there", async () => {
  const { threads } = world();
  const thread = threads.async(function* () {
    try {
      yield 5 as never;
    } catch (error) {
      return (error as Error).name;
    }
  });
  assert.deepEqual(await threads.run(thread.join()), ["UsageError"]);
});

Deno.test("new Coro() makes a thread that runs only after ready()", () => {
  const { threads, printed, print, settle } = world();
  let inner: Coro | undefined;
  threads.async(function* () {
    inner = new Coro(function* (word: string) {
      print(word);
    }, "ran");
    yield* cede();
    print("not yet");
    assert.equal(inner.isNew, true);
    assert.equal(inner.ready(), true);
    assert.equal(inner.ready(), false);
  });
  settle();
  assert.deepEqual(printed, ["not yet", "ran"]);
  assert.equal(inner!.isZombie, true);
  assert.equal(inner!.isNew, false);
});

Deno.test("cede() returns to the caller when only lower priorities are ready", () => {
  const { threads, printed, print, settle } = world();
  threads.async(function* () {
    threads.async(() => print("low")).prio(PRIO_LOW);
    // Queued with priority 0: a change counts from the next queueing only.
    current().prio(PRIO_HIGH);
    yield* cede();
    print("caller 1");
    yield* cede();
    print("caller 2");
  });
  settle();
  assert.deepEqual(printed, ["caller 1", "caller 2", "low"]);
});

Deno.test("cedeNotself() lets any other run, and queues the caller after the choice", () => {
  const { threads, printed, print, settle } = world();
  threads.spawn(function* () {
    print("high 1");
    yield* cedeNotself();
    print("high 2");
    yield* cedeNotself();
    print("high 3");
    yield* cedeNotself();
    print("high 4");
  }, { prio: PRIO_HIGH });
  threads.spawn(() => print("low 1"), { prio: PRIO_LOW });
  threads.spawn(() => print("low 2"), { prio: PRIO_LOW });
  settle();
  assert.deepEqual(printed, ["high 1", "low 1", "high 2", "low 2", "high 3", "high 4"]);
});

Deno.test("cedeNotself() skips suspended and ended threads", () => {
  const { threads, printed, print, settle } = world();
  threads.async(function* () {
    const gone = threads.async(() => print("gone"));
    const held = threads.async(() => print("held"));
    const other = threads.async(() => print("other"));
    gone.cancel();
    held.suspend();
    yield* cedeNotself();
    print("caller");
    assert.equal(other.isZombie, true);
    held.resume();
  });
  settle();
  assert.deepEqual(printed, ["other", "caller", "held"]);
});

Deno.test("schedule() blocks until ready(), and goes on at its turn when that came before", () => {
  const { threads, printed, print, settle } = world();
  const thread = threads.async(function* () {
    print("1");
    yield* schedule();
    print("2");
    assert.equal(current().ready(), true);
    assert.equal(current().ready(), false);
    yield* schedule();
    print("3");
  });
  settle();
  assert.deepEqual(printed, ["1"]);
  assert.equal(thread.waitsFor, "schedule()");
  thread.ready();
  settle();
  assert.deepEqual(printed, ["1", "2", "3"]);
});

Deno.test("higher priorities run first, and ready() never preempts", () => {
  const { threads, printed, print, settle } = world();
  threads.async(function* () {
    for (const prio of [PRIO_MIN, PRIO_LOW, 0, PRIO_HIGH, PRIO_MAX]) {
      threads.spawn(() => print(prio), { prio });
    }
    print("caller");
    yield* cede();
    print("caller");
  });
  settle();
  assert.deepEqual(printed, ["caller", "3", "1", "0", "caller", "-1", "-4"]);
});

Deno.test("prio() returns the old priority, clamps, and counts from the next queueing", () => {
  const { threads, printed, print, settle } = world();
  const first = threads.async(() => print("first"));
  const second = threads.async(function* () {
    print("second");
    yield* cede();
    print("second again");
  });
  assert.equal(second.prio(99), 0);
  assert.equal(second.prio(), PRIO_MAX);
  assert.equal(first.prio(-99), 0);
  assert.equal(first.prio(), PRIO_MIN);
  assert.equal(first.nice(-5), 1);
  assert.throws(() => first.prio(0.5), UsageError);
  threads.async(() => print("third"));
  settle();
  assert.deepEqual(printed, ["first", "second", "second again", "third"]);
});

Deno.test("join() gives what the body returned, as often as wanted, at once when it has ended", () => {
  const { threads, printed, print, settle } = world();
  const thread = threads.async(() => "value");
  const nothing = threads.async(() => undefined);
  threads.async(function* () {
    threads.async(() => print("other"));
    print(JSON.stringify([yield* thread.join(), yield* thread.join(), yield* nothing.join()]));
  });
  settle();
  assert.deepEqual(printed, ['[["value"],["value"],[]]', "other"]);
});

Deno.test("join() wakes those who wait last one first", () => {
  const { threads, printed, print, settle } = world();
  const thread = threads.async(function* () {
    yield* cede();
    yield* terminate(1, 2);
  });
  for (const name of ["a", "b", "c"]) {
    threads.async(function* () {
      print(`${name} ${yield* thread.join()}`);
    });
  }
  settle();
  assert.deepEqual(printed, ["c 1,2", "b 1,2", "a 1,2"]);
});

Deno.test("join() of oneself blocks for ever, and join() aborted is forgotten", () => {
  const { threads, settle, printed, print } = world();
  const self: Coro = threads.spawn(function* () {
    yield* self.join();
  }, { desc: "me" });
  settle();
  assert.equal(self.isZombie, false);
  assert.equal(self.waitsFor, "join(me)");
  const thread = threads.async(function* () {
    yield* schedule();
  });
  const joiner = threads.async(function* () {
    try {
      yield* thread.join();
    } finally {
      print("left");
    }
  });
  settle();
  joiner.cancel();
  thread.cancel();
  settle();
  assert.deepEqual(printed, ["left"]);
  self.cancel();
});

Deno.test("terminate() ends the thread from any depth, running finally on the way", () => {
  const { threads, printed, print, settle } = world();
  function* deep(): ReturnType<typeof deeper> {
    try {
      yield* deeper();
    } finally {
      print("finally deep");
    }
  }
  function* deeper() {
    yield* terminate("a", "b");
    print("never");
  }
  const thread = threads.async(function* () {
    yield* deep();
    print("never");
  });
  thread.onDestroy((...values) => print(`destroyed ${values}`));
  settle();
  assert.deepEqual(printed, ["finally deep", "destroyed a,b"]);
  assert.equal(thread.isZombie, true);
});

Deno.test("onDestroy() runs last one first, with the values, before those who join", () => {
  const { threads, printed, print, settle } = world();
  const thread = threads.async(function* () {
    try {
      yield* schedule();
    } finally {
      print("cleaned");
    }
  });
  thread.onDestroy((...values) => print(`1 ${values}`));
  thread.onDestroy((...values) => print(`2 ${values}`));
  threads.async(function* () {
    print(`joined ${yield* thread.join()}`);
  });
  settle();
  thread.cancel("x", "y");
  print("cancel returned");
  thread.onDestroy(() => print("never"));
  settle();
  assert.deepEqual(printed, ["cleaned", "2 x,y", "1 x,y", "cancel returned", "joined x,y"]);
});

Deno.test("suspend() keeps a thread from running, and resume() makes up for a missed turn", () => {
  const { threads, printed, print, settle } = world();
  const thread = threads.async(function* () {
    print("1");
    yield* cede();
    print("2");
  });
  thread.suspend();
  thread.suspend();
  assert.equal(thread.isSuspended, true);
  assert.equal(thread.isReady, true);
  settle();
  assert.deepEqual(printed, []);
  thread.resume();
  settle();
  assert.deepEqual(printed, ["1", "2"]);
});

Deno.test("suspend() of the running thread counts from its next switch", () => {
  const { threads, printed, print, settle } = world();
  const thread = threads.async(function* () {
    current().suspend();
    print("1");
    yield* cede();
    print("2");
  });
  settle();
  assert.deepEqual(printed, ["1"]);
  assert.equal(thread.ready(), true);
  settle();
  assert.deepEqual(printed, ["1"]);
  thread.resume();
  settle();
  assert.deepEqual(printed, ["1", "2"]);
});

Deno.test("current and nready tell what runs and what could", () => {
  const { threads, settle } = world();
  const seen: unknown[] = [];
  const thread: Coro = threads.async(function* () {
    seen.push(current() === thread, Coro.current === thread, threads.current === thread);
    seen.push(thread.isRunning, thread.isReady, threads.main.isRunning, nready());
    yield* cede();
  });
  threads.async(() => undefined);
  assert.equal(threads.current, threads.main);
  assert.equal(threads.main.isRunning, true);
  assert.equal(threads.main.desc, "[main::]");
  settle();
  assert.deepEqual(seen, [true, true, true, true, false, false, 1]);
});

Deno.test("desc is kept, and waitsFor tells what a blocked thread waits for", () => {
  const { threads, env, settle } = world();
  const thread = threads.async(function* () {
    yield* sleep(3);
  });
  assert.equal(thread.desc, undefined);
  thread.desc = "sleeper";
  assert.equal(String(thread), "thread sleeper");
  assert.equal(thread.waitsFor, undefined);
  settle();
  assert.equal(thread.waitsFor, "sleep(3)");
  env.backend.advance(3);
  settle();
  assert.equal(thread.waitsFor, undefined);
  assert.equal(thread.isZombie, true);
});

Deno.test("sleep() lasts its time on the loop of the thread, and a cancelled one leaves no timer", () => {
  const { threads, env, printed, print, settle } = world();
  const zero = threads.async(function* () {
    yield* sleep(0);
    print("next turn");
    yield* sleep(2);
    print("two seconds");
    yield* sleep(1000);
  });
  threads.async(() => print("other"));
  settle();
  env.backend.advance(0);
  settle();
  assert.deepEqual(printed, ["other", "next turn"]);
  env.backend.advance(1.9);
  settle();
  assert.equal(printed.length, 2);
  env.backend.advance(0.2);
  settle();
  assert.deepEqual(printed, ["other", "next turn", "two seconds"]);
  assert.equal(env.backend.stats().timers, 1);
  zero.cancel();
  assert.equal(env.backend.stats().timers, 0);
});

Deno.test("a blocking call outside a thread and await throws UsageError, and an operation runs once", () => {
  const { threads, settle, printed, print } = world();
  const lock = new Semaphore(5);
  for (const op of [cede(), schedule(), lock.down(), terminate()]) {
    assert.throws(() => [...op as Iterable<never>], UsageError);
  }
  threads.async(function* () {
    const down = lock.down();
    yield* down;
    try {
      yield* down;
    } catch (error) {
      print((error as Error).message);
    }
    const again = cede();
    yield* again;
    yield* again;
    print("cede is always fresh");
  });
  settle();
  assert.deepEqual(printed, [
    "Cannot run semaphore.down(): it has run before",
    "cede is always fresh",
  ]);
});

Deno.test("using ends a thread with the scope, and leaves an ended one as it is", async () => {
  const { threads, settle } = world();
  let kept: Coro<number>;
  let blocked: Coro;
  {
    using done = threads.async(() => 7);
    using waits = threads.async(function* () {
      yield* schedule();
    });
    settle();
    kept = done;
    blocked = waits;
  }
  assert.equal(blocked.isZombie, true);
  assert.deepEqual(await threads.run(kept.join()), [7]);
});
