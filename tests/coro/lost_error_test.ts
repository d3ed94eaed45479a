/** The error of a thread is told to somebody, whatever becomes of those who join it. */
import assert from "node:assert/strict";
import { type Coro, schedule } from "@anyevent/coro";
import { type World, world } from "./world.ts";

function failing(w: World): { readonly thread: Coro; readonly uncaught: string[] } {
  const uncaught: string[] = [];
  w.threads.onUncaught = (error) => uncaught.push((error as Error).message);
  const thread = w.threads.async(function* () {
    yield* schedule();
    throw new Error("failed");
  });
  return { thread, uncaught };
}

Deno.test("join() whose thread is cancelled by onDestroy of the joined one loses no error", () => {
  const w = world();
  const { thread, uncaught } = failing(w);
  const joiner = w.threads.async(() => thread.join());
  thread.onDestroy(() => joiner.cancel());
  w.settle();
  thread.ready();
  w.settle();
  assert.deepEqual(uncaught, ["failed"]);
});

Deno.test("join() whose thread is cancelled after it was woken loses no error", () => {
  const w = world();
  const { thread, uncaught } = failing(w);
  const joiners = [1, 2].map(() => w.threads.async(() => thread.join()));
  w.settle();
  // Runs when the failing one has woken both, before them.
  thread.onDestroy(() => {
    const cancelBoth = () => {
      assert.deepEqual(joiners.map((joiner) => joiner.isReady), [true, true]);
      joiners[0].cancel();
      assert.deepEqual(uncaught, []);
      joiners[1].cancel();
      w.print("cancelled both");
    };
    w.threads.spawn(cancelBoth, { prio: 3 });
  });
  thread.ready();
  w.settle();
  assert.deepEqual([w.printed, uncaught], [["cancelled both"], ["failed"]]);
});

Deno.test("join() of another takes the error when one joiner dies", () => {
  const w = world();
  const { thread, uncaught } = failing(w);
  const dying = w.threads.async(() => thread.join());
  const taking = w.threads.async(function* () {
    try {
      yield* thread.join();
    } catch (error) {
      w.print((error as Error).message);
    }
  });
  w.settle();
  thread.onDestroy(() => dying.cancel());
  thread.ready();
  w.settle();
  assert.equal(taking.isZombie, true);
  assert.deepEqual([w.printed, uncaught], [["failed"], []]);
});

Deno.test("join() that has thrown took the error: a joiner that dies later loses nothing", () => {
  const w = world();
  const { thread, uncaught } = failing(w);
  const first = w.threads.spawn(() => thread.join(), { prio: 1, onEnd: () => second.cancel() });
  const second: Coro = w.threads.spawn(() => thread.join(), { prio: -1 });
  w.settle();
  thread.ready();
  w.settle();
  assert.equal(first.isZombie && second.isZombie, true);
  assert.deepEqual(uncaught, []);
});

Deno.test("throw() into a woken joiner hands the error of the joined thread on", () => {
  const w = world();
  const { thread, uncaught } = failing(w);
  const joiner = w.threads.async(() => thread.join());
  joiner.onUncaught = (error) => w.print(error);
  thread.onDestroy(() => w.threads.spawn(() => joiner.throw("other"), { prio: 3 }));
  w.settle();
  thread.ready();
  w.settle();
  assert.deepEqual([w.printed, uncaught], [["other"], ["failed"]]);
});

Deno.test("with onUncaught or onEnd of its own, a joiner that dies reports nothing again", () => {
  const w = world();
  const { thread, uncaught } = failing(w);
  thread.onUncaught = (error) => w.print((error as Error).message);
  const joiner = w.threads.async(() => thread.join());
  thread.onDestroy(() => w.threads.spawn(() => joiner.cancel(), { prio: 3 }));
  w.settle();
  thread.ready();
  w.settle();
  assert.deepEqual([w.printed, uncaught], [["failed"], []]);
});
