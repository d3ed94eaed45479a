/** Many threads: what upstream's t/15 tries, no growth, no lost wake-up. */
import assert from "node:assert/strict";
import { memoryUsage } from "node:process";
import {
  cede,
  Channel,
  type Coro,
  RWLock,
  schedule,
  Semaphore,
  SemaphoreSet,
  Signal,
  type WaitOptions,
} from "@anyevent/coro";
import { seededRandom } from "@anyevent/backends/contract";
import { type World, world } from "./world.ts";

Deno.test("t/15: waiters of a semaphore are cancelled and thrown into while it goes up and down", () => {
  const { threads, settle } = world();
  threads.onUncaught = () => undefined;
  const lock = new Semaphore(0);
  let acquired = 0;
  let given = 0;
  const waiting: Coro[] = [];
  const random = numbers(15);
  for (let round = 0; round < 3000; round++) {
    waiting.push(threads.async(function* () {
      yield* lock.down();
      acquired++;
    }));
    if (random(3) === 0) {
      lock.up();
      given++;
    }
    const victim = waiting[random(waiting.length)];
    // Also those that were woken and have not run, and those that have not begun.
    if (random(4) === 0) victim.cancel();
    if (random(4) === 0) victim.throw(new Error("thrown"));
    if (random(2) === 0) settle();
  }
  settle();
  const alive = waiting.filter((thread) => !thread.isZombie);
  assert.equal(lock.count, given - acquired);
  assert.ok(lock.count === 0 || alive.length === 0, "a wake-up was lost");
  assert.equal(lock.waiters, alive.length);
  for (let i = 0; i < alive.length; i++) lock.up();
  settle();
  assert.ok(alive.every((thread) => thread.isZombie));
  assert.equal(lock.stats().woken, 0);
});

/** Whole numbers below a limit, the same for the same seed. */
function numbers(seed: number): (limit: number) => number {
  const random = seededRandom(seed);
  return (limit) => {
    const [n] = random.bytes(1);
    return n % limit;
  };
}

interface Primitive {
  readonly wait: (options?: WaitOptions) => { [Symbol.iterator](): Iterator<never, unknown> };
  readonly give: () => void;
  /** Nobody waits although there is something to have. */
  readonly check: () => boolean;
}

function primitives(): Record<string, () => Primitive> {
  return {
    semaphore: () => {
      const one = new Semaphore(0);
      return {
        wait: (options) => one.down(options) as never,
        give: () => one.up(),
        check: () => one.count <= 0 || one.waiters === 0,
      };
    },
    "semaphore set": () => {
      const one = new SemaphoreSet<number>(0);
      return {
        wait: (options) => one.down(1, options) as never,
        give: () => one.up(1),
        check: () => one.count(1) <= 0 || one.waiters(1) === 0,
      };
    },
    signal: () => {
      const one = new Signal();
      return {
        wait: (options) => one.wait(options) as never,
        give: () => one.send(),
        check: () => !one.stats().remembered || one.awaited === 0,
      };
    },
    channel: () => {
      const one = new Channel<number>();
      return {
        wait: (options) => one.get(options) as never,
        give: () => void one.put(1),
        check: () => one.size === 0 || one.stats().getters === 0,
      };
    },
    "rwlock": () => {
      const one = new RWLock();
      let writes = false;
      return {
        wait: (options) => {
          writes = !writes;
          return (writes ? one.wrlock(options) : one.rdlock(options)) as never;
        },
        give: () => {
          const { readers, writer } = one.stats();
          if (readers > 0 || writer) one.unlock();
        },
        check: () => {
          const { readers, writer, waitingReaders, waitingWriters } = one.stats();
          return readers > 0 || writer || waitingReaders + waitingWriters === 0;
        },
      } as Primitive;
    },
  };
}

/** One after the other, anything that may happen to those who wait. */
function torment(w: World, one: Primitive, seed: number): void {
  const random = numbers(seed);
  w.threads.onUncaught = () => undefined;
  const all: Coro[] = [];
  for (let step = 0; step < 60; step++) {
    const target = all[random(Math.max(1, all.length))];
    switch (random(12)) {
      case 0:
      case 1:
      case 2:
        all.push(w.threads.async(() => one.wait() as never));
        break;
      case 3:
        all.push(w.threads.async(() => one.wait({ timeout: random(3) / 10 }) as never));
        break;
      case 4:
      case 5:
      case 6:
        one.give();
        break;
      case 7:
        target?.cancel();
        break;
      case 8:
        target?.throw(new Error("thrown"));
        break;
      case 9:
        target?.ready();
        break;
      case 10:
        if (target !== undefined) target.safeCancel();
        break;
      case 11:
        w.env.backend.advance(0.1);
    }
    if (random(2) === 0) w.settle();
  }
  w.env.backend.advance(1);
  w.settle();
  assert.ok(one.check(), `a wake-up was lost with seed ${seed}`);
  for (const thread of all) thread.cancel();
  assert.equal(w.threads.nready, 0);
  assert.equal(w.env.backend.stats().timers, 0);
}

for (const [name, make] of Object.entries(primitives())) {
  Deno.test(`${name}: no wake-up is lost, whatever becomes of those who wait`, () => {
    for (let seed = 1; seed <= 600; seed++) torment(world(), make(), seed);
  });
}

/** Bytes in use. */
function heapUsed(): number {
  return memoryUsage().heapUsed;
}

Deno.test("a million threads made and ended keep the heap flat", () => {
  const { threads, settle } = world();
  const lock = new Semaphore();
  function* body(n: number) {
    yield* lock.down();
    lock.up();
    return n;
  }
  const some = (): void => {
    for (let i = 0; i < 25_000; i++) threads.async(body, i);
    settle();
  };
  some();
  let least = Infinity;
  const from = heapUsed();
  for (let i = 0; i < 39; i++) {
    some();
    least = Math.min(least, heapUsed());
  }
  // 25,000 threads at once take more than 5 MB; a leak of one object each would be 40 MB.
  assert.ok(least - from < 30e6, `${(least - from) / 1e6} MB more`);
  assert.equal(threads.list().length, 1);
});

Deno.test("100,000 blocked threads end in any order, and cost little each", () => {
  const { threads, settle } = world();
  const channel = new Channel<number>();
  function* body() {
    yield* channel.get();
  }
  const all = Array.from({ length: 100_000 }, () => threads.async(body));
  settle();
  assert.equal(channel.stats().getters, 100_000);
  for (let i = 0; i < all.length; i += 2) all[i].cancel();
  for (let i = 0; i < 50_000; i++) channel.put(i);
  settle();
  assert.ok(all.every((thread) => thread.isZombie));
  assert.deepEqual([channel.size, channel.stats().getters], [0, 0]);
});

Deno.test("jobs without end in the pool use few threads", () => {
  const { threads, settle } = world();
  const seen = new Set<Coro>();
  for (let round = 0; round < 1000; round++) {
    for (let i = 0; i < 4; i++) {
      seen.add(threads.asyncPool(function* () {
        yield* cede();
      }));
    }
    settle();
  }
  assert.equal(seen.size, 4);
  for (const thread of seen) thread.cancel();
});

Deno.test("a chain of 10,000 threads that join each other unwinds", () => {
  const { threads, settle } = world();
  let last: Coro = threads.async(() => schedule());
  const first = last;
  for (let i = 0; i < 10_000; i++) {
    const before = last;
    last = threads.async(() => before.join());
  }
  settle();
  first.cancel();
  settle();
  assert.equal(last.isZombie, true);
});
