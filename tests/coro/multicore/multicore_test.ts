// Longer than most files here: it is a list of cases on the same few jobs.
import assert from "node:assert/strict";
import {
  ClosedError,
  type Env,
  PeerError,
  TimeoutError,
  UsageError,
} from "@anyevent/backends/contract";
import { ffiEnv } from "@anyevent/backends/ffi";
import { nativeEnv } from "@anyevent/backends/native";
import { nodeHost, pureEnv } from "@anyevent/backends/pure";
import { simEnv } from "@anyevent/backends/sim";
import {
  async,
  CancelRefused,
  cede,
  current,
  type JobContext,
  Multicore,
  multicore,
  type MulticoreControls,
  multicoreOf,
  Scheduler,
  Semaphore,
  sleep,
  threadDebugOf,
  type ThreadSteps,
  within,
} from "@anyevent/coro";
import { Loop } from "@anyevent/loop";
import { runDeno } from "../../support/run_deno.ts";

interface Place {
  readonly threads: Scheduler;
  readonly loop: Loop;
  readonly controls: MulticoreControls;
}
type Body = (place: Place) => ThreadSteps<void>;

const WITH_WORKERS: readonly (readonly [string, () => Env])[] = [
  ["native", () => nativeEnv()],
  ["pure", () => pureEnv({ host: nodeHost() })],
  ...Deno.build.os === "linux" ? [["ffi", () => ffiEnv()] as const] : [],
];
const WITHOUT: readonly (readonly [string, () => Env])[] = [
  ["sim", () => simEnv()],
  ["bare pure", () => pureEnv()],
];

/** Runs a thread on each backend; then nothing may be left, but idle workers, which are stopped. */
function onEach(makers: typeof WITH_WORKERS, what: string, body: Body): void {
  for (const [name, make] of makers) {
    Deno.test(`${what} (${name})`, async () => {
      const env = make();
      const loop = new Loop(env);
      const threads = new Scheduler(loop);
      const controls = multicoreOf(loop);
      const hold = loop.hold();
      try {
        const thread = threads.async(() => body({ threads, loop, controls }));
        await threads.run(thread.join());
        const { running, queued } = controls.stats();
        assert.deepEqual([running, queued], [0, 0]);
        controls.stop();
        assert.equal(controls.stats().workers, 0);
        hold();
        assert.deepEqual([loop.stats().held, loop.stats().timers], [0, 0]);
      } finally {
        loop.dispose();
        env.backend.dispose();
      }
    });
  }
}

function* until(condition: () => boolean): ThreadSteps<void> {
  while (!condition()) yield* sleep(0.001);
}

/** Copied by a worker, and not in place. */
const same = multicore((it: object) => it);
/** Computes until told to end. */
const spin = multicore(
  (text: string, context: JobContext) => {
    context.progress("begun");
    while (!context.cancelled);
    return text;
  },
  { context: true },
);
const JOBS = new URL("jobs.ts", import.meta.url);

onEach(WITH_WORKERS, "multicore() runs functions in workers", function* ({ threads, controls }) {
  const sum = multicore((from: number, to: number) => {
    let sum = 0;
    for (let i = from; i < to; i++) sum += i;
    return sum;
  });
  assert.equal(sum(0, 3).describe().startsWith("multicore("), true);
  let others = 0;
  let over = false;
  const other = threads.async(function* () {
    while (!over) {
      others++;
      yield* cede();
    }
  });
  assert.equal(yield* sum(0, 2e7), 2e7 * (2e7 - 1) / 2);
  over = true;
  yield* other.join();
  assert(others > 10, `${others}`);
  assert.equal(controls.stats().workers, 1);
  const given = { some: new Map([[1, 2n]]) };
  const got = yield* same(given);
  assert.deepEqual(got, given);
  assert.notEqual(got, given);
  const triple = multicore<typeof import("./jobs.ts").triple>(JOBS, "triple");
  const all = Array.from({ length: 3000 }, (_, i) =>
    threads.async(function* () {
      return yield* triple(i);
    }));
  for (const [i, thread] of all.entries()) assert.deepEqual(yield* thread.join(), [3 * i]);
  assert.equal(yield* multicore<() => string>(JOBS.href)(), "default");
  const later = multicore(async (n: number) => await Promise.resolve(n + 1));
  assert.equal(yield* later(1), 2);
});

