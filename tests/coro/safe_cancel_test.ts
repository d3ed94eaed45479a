import assert from "node:assert/strict";
import fc from "fast-check";
import {
  cede,
  Channel,
  type Coro,
  current,
  pin,
  schedule,
  Semaphore,
  type ThreadSteps,
  within,
} from "@anyevent/coro";
import { operation } from "@anyevent/loop";
import { world } from "./world.ts";

const refused = (why: RegExp) => ({ name: "CancelRefused", message: why });

Deno.test("safeCancel() runs the clean-up in the thread, where it may block; join() waits for its end", () => {
  const { threads, printed, print, settle } = world();
  const lock = new Semaphore(0);
  const thread: Coro = threads.async(function* () {
    try {
      yield* lock.down();
    } finally {
      print(`clean-up of itself: ${current() === thread}`);
      yield* cede();
      print("cleaned up");
    }
  });
  threads.async(function* () {
    print(`joined before: ${yield* thread.join()}`);
  });
  settle();
  assert.equal(thread.safeCancel(1, 2), true);
  assert.deepEqual([printed, thread.isZombie, thread.isReady], [[], false, true]);
  threads.async(function* () {
    print(`joined after: ${yield* thread.join()}`);
  });
  settle();
  assert.deepEqual(printed, [
    "clean-up of itself: true",
    "cleaned up",
    "joined after: 1,2",
    "joined before: 1,2",
  ]);
  assert.equal(lock.waiters, 0);
});

Deno.test("safeCancel() of a new thread or of one that has ended is as cancel()", async () => {
  const { threads, print, printed } = world();
  const fresh = threads.async(() => print("never"));
  assert.equal(fresh.safeCancel("a"), true);
  assert.equal(fresh.isZombie, true);
  assert.equal(fresh.safeCancel("b"), true);
  assert.deepEqual(await threads.run(fresh.join()), ["b"]);
  assert.deepEqual([printed, threads.nready], [[], 0]);
});

Deno.test("safeCancel() is refused for the running thread, for main, and for who cancels it", () => {
  const { threads, printed, print, settle } = world();
  assert.throws(() => threads.main.safeCancel(), refused(/code outside threads/));
  const outer: Coro = threads.async(function* () {
    assert.throws(() => current().safeCancel(), refused(/running/));
    yield* cede();
    inner.cancel();
    print("goes on");
  });
  const inner = threads.async(function* () {
    try {
      yield* schedule();
    } finally {
      assert.throws(() => outer.safeCancel(), refused(/running/));
      print("clean-up");
    }
  });
  settle();
  assert.deepEqual(printed, ["clean-up", "goes on"]);
});

Deno.test("safeCancel() is refused inside pin(), also a nested one; cancel() and throw() work", () => {
  const { threads, printed, print, settle } = world();
  const body = function* () {
    try {
      yield* pin(function* () {
        yield* pin(() => schedule()[Symbol.iterator]() as never);
        yield* schedule();
      });
      yield* schedule();
    } catch (error) {
      print(error);
    } finally {
      print("end");
    }
  };
  const thread = threads.async(body);
  settle();
  assert.throws(() => thread.safeCancel(), refused(/pinned/));
  thread.ready();
  settle();
  assert.throws(() => thread.safeCancel(), refused(/pinned/));
  thread.ready();
  settle();
  thread.safeCancel();
  settle();
  const [cancelled, thrown] = [threads.async(body), threads.async(body)];
  settle();
  cancelled.cancel();
  thrown.throw("thrown");
  settle();
  assert.deepEqual(printed, ["end", "end", "thrown", "end"]);
  assert.throws(() => pin(5 as never), { name: "UsageError", message: /5/ });
});

Deno.test("safeCancel() again in the clean-up replaces the values and does not cut it short", async () => {
  const { threads, printed, print, settle } = world();
  const thread = threads.async(function* () {
    try {
      yield* schedule();
    } finally {
      yield* schedule();
      print("cleaned up");
    }
  });
  settle();
  thread.safeCancel("first");
  settle();
  thread.safeCancel("second");
  settle();
  assert.equal(thread.isZombie, false);
  thread.ready();
  settle();
  assert.deepEqual(printed, ["cleaned up"]);
  assert.deepEqual(await threads.run(thread.join()), ["second"]);
});

