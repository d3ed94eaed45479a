import assert from "node:assert/strict";
import { cede, RWLock } from "@anyevent/coro";
import { world } from "./world.ts";

Deno.test("rdlock() is shared, wrlock() is not; waiting writers do not hold up readers", () => {
  const { threads, printed, print, settle } = world();
  const lock = new RWLock();
  assert.ok(lock.tryRdlock() && lock.tryRdlock());
  assert.equal(lock.tryWrlock(), false);
  threads.async(function* () {
    yield* lock.wrlock();
    print("writer");
    assert.equal(lock.tryRdlock() || lock.tryWrlock(), false);
  });
  settle();
  threads.async(function* () {
    yield* lock.rdlock();
    print("reader");
  });
  settle();
  assert.deepEqual(lock.stats(), {
    readers: 3,
    writer: false,
    waitingReaders: 0,
    waitingWriters: 1,
  });
  for (let i = 0; i < 3; i++) lock.unlock();
  settle();
  assert.deepEqual(printed, ["reader", "writer"]);
});

Deno.test("unlock() of a writer wakes one writer after the other, then all readers: w1 w2 r1 r2", () => {
  const { threads, printed, print, settle } = world();
  const lock = new RWLock();
  lock.tryWrlock();
  for (const name of ["r1", "w1", "r2", "w2"]) {
    threads.async(function* () {
      yield* name[0] === "r" ? lock.rdlock() : lock.wrlock();
      print(name);
      yield* cede();
      lock.unlock();
    });
  }
  settle();
  lock.unlock();
  settle();
  assert.deepEqual(printed, ["w1", "w2", "r1", "r2"]);
});

Deno.test("a woken writer that was overtaken queues anew, at the tail", () => {
  const { threads, printed, print, settle } = world();
  const lock = new RWLock();
  lock.tryWrlock();
  for (const name of ["w1", "w2"]) {
    threads.async(function* () {
      yield* lock.wrlock();
      print(name);
      lock.unlock();
    });
  }
  settle();
  lock.unlock();
  assert.equal(lock.tryRdlock(), true);
  settle();
  assert.deepEqual(printed, []);
  lock.unlock();
  settle();
  assert.deepEqual(printed, ["w2", "w1"]);
});

Deno.test("a waiter that is cancelled or thrown into leaves nothing behind and passes its wake-up on", () => {
  for (const woken of [false, true]) {
    const { threads, printed, print, settle } = world();
    threads.onUncaught = () => undefined;
    const lock = new RWLock();
    lock.tryWrlock();
    const [cancelled, thrown] = [0, 1].map(() => threads.async(() => lock.wrlock()));
    for (const name of ["r1", "r2"]) {
      threads.async(function* () {
        yield* lock.rdlock();
        print(name);
      });
    }
    settle();
    if (woken) lock.unlock();
    cancelled.cancel();
    thrown.throw(new Error("thrown"));
    settle();
    if (!woken) lock.unlock();
    settle();
    assert.deepEqual(printed, ["r1", "r2"]);
    assert.deepEqual([lock.stats().readers, lock.stats().waitingWriters], [2, 0]);
  }
});

Deno.test("unlock() of a lock that nobody holds is a UsageError, and does not wedge it", () => {
  const lock = new RWLock();
  assert.throws(() => lock.unlock(), { name: "UsageError", message: /nobody holds/ });
  assert.equal(lock.tryWrlock(), true);
  lock.unlock();
  assert.throws(() => lock.unlock(), { name: "UsageError" });
});

Deno.test("guards unlock on return, error and cancel, once", () => {
  const { threads, settle } = world();
  threads.onUncaught = () => undefined;
  const lock = new RWLock();
  const bodies = [
    function* () {
      using held = yield* lock.wrGuard();
      held.release();
      held.cancel();
    },
    function* () {
      using _held = yield* lock.rdGuard();
      throw new Error("failed");
    },
    function* () {
      yield* lock.withWrlock(function* () {
        yield* cede();
        throw new Error("failed");
      });
    },
    function* () {
      yield* lock.withRdlock(function* () {
        yield* cede();
        return 1;
      });
    },
  ];
  for (const body of bodies) {
    threads.async(body);
    settle();
    assert.deepEqual([lock.stats().readers, lock.stats().writer], [0, false]);
    const thread = threads.async(body);
    threads.async(() => thread.cancel());
    settle();
    assert.deepEqual([lock.stats().readers, lock.stats().writer], [0, false]);
  }
});
