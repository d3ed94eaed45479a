import assert from "node:assert/strict";
import { nativeEnv } from "@anyevent/backends/native";
import {
  type ByteStream,
  Debug,
  debugOf,
  Handle,
  Loop,
  socketsOf,
  UsageError,
} from "@anyevent/loop";
import { main, type Terminal } from "@anyevent/loop/shell";
import { completions } from "../../../loop/cli/terminal.ts";

class Script implements Terminal {
  text = "";
  errors = "";
  words: readonly string[] = [];
  constructor(readonly interactive: boolean, readonly typed: readonly string[]) {}
  out(text: string): void {
    this.text += text;
  }
  err(text: string): void {
    this.errors += `${text}\n`;
  }
  async *lines(complete: () => readonly string[]): AsyncGenerator<string> {
    this.words = complete();
    for (const line of this.typed) yield await Promise.resolve(line);
  }
}

async function withShell(body: (address: string) => Promise<void>): Promise<void> {
  const env = nativeEnv();
  const loop = new Loop(env);
  const shell = debugOf(loop).shell("127.0.0.1:0");
  const { address } = shell;
  assert.ok(address.transport === "tcp");
  try {
    await body(`127.0.0.1:${address.port}`);
    while (shell.sessions > 0) await loop.sleep(0.001);
  } finally {
    shell.cancel();
    loop.dispose();
    env.backend.dispose();
  }
}

Deno.test("main() runs the command it is given", async () => {
  await withShell(async (address) => {
    const terminal = new Script(false, []);
    assert.equal(await main([address, "w", "1,2"], terminal), 0);
    assert.equal(terminal.text, "1: no such wrapped watcher\n2: no such wrapped watcher\n");
    assert.equal(await main([address, "quit"], new Script(false, [])), 0);
  });
});

Deno.test("main() reads commands, knows them for completion, and ends with quit", async () => {
  await withShell(async (address) => {
    using _mine = Debug.register("mine", { help: "", run: () => "mine\n" });
    const terminal = new Script(true, ["", "mine", "w 5", " quit ", "mine"]);
    assert.equal(await main([address], terminal), 0);
    assert.equal(terminal.text, "mine\n5: no such wrapped watcher\n");
    assert.match(terminal.errors, /^Welcome, 127\.0\.0\.1:\d+, use 'help' for more info!\n$/);
    assert.ok(terminal.words.includes("mine") && terminal.words.includes("wl"));
    assert.deepEqual(completions("w", terminal.words), ["wr", "wl", "w"]);
    assert.deepEqual(completions("wl b", terminal.words), []);
  });
});

Deno.test("main() shows its use, and refuses what it does not know", async () => {
  const terminal = new Script(false, []);
  assert.equal(await main(["--help"], terminal), 0);
  assert.match(terminal.text, /^Usage: shell /);
  assert.equal(await main([], terminal), 2);
  assert.equal(await main(["--nonsense"], terminal), 2);
  assert.equal(await main(["nonsense"], terminal), 2);
  assert.match(terminal.errors, /there is no option --nonsense/);
  await assert.rejects(main([1] as never), UsageError);
});

Deno.test("main() fails with 1 when the shell is lost, or is none", async () => {
  await withShell(async (address) => {
    using _drop = Debug.register("drop", { help: "", run: (_args, session) => session.close() });
    const terminal = new Script(false, ["drop", "w 1"]);
    assert.equal(await main([address], terminal), 1);
    assert.match(terminal.errors, /^shell: Cannot go on: .*\n$/);
  });
  const env = nativeEnv();
  const loop = new Loop(env);
  const accepted: ByteStream[] = [];
  const server = socketsOf(loop).tcpServer("127.0.0.1", 0, (fh) => {
    accepted.push(fh);
    fh.tryWrite(new TextEncoder().encode("220 mail.example ESMTP\r\n"));
    fh.shutdown();
  });
  const terminal = new Script(false, []);
  assert.equal(await main([`127.0.0.1:${server.port}`, "help"], terminal), 1);
  assert.match(terminal.errors, /it is no debug shell/);
  for (const fh of accepted) fh.close();
  loop.dispose();
  env.backend.dispose();
});

/** Talks to somebody who sends `first`, and `then` when there is an answer. */
async function withStranger(
  first: string,
  then: string,
  body: (address: string) => Promise<void>,
): Promise<void> {
  const env = nativeEnv();
  const loop = new Loop(env);
  const accepted: Handle[] = [];
  const server = socketsOf(loop).tcpServer("127.0.0.1", 0, (fh) => {
    const h = new Handle({ loop, fh, onError: () => undefined });
    accepted.push(h);
    h.pushWrite(first);
    h.pushRead("line", () => {
      h.pushWrite(then);
      h.pushShutdown();
    });
  });
  try {
    await body(`127.0.0.1:${server.port}`);
  } finally {
    for (const h of accepted) h.destroy();
    loop.dispose();
    env.backend.dispose();
  }
}

Deno.test("main() fails with 1 when the shell greets and says no more, or too much", async () => {
  await withStranger("Welcome\n", "", async (address) => {
    const terminal = new Script(false, []);
    assert.equal(await main([address, "help"], terminal), 1);
    assert.match(terminal.errors, /^shell: Cannot talk to /);
  });
  await withStranger("Welcome\n", "x".repeat(1 << 20), async (address) => {
    const terminal = new Script(false, []);
    assert.equal(await main([address, "help"], terminal), 1);
    assert.match(terminal.errors, /^shell: Cannot talk to .*unread/);
  });
  await withStranger("W".repeat(1 << 20), "", async (address) => {
    const terminal = new Script(false, []);
    assert.equal(await main([address, "help"], terminal), 1);
    assert.match(terminal.errors, /^shell: Cannot talk to .*unread/);
  });
});

Deno.test("main() shows no controls that a stranger sends", async () => {
  await withStranger("Welcome\x1b[2J\n", "> \x01\x1b]0;title\x07\x01", async (address) => {
    const terminal = new Script(false, []);
    assert.equal(await main([address, "help"], terminal), 1);
    assert.equal(terminal.text, "\\x1b]0;title\\x07");
  });
});
