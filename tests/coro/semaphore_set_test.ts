import assert from "node:assert/strict";
import { cede, Channel, Semaphore, SemaphoreSet, Signal } from "@anyevent/coro";
import { operation, Strict } from "@anyevent/loop";
import { world } from "./world.ts";

Deno.test("ids are independent, made when needed, forgotten when as new", () => {
  const set = new SemaphoreSet<string>(2);
  assert.deepEqual([set.count("a"), set.stats().size], [2, 0]);
  assert.ok(set.try("a") && set.try("a"));
  assert.equal(set.try("a"), false);
  assert.deepEqual([set.count("a"), set.count("b"), set.stats().size], [0, 2, 1]);
  set.up("a");
  set.up("a");
  assert.equal(set.stats().size, 0);
  set.up("b");
  assert.deepEqual([set.count("b"), set.stats().size], [3, 1]);
  assert.throws(() => new SemaphoreSet(0.5), { name: "UsageError" });
});

Deno.test("try() of an id not in use without a count makes nothing, and wait() returns at once", () => {
  const { threads, printed, print, settle } = world();
  const set = new SemaphoreSet(0);
  assert.deepEqual([set.try(1), set.stats().size], [false, 0]);
  threads.async(function* () {
    yield* set.wait(1);
    print("waited");
  });
  settle();
  assert.deepEqual(printed, ["waited"]);
});

Deno.test("down() waits for its id only; a cancelled one leaves nothing behind", () => {
  const { threads, printed, print, settle } = world();
  const set = new SemaphoreSet(0);
  const [cancelled] = ["a", "a", "b"].map((id) =>
    threads.async(function* () {
      yield* set.down(id);
      print(id);
    })
  );
  settle();
  assert.deepEqual([set.waiters("a"), set.stats()], [2, { size: 2, waiters: 3 }]);
  cancelled.cancel();
  set.up("a");
  settle();
  set.up("b");
  settle();
  assert.deepEqual([printed, set.stats()], [["a", "b"], { size: 0, waiters: 0 }]);
});

Deno.test("a down() made before the id was forgotten excludes one made after", () => {
  const { threads, settle } = world();
  const set = new SemaphoreSet();
  const early = set.down("id");
  assert.equal(set.try("id"), true);
  set.up("id");
  const [one, other] = [early, set.down("id")].map((op) => threads.async(() => op));
  settle();
  assert.deepEqual([one.isZombie, other.isZombie, set.waiters("id")], [true, false, 1]);
  set.up("id");
  settle();
  assert.equal(other.isZombie, true);
});

Deno.test("guard() and withGuard() give back on any exit", () => {
  const { threads, settle } = world();
  threads.onUncaught = () => undefined;
  const set = new SemaphoreSet();
  const bodies = [
    function* () {
      using _held = yield* set.guard("id");
      yield* cede();
    },
    function* () {
      yield* set.withGuard("id", function* () {
        yield* cede();
        throw new Error("failed");
      });
    },
  ];
  for (const body of bodies) {
    threads.async(body);
    const cancelled = threads.async(body);
    threads.async(function* () {
      yield* cede();
      cancelled.cancel();
    });
    settle();
    assert.deepEqual(set.stats(), { size: 0, waiters: 0 });
  }
});

Deno.test("Semaphore.wait(callback) is called in its turn, and those behind it too unless it takes", () => {
  const { threads, printed, print, settle } = world();
  const lock = new Semaphore(0);
  lock.wait((s) => print(`first sees ${s.count}`));
  const taken = lock.wait(() => print("never"));
  lock.wait((s) => print(`takes ${s.try()}`));
  lock.wait(() => print("last"));
  threads.async(function* () {
    yield* lock.down();
    print("thread");
  });
  settle();
  taken.cancel();
  taken.cancel();
  assert.equal(lock.waiters, 4);
  lock.up();
  print("up returned");
  assert.equal(lock.waiters, 2);
  lock.adjust(2);
  settle();
  assert.deepEqual(printed, ["first sees 1", "takes true", "up returned", "last", "thread"]);
  lock.wait((s) => print(`at once ${s.count}`));
  assert.equal(printed.at(-1), "at once 1");
});

Deno.test("Signal.wait(callback) is called in its turn, or at once when one is remembered", () => {
  const { threads, printed, print, settle } = world();
  const signal = new Signal();
  threads.async(function* () {
    yield* signal.wait();
    print("thread");
  });
  settle();
  signal.wait(() => print("callback"));
  const gone = signal.wait(() => print("never"));
  gone.cancel();
  signal.send();
  signal.send();
  print("sent");
  settle();
  signal.send();
  assert.equal(signal.stats().remembered, true);
  signal.wait(() => print("remembered"));
  assert.deepEqual(signal.stats(), { awaited: 0, remembered: false });
  signal.wait(() => print("broadcast"));
  signal.wait(() => print("broadcast"));
  signal.broadcast();
  assert.deepEqual(printed, [
    "callback",
    "sent",
    "thread",
    "remembered",
    "broadcast",
    "broadcast",
  ]);
});

Deno.test("wait(callback) taken back leaves no id behind", () => {
  const locks = new SemaphoreSet<string>(0);
  const calls: string[] = [];
  const waiting = locks.wait("a", () => void calls.push("a"));
  assert.equal(locks.stats().size, 1);
  waiting.cancel();
  waiting.cancel();
  assert.deepEqual(locks.stats(), { size: 0, waiters: 0 });
  using _other = locks.wait("a", () => void calls.push("again"));
  waiting[Symbol.dispose]();
  assert.deepEqual(locks.stats(), { size: 1, waiters: 1 });
  locks.up("a");
  assert.deepEqual(calls, ["again"]);
});

Deno.test("limits hold for wait() of an id that is not in use, too", async () => {
  const { threads } = world();
  const locks = new SemaphoreSet<string>();
  const signal = AbortSignal.abort(new Error("too late"));
  await assert.rejects(threads.run(locks.wait("a", { signal })), /too late/);
  assert.equal(locks.stats().size, 0);
});

Deno.test("strict mode reports nothing of what a set makes for itself, and no put() with a limit", async () => {
  const reports: string[] = [];
  Strict.enable({ report: (message) => void reports.push(message) });
  const { threads, loop, env } = world();
  try {
    const locks = new SemaphoreSet<string>();
    const channel = new Channel<number>(1);
    const work = threads.run(operation(() => "work", function* () {
      yield* locks.down("a");
      locks.up("a");
      yield* locks.withGuard("a", function* () {}, { timeout: 1 });
      channel.put(1, { timeout: 1 });
      using _held = yield* locks.guard("a");
    }));
    for (let i = 0; i < 10; i++) await Promise.resolve();
    await work;
    env.backend.exhaust();
    const dropped = locks.down("b");
    for (let i = 0; i < 10; i++) await Promise.resolve();
    env.backend.exhaust();
    assert.equal(reports.length, 1, reports.join("\n"));
    assert.match(reports[0], /semaphoreSet\.down\(b\) was dropped/);
    assert.equal(dropped.describe(), "semaphoreSet.down(b)");
  } finally {
    Strict.disable();
    loop.dispose();
  }
});
