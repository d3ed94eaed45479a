/**
 * A chat client, which finds its server by a group and connects again when it loses it.
 *
 * Run it:       deno run --allow-net=127.0.0.1 examples/chat_client.ts NICK
 * with examples/seed.ts and examples/chat_server.ts running, in any order.
 * Permissions:  net, to listen on 127.0.0.1 and to talk to the other nodes there.
 * Prints:       connecting...
 *               alice (joins)
 *               alice: hello
 *               disconnected transport_error anon/… Unexpected end-of-file
 *
 * Lines of standard input are what NICK says; the end of it ends the program.
 */
import { grpGet, grpMon } from "@anyevent/global";
import { after, mon, port, type PortId, type Registration, snd } from "@anyevent/mp";
import { ChatTerminal } from "./support/chat_terminal.ts";
import { Program } from "./support/program.ts";

const GROUP = "eg_chat_server";

const program = new Program({
  name: "chat_client.ts",
  does: "Says the lines of standard input as NICK, and prints what others say.",
  permissions: "--allow-net=127.0.0.1",
  args: ["NICK"],
  node: { node: "anon/", bind: "127.0.0.1:0", seed: "127.0.0.1:4040" },
});
const [nick] = program.args;
const terminal = new ChatTerminal(program);

let server: PortId | undefined;
let retry: Registration | undefined;

program.onLine((line) => {
  if (server === undefined) terminal.unsent(line);
  else snd(server, "privmsg", nick, line);
  terminal.prompt();
});

await program.start();

/** The supervisor: a new client port for each server, which dies with it. */
function connect(): void {
  retry?.cancel();
  const found = grpGet(GROUP)?.[0];
  if (found === undefined) {
    retry = after(1, connect);
    return;
  }
  terminal.connecting(found);
  const client = port((text: string) => terminal.message(text));
  mon(client, (...reason) => {
    server = undefined;
    if (program.ending) return;
    terminal.disconnected(reason);
    retry = after(1, connect);
  });
  server = found;
  snd(found, "join", client, nick);
  mon(found, client);
}

connect();
// Polling would do; a change of the group saves the rest of the second.
grpMon(GROUP, () => {
  if (server === undefined) connect();
});
terminal.prompt();
