/** A program that uses workers, and stops nothing: it ends by itself, without any permission. */
import { async, Multicore, multicore } from "@anyevent/coro";

const square = multicore((n: number) => n * n);
const thread = async(function* () {
  return yield* square(12);
});
console.log(...await thread.join(), await square(2), Multicore.stats().workers > 0);
