import assert from "node:assert/strict";
import {
  async,
  cede,
  cedeNotself,
  Channel,
  Coro,
  current,
  main,
  onEnter,
  schedule,
  Semaphore,
  sleep,
} from "@anyevent/coro";
import { world } from "./world.ts";

Deno.test("await cede() makes the synopsis print 1 2 3 4", async () => {
  const printed: string[] = [];
  async(function* () {
    printed.push("2");
    yield* cede();
    printed.push("4");
  });
  printed.push("1");
  await cede();
  printed.push("3");
  await cede();
  assert.deepEqual(printed, ["1", "2", "3", "4"]);
});

Deno.test("await has a place of its own among threads: exact order over many rounds", async () => {
  const printed: string[] = [];
  const body = function* (name: string) {
    for (let i = 0; i < 3; i++) {
      printed.push(`${name}${i}`);
      yield* cede();
    }
  };
  async(body, "a");
  async(body, "b");
  for (let i = 0; i < 3; i++) {
    printed.push(`main${i}`);
    await cede();
  }
  printed.push("end");
  assert.deepEqual(printed, [
    ...["main0", "a0", "b0", "main1", "a1", "b1", "main2", "a2", "b2", "end"],
  ]);
});

Deno.test("await of something else lets threads run in the next turn of the loop", async () => {
  const printed: string[] = [];
  const thread = async(function* () {
    printed.push("thread");
  });
  await Promise.resolve();
  printed.push("microtask");
  await sleep(0.001);
  printed.push("main");
  assert.deepEqual(printed, ["microtask", "thread", "main"]);
  assert.equal(thread.isZombie, true);
});

Deno.test("await of an operation that need not wait does not run threads", async () => {
  const lock = new Semaphore(1);
  let ran = false;
  const thread = async(function* () {
    ran = true;
  });
  await lock.down();
  assert.equal(ran, false);
  await thread.join();
  assert.equal(ran, true);
});

Deno.test("await join() gives values and throws errors", async () => {
  const good = async(function* (n: number) {
    yield* sleep(0.001);
    return n * 2;
  }, 21);
  assert.deepEqual(await good.join(), [42]);
  const bad = async(function* () {
    yield* cede();
    throw new Error("bad");
  });
  await assert.rejects(async () => await bad.join(), /bad/);
});

Deno.test("main is current outside threads, and the same object for ever", async () => {
  assert.equal(current(), main());
  assert.equal(Coro.main, main());
  const seen = await async(() => current() === main()).join();
  assert.deepEqual(seen, [false]);
  await cede();
  assert.equal(Coro.current, Coro.main);
  assert.throws(() => onEnter(() => undefined), { name: "UsageError", message: /main/ });
});

Deno.test("main.ready() wakes an awaited schedule(), also when it came before", async () => {
  const printed: string[] = [];
  async(function* () {
    printed.push("thread");
    assert.equal(main().ready(), true);
    assert.equal(main().ready(), false);
  });
  await schedule();
  printed.push("main");
  assert.equal(main().ready(), true);
  assert.equal(main().ready(), false);
  await schedule();
  assert.deepEqual(printed, ["thread", "main"]);
});

Deno.test("main.throw() is thrown by the await that waits", async () => {
  async(function* () {
    main().throw(new Error("into main"));
  });
  await assert.rejects(async () => await schedule(), /into main/);
});

Deno.test("main.ready() wakes awaits for nothing: they go on waiting", async () => {
  const lock = new Semaphore(0);
  let got = false;
  const waiting = (async () => {
    await lock.down();
    got = true;
  })();
  await cede();
  main().ready();
  await cede();
  await cede();
  assert.equal(got, false);
  lock.up();
  await waiting;
  assert.equal(lock.count, 0);
});

