/**
 * Effect, Effection and nact, one row of the threads' benchmark: `coro_npm.js LIBRARY ROW SECONDS` prints
 * lines of name, tab, value: the median of batches. Runs in a folder where they are installed: see
 * `coro_npm.ts`.
 */
const [library, row, seconds] = Deno.args;
const BATCH = 2000;
const WARM_MS = 300;
const PARKED = 20_000;

const per = (count, from) => (performance.now() - from) * 1e6 / count;

async function measure(name, batch) {
  const values = [];
  const warm = performance.now() + WARM_MS;
  while (performance.now() < warm) await batch();
  const end = performance.now() + Number(seconds) * 1000;
  while (values.length < 5 || performance.now() < end) values.push(await batch());
  print(name, values);
}

function print(name, values) {
  values.sort((a, b) => a - b);
  console.log(`${name}\t${values[Math.floor(values.length / 2)]}`);
}

async function measureMemory(park) {
  globalThis.gc();
  const before = Deno.memoryUsage().heapUsed;
  // As a list: some are thenable.
  const kept = await park(PARKED);
  globalThis.gc();
  const bytes = (Deno.memoryUsage().heapUsed - before) / PARKED;
  console.log(`memory of a parked thread\t${bytes}`);
  return kept;
}

const threads = Number(/^switch-(\d+)$/.exec(row)?.[1]);
// Not a literal: what checks types must not look for packages that are not there.
const module = await import(library);
const rows = { effect, effection, nact }[library](module);
if (threads > 0 && rows.switches !== undefined) {
  await rows.switches();
} else if (row === "memory") await rows.memory?.();
else if (rows[row] !== undefined) await measure(...rows[row]);
Deno.exit(0);

function effect({ Effect, Fiber, Queue, Semaphore }) {
  const run = (body) => Effect.runPromise(Effect.gen(body));
  return {
    switches: async () => {
      const { promise, resolve } = Promise.withResolvers();
      const forEver = Effect.gen(function* () {
        for (;;) yield* Effect.yieldNow;
      });
      // Others never end: so it does not either, and measures all batches itself.
      Effect.runFork(Effect.gen(function* () {
        for (let i = 1; i < threads; i++) yield* Effect.forkChild(forEver);
        const rounds = Math.max(2, Math.ceil(20_000 / threads));
        const values = [];
        const warm = performance.now() + WARM_MS;
        const end = warm + Number(seconds) * 1000;
        while (values.length < 5 || performance.now() < end) {
          yield* Effect.yieldNow;
          const from = performance.now();
          for (let i = 0; i < rounds; i++) yield* Effect.yieldNow;
          if (performance.now() > warm) values.push(per(rounds * threads, from));
        }
        resolve(values);
      }));
      print(`thread switch, ${threads} threads`, await promise);
    },
    life: ["thread create + run + join", () =>
      run(function* () {
        const one = Effect.gen(function* () {
          return yield* Effect.succeed(1);
        });
        const from = performance.now();
        for (let i = 0; i < BATCH; i++) yield* Fiber.join(yield* Effect.forkChild(one));
        return per(BATCH, from);
      })],
    memory: () =>
      measureMemory(async (count) => {
        const fibers = [];
        for (let i = 0; i < count; i++) fibers.push(Effect.runFork(Effect.never));
        await new Promise((resolve) => setTimeout(resolve, 50));
        return fibers;
      }),
    "ping-pong": ["channel ping-pong, a message", () =>
      run(function* () {
        const there = yield* Queue.unbounded();
        const back = yield* Queue.unbounded();
        const echo = Effect.gen(function* () {
          for (let i = 0; i < BATCH; i++) yield* Queue.offer(back, yield* Queue.take(there));
        });
        yield* Effect.forkChild(echo);
        const from = performance.now();
        for (let i = 0; i < BATCH; i++) {
          yield* Queue.offer(there, i);
          yield* Queue.take(back);
        }
        return per(2 * BATCH, from);
      })],
    buffer: ["channel with buffer of 100, a message", () =>
      run(function* () {
        const queue = yield* Queue.bounded(100);
        const source = Effect.gen(function* () {
          for (let i = 0; i < 4 * BATCH; i++) yield* Queue.offer(queue, i);
        });
        yield* Effect.forkChild(source);
        const from = performance.now();
        for (let i = 0; i < 4 * BATCH; i++) yield* Queue.take(queue);
        return per(4 * BATCH, from);
      })],
    semaphore: ["semaphore down + up", () =>
      run(function* () {
        const lock = yield* Semaphore.make(1);
        const from = performance.now();
        for (let i = 0; i < 4 * BATCH; i++) {
          yield* Semaphore.take(lock, 1);
          yield* Semaphore.release(lock, 1);
        }
        return per(4 * BATCH, from);
      })],
  };
}

function effection({ createQueue, run, spawn, suspend }) {
  return {
    life: ["thread create + run + join", () =>
      run(function* () {
        const from = performance.now();
        for (let i = 0; i < BATCH; i++) {
          yield* (yield* spawn(function* () {
            return 1;
          }));
        }
        return per(BATCH, from);
      })],
    memory: () =>
      measureMemory(async (count) => {
        const task = run(function* () {
          for (let i = 0; i < count; i++) yield* spawn(suspend);
          yield* suspend();
        });
        await new Promise((resolve) => setTimeout(resolve, 50));
        return [task];
      }),
    "ping-pong": ["channel ping-pong, a message", () =>
      run(function* () {
        const there = createQueue();
        const back = createQueue();
        yield* spawn(function* () {
          for (let i = 0; i < BATCH; i++) back.add((yield* there.next()).value);
        });
        const from = performance.now();
        for (let i = 0; i < BATCH; i++) {
          there.add(i);
          yield* back.next();
        }
        return per(2 * BATCH, from);
      })],
  };
}

function nact({ dispatch, spawn, start, stop }) {
  return {
    "ping-pong": ["channel ping-pong, a message", () =>
      new Promise((resolve) => {
        const system = start();
        const from = performance.now();
        const play = (state, message, context) => {
          if (message.left === 0) {
            resolve(per(2 * BATCH, from));
            stop(system);
          } else dispatch(message.to, { to: context.self, left: message.left - 1 });
          return state;
        };
        const [a, b] = [spawn(system, play), spawn(system, play)];
        dispatch(a, { to: b, left: 2 * BATCH });
      })],
  };
}
