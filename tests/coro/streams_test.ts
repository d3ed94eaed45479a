import assert from "node:assert/strict";
import {
  async,
  cede,
  Channel,
  iterate,
  produce,
  readableFrom,
  schedule,
  sleep,
  writableTo,
} from "@anyevent/coro";
import { world } from "./world.ts";

async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of source) all.push(item);
  return all;
}

Deno.test("iterate(): a thread takes what an async generator gives, errors included", async () => {
  const { threads, env, printed, print } = world();
  async function* source() {
    yield 1;
    await Promise.resolve();
    yield 2;
    throw new Error("source failed");
  }
  threads.async(function* () {
    const items = iterate(source());
    try {
      for (let next = yield* items.next(); !next.done; next = yield* items.next()) {
        print(next.value);
      }
    } catch (error) {
      print((error as Error).message);
    }
  });
  await env.backend.settle();
  assert.deepEqual(printed, ["1", "2", "source failed"]);
});

Deno.test("iterate().each() tells the source when it is left by an error, or by cancel", async () => {
  const { threads, env, printed, print } = world();
  threads.onUncaught = () => print("uncaught");
  async function* source(name: string) {
    try {
      for (let n = 0;; n++) yield n;
    } finally {
      print(`${name} over`);
    }
  }
  threads.async(() =>
    iterate(source("a")).each(function* () {
      yield* cede();
      throw new Error("left");
    })
  );
  const cancelled = threads.async(() =>
    iterate(source("b")).each(function* () {
      yield* schedule();
    })
  );
  threads.async(function* () {
    const items = iterate(source("c"));
    yield* items.next();
    yield* items.return();
    print("returned");
  });
  await env.backend.settle();
  cancelled.cancel();
  await env.backend.settle();
  assert.deepEqual([...printed].sort(), ["a over", "b over", "c over", "returned", "uncaught"]);
  assert.ok(printed.indexOf("c over") < printed.indexOf("returned"));
  assert.throws(() => iterate(5 as never), { name: "UsageError", message: /5/ });
  assert.throws(() => iterate(source("d")).each(5 as never), { name: "UsageError" });
});

Deno.test("iterate().next() with a limit gives up", async () => {
  const items = iterate(new ReadableStream<number>());
  const thread = async(() => items.next({ timeout: 0.01 }));
  await assert.rejects(async () => await thread.join(), { name: "TimeoutError" });
});

Deno.test("produce(): a thread is an async iterator, one item at a time", async () => {
  const order: string[] = [];
  const numbers = produce<number>(function* (emit) {
    for (let n = 1; n <= 3; n++) {
      order.push(`emits ${n}`);
      yield* emit(n);
      yield* sleep(0);
    }
  });
  assert.equal(order.length, 0);
  for await (const n of numbers) order.push(`got ${n}`);
  assert.deepEqual(order, ["emits 1", "got 1", "emits 2", "got 2", "emits 3", "got 3"]);
  assert.deepEqual(await numbers.next(), { done: true, value: undefined });
});

Deno.test("produce(): its error is thrown to who asks, once; leaving the loop cancels it", async () => {
  const failing = produce<number>(function* (emit) {
    yield* emit(1);
    throw new Error("failed");
  });
  assert.deepEqual(await failing.next(), { done: false, value: 1 });
  await assert.rejects(failing.next(), /failed/);
  assert.deepEqual(await failing.next(), { done: true, value: undefined });
  let cleaned = false;
  const endless = produce<number>(function* (emit) {
    try {
      for (let n = 0;; n++) yield* emit(n);
    } finally {
      cleaned = true;
    }
  });
  for await (const n of endless) if (n === 2) break;
  assert.equal(cleaned, true);
  assert.equal((await endless.next()).done, true);
  const unused = produce<number>(function* () {});
  await unused[Symbol.asyncDispose]();
  assert.equal((await unused.next()).done, true);
  assert.throws(() => produce(5 as never), { name: "UsageError", message: /5/ });
});

Deno.test("readableFrom() ends with the channel; a cancelled one takes no item from it", async () => {
  const channel = new Channel<number>();
  const reader = readableFrom(channel).getReader();
  const first = reader.read();
  const second = reader.read();
  channel.put(1);
  assert.deepEqual(await first, { done: false, value: 1 });
  await reader.cancel();
  assert.equal((await second).done, true);
  channel.put(2);
  channel.shutdown();
  assert.equal(channel.size, 1);
  assert.deepEqual(await collect(readableFrom(channel)), [2]);
  assert.throws(() => readableFrom(5 as never), { name: "UsageError", message: /5/ });
});

