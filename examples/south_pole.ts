/**
 * A thread that keeps a global setting to itself: the time zone, which is its own whenever it runs.
 *
 * Run it:       deno run --allow-env=TZ examples/south_pole.ts
 * Permissions:  env, for the time zone.
 * Prints:       main: UTC
 *               thread: Antarctica/South_Pole
 *               main: UTC
 *               thread: Antarctica/South_Pole
 *               main: UTC
 */
import { async, cede, onEnter, onLeave } from "@anyevent/coro";
import { readOptions } from "./support/options.ts";

readOptions({
  name: "south_pole.ts",
  does: "Gives a thread a time zone of its own.",
  permissions: "--allow-env=TZ",
});

function say(who: string): void {
  console.log(`${who}: ${Deno.env.get("TZ")}`);
}

Deno.env.set("TZ", "UTC");
say("main");

const thread = async(function* () {
  let outside = ""; // the time zone of all others
  using _enter = onEnter(() => {
    outside = Deno.env.get("TZ") ?? "";
    Deno.env.set("TZ", "Antarctica/South_Pole");
  });
  using _leave = onLeave(() => Deno.env.set("TZ", outside));

  // At this place it is that of the south pole, without disturbing any other thread.
  say("thread");
  yield* cede();
  say("thread");
});

await cede();
say("main");
await thread.join();
say("main");
