/** What users hand in that throws, or is no operation: nobody else suffers, and what went wrong is told. */
import assert from "node:assert/strict";
import {
  async,
  cede,
  Channel,
  Coro,
  current,
  main,
  nready,
  schedule,
  unblockSub,
} from "@anyevent/coro";
import { operation, suspend, type Suspension } from "@anyevent/loop";
import { world } from "./world.ts";

const failingAbort: Suspension = {
  describe: () => "failing abort",
  start: () => () => {
    throw new Error("abort failed");
  },
};

Deno.test("throw() and safeCancel() reach a thread whose wait fails to be aborted", () => {
  for (const act of ["throw", "safeCancel"] as const) {
    const { threads, printed, print, settle } = world();
    threads.onUncaught = (error) => print(`reported ${(error as Error).message}`);
    const thread = threads.async(function* () {
      try {
        yield* suspend(failingAbort);
      } catch (error) {
        print(`caught ${(error as Error).message}`);
      } finally {
        yield* cede();
        print("cleaned up");
      }
    });
    settle();
    if (act === "throw") thread.throw(new Error("mine"));
    else thread.safeCancel();
    settle();
    const caught = act === "throw" ? ["caught mine"] : [];
    assert.deepEqual(printed, ["reported abort failed", ...caught, "cleaned up"]);
    assert.equal(thread.isZombie, true);
  }
});

Deno.test("an uncaught error is reported as it is although the thread fails to describe itself", () => {
  class Mute extends Coro {
    override debugDesc(): string {
      throw new Error("no words");
    }
    override toString(): string {
      throw new Error("no words either");
    }
  }
  const { threads, env, printed, print, settle } = world();
  threads.async(function* () {
    new Mute(function* () {
      throw new Error("in the thread");
    }).ready();
  });
  threads.async(function* () {
    yield* cede();
    print("others go on");
  });
  settle();
  env.backend.turn();
  assert.deepEqual(env.backend.thrown.map((error) => (error as Error).message), ["in the thread"]);
  assert.match(env.logged[0].message, /^uncaught error in thread \d+ U 1 \[failed\]$/);
  assert.deepEqual(printed, ["others go on"]);
});

Deno.test("a deadlock is told although what is waited for fails to describe itself", async () => {
  const { threads, env } = world();
  const mute: Suspension = {
    describe: () => {
      throw new Error("no words");
    },
    start: () => () => undefined,
  };
  threads.async(() => operation(() => "mute", () => suspend(mute)));
  const waiting = threads.run(schedule());
  env.backend.turn();
  env.backend.exhaust();
  env.backend.turn();
  await assert.rejects(waiting, { name: "DeadlockError", message: /schedule\(\).*\[failed\]/s });
});

Deno.test("yield* of a list, a text or a channel says what is wrong", () => {
  const { threads, printed, print, settle } = world();
  threads.onUncaught = (error) => print(`${(error as Error).name}: ${(error as Error).message}`);
  const channel = new Channel<number>();
  channel.put(7);
  for (const iterable of [[1, 2], "text", channel]) {
    threads.async(function* () {
      yield* iterable as unknown as ReturnType<typeof cede>;
    });
  }
  settle();
  assert.deepEqual(printed, [
    "UsageError: Cannot suspend thread: it yielded 1, no suspension; use `yield*`",
    'UsageError: Cannot suspend thread: it yielded "t", no suspension; use `yield*`',
    "UsageError: Cannot suspend thread: it yielded 7, no suspension; use `yield*`",
  ]);
});

Deno.test("waitsFor of a thread whose turn came while it was suspended is its resume()", () => {
  const { threads, settle } = world();
  const thread = threads.async(function* () {
    yield* schedule();
    current().suspend();
    yield* cede();
    yield* schedule();
  });
  settle();
  assert.equal(thread.waitsFor, "schedule()");
  thread.ready();
  settle();
  assert.equal(thread.waitsFor, "resume()");
  thread.resume();
  settle();
  assert.equal(thread.waitsFor, "schedule()");
  thread.cancel();
});

Deno.test("run() of another scheduler takes its first step as that scheduler's main", async () => {
  const { threads, settle } = world();
  const before = nready();
  const seen: unknown[] = [];
  const first = threads.run(operation(() => "first step", function* () {
    seen.push(current() === threads.main, main() === threads.main);
    const thread = async(function* () {
      yield* cede();
      return "its thread";
    });
    seen.push(threads.nready, nready() === 1);
    return yield* thread.join();
  }));
  // What runs after it is outside again.
  seen.push(main() === threads.main, nready() === before);
  settle();
  assert.deepEqual(await first, ["its thread"]);
  assert.deepEqual(seen, [true, true, 1, true, false, true]);
});

Deno.test("run() of another scheduler inside a thread leaves that thread the running one", () => {
  const one = world();
  const other = world();
  let inside: Coro | undefined;
  const thread: Coro = one.threads.async(function* () {
    const failing = operation(() => "fails", function* () {
      inside = current();
      throw new Error("first step");
    });
    other.threads.run(failing).catch(() => undefined);
    assert.equal(current(), thread);
    yield* cede();
    assert.equal(current(), thread);
  });
  one.settle();
  assert.equal(inside, other.threads.main);
  assert.equal(thread.isZombie, true);
});

Deno.test("cancelOn() taken back leaves nothing with a thread that lives on", () => {
  const { threads, settle } = world();
  let listening = 0;
  let removals = 0;
  const signal = {
    aborted: false,
    addEventListener: () => void listening++,
    removeEventListener: () => {
      listening--;
      removals++;
    },
  } as unknown as AbortSignal;
  const thread = threads.async(() => schedule());
  for (let i = 0; i < 3; i++) {
    using _taken = thread.cancelOn(signal);
    assert.equal(listening, 1);
  }
  const kept = thread.cancelOn(signal);
  settle();
  thread.cancel();
  kept[Symbol.dispose]();
  assert.deepEqual([listening, removals], [0, 4]);
});

Deno.test("threads of unblockSub() are listed before they begin, and killall() ends them", () => {
  const { threads, printed, print, settle } = world();
  let callback = (): void => undefined;
  threads.async(() => {
    callback = unblockSub(function* () {
      print("ran");
    });
  });
  settle();
  callback();
  assert.deepEqual(threads.list().map(({ desc }) => desc), ["[unblockSub]", "[main::]"]);
  threads.killall();
  settle();
  assert.deepEqual(printed, []);
});
