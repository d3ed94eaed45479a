/**
 * A chat server: relays what each client says to all of them.
 *
 * Run it:       deno run --allow-net=127.0.0.1 examples/chat_server.ts
 * with examples/seed.ts running, then examples/chat_client.ts NICK in other terminals.
 * Permissions:  net, to listen on 127.0.0.1 and to talk to the other nodes there.
 * Prints:       server ready.
 *               relaying: alice (joins)
 *               relaying: alice: hello
 *               relaying: alice (quits, shutdown)
 *
 * Stop and restart it: the clients are told, and connect again.
 */
import { grpReg } from "@anyevent/global";
import { mon, port, type PortId, rcv, snd } from "@anyevent/mp";
import { Program } from "./support/program.ts";

const program = new Program({
  name: "chat_server.ts",
  does: "Relays what each chat client says to all of them.",
  permissions: "--allow-net=127.0.0.1",
  node: { node: "anon/", bind: "127.0.0.1:0", seed: "127.0.0.1:4040" },
});

await program.start();

const clients = new Set<PortId>();

function relay(text: string): void {
  program.say(`relaying: ${text}`, { event: "relaying", text, to: clients.size });
  for (const client of clients) snd(client, text);
}

const server = port<
  { join: [client: PortId, nick: string]; privmsg: [nick: string, text: string] }
>();
rcv(server, {
  join: (client, nick) => {
    clients.add(client);
    mon(client, (...reason) => {
      clients.delete(client);
      relay(`${nick} (quits, ${reason.join(" ")})`);
    });
    relay(`${nick} (joins)`);
  },
  privmsg: (nick, text) => relay(`${nick}: ${text}`),
});
grpReg("eg_chat_server", server);

program.note("server ready.", { event: "serving" });
