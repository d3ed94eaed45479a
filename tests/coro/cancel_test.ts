import assert from "node:assert/strict";
import { cede, Coro, current, schedule, Semaphore, sleep, terminate } from "@anyevent/coro";
import { world } from "./world.ts";

Deno.test("cancel() of a new thread never runs its body, and join gives the values", async () => {
  const { threads, printed, print, settle } = world();
  const thread = threads.async(function* () {
    print("never");
  });
  const destroyed: unknown[] = [];
  thread.onDestroy((...values) => destroyed.push(...values));
  thread.cancel(1, 2);
  assert.deepEqual([thread.isZombie, thread.isNew, thread.isReady], [true, false, false]);
  assert.equal(threads.nready, 0);
  assert.deepEqual(destroyed, [1, 2]);
  settle();
  assert.deepEqual(await threads.run(thread.join()), [1, 2]);
  assert.deepEqual(printed, []);
  assert.equal(thread.ready(), false);
});

Deno.test("cancel() of a blocked thread aborts what it waits for and runs finally inside the call", () => {
  const { threads, env, printed, print, settle } = world();
  const thread = threads.async(function* () {
    try {
      try {
        yield* sleep(10);
        print("never");
      } finally {
        print("inner");
      }
    } finally {
      print("outer");
    }
  });
  settle();
  assert.equal(env.backend.stats().timers, 1);
  thread.cancel();
  print("after cancel");
  assert.equal(env.backend.stats().timers, 0);
  assert.deepEqual(printed, ["inner", "outer", "after cancel"]);
});

Deno.test("cancel() of a ready thread takes it out of the count, and others keep their order", () => {
  const { threads, printed, print, settle } = world();
  const make = (name: string) =>
    threads.async(function* () {
      print(`${name}1`);
      yield* cede();
      print(`${name}2`);
    });
  const [, b] = ["a", "b", "c"].map(make);
  assert.equal(threads.nready, 3);
  b.cancel();
  assert.equal(threads.nready, 2);
  settle();
  assert.deepEqual(printed, ["a1", "c1", "a2", "c2"]);
});

Deno.test("cancel() of a thread that has ended replaces its values, also those of a failed one", async () => {
  const { threads, settle } = world();
  threads.onUncaught = () => undefined;
  const done = threads.async(() => "first");
  const failed = threads.async(() => {
    throw new Error("failed");
  });
  settle();
  done.cancel("second");
  assert.deepEqual(await threads.run(done.join()), ["second"]);
  await assert.rejects(threads.run(failed.join()), /failed/);
  failed.cancel("better");
  assert.deepEqual(await threads.run(failed.join()), ["better"]);
});

Deno.test("cancel() of itself ends a thread at its next trap, with the values", () => {
  const { threads, printed, print, settle } = world();
  const thread = threads.async(function* () {
    try {
      current().cancel("gone");
      print("still here");
      yield* cede();
      print("never");
    } finally {
      print("finally");
    }
  });
  const other = threads.async(function* () {
    current().cancel("early");
    return "late";
  });
  threads.async(function* () {
    print(`${yield* thread.join()} ${yield* other.join()}`);
  });
  settle();
  assert.deepEqual(printed, ["still here", "finally", "gone early"]);
});

Deno.test("cancel() each other: the canceller finishes its cancel, then ends at its next trap", () => {
  const { threads, printed, print, settle } = world();
  const a: Coro = threads.async(function* () {
    try {
      yield* cede();
      print("a cancels b");
      b.cancel("b");
      print("b has ended");
      yield* cede();
      print("never");
    } finally {
      print("a cleans up");
    }
  });
  const b: Coro = threads.async(function* () {
    try {
      yield* schedule();
    } finally {
      print("b cancels a");
      a.cancel("a");
      print("b cleaned up");
    }
  });
  threads.async(function* () {
    print(`joined ${yield* b.join()} ${yield* a.join()}`);
  });
  settle();
  assert.deepEqual(printed, [
    "a cancels b",
    "b cancels a",
    "b cleaned up",
    "b has ended",
    "a cleans up",
    "joined b a",
  ]);
});

Deno.test("cancel() from outside threads: two blocked threads that cancel each other both end once", () => {
  const { threads, printed, print, settle } = world();
  const make = (name: string, other: () => Coro) =>
    threads.async(function* () {
      try {
        yield* schedule();
      } finally {
        print(name);
        other().cancel();
      }
    });
  const a: Coro = make("a", () => b);
  const b: Coro = make("b", () => a);
  settle();
  a.cancel();
  assert.deepEqual(printed, ["a", "b"]);
  assert.deepEqual([a.isZombie, b.isZombie], [true, true]);
});

