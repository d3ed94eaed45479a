/**
 * One row of the threads' benchmark, in a process of its own so that no row spoils another one's machine
 * code: `coro_child.ts ROW SECONDS` prints lines of name, tab, value.
 *
 * Threads run on the default scheduler and the native loop, as in a program. Each row is measured in batches
 * for so many seconds, after a warm-up in which it is compiled; the value is the median batch.
 */
import {
  async,
  asyncPool,
  cede,
  Channel,
  type Coro,
  onEnter,
  onLeave,
  schedule,
  Semaphore,
} from "@anyevent/coro";
import { type Batch, measure, per } from "./measure.ts";

/** Small: most batches of about a millisecond are over before something else gets the processor. */
const BATCH = 2000;
const PARKED = 100_000;

function* cedeForEver() {
  for (;;) yield* cede();
}

/** A thread that gives way lets each of the others run once: so many switches is one turn of it. */
function switches(threads: number): Batch {
  for (let i = 1; i < threads; i++) async(cedeForEver);
  const rounds = Math.max(2, Math.ceil(20_000 / threads));
  const body = function* () {
    yield* cede();
    const from = performance.now();
    for (let i = 0; i < rounds; i++) yield* cede();
    return per(rounds * threads, from);
  };
  return async () => ({ [`thread switch, ${threads} threads`]: (await async(body).join())[0] });
}

function* deeper() {
  yield* cede();
}

function* deeperForEver() {
  for (;;) yield* deeper();
}

function deep(): Batch {
  async(deeperForEver);
  return async () => {
    const [value] = await async(function* () {
      yield* cede();
      const from = performance.now();
      for (let i = 0; i < 5 * BATCH; i++) yield* deeper();
      return per(10 * BATCH, from);
    }).join();
    return { "thread switch, one yield* deeper": value };
  };
}

function* one() {
  return 1;
}

async function life(): Promise<Record<string, number>> {
  const [value] = await async(function* () {
    const from = performance.now();
    for (let i = 0; i < BATCH; i++) yield* async(one).join();
    return per(BATCH, from);
  }).join();
  return { "thread create + run + join": value };
}

/** What starts a thread, and lets it run. */
async function lifeOf(make: (body: typeof one) => unknown): Promise<number> {
  const [value] = await async(function* () {
    const from = performance.now();
    for (let i = 0; i < BATCH; i++) {
      make(one);
      yield* cede();
    }
    return per(BATCH, from);
  }).join();
  return value;
}

async function pool(): Promise<Record<string, number>> {
  const fresh = await lifeOf(async);
  const pooled = await lifeOf(asyncPool);
  return {
    "async + run": fresh,
    "async_pool + run": pooled,
    "async / async_pool": fresh / pooled,
  };
}

function* park() {
  for (;;) yield* schedule();
}

async function memory(): Promise<Record<string, number>> {
  const { gc } = globalThis as { readonly gc?: () => void };
  if (gc === undefined) throw new Error("run with --v8-flags=--expose-gc");
  const threads: Coro[] = [];
  // What grows by powers of two is at its size.
  for (let i = 0; i < PARKED; i++) threads.push(async(one));
  await cede();
  threads.length = 0;
  gc();
  const before = Deno.memoryUsage().heapUsed;
  for (let i = 0; i < PARKED; i++) async(park);
  await cede();
  gc();
  const bytes = (Deno.memoryUsage().heapUsed - before) / PARKED;
  return { "memory of a parked thread": bytes };
}

async function pingPong(): Promise<Record<string, number>> {
  const there = new Channel<number>();
  const back = new Channel<number>();
  async(function* () {
    for (let i = 0; i < BATCH; i++) {
      yield* there.get();
      yield* back.put(i);
    }
  });
  const [value] = await async(function* () {
    const from = performance.now();
    for (let i = 0; i < BATCH; i++) {
      yield* there.put(i);
      yield* back.get();
    }
    return per(2 * BATCH, from);
  }).join();
  return { "channel ping-pong, a message": value };
}

async function buffered(): Promise<Record<string, number>> {
  const channel = new Channel<number>(100);
  async(function* () {
    for (let i = 0; i < 4 * BATCH; i++) yield* channel.put(i);
  });
  const [value] = await async(function* () {
    const from = performance.now();
    for (let i = 0; i < 4 * BATCH; i++) yield* channel.get();
    return per(4 * BATCH, from);
  }).join();
  return { "channel with buffer of 100, a message": value };
}

async function semaphore(): Promise<Record<string, number>> {
  const lock = new Semaphore();
  const [value] = await async(function* () {
    const from = performance.now();
    for (let i = 0; i < 4 * BATCH; i++) {
      yield* lock.down();
      lock.up();
    }
    return per(4 * BATCH, from);
  }).join();
  return { "semaphore down + up": value };
}

let entered = 0;

function* wound(rounds: number) {
  using _enter = onEnter(() => void (entered = 1));
  using _leave = onLeave(() => void (entered = 0));
  for (let i = 0; i < rounds; i++) yield* cede();
}

function* plain(rounds: number) {
  for (let i = 0; i < rounds; i++) yield* cede();
}

async function twoOf(body: typeof plain): Promise<number> {
  const from = performance.now();
  const threads = [async(body, 5 * BATCH), async(body, 5 * BATCH)];
  for (const thread of threads) await thread.join();
  return per(10 * BATCH, from);
}

async function winders(): Promise<Record<string, number>> {
  const without = await twoOf(plain);
  const withBlocks = await twoOf(wound);
  if (entered !== 0) throw new Error("a leave block did not run");
  return {
    "switch with on_enter and on_leave": withBlocks,
    "switch with them / without": withBlocks / without,
  };
}

const ROWS: Readonly<Record<string, () => Batch>> = {
  deep,
  life: () => life,
  pool: () => pool,
  memory: () => memory,
  "ping-pong": () => pingPong,
  buffer: () => buffered,
  semaphore: () => semaphore,
  winders: () => winders,
};

if (import.meta.main) {
  const [row, seconds] = Deno.args;
  const threads = /^switch-(\d+)$/.exec(row)?.[1];
  if (row === "memory") {
    for (const [name, value] of Object.entries(await memory())) console.log(`${name}\t${value}`);
  } else {
    await measure(Number(seconds), threads === undefined ? ROWS[row]() : switches(Number(threads)));
  }
  // Threads that never end.
  Deno.exit(0);
}
