/**
 * A port that dies, and who is told why.
 *
 * Run it:       deno run examples/die.ts
 * Permissions:  none.
 * Prints:       anon/….1 was killed (with reason: die oops)
 *               anon/….2 was killed (with reason: no_such_port …)
 */
import { AE, type CondVar } from "@anyevent/loop";
import { mon, port, type PortId, snd } from "@anyevent/mp";
import { readOptions } from "./support/options.ts";

readOptions({
  name: "die.ts",
  does: "Lets two ports die of an error and prints what their monitors are told.",
});

function oops(): never {
  throw new Error("oops");
}

/** Prints why a port died; the condvar tells when that has happened. */
function watch(p: PortId): CondVar<unknown[]> {
  const told = AE.cv();
  mon(p, (...reason) => {
    console.log(`${p} was killed (with reason: ${reason.join(" ")})`);
    told.send();
  });
  return told;
}

// Monitored before its code throws: the monitor gets the error.
const first = port(oops);
const told = watch(first);
snd(first);
await told.recv();

// Monitored when it is dead already: all that can be said is that there is no such port.
const second = port(oops);
const dead = AE.cv();
mon(second, dead);
snd(second);
await dead.recv();
await watch(second).recv();
