/**
 * Receives the time from all senders it is found by.
 *
 * Run it:       deno run --allow-net=127.0.0.1 examples/receiver.ts
 * and in another terminal examples/sender.ts.
 * Permissions:  net, to listen on 127.0.0.1:4040 and to talk to the other nodes there.
 * Prints:       Received data: 1767225600.123
 *
 * It lets the sender into the mesh. For more of them start examples/seed.ts first, and each with
 * --node anon/ --bind 127.0.0.1:0 --seed 127.0.0.1:4040.
 */
import { grpReg } from "@anyevent/global";
import { port, type PortId, rcv, snd } from "@anyevent/mp";
import { Program } from "./support/program.ts";

const program = new Program({
  name: "receiver.ts",
  does: "Receives the time from the senders of its mesh and prints it.",
  permissions: "--allow-net=127.0.0.1",
  node: { node: "eg_receiver", bind: "127.0.0.1:4040" },
});

await program.start();

const receiver = port();
grpReg("eg_receivers", receiver);
rcv(receiver, {
  test: (data: number) => program.say(`Received data: ${data}`, { event: "received", data }),
  echo: (data: unknown, reply: PortId) => snd(reply, data),
});
