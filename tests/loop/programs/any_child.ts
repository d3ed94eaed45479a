// A watcher of any child: it hears of children that others watch or that were only registered.
import { AE, defaultLoop } from "@anyevent/loop";
import { registerChild } from "@anyevent/backends/native";

function spawn(code: number): Deno.ChildProcess {
  const args = [
    "eval",
    "--no-config",
    `await Deno.stdin.readable.getReader().read(); Deno.exit(${code})`,
  ];
  return new Deno.Command("deno", { args, stdin: "piped" }).spawn();
}

const held = (): void => console.log("held", defaultLoop().stats().held);
let ended: Deno.ChildProcess[] = [];
AE.child(0, (_pid, status) => {
  console.log(status);
  // One after the other, so that the order is known.
  const next = ended.shift();
  if (next === undefined) AE.postpone(held);
  else next.stdin.close();
});
held();
const one = registerChild(spawn(3));
const two = spawn(4);
registerChild(two);
held();
ended = [two];
one.stdin.close();
