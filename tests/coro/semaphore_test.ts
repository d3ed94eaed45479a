import assert from "node:assert/strict";
import { cede, type Coro, Semaphore } from "@anyevent/coro";
import { type World, world } from "./world.ts";

function downer(w: World, lock: Semaphore, name: string): Coro {
  return w.threads.async(function* () {
    yield* lock.down();
    w.print(name);
  });
}

Deno.test("down() takes without a switch while there is one, then waits; up() wakes in order", () => {
  const w = world();
  const lock = new Semaphore(1);
  for (const name of ["a", "b", "c"]) downer(w, lock, name);
  w.settle();
  assert.deepEqual(w.printed, ["a"]);
  assert.deepEqual([lock.count, lock.waiters], [0, 2]);
  lock.up();
  assert.deepEqual([lock.count, lock.waiters], [1, 1]);
  w.settle();
  lock.up();
  w.settle();
  assert.deepEqual(w.printed, ["a", "b", "c"]);
  assert.deepEqual([lock.count, lock.waiters], [0, 0]);
});

Deno.test("count may be zero, negative, and exceed what it began with; adjust() wakes as many as it allows", () => {
  const w = world();
  const lock = new Semaphore(-1);
  for (const name of ["a", "b", "c"]) downer(w, lock, name);
  w.settle();
  lock.up();
  assert.equal(lock.count, 0);
  w.settle();
  assert.deepEqual(w.printed, []);
  lock.adjust(2);
  w.settle();
  assert.deepEqual(w.printed, ["a", "b"]);
  lock.adjust(5);
  w.settle();
  assert.equal(lock.count, 4);
  lock.adjust(-6);
  assert.equal(lock.count, -2);
});

Deno.test("try() takes one if there is one, also before a woken waiter, which then queues at the tail", () => {
  const w = world();
  const lock = new Semaphore(0);
  downer(w, lock, "a");
  downer(w, lock, "b");
  w.settle();
  lock.up();
  assert.equal(lock.try(), true);
  assert.equal(lock.try(), false);
  w.settle();
  assert.deepEqual([w.printed, lock.waiters], [[], 2]);
  lock.up();
  w.settle();
  assert.deepEqual(w.printed, ["b"]);
  lock.up();
  w.settle();
  assert.deepEqual(w.printed, ["b", "a"]);
});

Deno.test("wait() takes nothing, and lets all who wait so go on with one up()", () => {
  const w = world();
  const lock = new Semaphore(0);
  for (const name of ["a", "b"]) {
    w.threads.async(function* () {
      yield* lock.wait();
      w.print(`${name} ${lock.count}`);
    });
  }
  downer(w, lock, "down");
  w.settle();
  lock.up();
  w.settle();
  assert.deepEqual(w.printed, ["a 1", "b 1", "down"]);
  assert.equal(lock.count, 0);
});

Deno.test("guard() gives it back at the end of the scope, by return, throw and cancel", () => {
  const w = world();
  const lock = new Semaphore(1);
  const body = function* (fail: boolean) {
    using held = yield* lock.guard();
    assert.equal(lock.count, 0);
    yield* cede();
    if (fail) throw new Error("x");
    held.release();
    assert.equal(lock.count, 1);
  };
  w.threads.onUncaught = () => undefined;
  w.threads.async(body, false);
  w.settle();
  assert.equal(lock.count, 1);
  w.threads.async(body, true);
  w.settle();
  assert.equal(lock.count, 1);
  const thread = w.threads.async(body, false);
  w.env.backend.turn();
  thread.cancel();
  assert.equal(lock.count, 1);
});

Deno.test("withGuard() gives it back however the body ends, and returns its value", () => {
  const w = world();
  const lock = new Semaphore(1);
  w.threads.async(function* () {
    w.print(
      yield* lock.withGuard(function* () {
        yield* cede();
        return `value ${lock.count}`;
      }),
    );
    try {
      yield* lock.withGuard(function* () {
        throw "thrown";
      });
    } catch (error) {
      w.print(error);
    }
  });
  w.settle();
  assert.deepEqual(w.printed, ["value 0", "thrown"]);
  assert.equal(lock.count, 1);
});

Deno.test("a waiter cancelled or thrown into before it was woken swallows no up()", () => {
  const w = world();
  const lock = new Semaphore(0);
  w.threads.onUncaught = () => undefined;
  const [a, b] = ["a", "b", "c"].map((name) => downer(w, lock, name));
  w.settle();
  a.cancel();
  b.throw(new Error("x"));
  w.settle();
  assert.equal(lock.waiters, 1);
  lock.up();
  w.settle();
  assert.deepEqual([w.printed, lock.count], [["c"], 0]);
});

Deno.test("a waiter cancelled or thrown into after it was woken passes its wake-up on", () => {
  const w = world();
  const lock = new Semaphore(0);
  w.threads.onUncaught = () => undefined;
  const [a, b] = ["a", "b", "c", "d"].map((name) => downer(w, lock, name));
  w.settle();
  lock.adjust(2);
  assert.equal(lock.waiters, 2);
  a.cancel();
  b.throw(new Error("x"));
  w.settle();
  assert.deepEqual([w.printed, lock.count], [["c", "d"], 0]);
});

Deno.test("a waiter readied for nothing keeps its place", () => {
  const w = world();
  const lock = new Semaphore(0);
  const [a] = ["a", "b"].map((name) => downer(w, lock, name));
  w.settle();
  a.ready();
  w.settle();
  assert.deepEqual([w.printed, lock.waiters], [[], 2]);
  lock.up();
  w.settle();
  assert.deepEqual(w.printed, ["a"]);
});

Deno.test("new Semaphore() and adjust() check their arguments", () => {
  assert.throws(() => new Semaphore(1.5), { name: "UsageError", message: /1\.5/ });
  assert.throws(() => new Semaphore().adjust("1" as never), { name: "UsageError", message: /"1"/ });
  assert.throws(() => new Semaphore().withGuard(1 as never), { name: "UsageError" });
  assert.equal(new Semaphore().count, 1);
});