onEach(WITH_WORKERS, "errors keep name, message, stack and cause", function* () {
  const fail = multicore(() => {
    const why = new AggregateError([new SyntaxError("one"), 2], "several", { cause: { n: 1 } });
    throw new RangeError("far", { cause: why });
  });
  for (let i = 0; i < 2; i++) {
    try {
      yield* fail();
      assert.fail("it did not throw");
    } catch (error) {
      assert(error instanceof RangeError);
      assert.equal(error.message, "far");
      assert.match(error.stack!, /RangeError: far\n +at /);
      const { cause } = error as { cause?: unknown };
      assert(cause instanceof AggregateError);
      assert.deepEqual(cause.cause, { n: 1 });
      assert(cause.errors[0] instanceof SyntaxError);
      assert.equal(cause.errors[1], 2);
    }
  }
  const none = multicore<() => void>(JOBS, "none");
  let why: unknown;
  try {
    yield* none();
  } catch (error) {
    why = error;
  }
  assert.match(String(why), /exports no function none/);
  try {
    yield* same({ not: () => "to be cloned" });
    assert.fail("it did not throw");
  } catch (error) {
    assert(error instanceof UsageError, String(error));
  }
  const back = multicore((it: unknown) => typeof it === "number" ? () => it : it);
  try {
    yield* back(1);
    assert.fail("it did not throw");
  } catch (error) {
    assert.match(String(error), /clone/);
  }
  assert.equal(yield* back("fine"), "fine");
});

onEach(WITH_WORKERS, "buffers are moved or shared, progress is told", function* () {
  const bytes = new Uint8Array(1000).fill(1);
  const double = multicore(
    (it: Uint8Array<ArrayBuffer>, context: JobContext) => {
      context.progress(it.length);
      for (let i = 0; i < it.length; i++) it[i] *= 2;
      context.transfer(it.buffer);
      return it;
    },
    { context: true },
  );
  const seen: unknown[] = [];
  const progress = (value: unknown): void => void seen.push(value);
  const result = yield* double.with({ transfer: [bytes.buffer], progress }, bytes);
  assert.equal(bytes.length, 0);
  assert.deepEqual(result, new Uint8Array(1000).fill(2));
  assert.deepEqual(seen, [1000]);
  const shared = new Int32Array(new SharedArrayBuffer(4));
  const add = multicore((to: Int32Array) => void Atomics.add(to, 0, 1));
  for (let i = 0; i < 3; i++) yield* add(shared);
  assert.equal(shared[0], 3);
});