Deno.test("cancel() of a thread in its safe clean-up cuts that short", () => {
  const { threads, printed, print, settle } = world();
  const thread = threads.async(function* () {
    try {
      try {
        yield* schedule();
      } finally {
        yield* schedule();
        print("never");
      }
    } finally {
      print("outer");
    }
  });
  settle();
  thread.safeCancel();
  settle();
  thread.cancel();
  assert.deepEqual([printed, thread.isZombie], [["outer"], true]);
});

/** Each waits inside the next one; all clean up, and take their time. */
function nested(print: (text: unknown) => void): () => ThreadSteps<void> {
  function* level(n: number): ThreadSteps<number> {
    try {
      if (n === 0) yield* schedule();
      else print(`went on with ${yield* level(n - 1)}`);
      return n;
    } catch (error) {
      print(`caught ${(error as Error).message}`);
      throw error;
    } finally {
      print(`in ${n}`);
      // What a clean-up calls has its value.
      print(`${yield* given(n)} out`);
    }
  }
  function* given(value: number): ThreadSteps<number> {
    try {
      yield* cede();
      return value;
    } finally {
      yield* cede();
    }
  }
  return function* () {
    yield* level(2);
    print("went on");
  };
}

const ALL_CLEANED_UP = ["in 0", "0 out", "in 1", "1 out", "in 2", "2 out"];

Deno.test("safeCancel() leaves all that is nested, however long their clean-ups take", async () => {
  const { threads, printed, print, settle } = world();
  const thread = threads.async(nested(print));
  settle();
  thread.safeCancel("values");
  settle();
  assert.deepEqual(printed, ALL_CLEANED_UP);
  assert.deepEqual(await threads.run(thread.join()), ["values"]);
});

for (
  const [name, within_] of [
    [
      "within()",
      (body: () => ThreadSteps<void>) => within(operation(() => "nested", body), { timeout: 1000 }),
    ],
    [
      "an operation",
      (body: () => ThreadSteps<void>) => operation(() => "nested", body),
    ],
  ] as const
) {
  Deno.test(`safeCancel() leaves what is nested in ${name}`, () => {
    const { threads, printed, print, settle } = world();
    const thread = threads.async(function* () {
      yield* within_(nested(print));
      print("went on");
    });
    settle();
    thread.safeCancel();
    settle();
    assert.deepEqual(printed, ALL_CLEANED_UP);
    assert.equal(thread.isZombie, true);
  });
}

Deno.test("safeCancel(): what a nested clean-up throws is thrown in what it is nested in", () => {
  const { threads, env, printed, print, settle } = world();
  const thread = threads.async(function* () {
    try {
      yield* (function* () {
        try {
          yield* schedule();
        } finally {
          yield* cede();
          // deno-lint-ignore no-unsafe-finally
          throw new Error("inner");
        }
      })();
      print("went on");
    } catch (error) {
      print(`caught ${(error as Error).message}`);
      throw error;
    } finally {
      yield* cede();
      print("cleaned up");
    }
  });
  settle();
  thread.safeCancel();
  settle();
  assert.deepEqual(printed, ["caught inner", "cleaned up"]);
  assert.equal(thread.isZombie, true);
  assert.match(env.logged[0].message, /inner/);
});

Deno.test("cancel() in a nested safe clean-up still runs those around it", () => {
  const { threads, printed, print, settle } = world();
  const thread = threads.async(function* () {
    try {
      yield* (function* () {
        try {
          yield* schedule();
        } finally {
          yield* schedule();
          print("never");
        }
      })();
      print("went on");
    } finally {
      print("outer");
    }
  });
  settle();
  thread.safeCancel();
  settle();
  thread.cancel();
  assert.deepEqual([printed, thread.isZombie], [["outer"], true]);
});

