/**
 * Counts primes, first on one core, then on all of them, while another thread ticks if it can.
 *
 * Run it:       deno run examples/multicore.ts
 * Permissions:  none.
 * Prints:       one core:    216816 primes below 3000000 in 1.06 s, 0 ticks meanwhile
 *               all cores:   216816 primes below 3000000 in 0.55 s, 53 ticks meanwhile
 *               1.9 times as fast
 */
import { async, Multicore, multicore, sleep, type ThreadSteps } from "@anyevent/coro";
import { AnyEvent, UsageError } from "@anyevent/loop";
import { type About, readOptions, refuse } from "./support/options.ts";

const ABOUT: About = {
  name: "multicore.ts",
  does: "Counts primes on one core and on all of them.",
  options: { to: { value: "NUMBER", help: "below which number (3000000)" } },
};
const PARTS = 24;

const { values } = readOptions(ABOUT);
const to = Number(values.to ?? 3_000_000);
if (!(to > 0)) refuse(ABOUT, new UsageError(`--to "${values.to}" is not a number`));

const countPrimes = multicore((from: number, to: number): number => {
  let count = 0;
  for (let n = Math.max(2, from); n < to; n++) {
    let prime = true;
    for (let d = 2; d * d <= n && prime; d++) prime = n % d !== 0;
    if (prime) count++;
  }
  return count;
});

/** Counts all parts at the same time, as far as they can. */
function* count(): ThreadSteps<number> {
  const parts = Array.from({ length: PARTS }, (_, part) =>
    async(function* () {
      const edge = (at: number): number => Math.floor(to * at / PARTS);
      return yield* countPrimes(edge(part), edge(part + 1));
    }));
  let sum = 0;
  for (const part of parts) sum += (yield* part.join())[0];
  return sum;
}

function* measure(name: string): ThreadSteps<number> {
  let ticks = 0;
  const ticker = async(function* () {
    while (true) {
      yield* sleep(0.01);
      ticks++;
    }
  });
  const start = AnyEvent.time();
  const primes = yield* count();
  const seconds = AnyEvent.time() - start;
  ticker.cancel();
  const took = `in ${seconds.toFixed(2)} s, ${ticks} ticks meanwhile`;
  console.log(`${name.padEnd(12)} ${primes} primes below ${to} ${took}`);
  return seconds;
}

const thread = async(function* () {
  Multicore.enable(false);
  const slow = yield* measure("one core:");
  Multicore.enable(true);
  const fast = yield* measure("all cores:");
  console.log(`${(slow / fast).toFixed(1)} times as fast`);
});
await thread.join();
Multicore.stop();
