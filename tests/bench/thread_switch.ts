/**
 * What threads cost: a switch, a life, a semaphore, a channel. Run by itself it prints a table.
 */
import { async, cede, Channel, type Coro, Scheduler, Semaphore } from "@anyevent/coro";
import { Loop } from "@anyevent/loop";
import { manualEnv } from "../support/manual_env.ts";

/** One thing measured. */
export interface BenchCase {
  /** What. */
  readonly name: string;
  /** Of what `run` returns. */
  readonly unit: string;
  /** Measures once. */
  run(): number;
}

/** Runs a loop's turns until everything is done, so that nothing but threads is measured. */
function measure(count: number, setUp: (threads: Scheduler) => () => boolean): number {
  const env = manualEnv();
  const threads = new Scheduler(new Loop(env));
  const done = setUp(threads);
  const from = performance.now();
  // A batch that was used up waits for the clock.
  while (!done()) if (!env.backend.turn()) env.backend.advance(0.002);
  return (performance.now() - from) * 1e6 / count;
}

function allEnded(all: readonly Coro[]): () => boolean {
  return () => all.every((thread) => thread.isZombie);
}

function switches(threadCount: number, total: number): number {
  const rounds = Math.ceil(total / threadCount);
  return measure(rounds * threadCount, (threads) => {
    function* body(): ReturnType<typeof cedeMany> {
      yield* cedeMany(rounds);
    }
    return allEnded(Array.from({ length: threadCount }, () => threads.async(body)));
  });
}

function* cedeMany(rounds: number) {
  for (let i = 0; i < rounds; i++) yield* cede();
}

function switchesFlat(threadCount: number, total: number): number {
  const rounds = Math.ceil(total / threadCount);
  return measure(rounds * threadCount, (threads) => {
    const body = () => cedeMany(rounds);
    return allEnded(Array.from({ length: threadCount }, () => threads.async(body)));
  });
}

/** All of them. */
export const cases: readonly BenchCase[] = [
  { name: "thread switch, 2 threads", unit: "ns", run: () => switchesFlat(2, 3e6) },
  { name: "thread switch, 1000 threads", unit: "ns", run: () => switchesFlat(1000, 3e6) },
  { name: "thread switch, 100000 threads", unit: "ns", run: () => switchesFlat(100_000, 1e6) },
  { name: "thread switch, one yield* deeper", unit: "ns", run: () => switches(2, 3e6) },
  {
    name: "thread create + run + join",
    unit: "ns",
    run: () =>
      measure(3e5, (threads) => {
        const parent = threads.async(function* () {
          function* body() {
            return 1;
          }
          for (let i = 0; i < 3e5; i++) yield* async(body).join();
        });
        return () => parent.isZombie;
      }),
  },
  {
    name: "semaphore down + up",
    unit: "ns",
    run: () =>
      measure(3e6, (threads) => {
        const lock = new Semaphore();
        const thread = threads.async(function* () {
          for (let i = 0; i < 3e6; i++) {
            yield* lock.down();
            lock.up();
          }
        });
        return () => thread.isZombie;
      }),
  },
  {
    name: "channel ping-pong, a message",
    unit: "ns",
    run: () =>
      measure(1e6, (threads) => {
        const there = new Channel<number>();
        const back = new Channel<number>();
        threads.async(function* () {
          for (let i = 0; i < 5e5; i++) {
            yield* there.get();
            yield* back.put(i);
          }
        });
        const thread = threads.async(function* () {
          for (let i = 0; i < 5e5; i++) {
            yield* there.put(i);
            yield* back.get();
          }
        });
        return () => thread.isZombie;
      }),
  },
  {
    name: "channel with buffer of 100, a message",
    unit: "ns",
    run: () =>
      measure(2e6, (threads) => {
        const channel = new Channel<number>(100);
        threads.async(function* () {
          for (let i = 0; i < 2e6; i++) yield* channel.put(i);
        });
        const thread = threads.async(function* () {
          for (let i = 0; i < 2e6; i++) yield* channel.get();
        });
        return () => thread.isZombie;
      }),
  },
];

if (import.meta.main) {
  for (const one of cases) {
    one.run();
    const runs = Array.from({ length: 3 }, () => one.run()).sort((a, b) => a - b);
    console.log(`${one.name.padEnd(40)} ${runs[1].toFixed(1).padStart(8)} ${one.unit}`);
  }
}
