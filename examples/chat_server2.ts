/**
 * The chat server of the bridge-head kind: it has no port of its own, each client makes one here.
 *
 * Run it:       deno run --allow-net=127.0.0.1 examples/chat_server2.ts
 * with examples/seed.ts running, then examples/chat_client2.ts NICK in other terminals.
 * Permissions:  net, to listen on 127.0.0.1 and to talk to the other nodes there.
 * Prints:       server ready.
 *               relaying: alice (joins)
 *               relaying: alice: hello
 *               relaying: alice (quits, shutdown)
 */
import { grpReg } from "@anyevent/global";
import { mon, NODE, type PortId, rcv, register, snd } from "@anyevent/mp";
import { Program } from "./support/program.ts";

const program = new Program({
  name: "chat_server2.ts",
  does: "Relays what each chat client says to all of them; clients spawn their server half here.",
  permissions: "--allow-net=127.0.0.1",
  node: { node: "anon/", bind: "127.0.0.1:0", seed: "127.0.0.1:4040" },
});

const clients = new Set<PortId>();

function relay(text: string): void {
  program.say(`relaying: ${text}`, { event: "relaying", text, to: clients.size });
  for (const client of clients) snd(client, text);
}

// Run by `spawn`, in the context of the new port.
register("::client_connect", function (client: PortId, nick: string) {
  mon(client);
  mon(client, (...reason) => {
    clients.delete(client);
    relay(`${nick} (quits, ${reason.join(" ")})`);
  });
  clients.add(client);
  relay(`${nick} (joins)`);
  rcv(this.self, (text: string) => relay(`${nick}: ${text}`));
});

await program.start();

// Not a port but the node: all that clients need to know is where to spawn.
grpReg("eg_chat_server2", NODE());

program.note("server ready.", { event: "serving" });