Deno.test("safeCancel() leaves JavaScript's generators as they were", () => {
  const { threads, settle } = world();
  const prototype = Object.getPrototypeOf(function* () {}).prototype as object;
  const before = Object.getOwnPropertyDescriptors(prototype);
  const thread = threads.async(nested(() => undefined));
  settle();
  thread.safeCancel();
  settle();
  assert.equal(thread.isZombie, true);
  assert.deepEqual(Object.getOwnPropertyDescriptors(prototype), before);
});

Deno.test("what a safe clean-up throws is logged, and the thread counts as cancelled", async () => {
  const { threads, env, settle } = world();
  const thread = threads.async(function* () {
    try {
      yield* schedule();
    } finally {
      yield* cede();
      // deno-lint-ignore no-unsafe-finally
      throw new Error("in the clean-up");
    }
  });
  settle();
  thread.safeCancel("values");
  settle();
  assert.deepEqual(await threads.run(thread.join()), ["values"]);
  assert.match(env.logged[0].message, /in the clean-up/);
});

Deno.test("safeCancel() of a woken waiter hands its wake-up on, and of a suspended one waits", () => {
  const { threads, printed, print, settle } = world();
  const lock = new Semaphore(0);
  const channel = new Channel<number>();
  const first = threads.async(() => lock.down());
  threads.async(function* () {
    yield* lock.down();
    print("second got it");
  });
  const held = threads.async(function* () {
    try {
      yield* channel.get();
    } finally {
      print("held ends");
    }
  });
  settle();
  lock.up();
  first.safeCancel();
  held.suspend();
  held.safeCancel();
  settle();
  assert.deepEqual([printed, lock.count], [["second got it"], 0]);
  held.resume();
  settle();
  assert.deepEqual(printed, ["second got it", "held ends"]);
});

Deno.test("safeCancel() leaves what waits without knowing that it may be asked", () => {
  const { threads, printed, print, settle } = world();
  const other = threads.async(function* () {
    try {
      yield* schedule();
    } finally {
      print("other");
    }
  });
  function* numbers(): Generator<number> {
    try {
      yield 1;
    } finally {
      print("numbers");
    }
  }
  const bare = threads.async(function* () {
    try {
      yield { describe: () => "mine", start: () => () => undefined };
    } finally {
      // These return from generators, too.
      for (const _ of numbers()) break;
      other.cancel();
      yield* cede();
      print("bare");
    }
  });
  const mapped = threads.async(function* () {
    try {
      const waits = (function* (): ThreadSteps<void> {
        try {
          yield* schedule();
        } finally {
          print("mapped");
        }
      })();
      // As the language's own helpers of iterators, which not every host has.
      yield* {
        next: () => waits.next(),
        return: () => {
          waits.return();
          return { done: true, value: undefined };
        },
        [Symbol.iterator](): Iterator<unknown> {
          return this as unknown as Iterator<unknown>;
        },
      } as unknown as ThreadSteps<void>;
    } finally {
      yield* cede();
      print("around mapped");
    }
  });
  settle();
  bare.safeCancel();
  settle();
  mapped.safeCancel();
  settle();
  assert.deepEqual(printed, ["numbers", "other", "bare", "mapped", "around mapped"]);
  assert.deepEqual([bare, mapped, other].map((thread) => thread.isZombie), [true, true, true]);
});

Deno.test("safeCancel() leaves as many generators as can be resumed", () => {
  const { threads, settle, env } = world();
  const depth = 2500;
  let left = 0;
  function* level(n: number): ThreadSteps<void> {
    try {
      if (n === 0) yield* schedule();
      else yield* level(n - 1);
    } finally {
      left++;
    }
  }
  const thread = threads.async(() => level(depth));
  settle();
  thread.safeCancel();
  settle();
  assert.deepEqual([left, thread.isZombie, env.logged], [depth + 1, true, []]);
});

Deno.test("throw() and safeCancel(): the error is thrown where the clean-up waits", () => {
  const { threads, printed, print, settle } = world();
  for (const first of ["throw", "safeCancel"] as const) {
    const thread = threads.async(function* () {
      try {
        yield* schedule();
      } finally {
        yield* schedule();
        print("never");
      }
    });
    thread.onUncaught = (error) => print(`${first} first: ${error}`);
    settle();
    if (first === "throw") thread.throw("thrown");
    thread.safeCancel();
    if (first !== "throw") thread.throw("thrown");
    settle();
    assert.equal(thread.isZombie, true);
  }
  assert.deepEqual(printed, ["throw first: thrown", "safeCancel first: thrown"]);
});

