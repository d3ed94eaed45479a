import assert from "node:assert/strict";
import {
  cede,
  cedeIfDue,
  Channel,
  Coro,
  type Operation,
  RWLock,
  schedule,
  Semaphore,
  Signal,
  type Suspension,
  threadDebugOf,
  type ThreadSteps,
  wait,
  within,
} from "@anyevent/coro";
import { operation, UsageError } from "@anyevent/loop";
import { world } from "../world.ts";
import { HEADER, marks, row } from "./support.ts";

const at = await marks(import.meta.url);

Deno.test("command() ps shows the column's program as the column does", () => {
  const { threads, settle, print, printed } = world();
  const debug = threadDebugOf(threads);
  threads.async(function* () {
    Coro.current.desc = "numero uno";
    print(1);
    yield* cede(); // @uno
  });
  threads.async(function* () {
    Coro.current.desc = "numero dos";
    print(2);
    yield* cede(); // @dos
  });
  threads.async(function* () {
    Coro.current.desc = "numero tres";
    print(3);
    print(debug.command("ps")); // @tres
    yield* cede();
  });
  void threads.run(cede());
  settle();
  const listing = [
    HEADER,
    row(0, "R", 0, "[main::]", "-"),
    row(1, "R", 1, "numero uno", at("uno")),
    row(2, "R", 1, "numero dos", at("dos")),
    row(3, "U", 1, "numero tres", at("tres")),
  ];
  assert.deepEqual(printed, ["1", "2", "3", listing.join("\n")]);
});

Deno.test("psListing() tells of every blocked thread what it waits for, and where", () => {
  const { threads, settle, env, loop } = world();
  const debug = threadDebugOf(threads);
  const [lock, signal, channel, rw] = [
    new Semaphore(0),
    new Signal(),
    new Channel(1),
    new RWLock(),
  ];
  rw.tryWrlock();
  channel.put(1);
  function* inner(): ThreadSteps<void> {
    yield* lock.down(); // @down
  }
  const bodies: Record<string, () => ThreadSteps<unknown>> = {
    *down() {
      yield* inner();
    },
    *sleep() {
      yield* loop.sleep(3); // @sleep
    },
    *signal() {
      yield* signal.wait(); // @signal
    },
    *put() {
      yield* channel.put(2); // @put
    },
    *lock() {
      yield* rw.rdlock(); // @lock
    },
    *limit() {
      yield* within(lock.down(), { timeout: 5 }); // @limit
    },
    *schedule() {
      yield* schedule(); // @schedule
    },
    *promise() {
      yield* wait(new Promise(() => undefined)); // @promise
    },
    *join() {
      yield* debug.findCoro(1)!.join(); // @join
    },
    *operation() {
      yield* operation(() => "twofold", function* () {
        yield* loop.sleep(4); // @operation
      });
    },
  };
  for (const [desc, body] of Object.entries(bodies)) threads.spawn(body, { desc });
  threads.async(async () => {
    await new Promise(() => undefined);
  });
  settle();
  debug.findCoro(2)!.suspend();
  const rows = [
    HEADER,
    row(0, "-", 0, "[main::]", "sleep(100)"),
    row(1, "-", 1, "down", `${at("down")} semaphore.down()`),
    row(2, "S", 1, "sleep", `${at("sleep")} sleep(3)`),
    row(3, "-", 1, "signal", `${at("signal")} signal.wait()`),
    row(4, "-", 1, "put", `${at("put")} channel.put()`),
    row(5, "-", 1, "lock", `${at("lock")} rwlock.rdlock()`),
    row(6, "-", 1, "limit", `${at("limit")} semaphore.down()`),
    row(7, "-", 1, "schedule", `${at("schedule")} schedule()`),
    row(8, "-", 1, "promise", `${at("promise")} wait(promise)`),
    row(9, "-", 1, "join", `${at("join")} join(down)`),
    row(10, "-", 1, "operation", `${at("operation")} sleep(4)`),
    row(11, "-", 1, "", "wait(async function)"),
  ];
  void threads.run(loop.sleep(100));
  const before = [lock.stats(), channel.stats(), rw.stats(), threads.nready];
  assert.deepEqual(debug.psListing().split("\n"), rows);
  // To look has changed nothing.
  assert.deepEqual(debug.psListing().split("\n"), rows);
  assert.deepEqual([lock.stats(), channel.stats(), rw.stats(), threads.nready], before);
  env.backend.advance(3.5);
  settle();
  assert.equal(debug.findCoro(6)!.useCount, 1);
  debug.findCoro(2)!.resume();
  settle();
  assert.equal(debug.findCoro(2), undefined);
  lock.up();
  settle();
  assert.equal(debug.findCoro(1), undefined);
  env.backend.advance(100);
  threads.killall();
  settle();
  assert.equal(lock.stats().waiters, 0);
});

Deno.test("to look at threads that are ready takes no turn and loses no wake-up", () => {
  const { threads, settle, print, printed } = world();
  const debug = threadDebugOf(threads);
  const lock = new Semaphore(0);
  for (const name of ["a", "b", "c"]) {
    threads.async(function* () {
      yield* within(lock.down(), { timeout: 10 });
      print(name);
      yield* cede();
      yield* cedeIfDue();
      print(name);
    });
  }
  settle();
  lock.up();
  lock.up();
  lock.up();
  threads.async(function* () {
    for (let i = 0; i < 3; i++) {
      debug.psListing("v");
      yield* cede();
    }
  }).prio(3);
  settle();
  assert.deepEqual(printed, ["a", "b", "c", "a", "b", "c"]);
  assert.deepEqual(lock.stats(), { count: 0, waiters: 0, woken: 0 });
});

