/**
 * Sends its standard input to the io server, which writes it to a file.
 *
 * Run it:       deno run --allow-net=127.0.0.1 examples/io_client.ts NAME < FILE
 * with examples/seed.ts and examples/io_server.ts DIR running.
 * Permissions:  net, to listen on 127.0.0.1 and to talk to the other nodes there.
 * Prints:       notes.txt was written: 12 bytes
 *
 * When the file is refused, or the server dies, it prints why and ends with code 1.
 */
import { Channel, type ThreadSteps } from "@anyevent/coro";
import { grpMon } from "@anyevent/global";
import { AE } from "@anyevent/loop";
import { get, mon, portAsync, type PortId, SELF, snd } from "@anyevent/mp/coro";
import { Program } from "./support/program.ts";

const program = new Program({
  name: "io_client.ts",
  does: "Sends its standard input to the io server, which writes it to the file NAME.",
  permissions: "--allow-net=127.0.0.1",
  args: ["NAME"],
  node: { node: "anon/", bind: "127.0.0.1:0", seed: "127.0.0.1:4040" },
});
const [name] = program.args;

const lines = new Channel<string>();
program.onLine((line) => lines.put(`${line}\n`), () => lines.shutdown());

await program.start();

const server = await findServer();
const client = portAsync(sendFile);
mon(server, client);
mon(client, (...reason) => {
  if (program.ending) return;
  const failed = reason.length > 0;
  if (failed) {
    program.note(`${name} failed: ${reason.join(" ")}`, { event: "failed", name, reason });
  }
  return program.end(failed ? 1 : 0);
});

function* sendFile(): ThreadSteps<void> {
  const self = SELF();
  snd(server, "write_file", self, name);
  program.tell({ event: "sending", name });
  for (let line = yield* lines.get(); line !== undefined; line = yield* lines.get()) {
    snd(server, "data", self, line);
  }
  snd(server, "data", self);
  program.tell({ event: "sent", name });
  const [, bytes] = (yield* get("written"))!;
  program.say(`${name} was written: ${bytes} bytes`, { event: "written", name, bytes });
}

async function findServer(): Promise<PortId> {
  const found = AE.cv<[PortId]>();
  using _watch = grpMon("eg_io_server", ([port]) => {
    if (port !== undefined) found.send(port);
  });
  return await found.recv();
}
