/**
 * The synopsis of Perl's Coro: a thread and the main program take turns, then a lock.
 *
 * Run it:       deno run examples/synopsis.ts
 * Permissions:  none.
 * Prints:       1
 *               2
 *               3
 *               4
 *               locked
 */
import { async, cede, Semaphore } from "@anyevent/coro";
import { readOptions } from "./support/options.ts";

readOptions({
  name: "synopsis.ts",
  does: "A thread and the main program take turns, then use a lock.",
});

async(function* () {
  // some asynchronous thread of execution
  console.log("2");
  yield* cede(); // back to main
  console.log("4");
});
console.log("1");
await cede(); // to the thread
console.log("3");
await cede(); // and again

// use locking
const lock = new Semaphore();
let locked = false;

await lock.down();
locked = true;
lock.up();

if (locked) console.log("locked");
