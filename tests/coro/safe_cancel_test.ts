import assert from "node:assert/strict";
import { cede, Channel, type Coro, current, pin, schedule, Semaphore } from "@anyevent/coro";
import { world } from "./world.ts";

const refused = (why: RegExp) => ({ name: "CancelRefused", message: why });

Deno.test("safeCancel() runs the clean-up in the thread, where it may block; join() waits for its end", () => {
  const { threads, printed, print, settle } = world();
  const lock = new Semaphore(0);
  const thread: Coro = threads.async(function* () {
    try {
      yield* lock.down();
    } finally {
      print(`clean-up of itself: ${current() === thread}`);
      yield* cede();
      print("cleaned up");
    }
  });
  threads.async(function* () {
    print(`joined before: ${yield* thread.join()}`);
  });
  settle();
  assert.equal(thread.safeCancel(1, 2), true);
  assert.deepEqual([printed, thread.isZombie, thread.isReady], [[], false, true]);
  threads.async(function* () {
    print(`joined after: ${yield* thread.join()}`);
  });
  settle();
  assert.deepEqual(printed, [
    "clean-up of itself: true",
    "cleaned up",
    "joined after: 1,2",
    "joined before: 1,2",
  ]);
  assert.equal(lock.waiters, 0);
});

Deno.test("safeCancel() of a new thread or of one that has ended is as cancel()", async () => {
  const { threads, print, printed } = world();
  const fresh = threads.async(() => print("never"));
  assert.equal(fresh.safeCancel("a"), true);
  assert.equal(fresh.isZombie, true);
  assert.equal(fresh.safeCancel("b"), true);
  assert.deepEqual(await threads.run(fresh.join()), ["b"]);
  assert.deepEqual([printed, threads.nready], [[], 0]);
});

Deno.test("safeCancel() is refused for the running thread, for main, and for who cancels it", () => {
  const { threads, printed, print, settle } = world();
  assert.throws(() => threads.main.safeCancel(), refused(/code outside threads/));
  const outer: Coro = threads.async(function* () {
    assert.throws(() => current().safeCancel(), refused(/running/));
    yield* cede();
    inner.cancel();
    print("goes on");
  });
  const inner = threads.async(function* () {
    try {
      yield* schedule();
    } finally {
      assert.throws(() => outer.safeCancel(), refused(/running/));
      print("clean-up");
    }
  });
  settle();
  assert.deepEqual(printed, ["clean-up", "goes on"]);
});

Deno.test("safeCancel() is refused inside pin(), also a nested one; cancel() and throw() work", () => {
  const { threads, printed, print, settle } = world();
  const body = function* () {
    try {
      yield* pin(function* () {
        yield* pin(() => schedule()[Symbol.iterator]() as never);
        yield* schedule();
      });
      yield* schedule();
    } catch (error) {
      print(error);
    } finally {
      print("end");
    }
  };
  const thread = threads.async(body);
  settle();
  assert.throws(() => thread.safeCancel(), refused(/pinned/));
  thread.ready();
  settle();
  assert.throws(() => thread.safeCancel(), refused(/pinned/));
  thread.ready();
  settle();
  thread.safeCancel();
  settle();
  const [cancelled, thrown] = [threads.async(body), threads.async(body)];
  settle();
  cancelled.cancel();
  thrown.throw("thrown");
  settle();
  assert.deepEqual(printed, ["end", "end", "thrown", "end"]);
  assert.throws(() => pin(5 as never), { name: "UsageError", message: /5/ });
});

Deno.test("safeCancel() again in the clean-up replaces the values and does not cut it short", async () => {
  const { threads, printed, print, settle } = world();
  const thread = threads.async(function* () {
    try {
      yield* schedule();
    } finally {
      yield* schedule();
      print("cleaned up");
    }
  });
  settle();
  thread.safeCancel("first");
  settle();
  thread.safeCancel("second");
  settle();
  assert.equal(thread.isZombie, false);
  thread.ready();
  settle();
  assert.deepEqual(printed, ["cleaned up"]);
  assert.deepEqual(await threads.run(thread.join()), ["second"]);
});

Deno.test("cancel() of a thread in its safe clean-up cuts that short", () => {
  const { threads, printed, print, settle } = world();
  const thread = threads.async(function* () {
    try {
      try {
        yield* schedule();
      } finally {
        yield* schedule();
        print("never");
      }
    } finally {
      print("outer");
    }
  });
  settle();
  thread.safeCancel();
  settle();
  thread.cancel();
  assert.deepEqual([printed, thread.isZombie], [["outer"], true]);
});

Deno.test("what a safe clean-up throws is logged, and the thread counts as cancelled", async () => {
  const { threads, env, settle } = world();
  const thread = threads.async(function* () {
    try {
      yield* schedule();
    } finally {
      yield* cede();
      // deno-lint-ignore no-unsafe-finally
      throw new Error("in the clean-up");
    }
  });
  settle();
  thread.safeCancel("values");
  settle();
  assert.deepEqual(await threads.run(thread.join()), ["values"]);
  assert.match(env.logged[0].message, /in the clean-up/);
});

Deno.test("safeCancel() of a woken waiter hands its wake-up on, and of a suspended one waits", () => {
  const { threads, printed, print, settle } = world();
  const lock = new Semaphore(0);
  const channel = new Channel<number>();
  const first = threads.async(() => lock.down());
  threads.async(function* () {
    yield* lock.down();
    print("second got it");
  });
  const held = threads.async(function* () {
    try {
      yield* channel.get();
    } finally {
      print("held ends");
    }
  });
  settle();
  lock.up();
  first.safeCancel();
  held.suspend();
  held.safeCancel();
  settle();
  assert.deepEqual([printed, lock.count], [["second got it"], 0]);
  held.resume();
  settle();
  assert.deepEqual(printed, ["second got it", "held ends"]);
});
