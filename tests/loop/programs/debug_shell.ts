/**
 * A program with a debug shell at a Unix socket, asked by two clients: `deno run … debug_shell.ts native|pure|ffi
 * PATH`; prints what it sees, and ends while a third one is connected.
 */
import { ffiEnv } from "@anyevent/backends/ffi";
import { nativeEnv } from "@anyevent/backends/native";
import { nodeHost, pureEnv } from "@anyevent/backends/pure";
import { debugOf, type Env, Loop } from "@anyevent/loop";
import { ask, connect } from "../debug/support.ts";

const ENVS: Readonly<Record<string, () => Env>> = {
  native: nativeEnv,
  ffi: ffiEnv,
  pure: () => pureEnv({ host: nodeHost() }),
};

const [kind, path] = Deno.args;
const loop = new Loop(ENVS[kind]());
const shell = debugOf(loop).shell(path);
const { address } = shell;
if (address.transport !== "unix") throw new Error("not a Unix socket");
console.log("at", address.path.replace(String(Deno.pid), "PID"));
const answers = await Promise.all([ask(loop, address, "w 3"), ask(loop, address, "w 4")]);
for (const answer of answers) console.log(answer);
while ((Deno.lstatSync(address.path).mode! & 0o777) !== 0o600) await loop.sleep(0.001);
console.log("restricted");
const client = await connect(loop, address);
await client.read("line");
client.unref();
console.log("sessions", shell.sessions, "held", loop.stats().held);
