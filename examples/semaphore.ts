/**
 * A semaphore that is locked: main waits until a thread unlocks it.
 *
 * Run it:       deno run examples/semaphore.ts
 * Permissions:  none.
 * Prints:       trying to lock semaphore
 *               unlocking semaphore
 *               we got it!
 */
import { async, Semaphore } from "@anyevent/coro";
import { readOptions } from "./support/options.ts";

readOptions({ name: "semaphore.ts", does: "Waits for a semaphore that a thread unlocks." });

const semaphore = new Semaphore(0); // a locked semaphore

async(function* () {
  console.log("unlocking semaphore");
  semaphore.up();
});

console.log("trying to lock semaphore");
await semaphore.down();
console.log("we got it!");
