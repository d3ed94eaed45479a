/** Threads under virtual time: hours in no time, the same order each time, deadlocks told. */
import assert from "node:assert/strict";
import { simWorld } from "@anyevent/backends/sim";
import { cede, Channel, type Coro, Scheduler, Semaphore } from "@anyevent/coro";
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
