/**
 * The smallest program that passes a message: from a process to a port of its own.
 *
 * Run it:       deno run examples/simple_example.ts
 * Permissions:  none.
 * Prints:       Ending with: 123
 */
import { AE } from "@anyevent/loop";
import { port, rcv, snd } from "@anyevent/mp";
import { readOptions } from "./support/options.ts";

readOptions({
  name: "simple_example.ts",
  does: "Passes a message to a port of its own and prints it.",
});

const end = AE.cv<[data: number]>();
const p = port();
rcv(p, "test", (data: number) => end.send(data));
snd(p, "test", 123);
console.log(`Ending with: ${await end.recv()}`);