Deno.test("cedeNotself() awaited runs one other thread, whatever its priority", async () => {
  const { threads, printed, print } = world();
  threads.spawn(() => print("low 1"), { prio: -4 });
  threads.spawn(() => print("low 2"), { prio: -4 });
  await threads.run(cedeNotself());
  assert.deepEqual(printed, ["low 1"]);
  await threads.run(cedeNotself());
  assert.deepEqual(printed, ["low 1", "low 2"]);
  await threads.run(cedeNotself());
});

Deno.test("priority of main counts for its awaits", async () => {
  const { threads, printed, print } = world();
  threads.main.prio(-1);
  threads.async(function* () {
    print("a");
    yield* cede();
    print("b");
  });
  await threads.run(cede());
  assert.deepEqual(printed, ["a", "b"]);
});

Deno.test("several async functions take turns in the order in which they began to wait", async () => {
  const printed: string[] = [];
  const worker = async (name: string) => {
    for (let i = 0; i < 3; i++) {
      await cede();
      printed.push(`${name}${i}`);
    }
  };
  await Promise.all([worker("a"), worker("b"), worker("c")]);
  assert.deepEqual(printed, ["a0", "b0", "c0", "a1", "b1", "c1", "a2", "b2", "c2"]);
});

Deno.test("threads and async functions pass items both ways through channels", async () => {
  const there = new Channel<number>(1);
  const back = new Channel<number>(1);
  const thread = async(function* () {
    for (let item; (item = yield* there.get()) !== undefined;) yield* back.put(item + 1);
    back.shutdown();
  });
  const sender = (async () => {
    for (let i = 0; i < 5; i++) await there.put(i);
    there.shutdown();
  })();
  const got: number[] = [];
  for await (const item of back) got.push(item);
  await sender;
  await thread.join();
  assert.deepEqual(got, [1, 2, 3, 4, 5]);
});

Deno.test("an await that can never be woken is told so when the host has nothing left", async () => {
  const { threads, env } = world();
  const thread = threads.spawn(() => schedule(), { desc: "worker" });
  const outcomes = Promise.allSettled([
    threads.run(new Semaphore(0).down()),
    threads.run(thread.join()),
  ]);
  await env.backend.settle();
  env.backend.exhaust();
  await env.backend.settle();
  for (const outcome of await outcomes) {
    assert.equal(outcome.status, "rejected");
    assert.equal(outcome.reason.name, "DeadlockError");
    assert.deepEqual(outcome.reason.waiting, [
      "semaphore.down()",
      "join(worker)",
      "thread worker waits for schedule()",
    ]);
  }
  thread.cancel();
});

Deno.test("a deadlock's error names the blocked threads oldest first, ten at most, and no others", async () => {
  const { threads, env } = world();
  const lock = new Semaphore(0);
  const gone = [0, 1, 2].map((i) => threads.spawn(() => lock.down(), { desc: `gone${i}` }));
  const blocked = Array.from(
    { length: 12 },
    (_, i) => threads.spawn(() => lock.down(), { desc: `t${i}` }),
  );
  new Coro(() => schedule());
  threads.async(() => 1);
  const suspended = threads.spawn(() => sleep(1), { desc: "s" });
  await threads.run(cede());
  for (const thread of gone) thread.cancel();
  blocked[11].cancel();
  suspended.suspend();
  await env.backend.run(2);
  const waiting = threads.run(lock.wait());
  const caught = assert.rejects(waiting, (error: { readonly waiting: readonly string[] }) => {
    assert.deepEqual(error.waiting, [
      "semaphore.wait()",
      ...blocked.slice(0, 10).map((_, i) => `thread t${i} waits for semaphore.down()`),
      "2 more blocked threads",
    ]);
    return true;
  });
  env.backend.exhaust();
  await env.backend.settle();
  await caught;
  for (const thread of [...blocked.slice(0, 11)]) thread.cancel();
  const second = assert.rejects(threads.run(lock.wait()), {
    waiting: ["semaphore.wait()", "thread s waits for its resume()"],
  });
  env.backend.exhaust();
  await env.backend.settle();
  await second;
  suspended.cancel();
});
