/** Async functions as bodies, and promises in threads. */
import assert from "node:assert/strict";
import { cede, type Coro, current, schedule, wait } from "@anyevent/coro";
import { world } from "./world.ts";

/** A promise settled by hand. */
function deferred<T>() {
  return Promise.withResolvers<T>();
}

Deno.test("async() of an async function runs up to its first await as the thread, at its turn", async () => {
  const { threads, env, printed, print } = world();
  const gate = deferred<string>();
  const thread: Coro<string> = threads.async(async (word: string) => {
    print(`begins as itself: ${current() === thread as Coro}`);
    const answer = await gate.promise;
    print(`goes on in ${current() === thread as Coro ? "thread" : "main"}`);
    return word + answer;
  }, "a");
  print("made");
  const result = threads.run(thread.join());
  assert.deepEqual(printed, ["made", "begins as itself: true"]);
  assert.equal(thread.waitsFor, "wait(async function)");
  gate.resolve("b");
  await env.backend.settle();
  assert.deepEqual(await result, ["ab"]);
  assert.deepEqual(printed, ["made", "begins as itself: true", "goes on in main"]);
});

Deno.test("a foreign thread that rejects fails with the error, before or after its first await", async () => {
  const { threads, env } = world();
  const early = threads.async(() => Promise.reject(new Error("early")));
  const late = threads.async(async () => {
    await Promise.resolve();
    throw new Error("late");
  });
  const all = Promise.allSettled([threads.run(early.join()), threads.run(late.join())]);
  await env.backend.settle();
  const messages = (await all).map((one) => (one as PromiseRejectedResult).reason.message);
  assert.deepEqual(messages, ["early", "late"]);
});

Deno.test("cancel() of a foreign thread ends it at once and aborts its signal", async () => {
  const { threads, env, printed, print, settle } = world();
  const thread = threads.async(async () => {
    const { signal } = current();
    await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
    print(`aborted: ${signal.reason.name}`);
    throw signal.reason;
  });
  thread.onDestroy((...values) => print(`destroyed ${values}`));
  settle();
  thread.cancel("values");
  assert.equal(thread.isZombie, true);
  assert.deepEqual(await threads.run(thread.join()), ["values"]);
  await env.backend.settle();
  assert.deepEqual(printed, ["destroyed values", "aborted: AbortError"]);
  assert.deepEqual(env.logged, []);
});

Deno.test("a foreign thread's error after its cancel is logged, unless it tells of the abort", async () => {
  const { threads, env, settle } = world();
  const gate = deferred<void>();
  const thread = threads.async(async () => {
    await gate.promise;
    throw new Error("too late");
  });
  settle();
  thread.cancel();
  gate.resolve();
  await env.backend.settle();
  assert.equal(env.logged.length, 1);
  assert.match(env.logged[0].message, /clean-up of thread .* failed: Error: too late/);
});

Deno.test("safeCancel() of a foreign thread aborts its signal and waits until the function has ended", async () => {
  const { threads, env, printed, print, settle } = world();
  const cleanUp = deferred<void>();
  const thread = threads.async(async () => {
    const { signal } = current();
    await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
    print("cleaning up");
    await cleanUp.promise;
    print("cleaned up");
  });
  settle();
  assert.equal(thread.safeCancel("safe"), true);
  await env.backend.settle();
  assert.deepEqual([printed, thread.isZombie], [["cleaning up"], false]);
  cleanUp.resolve();
  await env.backend.settle();
  assert.equal(thread.isZombie, true);
  assert.deepEqual(await threads.run(thread.join()), ["safe"]);
  assert.deepEqual(printed, ["cleaning up", "cleaned up"]);
});

Deno.test("throw() into a foreign thread fails it and aborts its signal", async () => {
  const { threads, settle } = world();
  let signal: AbortSignal | undefined;
  const thread = threads.async(async () => {
    signal = current().signal;
    await new Promise(() => undefined);
  });
  threads.onUncaught = () => undefined;
  settle();
  thread.throw(new Error("thrown"));
  settle();
  await assert.rejects(threads.run(thread.join()), /thrown/);
  assert.equal(signal?.aborted, true);
});

Deno.test("signal is aborted when a thread is cancelled or fails, not when it returns", () => {
  const { threads, settle } = world();
  threads.onUncaught = () => undefined;
  const error = new Error("failed");
  const returns = threads.async(() => 1);
  const fails = threads.async(() => {
    throw error;
  });
  const cancelled = threads.async(() => schedule());
  const signals = [returns, fails, cancelled].map(({ signal }) => signal);
  settle();
  cancelled.cancel();
  assert.deepEqual(signals.map(({ aborted }) => aborted), [false, true, true]);
  assert.equal(signals[1].reason, error);
  assert.equal(signals[2].reason.name, "AbortError");
});

Deno.test("wait() gives what a promise gives, throws what it is rejected with, and lets others run", async () => {
  const { threads, env, printed, print } = world();
  const thread = threads.async(function* () {
    print(yield* wait(Promise.resolve("value")));
    try {
      yield* wait(Promise.reject(new Error("rejected")));
    } catch (error) {
      print((error as Error).message);
    }
  });
  threads.async(() => print("other"));
  await env.backend.settle();
  assert.equal(thread.isZombie, true);
  assert.deepEqual(printed, ["other", "value", "rejected"]);
});

Deno.test("wait() of a cancelled thread takes the promise's rejection as taken", async () => {
  const { threads, env, settle } = world();
  const gate = deferred<void>();
  const thread = threads.async(() => wait(gate.promise));
  settle();
  thread.cancel();
  gate.reject(new Error("nobody waits"));
  await env.backend.settle();
  assert.deepEqual(env.logged, []);
});

Deno.test("wait() runs an operation as it is, and refuses what is no promise", () => {
  const { threads, printed, print, settle } = world();
  threads.async(function* () {
    yield* wait(cede());
    print("ceded");
  });
  settle();
  assert.deepEqual(printed, ["ceded"]);
  assert.throws(() => wait(5 as never), { name: "UsageError", message: /5/ });
});

Deno.test("cancelOn() and spawn({ signal }) cancel a thread with a signal, and leave no listener", () => {
  const { threads, printed, print, settle } = world();
  const listeners = { count: 0 };
  const controller = new AbortController();
  const { signal } = controller;
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  signal.addEventListener = (...args: Parameters<typeof add>) => {
    listeners.count++;
    add(...args);
  };
  signal.removeEventListener = (...args: Parameters<typeof remove>) => {
    listeners.count--;
    remove(...args);
  };
  const blocked = threads.spawn(function* () {
    try {
      yield* schedule();
    } finally {
      print("cleaned up");
    }
  }, { signal });
  const short = threads.spawn(() => 1, { signal });
  const let_go = threads.spawn(() => schedule());
  let_go.cancelOn(signal)[Symbol.dispose]();
  settle();
  assert.equal(short.isZombie, true);
  assert.equal(listeners.count, 1);
  controller.abort();
  assert.deepEqual([printed, blocked.isZombie], [["cleaned up"], true]);
  assert.equal(let_go.isZombie, false);
  assert.equal(threads.spawn(() => schedule(), { signal }).isZombie, true);
  assert.throws(() => threads.main.cancelOn(signal), { name: "UsageError" });
  assert.throws(() => blocked.cancelOn(5 as never), { name: "UsageError", message: /5/ });
  let_go.cancel();
});
