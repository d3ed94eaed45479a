import assert from "node:assert/strict";
import { cede, cedeNotself, type Coro, current, schedule, Scheduler } from "@anyevent/coro";
import { world } from "./world.ts";

Deno.test("Scheduler checks its loop and handler", () => {
  assert.throws(() => new Scheduler({} as never), { name: "UsageError", message: /not a Loop/ });
  const { threads } = world();
  assert.throws(() => threads.onUncaught = 5 as never, { name: "UsageError", message: /5/ });
  assert.throws(() => threads.run(5 as never), { name: "UsageError", message: /5/ });
});

Deno.test("threads that cede without end do not stop timers and posted callbacks", () => {
  const { threads, loop, env } = world();
  let switches = 0;
  const spinning = function* () {
    while (true) {
      switches++;
      yield* cede();
    }
  };
  const all = [threads.async(spinning), threads.async(spinning)];
  let posted = 0;
  let fired = 0;
  loop.postpone(() => posted = switches);
  loop.addTimer(0, 0, () => fired = switches);
  env.backend.turn();
  env.backend.turn();
  assert.ok(posted > 0 && posted <= 65536, `${posted}`);
  assert.ok(fired > 0 && fired <= 2 * 65536, `${fired}`);
  for (const thread of all) thread.cancel();
});

Deno.test("a batch ends soon after 0.2 ms, and the next turn goes on where it stopped", () => {
  const { threads, env, printed, print } = world();
  for (let i = 0; i < 9; i++) {
    threads.async(() => {
      env.backend.skip(0.0001);
      print(i);
    });
  }
  env.backend.turn();
  const first = printed.length;
  assert.ok(first >= 2 && first <= 4, `${first}`);
  while (threads.nready > 0) env.backend.turn();
  assert.deepEqual(printed, ["0", "1", "2", "3", "4", "5", "6", "7", "8"]);
});

Deno.test("threads that cede to any other without end do not stop the loop either", () => {
  const { threads, loop, env } = world();
  const all = [0, 1].map(() =>
    threads.async(function* () {
      while (true) yield* cedeNotself();
    })
  );
  let fired = false;
  loop.addTimer(0, 0, () => fired = true);
  for (let i = 0; i < 3; i++) env.backend.turn();
  assert.equal(fired, true);
  for (const thread of all) thread.cancel();
  while (env.backend.turn());
  assert.equal(threads.nready, 0);
});

Deno.test("async code that cedes without end does not stop timers", async () => {
  const { threads, loop, env } = world();
  let stop = false;
  const thread = threads.async(function* () {
    while (!stop) yield* cede();
  });
  loop.addTimer(0, 0, () => stop = true);
  let cedes = 0;
  const ceding = (async () => {
    while (!stop) {
      await threads.run(cede());
      cedes++;
    }
  })();
  // A batch that was used up waits for the clock.
  await env.backend.run(0.1);
  await ceding;
  assert.ok(cedes > 0);
  assert.equal(thread.isZombie, true);
});

Deno.test("an error nobody joins goes to onUncaught with its thread, and others go on", () => {
  const { threads, printed, print, settle } = world();
  threads.onUncaught = (error, coro) => print(`${coro.desc} ${error}`);
  threads.async(() => {
    current().desc = "bad";
    throw "error";
  });
  threads.async(() => print("other"));
  settle();
  assert.deepEqual(printed, ["bad error", "other"]);
});

Deno.test("an error is thrown by join() in those who wait, and by later ones, and counts as handled", async () => {
  const { threads, printed, print, settle } = world();
  threads.onUncaught = () => print("unhandled");
  const thread = threads.async(function* () {
    yield* cede();
    throw new Error("boom");
  });
  threads.async(function* () {
    try {
      yield* thread.join();
    } catch (error) {
      print((error as Error).message);
    }
  });
  settle();
  await assert.rejects(threads.run(thread.join()), /boom/);
  assert.deepEqual(printed, ["boom"]);
});

Deno.test("onUncaught of a thread gets its error, joined or not", () => {
  const { threads, printed, print, settle } = world();
  threads.onUncaught = () => print("scheduler");
  const thread: Coro = threads.async(() => {
    throw "error";
  });
  thread.onUncaught = (error, coro) => print(`${error} ${coro === thread}`);
  settle();
  assert.deepEqual(printed, ["error true"]);
});

Deno.test("without a handler an uncaught error is thrown from the loop", () => {
  const { threads, env, settle } = world();
  const error = new Error("uncaught");
  threads.async(() => {
    throw error;
  });
  settle();
  env.backend.turn();
  assert.deepEqual(env.backend.thrown, [error]);
});

Deno.test("a handler that throws: its error is thrown from the loop, and threads go on", () => {
  const { threads, env, printed, print, settle } = world();
  threads.onUncaught = () => {
    throw "worse";
  };
  threads.async(() => {
    throw "bad";
  });
  threads.async(() => print("other"));
  settle();
  env.backend.turn();
  assert.deepEqual(env.backend.thrown, ["worse"]);
  assert.deepEqual(printed, ["other"]);
});

Deno.test("two schedulers have their own threads and currents", () => {
  const one = world();
  const two = world();
  const seen: boolean[] = [];
  const body = function* (mine: Scheduler, other: Scheduler) {
    yield* cede();
    seen.push(current() === mine.current, other.current === other.main);
  };
  one.threads.async(body, one.threads, two.threads);
  two.threads.async(body, two.threads, one.threads);
  one.settle();
  assert.deepEqual(seen, [true, true]);
  two.settle();
  assert.deepEqual(seen, [true, true, true, true]);
});

Deno.test("nothing is posted while threads are blocked", () => {
  const { threads, env, settle } = world();
  const thread = threads.async(() => schedule());
  settle();
  assert.equal(env.backend.stats().posted, 0);
  assert.equal(threads.nready, 0);
  thread.cancel();
});
