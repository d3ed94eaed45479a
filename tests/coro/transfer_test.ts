import assert from "node:assert/strict";
import { cede, cedeNotself, Coro, current, PRIO_LOW, schedule, State } from "@anyevent/coro";
import { type World, world } from "./world.ts";

function three(w: World): Coro[] {
  return ["a", "b", "c"].map((name) =>
    w.threads.spawn(function* () {
      for (let i = 1;; i++) {
        w.print(name + i);
        yield* schedule();
      }
    }, { desc: name })
  );
}

Deno.test("cedeTo() switches straight to a thread, the caller queued before", () => {
  const w = world();
  const [, b, c] = three(w);
  w.settle();
  c.prio(PRIO_LOW);
  w.threads.async(function* () {
    b.ready();
    w.print("caller");
    yield* c.cedeTo();
    w.print("caller again");
  });
  w.settle();
  // The caller's place is behind b's, which was ready.
  assert.deepEqual(w.printed, ["a1", "b1", "c1", "caller", "c2", "b2", "caller again"]);
});

Deno.test("scheduleTo() does not queue the caller, and leaves the target's place in the queue", () => {
  const w = world();
  const [a, b] = three(w);
  w.settle();
  const caller = w.threads.async(function* () {
    a.ready();
    b.ready();
    yield* b.scheduleTo();
    w.print("caller");
  });
  w.settle();
  // b runs at once, and once more from the queue.
  assert.deepEqual(w.printed.slice(3), ["b2", "a2", "b3"]);
  caller.ready();
  w.settle();
  assert.equal(w.printed.at(-1), "caller");
});

Deno.test("scheduleTo() takes a new thread, and refuses running, suspended and ended ones", () => {
  const { threads, printed, print, settle } = world();
  threads.async(function* () {
    const fresh = new Coro(() => print("new"));
    yield* fresh.cedeTo();
    const held = threads.async(() => schedule());
    held.suspend();
    for (const target of [fresh, held, current()]) {
      try {
        yield* target.scheduleTo();
      } catch (error) {
        print((error as Error).message.replace(/.*: /, ""));
      }
    }
    held.cancel();
  });
  settle();
  assert.deepEqual(printed, ["new", "it has ended", "it is suspended", "it is running"]);
});

Deno.test("cedeTo() from main, and to main where it awaits", async () => {
  const { threads, printed, print } = world();
  const thread = threads.async(function* () {
    print("thread 1");
    yield* threads.main.cedeTo();
    print("thread 2");
    yield* threads.main.cedeTo();
  });
  threads.async(() => print("other"));
  await threads.run(thread.scheduleTo());
  print("main 1");
  await threads.run(cede());
  print("main 2");
  thread.cancel();
  // The thread keeps the place it had when main switched straight to it.
  assert.deepEqual(printed, ["thread 1", "main 1", "thread 2", "main 2"]);
});

Deno.test("a thread that a cedeNotself() chose is not lost when another is switched to", async () => {
  const { threads, printed, print, settle } = world();
  const target = threads.async(function* () {
    yield* schedule();
    print("target");
  });
  settle();
  let ceded: Promise<void> | undefined;
  threads.async(function* () {
    // Chooses the next thread, before this one has blocked.
    ceded = threads.run(cedeNotself());
    yield* target.scheduleTo();
  });
  threads.async(() => print("chosen"));
  settle();
  await ceded;
  settle();
  assert.deepEqual(printed, ["target", "chosen"]);
});

Deno.test("State.transfer() switches between bare coroutines, in t/00's order", () => {
  const { threads, printed, print, settle } = world();
  threads.async(function* () {
    const main = new State();
    const other: State = new State(function* (word: string) {
      print(word);
      yield* other.transfer(main);
      print("3");
      yield* other.transfer(main);
    }, "1");
    assert.equal(other.isNew, true);
    yield* main.transfer(other);
    print("2");
    yield* main.transfer(other);
    print("4");
    assert.equal(other.isNew, false);
    other.cancel();
    assert.equal(other.isZombie, true);
    try {
      yield* main.transfer(other);
    } catch (error) {
      print((error as Error).message);
    }
  });
  settle();
  assert.deepEqual(printed, ["1", "2", "3", "4", "Cannot transfer to state: it has ended"]);
});

Deno.test("State.transfer() refuses wrong states; throw() arrives at the next transfer", () => {
  const { threads, printed, print, settle } = world();
  threads.onUncaught = (error) => print((error as Error).message);
  threads.async(function* () {
    const main = new State();
    const other: State = new State(function* () {
      try {
        yield* other.transfer(main);
      } catch (error) {
        print(error);
      }
      yield* other.transfer(main);
    });
    const unrelated = new State(function* () {});
    for (const wrong of [() => main.transfer(new State()), () => other.transfer(unrelated)]) {
      try {
        yield* wrong();
      } catch (error) {
        print((error as Error).message);
      }
    }
    yield* main.transfer(other);
    other.throw("thrown");
    yield* main.transfer(other);
    print("back");
    other.cancel();
    assert.throws(() => main.transfer(5 as never), { name: "UsageError" });
    const returns = new State(function* () {});
    yield* main.transfer(returns);
  });
  settle();
  assert.deepEqual(printed, [
    "Cannot transfer: the next state is empty",
    "Cannot transfer: the state is not that of the running thread",
    "thrown",
    "back",
    "Cannot return from the body of a State: nobody is there to go on",
  ]);
});

Deno.test("killall() leaves a State alone, which is listed and nobody's thread", () => {
  const { threads, printed, print, settle } = world();
  threads.async(function* () {
    const here = new State();
    const there: State = new State(function* () {
      for (;;) {
        print("there");
        yield* there.transfer(here);
      }
    });
    yield* here.transfer(there);
    const other = threads.async(() => schedule());
    assert.equal(threads.list().length, 4);
    threads.killall();
    assert.deepEqual([other.isZombie, there.isZombie], [true, false]);
    yield* here.transfer(there);
    there.cancel();
  });
  settle();
  assert.deepEqual(printed, ["there", "there"]);
});
