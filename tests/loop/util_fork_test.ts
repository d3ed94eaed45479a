import assert from "node:assert/strict";
import type { Env } from "@anyevent/backends/contract";
import { ClosedError, PeerError, UsageError } from "@anyevent/backends/contract";
import { nativeEnv } from "@anyevent/backends/native";
import { simEnv } from "@anyevent/backends/sim";
import { type JobContext, Loop, type Util, utilOf, WorkerPool, workerTask } from "@anyevent/loop";
import { runDeno } from "../support/run_deno.ts";
import { REAL_ENVS } from "../support/real_envs.ts";

interface Place {
  readonly util: Util;
  readonly loop: Loop;
}

async function on(make: () => Env, body: (place: Place) => Promise<void>): Promise<void> {
  const env = make();
  const loop = new Loop(env);
  const util = utilOf(loop);
  try {
    await body({ util, loop });
    while (util.stats().forks.workers > 0) await loop.sleep(0.001);
    assert.deepEqual(util.stats().forks, { workers: 0, running: 0, queued: 0 });
    assert.deepEqual([loop.stats().held, loop.stats().timers], [0, 0]);
  } finally {
    loop.dispose();
    env.backend.dispose();
  }
}

const JOBS = new URL("programs/jobs.ts", import.meta.url);

