import assert from "node:assert/strict";
import { nativeEnv } from "@anyevent/backends/native";
import { Debug, debugOf, Loop, type ShellCommand, UsageError } from "@anyevent/loop";
import { ask, connect, rest } from "./support.ts";

const hello: ShellCommand = { usage: "[who]", help: "greets", run: (args) => `hello ${args}` };

async function withLoop(body: (loop: Loop) => Promise<void>): Promise<void> {
  const env = nativeEnv();
  const loop = new Loop(env);
  try {
    await body(loop);
    for (let i = 0; i < 100 && env.net.stats().streams > 0; i++) await loop.sleep(0.01);
  } finally {
    loop.dispose();
    env.backend.dispose();
  }
}

Deno.test("a shell may have a prompt and commands of its own, and tells of its sessions", async () => {
  await withLoop(async (loop) => {
    const peers: string[] = [];
    const own = debugOf(loop).shell("127.0.0.1:0", {
      prompt: "own> ",
      commands: new Map([["hello", hello]]),
      onSession: ({ peer }) => void peers.push(peer),
    });
    const other = debugOf(loop).shell("127.0.0.1:0");
    using _everywhere = Debug.register("hello", { help: "elsewhere", run: () => "elsewhere" });
    const text = await ask(loop, own.address, "hello you", "commands", "help");
    assert.match(text, /^Welcome, .*\nown> hello you\nown> hello\nwr\n/);
    assert.match(text, /^own> hello \[who\] +greets\n/m);
    assert.match(await ask(loop, other.address, "hello you"), /\n> elsewhere\n> $/);
    assert.equal(peers.length, 1);
  });
});

Deno.test("onLine() of a session tells of the next line, once, also of an empty one", async () => {
  await withLoop(async (loop) => {
    const told: string[] = [];
    const commands = new Map<string, ShellCommand>([["listen", {
      help: "listens",
      run(args, session) {
        session.onLine(() => void told.push(args));
        session.onLine(() => void told.push("never"))();
      },
    }]]);
    const shell = debugOf(loop).shell("127.0.0.1:0", { commands });
    const client = await connect(loop, shell.address);
    client.pushWrite("listen a\n\n\nlisten b\nw 1\nlisten c\n");
    client.pushShutdown();
    await rest(client);
    assert.deepEqual(told, ["a", "b"]);
  });
});

Deno.test("shell() refuses options that make no sense", async () => {
  await withLoop(async (loop) => {
    for (
      const options of [
        { prompt: "" },
        { prompt: "x".repeat(33) },
        { prompt: "\x1b[2J" },
        { prompt: 5 },
        { commands: {} },
        { commands: new Map([["help", hello]]) },
        { commands: new Map([["two words", hello]]) },
        { commands: new Map([["x", {}]]) },
        { onSession: 1 },
      ]
    ) {
      assert.throws(
        () => debugOf(loop).shell("127.0.0.1:0", options as never),
        UsageError,
        JSON.stringify(options),
      );
    }
    await Promise.resolve();
  });
});
