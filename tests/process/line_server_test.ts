import assert from "node:assert/strict";
import { Process, runToEnd } from "../support/processes.ts";

/** Talks to the server like any client would. */
class Client implements Disposable {
  readonly #conn: Deno.Conn;
  #text = "";

  private constructor(conn: Deno.Conn) {
    this.#conn = conn;
  }

  static async connect(port: number): Promise<Client> {
    return new Client(await Deno.connect({ hostname: "127.0.0.1", port }));
  }

  async write(text: string): Promise<void> {
    const bytes = new TextEncoder().encode(text);
    for (let at = 0; at < bytes.length;) at += await this.#conn.write(bytes.subarray(at));
  }

  /** The next line; `undefined` at the end. */
  async line(): Promise<string | undefined> {
    const buffer = new Uint8Array(65536);
    while (!this.#text.includes("\n")) {
      const count = await this.#conn.read(buffer);
      if (count === null) return undefined;
      this.#text += new TextDecoder().decode(buffer.subarray(0, count));
    }
    const [line, ...rest] = this.#text.split("\n");
    this.#text = rest.join("\n");
    return line;
  }

  /** Sends the end of file. */
  end(): Promise<void> {
    return this.#conn.closeWrite();
  }

  [Symbol.dispose](): void {
    this.#conn.close();
  }
}

async function start(...args: string[]): Promise<{ server: Process; port: number }> {
  const server = new Process("line_server.ts", { args: ["--port", "0", ...args] });
  const [, port] = await server.line(/^listening on 127\.0\.0\.1:([0-9]+)$/);
  return { server, port: Number(port) };
}

Deno.test("line_server.ts answers several clients in capitals, and ends one for `quit`", async () => {
  const { server, port } = await start();
  await using _server = server;
  using one = await Client.connect(port);
  using two = await Client.connect(port);
  await one.write("hello\r\nwor");
  await two.write("second\n");
  assert.equal(await two.line(), "SECOND");
  assert.equal(await one.line(), "HELLO");
  await one.write("ld\n\nquit\nnot read\n");
  assert.deepEqual([await one.line(), await one.line(), await one.line()], ["WORLD", "", "bye"]);
  assert.equal(await one.line(), undefined);
  await server.line(/^127\.0\.0\.1:[0-9]+ gone: quit$/);
  await two.write("still here\n");
  assert.equal(await two.line(), "STILL HERE");
  await two.end();
  await server.line(/gone: end of file$/);
});

Deno.test("line_server.ts ends clients that are silent, and ones with endless lines", async () => {
  const { server, port } = await start("--timeout", "0.2");
  await using _server = server;
  using silent = await Client.connect(port);
  assert.equal(await silent.line(), undefined);
  await server.line(/gone: silence$/);
  using endless = await Client.connect(port);
  await endless.write("x".repeat(65537));
  await server.line(/gone: No space left on device$/);
});

Deno.test("line_server.ts says goodbye when it is ended", async () => {
  const { server, port } = await start();
  await using _server = server;
  using client = await Client.connect(port);
  await client.write("a\n");
  assert.equal(await client.line(), "A");
  server.kill("SIGTERM");
  assert.equal(await client.line(), "the server ends");
  assert.equal(await server.end(), 143);
});

Deno.test("line_server.ts says which argument is wrong", async () => {
  for (const args of [["--port", "70000"], ["--port", "x y"], ["--timeout", "x"]]) {
    const { code, stderr } = await runToEnd("line_server.ts", { args });
    assert.equal(code, 2);
    assert.match(stderr, new RegExp(`^Cannot run line_server\\.ts: .*${args[1]}`));
  }
});
