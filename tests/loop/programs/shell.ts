/** Runs commands of the shell, on the backend that is named, and ends by itself. */
import { AnyEvent, Collector, runCmd } from "@anyevent/loop";

AnyEvent.use(Deno.args[0]);
const out = new Collector();
const err = new Collector();
const both = await runCmd("echo 1 >&2; echo 2", { stdout: out, stderr: err }).recv();
console.log(out.text.trim(), err.text.trim());
console.log(both);
await runCmd("echo to stdout").recv();
console.log("ends", await runCmd("exit 2").recv());
console.log("missing", await runCmd(["none-such-program"]).recv());
console.log("not executable", await runCmd(["./deno.json"]).recv());