for (const [name, make] of REAL_ENVS) {
  const test = (what: string, body: (place: Place) => Promise<void>): void =>
    Deno.test(`${what} (${name})`, () => on(make, body));

  test("forkCall() gives results, of functions and of modules, to callbacks and operations", async (place) => {
    const { util, loop } = place;
    const cv = loop.condvar<[number | undefined, Error | undefined]>();
    const call = util.forkCall((a: number, b: number) => a + b, [1, 2], cv);
    assert.equal(call.active, true);
    assert.equal(call.describe().startsWith("forkCall("), true);
    assert.deepEqual(await cv.recvAll(), [3, undefined]);
    const bytes = Uint8Array.of(1, 2);
    const back = await util.forkCall(async (it: unknown) => await Promise.resolve([it]), [{
      bytes,
      map: new Map([[1, 2n]]),
    }]);
    assert.deepEqual(back, [{ bytes, map: new Map([[1, 2n]]) }]);
    assert.equal(await util.forkCall({ module: JOBS, name: "twice" }, [21]), 42);
    assert.equal(await util.forkCall({ module: JOBS.href }, []), "default");
  });

  test("what is thrown comes back as it was", async ({ util, loop }) => {
    const fails = async (call: () => unknown): Promise<Error & { code?: string }> => {
      try {
        await util.forkCall(call, []);
      } catch (error) {
        return error as Error;
      }
      return assert.fail("it did not throw");
    };
    const type = await fails(() => {
      throw new TypeError("wrong");
    });
    assert(type instanceof TypeError);
    assert.equal(type.message, "wrong");
    const own = await fails(() => {
      throw Object.assign(new Error("own"), { name: "OwnError", code: "EOWN" });
    });
    assert.deepEqual([own.name, own.message, own.code], ["OwnError", "own", "EOWN"]);
    const text = await fails(() => {
      throw { some: "thing" };
    });
    assert.deepEqual(text.cause, { some: "thing" });
    assert.match((await fails(() => () => 1)).message, /clone/);
    assert.match((await fails(() => own)).message, /own is not defined/);
    await assert.rejects(
      async () => await util.forkCall({ module: JOBS, name: "none" }, []),
      /exports no function none/,
    );
    const cv = loop.condvar<[unknown, Error | undefined]>();
    util.forkCall(
      () => {
        throw new RangeError("far");
      },
      [],
      cv,
    );
    const [value, error] = await cv.recvAll();
    assert.equal(value, undefined);
    assert(error instanceof RangeError);
    // Refused on this side, without harm to another one sent along.
    const good = util.forkCall((n: number) => n, [5]);
    const bad = util.forkCall((n: unknown) => n, [() => 1]);
    const [first, second] = await Promise.allSettled([good, bad]);
    assert.equal((first as PromiseFulfilledResult<number>).value, 5);
    assert.match(String((second as PromiseRejectedResult).reason), /Cannot send job/);
  });

  test("no more than maxForks run; others wait in order and can be cancelled", async (place) => {
    const { util, loop } = place;
    assert.equal(util.maxForks, 10);
    util.maxForks = 2;
    const seen: number[] = [];
    const all = loop.condvar();
    all.begin();
    const calls = [1, 2, 3, 4, 5, 6].map((n) => {
      all.begin();
      return util.forkCall((n: number) => n, [n], (value) => {
        seen.push(value!);
        all.end();
      });
    });
    assert.deepEqual(util.stats().forks, { workers: 2, running: 2, queued: 4 });
    calls[3].cancel();
    calls[3].cancel();
    all.end();
    assert.deepEqual(util.stats().forks, { workers: 2, running: 2, queued: 3 });
    all.end();
    await all.recv();
    assert.deepEqual(seen.sort(), [1, 2, 3, 5, 6]);
  });

  test("cancelling ends the worker of one that never ends, and of no other", async ({ util, loop }) => {
    util.maxForks = 2;
    const spin = (): Promise<never> =>
      new Promise(() => {
        setInterval(() => undefined, 1000);
      });
    const slow = async (): Promise<string> => {
      await new Promise((resolve) => setTimeout(resolve, 150));
      return "slow";
    };
    const endless = util.forkCall(spin, [], () => assert.fail("called"));
    const other = loop.condvar<[string | undefined]>();
    util.forkCall(slow, [], other);
    const waits = loop.condvar<[number | undefined]>();
    util.forkCall((n: number) => n, [7], waits);
    await loop.sleep(0.05);
    endless.cancel();
    endless.cancel();
    assert.equal(await waits.recv(), 7);
    assert.equal(await other.recv(), "slow");
  });

  test("a worker that dies fails its own call only", async ({ util }) => {
    const die = (): Promise<never> => {
      const { Deno, process } = globalThis as unknown as Record<"Deno" | "process", {
        exit(code: number): void;
      }>;
      (Deno ?? process).exit(3);
      return new Promise(() => undefined);
    };
    const [died, lives] = await Promise.allSettled([
      util.forkCall(die, []),
      util.forkCall(() => "lives", []),
    ]);
    assert((died as PromiseRejectedResult).reason instanceof PeerError);
    assert.equal((lives as PromiseFulfilledResult<string>).value, "lives");
  });

  test("a pool shares out jobs, tells progress and abortion, and keeps idle workers a while", async (place) => {
    const { loop } = place;
    const pool = new WorkerPool(loop, { size: 2, perWorker: 4, idle: 0.05 });
    const done = loop.condvar();
    const ids = new Set<unknown>();
    done.begin();
    for (let i = 0; i < 20; i++) {
      done.begin();
      pool.run(workerTask({ module: JOBS, name: "identity" }, [i]), {
        settled: (outcome) => {
          ids.add("value" in outcome ? outcome.value : outcome.error);
          done.end();
        },
      });
    }
    assert.deepEqual(pool.stats(), { workers: 2, running: 8, queued: 12 });
    done.end();
    await done.recv();
    assert.equal(ids.size, 20);
    assert.deepEqual([pool.stats().running, pool.stats().queued], [0, 0]);
    const progress: unknown[] = [];
    const waiting = loop.condvar<[unknown]>();
    const job = pool.run(
      workerTask(
        async (from: number, context: JobContext) => {
          context.progress(from);
          await new Promise((resolve) => context.signal.addEventListener("abort", resolve));
          const buffer = new ArrayBuffer(8);
          context.transfer(buffer);
          return [context.cancelled, buffer];
        },
        [5],
        { context: true },
      ),
      {
        progress: (value) => {
          progress.push(value);
          job.abort();
        },
        settled: (outcome) => waiting.send(outcome),
      },
    );
    const ended = loop.condvar<[unknown]>();
    const sync = pool.run(
      workerTask(
        (context: JobContext) => {
          context.progress("spinning");
          while (!context.cancelled);
          return "noticed";
        },
        [],
        { context: true },
      ),
      {
        progress: () => sync.abort(),
        settled: (outcome) => ended.send(outcome),
      },
    );
    assert.deepEqual(await ended.recv(), { value: "noticed" });
    const { buffer } = new Uint8Array(1_000_000);
    const moved = loop.condvar<[unknown]>();
    pool.run(workerTask((it: ArrayBuffer) => it.byteLength, [buffer], { transfer: [buffer] }), {
      settled: (outcome) => moved.send(outcome),
    });
    assert.deepEqual(await moved.recv(), { value: 1_000_000 });
    assert.equal(buffer.byteLength, 0);
    assert.deepEqual(progress, [5]);
    assert.deepEqual(await waiting.recv(), { value: [true, new ArrayBuffer(8)] });
    while (pool.stats().workers > 0) await loop.sleep(0.01);
    assert.deepEqual(pool.stats(), { workers: 0, running: 0, queued: 0 });
    const lost = loop.condvar<[unknown]>();
    pool.run(workerTask(() => 1, []), { settled: (outcome) => lost.send(outcome) });
    pool.dispose();
    pool.dispose();
    const outcome = await lost.recv() as { error: Error };
    assert(outcome.error instanceof ClosedError);
    assert.throws(
      () => pool.run(workerTask(() => 1, []), { settled: () => undefined }),
      ClosedError,
    );
  });

  test("terminate() gives what else its worker held to another; cancel() only forgets", async (place) => {
    const { loop } = place;
    using pool = new WorkerPool(loop, { size: 1, perWorker: 3, maxQueued: 2 });
    const told: unknown[] = [];
    const begun = loop.condvar();
    const spin = pool.run(
      workerTask(
        (context: JobContext) => {
          context.progress(1);
          return new Promise(() => setInterval(() => undefined, 1000));
        },
        [],
        { context: true },
      ),
      { progress: () => begun.send(), settled: (outcome) => void told.push(outcome) },
    );
    const next = loop.condvar<[unknown]>();
    pool.run(workerTask((n: number) => n, [8]), { settled: (outcome) => next.send(outcome) });
    const forgotten = pool.run(workerTask((n: number) => n, [9]), {
      settled: (outcome) => void told.push(outcome),
    });
    forgotten.cancel();
    const events = { settled: () => undefined };
    pool.run(workerTask(() => 1, []), events);
    pool.run(workerTask(() => 1, []), events);
    assert.throws(
      () => pool.run(workerTask(() => 1, []), events),
      (error) => error instanceof PeerError && error.code === "EAGAIN",
    );
    await begun.recv();
    spin.terminate();
    assert.deepEqual(await next.recv(), { value: 8 });
    while (pool.stats().running > 0) await loop.sleep(0.001);
    assert.deepEqual(told, []);
  });

  test("dispose() of the loop fails what waits and ends the workers", async ({ loop }) => {
    const other = new Loop(loop.env);
    const util = utilOf(other);
    const call = assert.rejects(
      async () =>
        await util.forkCall(() => new Promise(() => setInterval(() => undefined, 1000)), []),
      ClosedError,
    );
    await loop.sleep(0.05);
    assert.equal(util.stats().forks.running, 1);
    other.dispose();
    await call;
    assert.deepEqual(util.stats().forks, { workers: 0, running: 0, queued: 0 });
  });
}

