/**
 * A server that writes files, one at a time, in a thread that chooses which messages it receives.
 *
 * Run it:       deno run --allow-net=127.0.0.1 --allow-read=DIR --allow-write=DIR \
 *                 examples/io_server.ts DIR
 * with examples/seed.ts running, then examples/io_client.ts NAME in other terminals.
 * Permissions:  net, to listen on 127.0.0.1 and to talk to the other nodes there; read and write, for
 *               the files below DIR. It writes nowhere else.
 * Prints:       io server ready.
 *               writing notes.txt
 *               wrote notes.txt: 12 bytes
 *               refused ../notes.txt: it leads out of DIR
 *
 * Messages: ["write_file", source, name], as many ["data", source, text] as it takes, ["data", source].
 * What others send meanwhile waits in the queue. `source` is the port of who sends: it gets
 * ["written", name, bytes], and dies when the file is refused.
 */
import { rouseCb, rouseWait, type ThreadSteps } from "@anyevent/coro";
import { grpReg } from "@anyevent/global";
import { UsageError } from "@anyevent/loop";
import { getCond, kil, mon, portAsync, type PortId, snd } from "@anyevent/mp/coro";
import { placeFor } from "./support/place.ts";
import { Program } from "./support/program.ts";

const program = new Program({
  name: "io_server.ts",
  does: "Writes the files that others send, one at a time, below DIR.",
  permissions: "--allow-net=127.0.0.1 --allow-read=DIR --allow-write=DIR",
  args: ["DIR"],
  options: {
    timeout: { value: "SECONDS", help: "how long to wait for the next piece of a file (5)" },
  },
  node: { node: "anon/", bind: "127.0.0.1:0", seed: "127.0.0.1:4040" },
});
const [directory] = program.args;
const timeout = program.number("timeout", 5);

await program.start();
serve();
program.note("io server ready.", { event: "serving" });

/** The supervisor: when the server dies, the next one takes its place. */
function serve(): void {
  const server = portAsync(ioServer);
  mon(server, (...reason) => {
    if (program.ending) return;
    program.note(`io server was killed: ${reason.join(" ")}`, { event: "died", reason });
    serve();
  });
  grpReg("eg_io_server", server);
}

function* ioServer(): ThreadSteps<never> {
  for (;;) {
    const [tag, source, name] = (yield* getCond())!;
    // Data without a file: the rest of what a client sent before it knew that we refuse it.
    if (tag === "data") continue;
    if (tag !== "write_file" || typeof source !== "string") {
      throw new Error(`only write_file messages expected, not ${tag}`);
    }
    try {
      yield* writeFile(source, name);
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      program.say(`refused ${name}: ${error.message}`, { event: "refused", name, source });
      if (isPort(source)) kil(source, "refused", error.message);
    }
  }
}

/** Writes one file: of all messages only the data of its source are received meanwhile. */
function* writeFile(source: PortId, name: unknown): ThreadSteps<void> {
  const path = yield* wait(placeFor(directory, name));
  using file = yield* wait(Deno.open(path, { write: true, create: true, truncate: true }));
  program.say(`writing ${name}`, { event: "writing", name, source });
  let bytes = 0;
  for (;;) {
    const message = yield* getCond((tag, from) => tag === "data" && from === source, timeout);
    if (message === undefined) throw new Error(`timeout waiting for data message from ${source}`);
    const text = String(message[2] ?? "");
    if (text === "") break;
    for (let rest = new TextEncoder().encode(text); rest.length > 0;) {
      const count = yield* wait(file.write(rest));
      rest = rest.subarray(count);
      bytes += count;
    }
  }
  program.say(`wrote ${name}: ${bytes} bytes`, { event: "wrote", name, bytes, source });
  if (isPort(source)) snd(source, "written", name, bytes);
}

/** Any unique text may stand for the source, but only a port can be told something. */
function isPort(source: string): boolean {
  return /.#./.test(source);
}

/** Lets the thread wait for a promise; others run meanwhile. */
function* wait<T>(promise: Promise<T>): ThreadSteps<T> {
  const done = rouseCb<[failed: boolean, result: unknown]>();
  promise.then((value) => done(false, value), (error) => done(true, error));
  const [failed, result] = yield* rouseWait(done);
  if (failed) throw result;
  return result as T;
}
