/**
 * Two timers that print the time, until there are fifteen lines of it.
 *
 * Run it:       deno run examples/two_timers.ts
 *               ANYEVENT_BACKEND=sim deno run --allow-env=ANYEVENT_BACKEND examples/two_timers.ts
 *               (the same in virtual time, at once)
 * Permissions:  none.
 * Prints:       Mon Jun  1 10:37:34 2015
 *               Every 2 (Mon Jun  1 10:37:36 2015)
 *               Every 2 (Mon Jun  1 10:37:38 2015)
 *               Every 5 (Mon Jun  1 10:37:39 2015)
 *               …
 *               Mon Jun  1 10:37:56 2015
 */
import { AnyEvent } from "@anyevent/loop";
import { readOptions } from "./support/options.ts";

readOptions({
  name: "two_timers.ts",
  does: "Prints the time every two and every five seconds, fifteen times in all.",
});

const ENOUGH = 15;
const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** A time of day as C's `ctime` writes it. */
function ctime(seconds: number): string {
  const date = new Date(seconds * 1000);
  const two = (value: number): string => String(value).padStart(2, "0");
  const clock = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(":");
  const day = String(date.getDate()).padStart(2);
  return `${DAYS[date.getDay()]} ${MONTHS[date.getMonth()]} ${day} ${clock} ${date.getFullYear()}`;
}

const done = AnyEvent.condvar();
let lines = 0;

function every(interval: number): Disposable {
  return AnyEvent.timer({
    after: interval,
    interval,
    cb: () => {
      console.log(`Every ${interval} (${ctime(AnyEvent.now())})`);
      if (++lines === ENOUGH) done.send();
    },
  });
}

using _every2 = every(2);
using _every5 = every(5);

console.log(ctime(AnyEvent.now()));
await done.recv();
console.log(ctime(AnyEvent.now()));
