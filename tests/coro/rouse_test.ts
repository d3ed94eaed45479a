import assert from "node:assert/strict";
import { async, cede, current, rouseCb, rouseWait } from "@anyevent/coro";
import { AE } from "@anyevent/loop";
import { world } from "./world.ts";

Deno.test("rouseWait() blocks until its callback is called, and gives the arguments of the first call", () => {
  const { threads, printed, print, settle } = world();
  let cb: (...values: unknown[]) => void = () => undefined;
  threads.async(function* () {
    cb = rouseCb();
    print(JSON.stringify(yield* rouseWait()));
  });
  settle();
  cb(1, "two");
  print("called");
  cb(3);
  settle();
  cb(4);
  assert.deepEqual(printed, ["called", '[1,"two"]']);
});

Deno.test("rouseWait() returns at once, without a switch, when the callback was called", () => {
  const { threads, printed, print, settle } = world();
  threads.async(function* () {
    threads.async(() => print("other"));
    const cb = rouseCb<[string]>();
    cb("early");
    print((yield* rouseWait(cb))[0]);
    print(JSON.stringify(yield* rouseWait(cb)));
  });
  settle();
  assert.deepEqual(printed, ["early", "[]", "other"]);
});

Deno.test("rouseWait() without argument uses the latest callback of the thread, once", () => {
  const { threads, printed, print, settle } = world();
  threads.async(function* () {
    const first = rouseCb();
    const latest = rouseCb();
    latest("latest");
    first("first");
    print(yield* rouseWait());
    assert.throws(() => rouseWait(), { name: "UsageError", message: /the thread made none/ });
  });
  threads.async(function* () {
    assert.throws(() => rouseWait(), { name: "UsageError" });
  });
  settle();
  assert.deepEqual(printed, ["latest"]);
});

Deno.test("rouseWait() refuses a foreign function, and a second waiter at the same time", () => {
  const { threads, printed, print, settle } = world();
  assert.throws(() => rouseWait(() => undefined), { name: "UsageError", message: /rouseCb/ });
  let cb: (...values: unknown[]) => void = () => undefined;
  threads.async(function* () {
    cb = rouseCb();
    print(`first ${yield* rouseWait(cb)}`);
  });
  threads.async(function* () {
    try {
      yield* rouseWait(cb);
    } catch (error) {
      print((error as Error).message);
    }
  });
  settle();
  cb("x");
  settle();
  assert.deepEqual(printed, [
    "Cannot wait for rouse callback: it is already being waited for",
    "first x",
  ]);
});

Deno.test("rouseWait() survives being readied for nothing, and any thread may take over", () => {
  const { threads, printed, print, settle } = world();
  let cb: (...values: unknown[]) => void = () => undefined;
  const first = threads.async(function* () {
    cb = rouseCb();
    try {
      print(`first ${yield* rouseWait()}`);
    } catch (error) {
      print(error);
    }
  });
  settle();
  first.ready();
  settle();
  assert.deepEqual(printed, []);
  first.throw("thrown");
  settle();
  threads.async(function* () {
    print(`second ${yield* rouseWait(cb)}`);
  });
  settle();
  cb(1);
  settle();
  assert.deepEqual(printed, ["thrown", "second 1"]);
});

Deno.test("rouseCb() and rouseWait() work in main and with watchers", async () => {
  const cb = rouseCb();
  AE.timer(0.001, 0, () => cb("main"));
  assert.deepEqual(await rouseWait(), ["main"]);
  const thread = async(function* () {
    using _timer = AE.timer(0.001, 0, rouseCb());
    yield* cede();
    const me = current();
    yield* rouseWait();
    return me === current();
  });
  assert.deepEqual(await thread.join(), [true]);
});