Deno.test("forkCall() and pools refuse bad arguments by name and value", () => {
  const loop = new Loop(nativeEnv());
  const util = utilOf(loop);
  const bad: readonly (readonly [() => unknown, RegExp])[] = [
    [() => util.forkCall(5 as never, []), /5 is neither a function/],
    [() => util.forkCall({ module: "./x.ts" }, []), /neither a function/],
    [() => util.forkCall({ module: JOBS, name: "" }, []), /"" is no name/],
    [() => util.forkCall(Math.max, []), /has no source text/],
    [() => util.forkCall(class {} as never, []), /is a class/],
    [() => util.forkCall(() => 1, 5 as never), /arguments 5/],
    [() => util.forkCall(() => 1, [], 5 as never), /callback 5/],
    [() => util.maxForks = 0, /maxForks: 0/],
    [() => new WorkerPool(loop, { size: 0 }), /size 0/],
    [() => new WorkerPool(loop, { perWorker: 1.5 }), /perWorker 1.5/],
    [() => new WorkerPool(loop, { maxQueued: NaN }), /maxQueued NaN/],
    [() => utilOf(new Loop(simEnv())).forkCall(() => 1, []), /backend sim has no workers/],
  ];
  for (const [call, message] of bad) {
    assert.throws(call, (error) => error instanceof UsageError && message.test(error.message));
  }
  loop.dispose();
});

Deno.test("forkCall() ends by itself, needs no permission, and reads ANYEVENT_MAX_FORKS", async () => {
  const { code, out, err } = await runDeno("tests/loop/programs/fork.ts", [], { allow: [] });
  assert.deepEqual([code, out], [0, "10\n499500\ndone\n"], err);
});
