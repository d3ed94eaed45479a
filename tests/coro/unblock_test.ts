import assert from "node:assert/strict";
import { cede, current, main, rouseCb, rouseWait, sleep, unblockSub } from "@anyevent/coro";
import { AE, AnyEvent, operation } from "@anyevent/loop";
import { world } from "./world.ts";

Deno.test("unblockSub() runs a generator callback as a thread, with the arguments, first come first served", async () => {
  const printed: string[] = [];
  const done = AE.cv();
  const callback = unblockSub(function* (name: string, length: number) {
    printed.push(`${name} begins ${current() !== main()}`);
    yield* sleep(length);
    printed.push(`${name} ends`);
    if (name === "a") done.send();
  });
  assert.equal(callback("a", 0.02), undefined);
  callback("b", 0.001);
  printed.push("called");
  await done.recv();
  assert.deepEqual(printed, ["called", "a begins true", "b begins true", "b ends", "a ends"]);
});

Deno.test("unblockSub() lets what does not block run to completion, one after another", async () => {
  const printed: string[] = [];
  const callback = unblockSub(function* (name: string) {
    printed.push(`${name}1`);
    printed.push(`${name}2`);
  });
  for (const name of ["a", "b", "c"]) callback(name);
  await cede();
  assert.deepEqual(printed, ["a1", "a2", "b1", "b2", "c1", "c2"]);
});

Deno.test("unblockSub() makes a callback that watchers take", async () => {
  const cv = AE.cv<[string]>();
  using _w = AE.timer(
    0,
    0,
    unblockSub(function* () {
      yield* sleep(0.001);
      cv.send("slept");
    }),
  );
  assert.equal(await cv.recv(), "slept");
});

Deno.test("unblockSub() calls any other callback at once, returns undefined and lets it throw", () => {
  const seen: unknown[] = [];
  const callback = unblockSub((...values: number[]) => seen.push(current() === main(), ...values));
  assert.equal(callback(1, 2), undefined);
  assert.deepEqual(seen, [true, 1, 2]);
  assert.throws(
    unblockSub(() => {
      throw new Error("mine");
    }),
    /mine/,
  );
});

Deno.test("unblockSub() runs the operation or generator that a plain function returns", async () => {
  const seen: unknown[] = [];
  function* steps(cv: { send(): void }) {
    yield* cede();
    seen.push(current() === main());
    cv.send();
  }
  const cv = AE.cv();
  unblockSub(() => steps(cv))();
  await cv.recv();
  assert.deepEqual(seen, [false]);
  const called = rouseCb();
  unblockSub(() => operation(() => "mine", () => steps({ send: called })))();
  await rouseWait(called);
  assert.deepEqual(seen, [false, false]);
});

Deno.test("unblockSub() runs on the scheduler of the thread that made it", () => {
  const { threads, env, printed, print, settle } = world();
  let made: (() => void) | undefined;
  threads.async(() => {
    made = unblockSub(function* () {
      print(threads.current.desc);
    });
  });
  settle();
  made!();
  assert.equal(threads.nready, 1);
  settle();
  assert.deepEqual(printed, ["[unblockSub]"]);
  assert.deepEqual(env.backend.thrown, []);
});

Deno.test("unblockSub() treats an error in the thread, or a rejection, like a throw of a callback", async () => {
  const { threads, loop, env, printed, print, settle } = world();
  loop.onCallbackError = (error, watcher) => print(`${watcher.describe()}: ${error}`);
  const made: (() => void)[] = [];
  threads.async(() => {
    made.push(
      unblockSub(function* named() {
        throw "thrown";
      }),
      unblockSub(async () => {
        await Promise.reject("rejected");
      }),
    );
  });
  settle();
  for (const callback of made) callback();
  settle();
  await env.backend.settle();
  assert.deepEqual(printed, ["unblockSub(named): thrown", "unblockSub(): rejected"]);
});

Deno.test("unblockSub() refuses what is no function, or an async generator function", () => {
  assert.throws(() => unblockSub(5 as never), {
    name: "UsageError",
    message: /5 is not a function/,
  });
  assert.throws(() => unblockSub(async function* () {} as never), {
    name: "UsageError",
    message: /async generator/,
  });
  assert.throws(() => AnyEvent.timer({ after: 0, cb: function* () {} }), { message: /unblockSub/ });
});
