/**
 * Three threads with descriptions; the third one lists all of them.
 *
 * Run it:       deno run examples/thread_listing.ts
 * Permissions:  none.
 * Prints:       1
 *               2
 *               3
 *                                PID SC  RSS USES Description              Where
 *                                  0 R-    -    0 [main::]                 -
 *                                  1 R-    -    1 numero uno               [thread_listing.ts:23]
 *                                  2 R-    -    1 numero dos               [thread_listing.ts:28]
 *                                  3 U-    -    1 numero tres              [thread_listing.ts:33]
 */
import { async, cede, current, Debug } from "@anyevent/coro";
import { readOptions } from "./support/options.ts";

readOptions({ name: "thread_listing.ts", does: "Lists the threads of a program from inside it." });

async(function* () {
  current().desc = "numero uno";
  console.log("1");
  yield* cede();
});
async(function* () {
  current().desc = "numero dos";
  console.log("2");
  yield* cede();
});
async(function* () {
  current().desc = "numero tres";
  console.log("3");
  console.log(Debug.command("ps"));
  yield* cede();
});

await cede();
