import assert from "node:assert/strict";
import { cede, type Coro, current, onEnter, onLeave, schedule } from "@anyevent/coro";
import { world } from "./world.ts";

Deno.test("onEnter() and onLeave() run at each switch of their thread, in order and reverse order", () => {
  const { threads, printed, print, settle } = world();
  threads.async(function* () {
    using _e1 = onEnter(() => print("enter 1"));
    using _e2 = onEnter(() => print("enter 2"));
    using _l1 = onLeave(() => print("leave 1"));
    using _l2 = onLeave(() => print("leave 2"));
    print("body 1");
    yield* cede();
    print("body 2");
  });
  threads.async(() => print("other"));
  settle();
  assert.deepEqual(printed, [
    ...["enter 1", "enter 2", "body 1", "leave 2", "leave 1"],
    "other",
    ...["enter 1", "enter 2", "body 2", "leave 2", "leave 1"],
  ]);
});

Deno.test("a winder taken back does not run; onLeave() disposed of runs once more", () => {
  const { threads, printed, print, settle } = world();
  threads.async(function* () {
    const enter = onEnter(() => print("enter"));
    const silent = onLeave(() => print("never"));
    silent.cancel();
    silent.cancel();
    silent[Symbol.dispose]();
    {
      using _leave = onLeave(() => print("leave"));
    }
    enter[Symbol.dispose]();
    yield* cede();
    print("end");
  });
  settle();
  assert.deepEqual(printed, ["enter", "leave", "end"]);
});

Deno.test("winders left installed: leave blocks run when the thread ends, in any way", () => {
  const { threads, printed, print, settle } = world();
  threads.onUncaught = () => undefined;
  threads.async(() => void onLeave(() => print("returned")));
  threads.async(() => {
    onLeave(() => print("failed"));
    throw new Error("x");
  });
  settle();
  assert.deepEqual(printed, ["returned", "failed"]);
});

Deno.test("cancel() enters the thread once more: enter blocks, clean-up, leave blocks", () => {
  const { threads, printed, print, settle } = world();
  const thread = threads.async(function* () {
    onEnter(() => print("enter"));
    onLeave(() => print("leave"));
    try {
      yield* schedule();
    } finally {
      print("finally");
    }
  });
  settle();
  printed.length = 0;
  thread.cancel();
  assert.deepEqual(printed, ["enter", "finally", "leave"]);
});

Deno.test("winders keep something global as each thread wants it", () => {
  const { threads, printed, print, settle } = world();
  let self = "none";
  const body = function* (name: string) {
    let before = "";
    using _enter = onEnter(() => {
      before = self;
      self = name;
    });
    using _leave = onLeave(() => self = before);
    for (let i = 0; i < 2; i++) {
      yield* cede();
      print(self);
    }
  };
  threads.async(body, "a");
  threads.async(body, "b");
  threads.async(function* () {
    for (let i = 0; i < 3; i++) {
      print(self);
      yield* cede();
    }
  });
  settle();
  assert.deepEqual(printed, ["none", "a", "b", "none", "a", "b", "none"]);
  assert.equal(self, "none");
});

Deno.test("a block that throws goes to onUncaught, and the thread goes on", () => {
  const { threads, printed, print, settle } = world();
  threads.onUncaught = (error) => print(error);
  threads.async(function* () {
    onLeave(() => {
      throw "from leave";
    });
    yield* cede();
    print("on");
  });
  settle();
  assert.deepEqual(printed, ["from leave", "on", "from leave"]);
});

Deno.test("onEnter() checks its block", () => {
  assert.throws(() => onEnter(5 as never), { name: "UsageError", message: /onEnter: 5/ });
  assert.throws(() => onLeave(() => undefined), { name: "UsageError", message: /main/ });
});

Deno.test("cancel() by a leave block ends the thread where it stops", () => {
  const { threads, printed, print, settle } = world();
  const thread: Coro = threads.async(function* () {
    try {
      using _enter = onEnter(() => print("enter"));
      onLeave(() => {
        print("leave");
        thread.cancel("gone");
      });
      yield* schedule();
      print("never");
    } finally {
      print("finally");
    }
  });
  settle();
  assert.deepEqual(printed, ["enter", "leave", "enter", "finally", "leave"]);
  assert.equal(thread.isZombie, true);
  threads.async(function* () {
    print((yield* thread.join()).join());
  });
  settle();
  assert.equal(printed.at(-1), "gone");
});

Deno.test("onEnter(): what a block throws into its thread is thrown at once", () => {
  const { threads, printed, print, settle } = world();
  let entered = 0;
  threads.async(function* () {
    using _enter = onEnter(() => {
      if (++entered === 2) current().throw("thrown");
    });
    try {
      yield* cede();
      print("went on");
    } catch (error) {
      print(error);
    }
  });
  settle();
  assert.deepEqual(printed, ["thrown"]);
});
