import assert from "node:assert/strict";
import {
  asyncPool,
  cede,
  Coro,
  current,
  killall,
  onLeave,
  schedule,
  Specific,
  terminate,
} from "@anyevent/coro";
import { world } from "./world.ts";

Deno.test("asyncPool() uses a thread again, which is as new for each body", () => {
  const { threads, printed, print, settle } = world();
  const specific = new Specific<string>();
  const seen: Coro[] = [];
  const body = function* (n: number) {
    const me = current();
    seen.push(me);
    print([n, me.desc, me.prio(), specific.value ?? "-", me.data.size].join(" "));
    me.desc = "mine";
    me.prio(1);
    me.data.set("key", n);
    specific.value = "set";
    yield* cede();
    print(`${n} ends`);
  };
  threads.asyncPool(body, 1);
  settle();
  assert.equal(seen[0].desc, "[async pool idle]");
  threads.asyncPool(body, 2);
  settle();
  assert.equal(seen[0], seen[1]);
  assert.deepEqual(printed, [
    "1 [async_pool] 0 - 0",
    "1 ends",
    "2 [async_pool] 0 - 0",
    "2 ends",
  ]);
});

Deno.test("asyncPool(): 20 at once are 20 threads, of which 8 stay idle", () => {
  const { threads, settle } = world();
  const all = Array.from({ length: 20 }, () => threads.asyncPool(() => cede()));
  assert.equal(new Set(all).size, 20);
  settle();
  assert.equal(all.filter((thread) => thread.isZombie).length, 12);
  const idle = threads.list().filter(({ desc }) => desc === "[async pool idle]");
  assert.equal(idle.length, 8);
  threads.poolSize = 0;
  assert.throws(() => threads.poolSize = -1, { name: "UsageError", message: /-1/ });
  const last = threads.asyncPool(() => 1);
  assert.ok(idle.includes(last));
  settle();
  assert.equal(last.isZombie, true);
});

Deno.test("asyncPool(): an error is logged, the thread is used again, and the program goes on", () => {
  const { threads, env, printed, print, settle } = world();
  const first = threads.asyncPool(() => {
    throw new Error("in the pool");
  });
  settle();
  assert.equal(env.backend.thrown.length, 0);
  assert.deepEqual(env.logged.map(({ level }) => level), [4]);
  assert.match(env.logged[0].message, /async_pool.* failed: Error: in the pool/);
  threads.onUncaught = (error) => print((error as Error).message);
  const second = threads.asyncPool(() => {
    throw new Error("to the handler");
  });
  settle();
  const third = threads.asyncPool(() => print("third"));
  third.onUncaught = () => print("not called");
  settle();
  assert.ok(first === second && second === third);
  assert.deepEqual(printed, ["to the handler", "third"]);
});

Deno.test("asyncPool(): join() waits for ever and onDestroy() is not called, unless it ends for real", () => {
  const { threads, printed, print, settle } = world();
  const thread = threads.asyncPool(() => "value");
  thread.onDestroy((...values) => print(`destroyed ${values}`));
  const joiner = threads.async(function* () {
    print(`joined ${yield* thread.join()}`);
  });
  settle();
  assert.deepEqual([printed, joiner.isZombie], [[], false]);
  assert.equal(threads.asyncPool(() => terminate(1, 2)), thread);
  settle();
  assert.deepEqual(printed, ["destroyed 1,2", "joined 1,2"]);
  assert.notEqual(threads.asyncPool(() => cede()), thread);
  settle();
});

Deno.test("an idle pool thread that somebody readies, throws into or cancels does no harm", () => {
  const { threads, env, printed, print, settle } = world();
  const thread = threads.asyncPool(() => current().ready());
  settle();
  assert.equal(thread.isZombie, false);
  thread.ready();
  settle();
  assert.equal(threads.asyncPool(() => print("again")), thread);
  settle();
  thread.throw(new Error("stray"));
  settle();
  assert.match(env.logged[0].message, /stray/);
  assert.equal(threads.asyncPool(() => print("and again")), thread);
  settle();
  thread.cancel();
  assert.notEqual(threads.asyncPool(() => print("another")), thread);
  settle();
  assert.deepEqual(printed, ["again", "and again", "another"]);
  assert.equal(threads.nready, 0);
});

Deno.test("asyncPool(): leave blocks of a body run at its end and are gone for the next", () => {
  const { threads, printed, print, settle } = world();
  threads.asyncPool(() => void onLeave(() => print("leave")));
  settle();
  threads.asyncPool(() => print("next"));
  settle();
  assert.deepEqual(printed, ["leave", "next"]);
});

Deno.test("killall() cancels all threads but the running one, newest first", () => {
  const { threads, printed, print, settle } = world();
  for (const name of ["a", "b", "c"]) {
    threads.async(function* () {
      try {
        yield* schedule();
      } finally {
        print(name);
      }
    });
  }
  const idle = threads.asyncPool(() => 1);
  settle();
  const killer = threads.async(() => {
    threads.async(() => print("never"));
    killall();
    print("survives");
  });
  settle();
  assert.deepEqual(printed, ["c", "b", "a", "survives"]);
  assert.equal(idle.isZombie && killer.isZombie, true);
  assert.deepEqual(threads.list(), [threads.main]);
});

Deno.test("list() gives the threads newest first, main last, without those that have ended", () => {
  const { threads, settle } = world();
  const [a, b, c] = ["a", "b", "c"].map((desc) => threads.spawn(() => schedule(), { desc }));
  assert.deepEqual(threads.list(), [c, b, a, threads.main]);
  settle();
  b.cancel();
  assert.deepEqual(threads.list(), [c, a, threads.main]);
  a.cancel();
  c.cancel();
});

Deno.test("the functions without a scheduler act on the default one", async () => {
  const thread = asyncPool(() => "x");
  assert.ok(Coro.list().includes(thread));
  assert.equal(Coro.poolSize, 8);
  await cede();
  assert.equal(thread.desc, "[async pool idle]");
  killall();
  assert.equal(thread.isZombie, true);
});
