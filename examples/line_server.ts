/**
 * A server for lines: sends each back in capitals, to any number of clients at once.
 *
 * Run it:       deno run --allow-net=127.0.0.1 examples/line_server.ts
 * and talk to it, for example with nc 127.0.0.1 4041.
 * Permissions:  net, to listen on 127.0.0.1.
 * Prints:       listening on 127.0.0.1:4041
 *               127.0.0.1:51234 connected
 *               127.0.0.1:51234 gone: quit
 *
 * The line "quit" ends a connection, and so do a minute of silence and a line of more than 64 kB.
 */
import { AE, Handle, type SocketServer, tcpServer } from "@anyevent/loop";
import { readOptions, refuse } from "./support/options.ts";

/** Bytes that a line may have. */
const LONGEST_LINE = 65536;

const about = {
  name: "line_server.ts",
  does: "Sends each line back in capitals.",
  permissions: "--allow-net=127.0.0.1",
  options: {
    port: { value: "PORT", help: "where to listen on 127.0.0.1; 0 for any (4041)" },
    timeout: { value: "SECONDS", help: "how long a client may be silent (60)" },
  },
};
const { values } = readOptions(about);
const timeout = Number(values.timeout ?? 60);
if (!(timeout >= 0)) refuse(about, new Error(`--timeout "${values.timeout}" is not a number`));

const clients = new Set<Handle>();

let server: SocketServer;
try {
  server = tcpServer("127.0.0.1", String(values.port ?? 4041), (fh, host, port) => {
    const name = `${host}:${port}`;
    console.log(`${name} connected`);
    // `onError` may be called before `new Handle` has returned, so it takes the handle it is given.
    function gone(h: Handle, why: string): void {
      console.log(`${name} gone: ${why}`);
      clients.delete(h);
      h.destroy();
    }
    const client = new Handle({
      fh,
      timeout,
      linger: 5,
      rbufMax: LONGEST_LINE,
      onTimeout: (h) => gone(h, "silence"),
      onError: (h, _fatal, message) => gone(h, message),
      onEof: (h) => gone(h, "end of file"),
      onRead: (h) => h.pushRead("line", (h, line) => answer(h, line)),
    });
    if (!client.destroyed) clients.add(client);

    function answer(h: Handle, line: string): void {
      if (line === "quit") {
        h.pushWrite("bye\n");
        gone(h, "quit");
      } else h.pushWrite(`${line.toUpperCase()}\n`);
    }
  }, (_server, host, port) => console.log(`listening on ${host}:${port}`));
} catch (error) {
  refuse(about, error);
}

for (const [signal, code] of [["INT", 130], ["TERM", 143]] as const) {
  AE.signal(signal, () => {
    // The process ends by itself when everybody was told, or does not listen.
    Deno.exitCode = code;
    server.cancel();
    for (const client of clients) {
      client.pushWrite("the server ends\n");
      client.destroy();
    }
  });
}
