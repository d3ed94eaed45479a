/**
 * The life of a thread: its arguments, its values, its clean-up, and what is left of it.
 *
 * Run it:       deno run examples/thread_life.ts
 * Permissions:  none.
 * Prints:       2
 *               hello, world
 *               return value 1 return value 2
 *               destroyed
 *               hi
 *               zombie: true, values: 1 2 3
 */
import { async, cede, Coro, guard, schedule, terminate } from "@anyevent/coro";
import { readOptions } from "./support/options.ts";

readOptions({ name: "thread_life.ts", does: "Follows threads from their creation to their end." });

// Creation: it gets arguments, and is ready to run.
async(
  function* (...args: number[]) {
    console.log(args[1]);
  },
  1,
  2,
  3,
);
await cede();

// One that is only made runs when somebody readies it.
const thread = new Coro(function* () {
  return "hello, world";
});
thread.ready();
console.log(...await thread.join());

// Termination, at any depth.
function* giveUp() {
  yield* terminate("return value 1", "return value 2");
}
const ended = async(function* () {
  yield* giveUp();
  console.log("never printed");
});
console.log(...await ended.join());

// Clean-up: however it ends, its guards run.
const blocked = async(function* () {
  using _guard = guard(() => console.log("destroyed"));
  for (;;) yield* schedule();
});
await cede();
blocked.cancel();

// A zombie keeps what it ended with, for any number of joins.
const zombie = async(function* () {
  console.log("hi");
  yield* terminate(1, 2, 3);
});
await cede();
console.log(`zombie: ${zombie.isZombie}, values: ${(await zombie.join()).join(" ")}`);
