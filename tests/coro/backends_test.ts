/** What threads promise on every backend: order, fairness with the loop, limits, errors. */
import assert from "node:assert/strict";
import type { ByteStream, Env } from "@anyevent/backends/contract";
import { ffiEnv } from "@anyevent/backends/ffi";
import { nativeEnv } from "@anyevent/backends/native";
import { nodeHost, pureEnv } from "@anyevent/backends/pure";
import { simEnv } from "@anyevent/backends/sim";
import { cede, Channel, RWLock, schedule, Scheduler, Semaphore, Signal } from "@anyevent/coro";
import { Loop } from "@anyevent/loop";

const backends: Readonly<Record<string, () => Env>> = {
  native: () => nativeEnv(),
  pure: () => pureEnv({ host: nodeHost() }),
  ...(Deno.build.os === "linux" ? { ffi: () => ffiEnv() } : {}),
  sim: () => simEnv(),
};

/** Runs `body` with a scheduler on each backend, then looks whether anything is left. */
function onEach(
  name: string,
  body: (threads: Scheduler, loop: Loop) => Promise<void>,
): void {
  for (const [backend, make] of Object.entries(backends)) {
    Deno.test(`${backend}: ${name}`, async () => {
      const loop = new Loop(make());
      const threads = new Scheduler(loop);
      const held = loop.hold();
      try {
        await body(threads, loop);
        assert.equal(threads.nready, 0);
      } finally {
        held();
        loop[Symbol.dispose]();
        loop.env.backend.dispose?.();
      }
    });
  }
}

onEach("threads that cede without end do not stop timers", async (threads, loop) => {
  let fired = 0;
  let switches = 0;
  const timer = loop.timer({ after: 0.001, interval: 0.001, cb: () => void fired++ });
  const spin = function* () {
    while (fired < 10) {
      switches++;
      yield* cede();
    }
  };
  const all = Array.from({ length: 5 }, () => threads.async(spin));
  for (const thread of all) await threads.run(thread.join());
  timer.cancel();
  assert.ok(switches > 50);
});

onEach("threads that cede without end do not stop I/O", async (threads, loop) => {
  const { net } = loop.env;
  const echoed = new Channel<string>();
  const streams: ByteStream[] = [];
  const listener = net.listen({ transport: "tcp", host: "127.0.0.1", port: 0 }, (stream) => {
    streams.push(stream);
    const buffer = new Uint8Array(100);
    loop.addIo(stream, "r", () => {
      const count = stream.tryRead(buffer);
      if (count !== null && count > 0) stream.tryWrite(buffer.subarray(0, count));
    });
  });
  net.connect(listener.address, (error, stream) => {
    assert.equal(error, undefined);
    streams.push(stream!);
    const buffer = new Uint8Array(100);
    loop.addIo(stream!, "r", () => {
      const count = stream!.tryRead(buffer);
      if (count !== null && count > 0) {
        echoed.put(new TextDecoder().decode(buffer.subarray(0, count)));
      }
    });
    stream!.tryWrite(new TextEncoder().encode("ping"));
  });
  let stop = false;
  const spinning = [1, 2, 3].map(() =>
    threads.async(function* () {
      while (!stop) yield* cede();
    })
  );
  assert.equal(await threads.run(echoed.get()), "ping");
  stop = true;
  for (const thread of spinning) await threads.run(thread.join());
  for (const stream of streams) stream.close();
  listener.close();
});

onEach("callbacks without end do not stop threads", async (threads, loop) => {
  let stop = false;
  let calls = 0;
  const again = (): void => {
    calls++;
    if (!stop) loop.postpone(again);
  };
  again();
  const thread = threads.async(function* () {
    for (let i = 0; i < 1000; i++) yield* cede();
    const lock = new Semaphore(0);
    for (let i = 0; i < 10; i++) {
      loop.postpone(() => lock.up());
      yield* lock.down();
    }
  });
  await threads.run(thread.join());
  stop = true;
  assert.ok(calls > 10);
});

onEach("an exact order of threads, locks, sleeps, limits and cancels", async (threads, loop) => {
  const printed: string[] = [];
  const print = (text: string): void => void printed.push(text);
  const lock = new Semaphore();
  const signal = new Signal();
  const rw = new RWLock();
  const channel = new Channel<string>(1);
  const worker = function* (name: string, pause: number) {
    using _held = yield* lock.guard();
    print(`${name} has the lock`);
    yield* loop.sleep(pause);
    yield* channel.put(name);
    print(`${name} is done`);
  };
  const all = ["a", "b", "c"].map((name) => threads.async(worker, name, 0.01));
  threads.async(function* () {
    try {
      yield* lock.down({ timeout: 0.005 });
    } catch (error) {
      print((error as Error).name);
    }
  });
  threads.async(function* () {
    yield* rw.wrlock();
    yield* signal.wait();
    print("signalled");
    rw.unlock();
  });
  const reader = threads.async(function* () {
    try {
      yield* rw.rdlock();
      print("reads");
      yield* schedule();
    } finally {
      print("reader cleaned up");
    }
  });
  const consumer = threads.async(function* () {
    for (let n = 0; n < 2; n++) print(`got ${yield* channel.get()}`);
    signal.send();
  });
  await threads.run(consumer.join());
  print("main");
  await threads.run(loop.sleep(0));
  all[2].cancel();
  reader.cancel();
  assert.deepEqual(printed, [
    "a has the lock",
    "TimeoutError",
    "got a",
    "a is done",
    "b has the lock",
    "got b",
    "b is done",
    "signalled",
    "main",
    "c has the lock",
    "reads",
    "reader cleaned up",
  ]);
  assert.equal(lock.count, 1);
});

onEach("a foreign thread and its safeCancel", async (threads) => {
  const printed: string[] = [];
  const thread = threads.async(async () => {
    const { signal } = threads.current;
    await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
    printed.push("aborted");
  });
  await threads.run(cede());
  thread.safeCancel("values");
  assert.deepEqual(await threads.run(thread.join()), ["values"]);
  assert.deepEqual(printed, ["aborted"]);
});
