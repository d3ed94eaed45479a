/** Arguments that make no sense are refused when the call is made, by value, and leave nothing behind. */
import assert from "node:assert/strict";
import {
  Channel,
  multicore,
  rouseCb,
  rouseWait,
  RWLock,
  Semaphore,
  SemaphoreSet,
} from "@anyevent/coro";
import { world } from "./world.ts";

function refuses(call: () => unknown, message: RegExp): void {
  assert.throws(call, { name: "UsageError", message });
}

Deno.test("spawn() and run() refuse wrong options and what is no operation, and start nothing", () => {
  const { threads } = world();
  const body = function* () {};
  for (const wrong of [null, 5, "desc"]) {
    refuses(() => threads.spawn(body, wrong as never), /options (null|5|"desc") are no object/);
  }
  refuses(() => threads.spawn(body, { desc: 5 as never }), /desc of thread: 5 is not a string/);
  refuses(() => threads.spawn(body, { prio: 0.5 }), /0\.5 is not an integer/);
  for (const wrong of ["text", [], {}, null]) {
    refuses(() => threads.run(wrong as never), /Cannot run .*: it is not an operation/);
  }
  assert.deepEqual([threads.nready, threads.list().length], [0, 1]);
});

Deno.test("desc, nice() and enableTimes() refuse values of other kinds, and change nothing", () => {
  const { threads } = world();
  const thread = threads.async(function* () {});
  thread.desc = "mine";
  for (const wrong of [null, 5, Symbol("s"), {}]) {
    refuses(() => thread.desc = wrong as never, /desc of thread: .* is not a string/);
    refuses(() => thread.setDesc(wrong as never), /is not a string/);
  }
  for (const wrong of ["1", true, null, undefined, 0.5, 1n, Symbol("s")]) {
    refuses(
      () => thread.nice(wrong as never),
      /lower priority of thread mine: .* is not an integer/,
    );
  }
  refuses(() => threads.enableTimes(1 as never), /1 is not a boolean/);
  assert.deepEqual([thread.desc, thread.prio(), threads.enableTimes(false)], ["mine", 0, false]);
  assert.equal(thread.nice(2), -2);
});

Deno.test("locks refuse wrong limits and bodies when the call is made", () => {
  const semaphore = new Semaphore();
  const set = new SemaphoreSet<string>();
  const lock = new RWLock();
  const body = function* () {};
  const calls: readonly ((options: never) => unknown)[] = [
    (options) => semaphore.withGuard(body, options),
    (options) => set.down("a", options),
    (options) => set.wait("a", options),
    (options) => set.guard("a", options),
    (options) => set.withGuard("a", body, options),
    (options) => lock.rdGuard(options),
    (options) => lock.wrGuard(options),
    (options) => lock.withRdlock(body, options),
    (options) => lock.withWrlock(body, options),
  ];
  for (const call of calls) {
    refuses(() => call(5 as never), /options 5 are no object/);
    refuses(() => call({ timeout: "1" } as never), /"1"/);
    refuses(() => call({ signal: {} } as never), /is not an AbortSignal/);
  }
  refuses(() => set.withGuard("a", 5 as never), /5 is not a generator function/);
  refuses(() => lock.withRdlock(5 as never), /5 is not a generator function/);
  assert.deepEqual([semaphore.count, set.stats().size, lock.stats().readers], [1, 0, 0]);
});

Deno.test("put() with wrong limits stores nothing", () => {
  const channel = new Channel<number>();
  refuses(() => channel.put(1, 5 as never), /options 5 are no object/);
  refuses(() => channel.put(1, { timeout: "1" as never }), /"1"/);
  assert.equal(channel.size, 0);
});

Deno.test("rouseWait() with wrong limits leaves the thread its callback", () => {
  const { threads, printed, print, settle } = world();
  threads.async(function* () {
    rouseCb<[text: string]>()("called");
    refuses(() => rouseWait(undefined, 5 as never), /options 5 are no object/);
    print(yield* rouseWait());
  });
  settle();
  assert.deepEqual(printed, ["called"]);
});

Deno.test("multicore() of what is neither function nor address names it", () => {
  for (const wrong of [Symbol("s"), 10n, {}, null]) {
    refuses(() => multicore(wrong as never), /neither a function nor a complete URL/);
  }
});