Deno.test("safeCancel(): a limit that is over wakes no clean-up of what was limited", () => {
  const { threads, printed, print, settle, env } = world();
  const body = function* (): ThreadSteps<void> {
    try {
      yield* schedule();
    } finally {
      yield* schedule();
      print("readied");
    }
  };
  const thread = threads.async(function* () {
    yield* within(operation(() => "limited", body), { timeout: 5 });
  });
  settle();
  thread.safeCancel();
  settle();
  env.backend.advance(6);
  settle();
  assert.deepEqual([printed, thread.isZombie], [[], false]);
  thread.ready();
  settle();
  assert.deepEqual([printed, thread.isZombie], [["readied"], true]);
});

/** One of several generators inside each other: how it calls the next one, and how it cleans up. */
interface Level {
  readonly call: "yield*" | "operation" | "within";
  /** Waits in its clean-up; none: it has no clean-up. */
  readonly waits: number | undefined;
  /** The clean-up waits so deep inside calls of its own. */
  readonly depth: number;
  readonly throws: boolean;
}

const levels = fc.array(
  fc.record({
    call: fc.constantFrom("yield*" as const, "operation" as const, "within" as const),
    waits: fc.option(fc.nat(2), { nil: undefined }),
    depth: fc.nat(2),
    throws: fc.boolean(),
  }),
  { minLength: 1, maxLength: 6 },
);

function* cleanUp(depth: number): ThreadSteps<number> {
  if (depth === 0) yield* cede();
  else if ((yield* cleanUp(depth - 1)) !== depth - 1) throw new Error("lost a value");
  return depth;
}

function* inside(
  all: readonly Level[],
  at: number,
  print: (text: unknown) => void,
): ThreadSteps<void> {
  const next = (): ThreadSteps<void> => inside(all, at + 1, print);
  const level = all[at];
  try {
    if (at === all.length - 1) yield* schedule();
    else if (level.call === "yield*") yield* next();
    else {
      const op = operation(() => "nested", next);
      yield* level.call === "within" ? within(op, { timeout: 1000 }) : op;
    }
    print(`${at} went on`);
  } catch (error) {
    print(`${at} caught ${(error as Error).message}`);
    throw error;
  } finally {
    if (level.waits !== undefined) {
      print(`${at} in`);
      for (let i = 0; i < level.waits; i++) {
        if ((yield* cleanUp(level.depth)) !== level.depth) print("lost a value");
      }
      print(`${at} out`);
      // deno-lint-ignore no-unsafe-finally
      if (level.throws) throw new Error(`of ${at}`);
    }
  }
}

function expectedOf(all: readonly Level[]): string[] {
  const lines: string[] = [];
  let error: string | undefined;
  for (let at = all.length - 1; at >= 0; at--) {
    const { waits, throws } = all[at];
    if (error !== undefined) lines.push(`${at} caught ${error}`);
    if (waits === undefined) continue;
    lines.push(`${at} in`, `${at} out`);
    if (throws) error = `of ${at}`;
  }
  return lines;
}

Deno.test("safeCancel() leaves any nest, innermost first, and goes on nowhere", async () => {
  await fc.assert(
    fc.asyncProperty(levels, fc.nat(20), async (all, again) => {
      const { env, loop, threads, printed, print, settle } = world();
      const thread = threads.async(() => inside(all, 0, print));
      settle();
      thread.safeCancel("values");
      for (let i = 0; i < again && !thread.isZombie; i++) {
        // Again meanwhile: it changes nothing.
        thread.safeCancel("values");
        env.backend.turn();
      }
      settle();
      assert.deepEqual(printed, expectedOf(all));
      assert.deepEqual(await threads.run(thread.join()), ["values"]);
      loop.dispose();
    }),
    { numRuns: 300 },
  );
});
