/**
 * Threads that pass data through a channel: two that write, and one that reads until there is no more.
 *
 * Run it:       deno run examples/channel.ts
 * Permissions:  none.
 * Prints:       reader: waiting
 *               red: some piece of data
 *               blue: some piece of data
 *               reader: got some piece of data of red
 *               reader: got some piece of data of blue
 *               red: another piece of data
 *               blue: another piece of data
 *               reader: got another piece of data of red
 *               reader: got another piece of data of blue
 *               reader: nothing left
 */
import { async, Channel } from "@anyevent/coro";
import { readOptions } from "./support/options.ts";

readOptions({ name: "channel.ts", does: "Two threads write to a channel that a third one reads." });

const channel = new Channel<string>(1);

const reader = async(function* () {
  console.log("reader: waiting");
  // Blocks, and so lets others run, until there is something.
  for (let data = yield* channel.get(); data !== undefined; data = yield* channel.get()) {
    console.log(`reader: got ${data}`);
  }
  console.log("reader: nothing left");
});

function* write(name: string) {
  for (const piece of ["some piece of data", "another piece of data"]) {
    console.log(`${name}: ${piece}`);
    yield* channel.put(`${piece} of ${name}`);
  }
}

const writers = ["red", "blue"].map((name) => async(write, name));
for (const writer of writers) await writer.join();
channel.shutdown();
await reader.join();
