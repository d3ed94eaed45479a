import assert from "node:assert/strict";
import { cede, Channel, Signal } from "@anyevent/coro";
import { world } from "./world.ts";

Deno.test("put() and get(): first in, first out; any value is an item", () => {
  const { threads, printed, print, settle } = world();
  const channel = new Channel<unknown>();
  for (const item of [undefined, null, 0]) channel.put(item);
  assert.equal(channel.size, 3);
  threads.async(function* () {
    for (let i = 0; i < 3; i++) print(yield* channel.get());
    print(yield* channel.get());
  });
  settle();
  assert.deepEqual(printed, ["undefined", "null", "0"]);
  channel.put("last");
  settle();
  assert.deepEqual(printed.at(-1), "last");
});

Deno.test("a size of n stores n - 1 items without blocking", () => {
  for (const max of [1, 2, 3]) {
    const { threads, printed, print, settle } = world();
    const channel = new Channel<number>(max);
    threads.async(function* () {
      for (let i = 1; i <= 4; i++) {
        yield* channel.put(i);
        print(i);
      }
    });
    settle();
    assert.equal(printed.length, max - 1);
    assert.equal(channel.size, max);
    const taken: unknown[] = [];
    threads.async(function* () {
      taken.push(yield* channel.get());
    });
    settle();
    assert.deepEqual(taken, [1]);
    assert.equal(printed.length, Math.min(max, 4));
  }
});

Deno.test("each get() releases one blocked put(), in order", () => {
  const { threads, printed, print, settle } = world();
  const channel = new Channel<string>(1);
  for (const name of ["a", "b"]) {
    threads.async(function* () {
      yield* channel.put(name);
      print(`${name} released`);
    });
  }
  settle();
  assert.deepEqual([channel.size, printed], [2, []]);
  for (const expected of [["a released"], ["a released", "b released"]]) {
    threads.async(() => channel.get());
    settle();
    assert.deepEqual(printed, expected);
  }
});

Deno.test("a put() that is cancelled leaves its item behind, and disturbs no other", () => {
  const { threads, printed, print, settle } = world();
  const channel = new Channel<string>(1);
  const [a] = ["a", "b", "c"].map((name) =>
    threads.async(function* () {
      yield* channel.put(name);
      print(`${name} released`);
    })
  );
  settle();
  a.cancel();
  threads.async(function* () {
    print(yield* channel.get());
  });
  settle();
  assert.deepEqual(printed, ["a", "b released"]);
  assert.equal(channel.size, 2);
});

Deno.test("a get() that is cancelled after it was woken passes its item on", () => {
  const { threads, printed, print, settle } = world();
  const channel = new Channel<string>();
  const [a, b] = ["a", "b", "c"].map((name) =>
    threads.async(function* () {
      print(`${name} ${yield* channel.get()}`);
    })
  );
  settle();
  a.cancel();
  channel.put("item");
  b.cancel();
  settle();
  assert.deepEqual(printed, ["c item"]);
});

Deno.test("shutdown() wakes all who wait; queued and later items are still delivered", () => {
  const { threads, printed, print, settle } = world();
  const channel = new Channel<string>();
  for (const name of ["a", "b"]) {
    threads.async(function* () {
      print(`${name} ${yield* channel.get()}`);
    });
  }
  settle();
  channel.shutdown();
  channel.shutdown();
  settle();
  assert.deepEqual(printed, ["a undefined", "b undefined"]);
  channel.put("later");
  threads.async(function* () {
    print(JSON.stringify([yield* channel.next(), yield* channel.next(), channel.size]));
  });
  settle();
  assert.equal(printed.at(-1), '[{"done":false,"value":"later"},{"done":true},0]');
  assert.equal(channel.isShutdown, true);
});

Deno.test("for await over a channel ends at shutdown, with undefined as an item", async () => {
  const channel = new Channel<number | undefined>();
  for (const item of [1, undefined, 3]) channel.put(item);
  channel.shutdown();
  const got: unknown[] = [];
  for await (const item of channel) got.push(item);
  assert.deepEqual(got, [1, undefined, 3]);
});

Deno.test("new Channel() checks its size", () => {
  assert.throws(() => new Channel(-1), { name: "UsageError", message: /-1/ });
  assert.throws(() => new Channel(0.5), { name: "UsageError", message: /0\.5/ });
});

Deno.test("Signal: send() wakes one in order, broadcast() all; one signal is remembered", () => {
  const { threads, printed, print, settle } = world();
  const signal = new Signal();
  const waiter = (name: string) =>
    threads.async(function* () {
      yield* signal.wait();
      print(name);
    });
  signal.send();
  signal.send();
  waiter("remembered");
  const a = waiter("a");
  waiter("b");
  settle();
  assert.deepEqual([printed, signal.awaited], [["remembered"], 2]);
  a.ready();
  settle();
  assert.equal(printed.length, 1);
  signal.send();
  settle();
  assert.deepEqual(printed, ["remembered", "a"]);
  waiter("c");
  settle();
  signal.broadcast();
  settle();
  assert.deepEqual(printed, ["remembered", "a", "b", "c"]);
  signal.send();
  signal.broadcast();
  waiter("d");
  settle();
  assert.equal(signal.awaited, 1);
});

Deno.test("Signal: a waiter that is cancelled swallows no signal", () => {
  const { threads, printed, print, settle } = world();
  const signal = new Signal();
  const [a, b] = ["a", "b", "c"].map((name) =>
    threads.async(function* () {
      yield* signal.wait();
      yield* cede();
      print(name);
    })
  );
  settle();
  a.cancel();
  signal.send();
  b.cancel();
  settle();
  assert.deepEqual(printed, ["c"]);
});
