/** Threads under virtual time: hours in no time, the same order each time, deadlocks told. */
import assert from "node:assert/strict";
import { simWorld } from "@anyevent/backends/sim";
import {
  cede,
  Channel,
  type Coro,
  RWLock,
  Scheduler,
  Semaphore,
  SemaphoreSet,
  Signal,
} from "@anyevent/coro";
import { Loop } from "@anyevent/loop";

/** Producers, consumers and a thread that disturbs them, for a day. @returns what they did */
async function day(seed: number): Promise<string[]> {
  const env = simWorld({ seed }).env("host");
  const loop = new Loop(env);
  const threads = new Scheduler(loop);
  const log: string[] = [];
  const start = loop.now();
  const note = (text: string): void => void log.push(`${(loop.now() - start).toFixed(1)} ${text}`);
  const channel = new Channel<string>(2);
  const lock = new Semaphore(2);
  const random = (limit: number): number => env.random.bytes(1)[0] % limit;
  const producers: Coro[] = [0, 1, 2].map((id) =>
    threads.async(function* () {
      for (let n = 0; n < 20; n++) {
        yield* loop.sleep(60 * (1 + random(60)));
        yield* channel.put(`${id}.${n}`);
      }
    })
  );
  const turn = function* (name: string) {
    try {
      const { done, value } = yield* channel.next({ timeout: 1800 });
      if (done) return false;
      note(`${name} got ${value}`);
    } catch (error) {
      note(`${name}: ${(error as Error).name}`);
    }
    yield* loop.sleep(random(300));
    return true;
  };
  const consume = function* (name: string) {
    while (yield* lock.withGuard(() => turn(name)));
  };
  const consumers = ["a", "b", "c"].map((name) => threads.async(consume, name));
  const disturb = threads.async(function* () {
    for (let n = 0; n < 5; n++) {
      yield* loop.sleep(3600);
      const victim = consumers[n % 3];
      victim.safeCancel();
      yield* victim.join();
      note(`consumer ${n % 3} replaced`);
      consumers[n % 3] = threads.async(consume, `r${n}`);
    }
  });
  const all = (async () => {
    for (const thread of [...producers, disturb]) await threads.run(thread.join());
    channel.shutdown();
    for (const thread of consumers) await threads.run(thread.join());
  })();
  await env.world.finish(all, 10 * 86400);
  assert.deepEqual([lock.count, channel.size, threads.nready], [2, 0, 0]);
  assert.equal(env.backend.stats().timers, 0);
  return log;
}

Deno.test("a simulated day of threads takes no time, loses nothing, and is the same for the same seed", async () => {
  for (const seed of [1, 2, 3, 4, 5]) {
    const log = await day(seed);
    const got = log.filter((line) => line.includes("got")).map((line) => line.split(" ").at(-1));
    assert.equal(new Set(got).size, 60);
    assert.equal(got.length, 60);
    assert.deepEqual(await day(seed), log);
  }
  assert.notDeepEqual(await day(1), await day(2));
});

Deno.test("in a simulated world threads that cede without end do not stop the clock", async () => {
  const env = simWorld().env("host");
  const loop = new Loop(env);
  const threads = new Scheduler(loop);
  let stop = false;
  const spin = threads.async(function* () {
    while (!stop) yield* cede();
  });
  loop.timer({ after: 0.05, cb: () => stop = true });
  await env.world.finish(Promise.resolve(threads.run(spin.join())));
  assert.equal(stop, true);
});

Deno.test("in a simulated world who waits in vain gets a DeadlockError that names all who are blocked", async () => {
  const env = simWorld().env("host");
  const threads = new Scheduler(new Loop(env));
  const blocked = threads.async(() => new Channel<number>().get());
  blocked.desc = "reader";
  await assert.rejects(env.world.finish(threads.run(new Semaphore(0).down())), {
    name: "DeadlockError",
    message: /semaphore\.down\(\).*thread reader waits for channel\.get\(\)/,
  });
  assert.equal(blocked.waitsFor, "channel.get()");
  blocked.cancel();
});