Deno.test("writableTo() is held up by a full channel, and ends it; its abort ends it too", async () => {
  const channel = new Channel<number>(1);
  const writer = writableTo(channel).getWriter();
  let written = false;
  const write = writer.write(1).then(() => written = true);
  await sleep(0);
  assert.equal(written, false);
  assert.equal(await channel.get(), 1);
  await write;
  await writer.close();
  assert.equal(channel.isShutdown, true);
  const other = new Channel<number>(1);
  const aborted = writableTo(other).getWriter();
  const pending = aborted.write(1);
  const closed = aborted.closed;
  // One that is under way when the stream is aborted.
  await sleep(0);
  const [result] = await Promise.allSettled([pending, closed, aborted.abort(new Error("stop"))]);
  assert.equal(result.status, "rejected");
  assert.equal(other.isShutdown, true);
  assert.throws(() => writableTo(5 as never), { name: "UsageError", message: /5/ });
});

Deno.test("threads, channels and web streams make a pipe", async () => {
  const channel = new Channel<string>(2);
  const lengths = new Channel<number>(2);
  async(function* () {
    yield* channel.each(function* (text) {
      yield* lengths.put(text.length);
    });
    lengths.shutdown();
  });
  const piped = ReadableStream.from(["a", "bb", "ccc", "dddd"]).pipeTo(writableTo(channel));
  assert.deepEqual(await collect(readableFrom(lengths)), [1, 2, 3, 4]);
  await piped;
});

Deno.test("a channel's iterator takes what is there now; each() and adjust()", () => {
  const { threads, printed, print, settle } = world();
  const channel = new Channel<number | undefined>(2);
  channel.put(1);
  threads.async(function* () {
    yield* channel.put(undefined);
    print("second put");
    yield* channel.put(3);
    print("third put");
  });
  settle();
  assert.deepEqual(channel.stats(), {
    size: 2,
    max: 2,
    getters: 0,
    putters: 1,
    isShutdown: false,
  });
  channel.adjust(1);
  settle();
  // 3 in 3: full again.
  assert.deepEqual([printed, channel.stats().max], [["second put"], 3]);
  assert.deepEqual([...channel], [1, undefined, 3]);
  settle();
  assert.deepEqual(printed, ["second put", "third put"]);
  channel.adjust(-9);
  assert.equal(channel.stats().max, 1);
  assert.throws(() => channel.adjust(0.5), { name: "UsageError", message: /0.5/ });
  assert.throws(() => channel.each(5 as never), { name: "UsageError", message: /5/ });
});

Deno.test("produce(): items are given in the order in which they were asked for", async () => {
  const asked: Promise<IteratorResult<number, undefined>>[] = [];
  const numbers = produce<number>(function* (emit) {
    for (let n = 1; n <= 20; n++) yield* emit(n);
  });
  for (let i = 0; i < 25; i++) asked.push(numbers.next());
  const got = await Promise.all(asked);
  assert.deepEqual(
    got.map(({ done, value }) => done ? "over" : value),
    [...Array.from({ length: 20 }, (_, i) => i + 1), ...new Array(5).fill("over")],
  );
  // A failure is for who asked first after it, and those behind go on.
  const failing = produce<number>(function* () {
    throw new Error("failed");
  });
  const results = await Promise.allSettled([failing.next(), failing.next(), failing.next()]);
  assert.deepEqual(results.map(({ status }) => status), ["rejected", "fulfilled", "fulfilled"]);
});

Deno.test("iterate(): a source that is not asynchronous, or gives no results, is taken as for await does", async () => {
  const source = (next: () => unknown, last?: () => unknown): AsyncIterable<number> =>
    ({
      [Symbol.asyncIterator]: () => ({ next, ...last === undefined ? {} : { return: last } }),
    }) as unknown as AsyncIterable<number>;
  const { threads, env, printed, print } = world();
  threads.onUncaught = (error) => print((error as Error).message);
  const plain = source(() => ({ done: false, value: 1 }), () => ({ done: true }));
  threads.async(() =>
    iterate(plain).each(function* () {
      throw new Error("left a plain one");
    })
  );
  threads.async(() =>
    iterate(source(() => Promise.resolve(5))).each(function* () {
      print("never");
    })
  );
  threads.async(function* () {
    yield* iterate(source(() => null)).next();
  });
  threads.async(function* () {
    yield* iterate(plain).return();
    print("told a plain one");
  });
  const failing = source(() => ({ done: false, value: 1 }), () => {
    throw new Error("return failed");
  });
  threads.async(() =>
    iterate(failing).each(function* () {
      throw new Error("left a failing one");
    })
  );
  await env.backend.settle();
  assert.deepEqual([...printed].sort(), [
    "Cannot iterate: the source gave 5, which is no result",
    "Cannot iterate: the source gave null, which is no result",
    "left a failing one",
    "left a plain one",
    "told a plain one",
  ]);
  assert.match(
    env.logged.map(({ message }) => message).join(),
    /iterate\(\) failed: .*return failed/,
  );
  assert.equal(threads.list().length, 1);
});