onEach(
  WITH_WORKERS,
  "throw() is delivered when the job has ended",
  function* ({ threads, controls }) {
    let begun = false;
    let after = "";
    const thread = threads.async(function* () {
      try {
        yield* spin.with({ progress: () => begun = true }, "over");
        after = "returned";
      } catch (error) {
        after = `${(error as Error).message}, ${controls.stats().running}`;
      }
      return yield* cede();
    });
    yield* until(() => begun);
    assert.throws(() => thread.safeCancel(), CancelRefused);
    thread.throw(new Error("first"));
    yield* cede();
    assert.equal(thread.isZombie, false);
    yield* thread.join();
    assert.equal(after, "first, 0");
    // A job that knows nothing of it goes on to its end.
    const slow = multicore(async (flag: Int32Array) => {
      while (Atomics.load(flag, 0) === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    });
    const flag = new Int32Array(new SharedArrayBuffer(4));
    const stubborn = threads.async(function* () {
      yield* slow(flag);
    });
    stubborn.onUncaught = () => undefined;
    yield* until(() => controls.stats().running === 1);
    yield* sleep(0.05);
    stubborn.throw(new Error("second"));
    yield* sleep(0.01);
    assert.equal(stubborn.isZombie, false);
    Atomics.store(flag, 0, 1);
    try {
      yield* stubborn.join();
      assert.fail("it did not throw");
    } catch (error) {
      assert.equal((error as Error).message, "second");
    }
  },
);

onEach(WITH_WORKERS, "what has not begun is taken back at once", function* ({ threads, controls }) {
  controls.configure({ workers: 1 });
  let begun = false;
  const first = threads.async(function* () {
    return yield* spin.with({ progress: () => begun = true }, "first");
  });
  const count = new Int32Array(new SharedArrayBuffer(4));
  const add = multicore((to: Int32Array) => void Atomics.add(to, 0, 1));
  const waits = [1, 2, 3].map(() =>
    threads.async(function* () {
      yield* add(count);
    })
  );
  yield* until(() => begun);
  assert.equal(controls.stats().running, 4);
  waits[0].cancel("cancelled");
  assert.deepEqual(yield* waits[0].join(), ["cancelled"]);
  waits[1].onUncaught = () => undefined;
  waits[1].throw(new Error("now"));
  yield* cede();
  assert.equal(waits[1].isZombie, true);
  assert.equal(controls.stats().running, 2);
  first.throw(new Error("over"));
  first.onUncaught = () => undefined;
  yield* waits[2].join();
  assert.equal(count[0], 1);
});

onEach(
  WITH_WORKERS,
  "cancel() ends the thread, and tells the job",
  function* ({ threads, controls }) {
    const flags = new Int32Array(new SharedArrayBuffer(8));
    const told = multicore(
      async (flags: Int32Array, context: JobContext) => {
        Atomics.store(flags, 0, 1);
        await new Promise((resolve) => context.signal.addEventListener("abort", resolve));
        Atomics.store(flags, 1, 1);
        return "discarded";
      },
      { context: true },
    );
    let cleaned = false;
    const thread = threads.async(function* () {
      try {
        yield* told(flags);
      } finally {
        cleaned = true;
      }
    });
    yield* until(() => flags[0] === 1);
    thread.cancel(1);
    assert.deepEqual([thread.isZombie, cleaned], [true, true]);
    assert.deepEqual(yield* thread.join(), [1]);
    yield* until(() => flags[1] === 1);
    yield* until(() => controls.stats().running === 0);
  },
);

onEach(WITH_WORKERS, "limits give a job up at once", function* ({ controls }) {
  const never = multicore((_: JobContext) => new Promise<void>(() => setInterval(() => 0, 1e4)), {
    context: true,
  });
  const controller = new AbortController();
  const attempts = [
    () => spin.with({ timeout: 0.02 }, ""),
    () => within(never(), { timeout: 0.02 }),
    () => spin.with({ timeout: 0 }, ""),
    () => spin.with({ signal: AbortSignal.abort(new TimeoutError("before")) }, ""),
    () => {
      const progress = (): void => controller.abort(new TimeoutError("signal"));
      return spin.with({ signal: controller.signal, progress }, "");
    },
  ];
  for (const attempt of attempts) {
    try {
      yield* attempt();
      assert.fail("it did not throw");
    } catch (error) {
      assert(error instanceof TimeoutError, String(error));
    }
  }
  // All have ended but the one that cannot.
  yield* until(() => controls.stats().running === 1);
  controls.stop();
});

onEach(
  WITH_WORKERS,
  "a worker that dies fails what it runs only",
  function* ({ threads, controls }) {
    controls.configure({ workers: 1 });
    const exit = multicore(() => {
      const { Deno, process } = globalThis as unknown as Record<"Deno" | "process", {
        exit(code: number): void;
      }>;
      (Deno ?? process).exit(3);
    });
    const died = threads.async(function* () {
      yield* exit();
    });
    died.onUncaught = () => undefined;
    const lives = threads.async(function* () {
      return yield* same({ n: 1 });
    });
    try {
      yield* died.join();
      assert.fail("it did not throw");
    } catch (error) {
      assert(error instanceof PeerError, String(error));
    }
    assert.deepEqual(yield* lives.join(), [{ n: 1 }]);
  },
);

onEach(WITH_WORKERS, "an idle worker takes over what waits behind another job", function* (place) {
  const { threads, controls } = place;
  controls.configure({ workers: 2 });
  let begun = 0;
  const progress = (): void => void begun++;
  const spinning = threads.async(function* () {
    yield* spin.with({ progress }, "a");
  });
  yield* until(() => begun === 1);
  // Half of these are sent to the one that spins.
  const all = Array.from({ length: 40 }, (_, n) =>
    threads.async(function* () {
      return (yield* same({ n }) as ReturnType<typeof same>) as { n: number };
    }));
  for (const [n, thread] of all.entries()) assert.deepEqual(yield* thread.join(), [{ n }]);
  assert.equal(controls.stats().workers, 2);
  spinning.cancel();
  yield* until(() => controls.stats().running === 0);
});

onEach(
  WITH_WORKERS,
  "idle workers are released, stop() ends all",
  function* ({ threads, controls }) {
    controls.configure({ idle: 0.03, workers: 2 });
    yield* same({});
    assert.equal(controls.stats().workers, 1);
    yield* until(() => controls.stats().workers === 0);
    yield* same({});
    let begun = false;
    const thread = threads.async(function* () {
      yield* spin.with({ progress: () => begun = true }, "");
    });
    thread.onUncaught = () => undefined;
    yield* until(() => begun);
    assert.throws(() => controls.configure({ idle: 1 }), UsageError);
    // So that it ends: nothing else can stop one that computes.
    thread.throw(new Error("over"));
    yield* until(() => thread.isZombie);
    const waiting = threads.async(function* () {
      yield* multicore(() => new Promise<void>(() => setInterval(() => 0, 1e4)))();
    });
    waiting.onUncaught = () => undefined;
    yield* until(() => controls.stats().running === 1);
    controls.stop();
    controls.stop();
    try {
      yield* waiting.join();
      assert.fail("it did not throw");
    } catch (error) {
      assert(error instanceof ClosedError, String(error));
    }
    assert.deepEqual(yield* same({ again: 1 }), { again: 1 });
  },
);

onEach(WITH_WORKERS, "enable() and scopes say where calls run", function* ({ threads, controls }) {
  const it = {};
  const inPlace = function* (): ThreadSteps<boolean> {
    return (yield* same(it)) === it;
  };
  assert.equal(yield* inPlace(), false);
  {
    using _off = Multicore.scopedDisable();
    assert.equal(Multicore.enabled, false);
    assert.equal(yield* inPlace(), true);
    // Others are not concerned.
    assert.deepEqual(yield* threads.async(inPlace).join(), [false]);
    {
      using _on = Multicore.scopedEnable();
      assert.equal(yield* inPlace(), false);
    }
    assert.equal(yield* inPlace(), true);
  }
  assert.equal(yield* inPlace(), false);
  assert.equal(controls.enable(false), true);
  assert.equal(Multicore.enable(false), false);
  assert.equal(yield* inPlace(), true);
  const on = threads.async(function* () {
    controls.scopedEnable();
    return yield* inPlace();
  });
  assert.deepEqual(yield* on.join(), [false]);
  // What a thread of the pool has said ends with its job.
  const done = new Semaphore(0);
  const seen: boolean[] = [];
  for (const first of [true, false]) {
    threads.asyncPool(function* () {
      if (first) controls.scopedEnable();
      seen.push(yield* inPlace());
      done.up();
    });
    yield* done.down();
  }
  assert.deepEqual(seen, [false, true]);
  assert.equal(controls.enable(), false);
});

onEach([...WITH_WORKERS, ...WITHOUT], "disabled, calls run in place", function* (place) {
  const { threads, controls } = place;
  controls.enable(false);
  assert.equal(controls.enabled, false);
  const it = {};
  let others = 0;
  const other = threads.async(() => void others++);
  assert.equal(yield* same(it), it);
  // What does not wait does not switch.
  assert.equal(others, 0);
  yield* other.join();
  const seen: unknown[] = [];
  const later = multicore(
    async (n: number, context: JobContext) => {
      context.progress(n);
      await Promise.resolve();
      return context.cancelled;
    },
    { context: true },
  );
  const progress = (value: unknown): void => void seen.push(value);
  assert.equal(yield* later.with({ progress }, 1), false);
  assert.deepEqual(seen, [1]);
  const thrown = { any: "thing" };
  const fail = multicore((it: unknown) => {
    throw it;
  });
  try {
    yield* fail(thrown);
    assert.fail("it did not throw");
  } catch (error) {
    assert.equal(error, thrown);
  }
  const told: boolean[] = [];
  const gate = Promise.withResolvers<void>();
  const waits = multicore(async (gate: Promise<void>, context: JobContext) => {
    await gate;
    told.push(context.cancelled);
  }, { context: true });
  const thread = threads.async(function* () {
    yield* waits(gate.promise);
  });
  thread.onUncaught = () => undefined;
  yield* cede();
  assert.throws(() => thread.safeCancel(), CancelRefused);
  thread.throw(new Error("deferred"));
  yield* cede();
  assert.equal(thread.isZombie, false);
  gate.resolve();
  try {
    yield* thread.join();
    assert.fail("it did not throw");
  } catch (error) {
    assert.equal((error as Error).message, "deferred");
  }
  assert.deepEqual(told, [true]);
  const triple = multicore<typeof import("./jobs.ts").triple>(JOBS, "triple");
  assert.equal(yield* triple(14), 42);
  const lost = threads.async(function* () {
    yield* multicore<() => string>(JOBS)();
  });
  yield* cede();
  lost.cancel();
  controls.enable(true);
  assert.deepEqual(controls.stats(), { workers: 0, running: 0, queued: 0 });
});

onEach(WITHOUT, "without workers, enabled calls run in place too", function* ({ controls }) {
  const it = {};
  using _on = controls.scopedEnable();
  assert.equal(controls.enabled, false);
  assert.equal(yield* same(it), it);
});

Deno.test("multicore() works under await, and in async threads", async () => {
  const square = multicore((n: number) => n * n);
  assert.equal(await square(5), 25);
  assert.deepEqual(await Promise.all([1, 2, 3].map((n) => square(n))), [1, 4, 9]);
  await assert.rejects(async () => await multicore(() => JSON.parse("{"))(), SyntaxError);
  const it = {};
  {
    using _off = Multicore.scopedDisable();
    assert.equal(await same(it), it);
  }
  const thread = async(async () => {
    const { signal } = current();
    return await spin.with({ signal, progress: () => thread.cancel() }, "");
  });
  assert.deepEqual(await thread.join(), []);
  while (Multicore.stats().running > 0) await sleep(0.001);
  Multicore.configure({ workers: 1, idle: 5, maxQueued: 1 });
  const many = await Promise.allSettled(Array.from({ length: 600 }, (_, n) => square(n)));
  assert.equal(many.filter(({ status }) => status === "fulfilled").length, 513);
  const refused = many.at(-1) as PromiseRejectedResult;
  assert.equal((refused.reason as PeerError).code, "EAGAIN");
  Multicore.stop();
});

Deno.test("multicore() refuses bad arguments by name and value", () => {
  const square = multicore((n: number) => n * n);
  const loop = new Loop(simEnv());
  const bad: readonly (readonly [() => unknown, RegExp])[] = [
    [() => multicore(5 as never), /5/],
    [() => multicore("./jobs.ts"), /jobs\.ts.* neither a function/],
    [() => multicore(function* () {}), /is a generator function/],
    [() => multicore(async function* () {}), /is a generator function/],
    [() => multicore(JOBS, ""), /"" is no name/],
    [() => multicore(Math.max), /no source text/],
    [() => multicore(class {} as never), /is a class/],
    [() => multicore(() => 1, 5 as never), /options 5/],
    [() => multicore(() => 1, { context: 5 as never } as never), /context 5/],
    [() => multicore(JOBS, "triple", null as never), /options null/],
    [() => square.with(null as never, 1), /options null/],
    [() => square.with({ transfer: 5 as never }, 1), /transfer 5/],
    [() => square.with({ progress: 5 as never }, 1), /progress 5/],
    [() => square.with({ signal: 5 as never }, 1), /signal 5/],
    [() => square.with({ timeout: "x" as never }, 1), /"x"/],
    [() => multicoreOf(5 as never), /5 is not a Loop/],
    [() => multicoreOf(loop).enable(1 as never), /1 is not a boolean/],
    [() => multicoreOf(loop).configure(null as never), /options null/],
    [() => multicoreOf(loop).configure({ workers: 0 }), /workers 0/],
    [() => multicoreOf(loop).configure({ maxQueued: 0.5 }), /maxQueued 0.5/],
    [() => multicoreOf(loop).configure({ idle: -1 }), /idle -1/],
  ];
  for (const [call, message] of bad) {
    assert.throws(
      call,
      (error) => error instanceof UsageError && message.test(error.message),
      String(message),
    );
  }
  loop.dispose();
});

Deno.test("idle workers do not keep the program alive, and need no permission", async () => {
  const { code, out, err } = await runDeno("tests/coro/multicore/alone.ts", []);
  assert.deepEqual([code, out, err], [0, "144 4 true\n", ""]);
});

onEach(
  WITH_WORKERS,
  "threads and jobs by the thousand leave nothing",
  function* ({ threads, controls }) {
    controls.configure({ workers: 2 });
    const add = multicore((a: number, b: number) => a + b);
    const random = ((state) => () => (state = state * 48271 % 2147483647))(7);
    let good = 0;
    let others = 0;
    for (let round = 0; round < 5; round++) {
      const all = Array.from({ length: 800 }, (_, i) => {
        const thread = threads.async(function* () {
          assert.equal(yield* add(i, round), i + round);
          good++;
        });
        thread.onUncaught = () => void others++;
        return thread;
      });
      yield* cede();
      for (const thread of all) {
        const chance = random() % 10;
        if (chance === 0) thread.cancel();
        if (chance === 1) thread.throw(new Error("thrown"));
        if (chance === 2) yield* sleep(0.0001);
      }
      for (const thread of all) {
        if (!thread.isZombie) yield* until(() => thread.isZombie);
        else if ((random() & 1) === 0) thread.cancel();
      }
      yield* until(() => controls.stats().running === 0);
    }
    assert(good > 2000 && others > 0 && good + others < 4000, `${good} ${others}`);
  },
);

onEach(
  [...WITH_WORKERS, ...WITHOUT],
  "in the clean-up of a cancelled thread a call is refused",
  function* (place) {
    const { threads, controls } = place;
    const later = multicore(async () => await Promise.resolve(1));
    const seen: unknown[] = [];
    const thread = threads.async(function* () {
      try {
        yield* sleep(10);
      } finally {
        try {
          yield* later();
        } catch (error) {
          seen.push(error);
        }
        seen.push("cleaned");
      }
    });
    yield* cede();
    thread.cancel();
    assert.equal(seen.length, 2);
    assert(seen[0] instanceof UsageError);
    assert.equal(seen[1], "cleaned");
    yield* until(() => controls.stats().running === 0);
  },
);

onEach(WITH_WORKERS, "a debugger that looks disturbs nothing", function* ({ threads }) {
  let begun = false;
  const thread = threads.async(function* () {
    return yield* spin.with({ progress: () => begun = true, timeout: 100 }, "fine");
  });
  thread.onUncaught = () => undefined;
  yield* until(() => begun);
  assert.match(thread.waitsFor!, /^multicore\(/);
  assert.match(threadDebugOf(threads).backtrace(thread), /multicore_test/);
  thread.throw(new Error("over"));
  try {
    yield* thread.join();
    assert.fail("it did not throw");
  } catch (error) {
    assert.equal((error as Error).message, "over");
  }
});