/** Threads that take and give all locks at random, with limits, while others end and wake them at random. */
async function torment(seed: number): Promise<readonly string[]> {
  const env = simWorld({ seed }).env("host");
  const loop = new Loop(env);
  const threads = new Scheduler(loop);
  threads.onUncaught = () => undefined;
  const random = (limit: number): number => env.random.bytes(1)[0] % limit;
  const semaphore = new Semaphore(2);
  const set = new SemaphoreSet<number>();
  const lock = new RWLock();
  const signal = new Signal();
  const channel = new Channel<number>(2);
  const log: string[] = [];
  let inside = 0;
  let writers = 0;
  let readers = 0;
  const pause = function* () {
    if (random(3) === 0) yield* loop.sleep(random(50) / 10);
    else yield* cede();
  };
  const steps = [
    function* () {
      yield* semaphore.withGuard(function* () {
        assert.ok(++inside <= 2);
        try {
          yield* pause();
        } finally {
          inside--;
        }
      }, { timeout: random(40) / 10 });
    },
    function* () {
      const held = yield* set.guard(random(3));
      try {
        yield* pause();
      } finally {
        held.release();
      }
    },
    function* () {
      const held = yield* lock.wrGuard({ timeout: 3 });
      assert.deepEqual([++writers, readers], [1, 0]);
      try {
        yield* pause();
      } finally {
        writers--;
        held.release();
      }
    },
    function* () {
      const held = yield* lock.rdGuard();
      readers++;
      assert.equal(writers, 0);
      try {
        yield* pause();
      } finally {
        readers--;
        held.release();
      }
    },
    function* () {
      yield* signal.wait({ timeout: 2 });
    },
    function* () {
      signal.send();
      yield* channel.put(random(9), { timeout: 1 });
    },
    function* () {
      yield* channel.get({ timeout: 4 });
    },
  ];
  const body = function* (name: number) {
    for (let n = 0; n < 12; n++) {
      try {
        yield* steps[random(steps.length)]();
        log.push(`${name}.${n}`);
      } catch (error) {
        if ((error as Error).name === "AssertionError") throw error;
        log.push(`${name}.${n} ${(error as Error).name}`);
      }
    }
  };
  const all = Array.from({ length: 12 }, (_, name) => threads.async(body, name));
  const failed: unknown[] = [];
  for (const thread of all) thread.onUncaught = (error) => void failed.push(error);
  const disturber = threads.async(function* () {
    for (let n = 0; n < 60; n++) {
      yield* loop.sleep(random(10) / 10);
      const victim = all[random(all.length)];
      const acts = [
        "cancel",
        "safeCancel",
        "throw",
        "ready",
        "suspend",
        "resume",
        "resume",
      ] as const;
      const act = acts[random(acts.length)];
      if (act === "throw") victim.throw(new Error("thrown"));
      else if (act === "cancel" && random(3) > 0) victim.ready();
      else victim[act]();
    }
    for (const thread of all) thread.resume();
  });
  await env.world.finish(
    (async () => {
      await threads.run(disturber.join());
      for (const thread of all) await threads.run(thread.join());
    })(),
    86400,
  );
  assert.deepEqual(failed, []);
  assert.deepEqual(semaphore.stats(), { count: 2, waiters: 0, woken: 0 });
  assert.deepEqual(set.stats(), { size: 0, waiters: 0 });
  const { waitingReaders, waitingWriters } = lock.stats();
  assert.deepEqual([lock.stats().readers, waitingReaders, waitingWriters], [0, 0, 0]);
  assert.deepEqual([signal.awaited, threads.nready, threads.list().length], [0, 0, 1]);
  assert.equal(env.backend.stats().timers, 0);
  return log;
}

Deno.test("in a simulated world no lock is lost or held twice, whatever becomes of the threads", async () => {
  for (let seed = 1; seed <= 100; seed++) {
    const log = await torment(seed);
    if (seed <= 3) assert.deepEqual(await torment(seed), log);
  }
});