Deno.test("blocking in the clean-up of a cancelled thread is an error, and the thread ends all the same", () => {
  const { threads, printed, print, settle } = world();
  threads.onUncaught = (error, coro) => print(`${coro.desc}: ${(error as Error).message}`);
  const thread = threads.async(function* () {
    try {
      yield* schedule();
    } finally {
      yield* cede();
      print("never");
    }
  });
  const catching = threads.async(function* () {
    try {
      yield* schedule();
    } finally {
      while (true) {
        try {
          yield* cede();
        } catch {
          continue;
        }
      }
    }
  });
  const free = new Semaphore(1);
  const notWaiting = threads.async(function* () {
    try {
      yield* schedule();
    } finally {
      yield* free.down();
      print("had not to wait");
    }
  });
  thread.desc = "thread";
  catching.desc = "catching";
  settle();
  thread.cancel();
  catching.cancel();
  notWaiting.cancel();
  assert.deepEqual(printed, [
    "thread: Cannot block in clean-up of a cancelled thread: cede()",
    "catching: Cannot block in clean-up of a cancelled thread: cede()",
    "had not to wait",
  ]);
  assert.equal(thread.isZombie && catching.isZombie && notWaiting.isZombie, true);
});

Deno.test("cancel() of main is a UsageError, and terminate() in main blocks for ever", async () => {
  const { threads, env } = world();
  assert.throws(() => threads.main.cancel(), { name: "UsageError" });
  let settled = false;
  threads.run(terminate(1)).finally(() => settled = true);
  await env.backend.settle();
  assert.equal(settled, false);
});

Deno.test("throw() is delivered at the blocking call, which took nothing, and makes the thread ready", () => {
  const { threads, printed, print, settle } = world();
  const lock = new Semaphore(0);
  const thread = threads.async(function* () {
    try {
      yield* lock.down();
      print("never");
    } catch (error) {
      print(`caught ${error}`);
      yield* cede();
      print("goes on");
    }
  });
  settle();
  const error = { plain: true, toString: () => "as it is" };
  thread.throw(error);
  assert.equal(thread.isReady, true);
  lock.up();
  settle();
  assert.deepEqual(printed, ["caught as it is", "goes on"]);
  assert.deepEqual([lock.count, lock.waiters], [1, 0]);
});

Deno.test("throw() into a new thread ends it without running the body", async () => {
  const { threads, printed, print } = world();
  const thread = threads.async(() => print("never"));
  thread.throw(new Error("no"));
  await assert.rejects(threads.run(thread.join()), /no/);
  assert.deepEqual(printed, []);
});

Deno.test("throw() into the running thread is delivered when it next blocks, not before", () => {
  const { threads, printed, print, settle } = world();
  threads.async(function* () {
    try {
      current().throw("me");
      print("not yet");
      yield* cede();
      print("never");
    } catch (error) {
      print(error);
    }
  });
  settle();
  assert.deepEqual(printed, ["not yet", "me"]);
});

Deno.test("throw() without an error takes a pending one back, and the thread stays ready", () => {
  const { threads, printed, print, settle } = world();
  const thread = threads.async(function* () {
    yield* schedule();
    print("woken");
  });
  settle();
  thread.throw("x");
  thread.throw();
  assert.equal(thread.isReady, true);
  settle();
  thread.throw("too late");
  assert.deepEqual(printed, ["woken"]);
});

Deno.test("an error taken back leaves a waiting operation as it was", () => {
  const { threads, printed, print, settle } = world();
  const lock = new Semaphore(0);
  for (const name of ["a", "b"]) {
    const thread = threads.async(function* () {
      yield* lock.down();
      print(name);
    });
    settle();
    thread.throw("x");
    thread.throw();
    settle();
  }
  lock.up();
  settle();
  assert.deepEqual(printed, ["a"]);
  lock.up();
  settle();
  assert.deepEqual(printed, ["a", "b"]);
});

Deno.test("a thread that ends while it is queued is not counted", () => {
  const { threads, env, settle } = world();
  const thread = threads.async(() => {
    current().ready();
    assert.equal(threads.nready, 1);
  });
  settle();
  assert.equal(thread.isZombie, true);
  assert.equal(threads.nready, 0);
  assert.equal(env.backend.stats().posted, 0);
});

Deno.test("onEnd of spawn() tells how the thread ended, once", () => {
  const { threads, printed, print, settle } = world();
  const spawn = (body: () => unknown): Coro =>
    threads.spawn(body, { onEnd: (outcome) => print(JSON.stringify(outcome)) });
  spawn(() => "value");
  spawn(() => {
    throw "error";
  });
  const blocked = spawn(() => schedule());
  settle();
  blocked.cancel("why");
  blocked.cancel("again");
  assert.deepEqual(printed, [
    '{"kind":"returned","values":["value"]}',
    '{"kind":"failed","error":"error"}',
    '{"kind":"cancelled","values":["why"]}',
  ]);
});

Deno.test("new Coro() checks its body", () => {
  assert.throws(() => new Coro(undefined as never), { name: "UsageError", message: /undefined/ });
  const { threads } = world();
  assert.throws(() => threads.spawn(() => 1, { onEnd: 5 as never }), { name: "UsageError" });
  const thread = threads.async(() => 1);
  assert.throws(() => thread.onDestroy(5 as never), {
    name: "UsageError",
    message: /onDestroy.*5/,
  });
});
