/**
 * Three threads that wait for their turn.
 *
 * Run it:       deno run examples/three_threads.ts
 * Permissions:  none.
 * Prints:       1
 *               2
 *               3
 */
import { async, cede } from "@anyevent/coro";
import { readOptions } from "./support/options.ts";

readOptions({ name: "three_threads.ts", does: "Three threads, each of which prints a number." });

for (const number of [1, 2, 3]) {
  async(function* () {
    console.log(number);
    yield* cede();
  });
}

// Without this main would have ended first; the threads would have run after it.
await cede();