Deno.test("psListing() w shows all of a description, v all calls, and nothing breaks a row", () => {
  const { threads, settle } = world();
  const debug = threadDebugOf(threads);
  function* inner(): ThreadSteps<void> {
    yield* schedule(); // @inner
  }
  threads.spawn(function* () {
    yield* inner(); // @outer
  }, { desc: `\x1b[2J\n${"x".repeat(30)}` });
  settle();
  const shown = `\\x1b[2J\\x0a${"x".repeat(30)}`;
  assert.equal(
    debug.psListing().split("\n")[2],
    row(1, "-", 1, shown.slice(0, 24), `${at("inner")} schedule()`),
  );
  const wide = debug.psListing("w").split("\n")[2];
  assert.ok(wide.includes(` ${shown} [/`), wide);
  assert.ok(wide.endsWith("schedule()"), wide);
  const lines = debug.psListing("v").split("\n");
  assert.equal(lines[3], `${" ".repeat(59)}${at("outer")}`);
  threads.killall();
});

Deno.test("psListing() survives threads whose descriptions fail, and lists the first thousand", () => {
  const { threads, settle } = world();
  const debug = threadDebugOf(threads);
  class Bad extends Coro {
    override debugDesc(): string {
      throw new Error("no");
    }
  }
  let coro: Coro | undefined;
  threads.async(function* () {
    coro = new Bad(function* () {
      const waits: Operation<void> = operation(() => {
        throw new Error("no");
      }, function* () {
        yield* schedule();
      });
      yield* waits;
    });
    coro.ready();
  });
  settle();
  assert.match(debug.psListing(), /1 \[failed\] +\[listing_test/);
  coro!.cancel();
  for (let i = 0; i < 1500; i++) {
    threads.async(function* () {
      yield* schedule();
    });
  }
  settle();
  const lines = debug.psListing().split("\n");
  assert.equal(lines.length, 1002);
  assert.equal(lines.at(-1), "… 501 more threads");
  threads.killall();
});

Deno.test("backtrace() shows the whole chain of yield*", () => {
  const { threads, settle, loop } = world();
  const debug = threadDebugOf(threads);
  function* depth(n: number): ThreadSteps<void> {
    if (n === 0) yield* loop.sleep(1);
    else yield* depth(n - 1);
  }
  const coro = threads.spawn(function* top() {
    yield* depth(3);
  }, { desc: "deep" });
  assert.equal(debug.command("bt 1"), "1 deep is new\n1: unable to get backtrace");
  settle();
  const [head, ...calls] = debug.backtrace(coro).split("\n");
  assert.equal(head, "1 deep is blocked in sleep(1)");
  assert.deepEqual(
    calls.map((call) => /^ {4}at (\w+) \(file:.*listing_test\.ts:\d+:\d+\)$/.exec(call)?.[1]),
    ["depth", "depth", "depth", "depth", "top"],
  );
  assert.equal(debug.command("bt 1"), debug.backtrace(coro));
  coro.cancel();
  assert.equal(debug.backtrace(coro), "1 deep has ended\n1: unable to get backtrace");
  const endless = threads.async(function* () {
    yield* depth(2000);
  });
  settle();
  assert.ok(debug.backtrace(endless).split("\n").length < 110);
  endless.cancel();
});

Deno.test("an operation that knows nothing of looks takes one for a wake-up", () => {
  const { threads, settle, print, printed } = world();
  const debug = threadDebugOf(threads);
  let woken = 0;
  const own = {
    describe: () => "own",
    start: () => () => undefined,
    [Symbol.iterator]: () => own,
    next: (resumed?: true) => {
      if (resumed !== undefined) woken++;
      return woken < 2 ? { done: false, value: own as Suspension } : { done: true, value: "end" };
    },
  };
  threads.async(function* () {
    print(yield* own as unknown as Operation<string>);
    yield* schedule(); // @own
  });
  settle();
  assert.equal(debug.psListing().split("\n")[2], row(1, "-", 1, "", "own"));
  assert.deepEqual([woken, printed], [1, []]);
  debug.psListing();
  assert.deepEqual([woken, printed], [2, ["end"]]);
  assert.equal(debug.psListing().split("\n")[2], row(1, "-", 1, "", `${at("own")} schedule()`));
  threads.killall();
});

Deno.test("psListing() and backtrace() refuse what makes no sense", () => {
  const { threads } = world();
  const other = world().threads.async(function* () {});
  const debug = threadDebugOf(threads);
  for (const flags of ["x", "w v", 1]) {
    assert.throws(() => debug.psListing(flags as never), UsageError);
  }
  for (const coro of [undefined, 1, {}, other]) {
    assert.throws(() => debug.backtrace(coro as never), UsageError);
    assert.throws(() => debug.trace(coro as never), UsageError);
    assert.throws(() => debug.untrace(coro as never), UsageError);
  }
  assert.throws(() => threadDebugOf({} as never), UsageError);
  assert.equal(threadDebugOf(threads), debug);
});
