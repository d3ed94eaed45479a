/**
 * A callback that a thread waits for, as if it were a call: the end of child processes.
 *
 * Run it:       deno run --allow-run=deno examples/wait_for_child.ts
 * Permissions:  run, for the children.
 * Prints:       thread: waiting for two children
 *               main: goes on
 *               thread: the first exited with 3
 *               thread: the second exited with 0
 */
import { async, cede, rouseCb, rouseWait } from "@anyevent/coro";
import { AE } from "@anyevent/loop";
import { readOptions } from "./support/options.ts";

readOptions({
  name: "wait_for_child.ts",
  does: "Waits for child processes in a thread.",
  permissions: "--allow-run=deno",
});

function start(code: number): Deno.ChildProcess {
  return new Deno.Command("deno", { args: ["eval", `Deno.exit(${code})`], stdin: "null" }).spawn();
}

/** Its raw status: the exit code is in its second byte. */
function* waitForChild(child: Deno.ChildProcess) {
  using _watcher = AE.child(child, rouseCb());
  const [_pid, status] = yield* rouseWait();
  return Number(status) >> 8;
}

const thread = async(function* () {
  const [first, second] = [start(3), start(0)];
  console.log("thread: waiting for two children");
  console.log(`thread: the first exited with ${yield* waitForChild(first)}`);
  console.log(`thread: the second exited with ${yield* waitForChild(second)}`);
});

await cede();
console.log("main: goes on");
await thread.join();
