import assert from "node:assert/strict";
import { nativeEnv } from "@anyevent/backends/native";
import {
  type Address,
  Debug,
  debugOf,
  type Env,
  Loop,
  type ShellOptions,
  type ShellSession,
  UsageError,
} from "@anyevent/loop";
import { ask, connect, rest } from "./support.ts";

interface World {
  readonly loop: Loop;
  readonly lines: string[];
  shell(options?: ShellOptions): ReturnType<typeof Debug.shell>;
}

async function withWorld(
  body: (world: World) => Promise<void>,
  env: Env = nativeEnv(),
): Promise<void> {
  const lines: string[] = [];
  const loop = new Loop({ ...env, log: (_level, message) => void lines.push(message) });
  try {
    await body({ loop, lines, shell: (options) => debugOf(loop).shell("127.0.0.1:0", options) });
    const { streams } = env.net.stats();
    if (streams > 0) await loop.sleep(0.05);
  } finally {
    loop.dispose();
  }
  const { streams, listeners } = env.net.stats();
  assert.deepEqual([streams, listeners], [0, 0]);
  assert.equal(loop.stats().held, 0);
  env.backend.dispose();
}

function portOf(address: Address): number {
  assert.ok(address.transport === "tcp");
  return address.port;
}

Deno.test("shell() greets, helps, and ends at the end of file", async () => {
  await withWorld(async ({ loop, shell }) => {
    const { address } = shell();
    const text = await ask(loop, address, "help", "", "  ");
    assert.match(text, /^Welcome, 127\.0\.0\.1:\d+, use 'help' for more info!\n> /);
    for (const name of ["wr", "v", "wl", "i", "t", "u", "w", "help", "quit"]) {
      assert.match(text, new RegExp(`^(> )?${name} .*\\w`, "m"));
    }
    assert.match(text, /quit .*\n> > > $/);
  });
});

Deno.test("shell() commands wr, wl, i, t, u, w and v do what upstream's do", async () => {
  await withWorld(async ({ loop, shell }) => {
    const { address } = shell();
    const debug = debugOf(loop);
    debug.wrap(1);
    using _watcher = loop.timer({ after: 1000, cb: function beacon() {} }).unref();
    debug.wrap(0);
    const [wrapped] = debug.wrapped;
    const text = await ask(
      loop,
      address,
      "prompt",
      "wl",
      "wl beacon$",
      "wl 'nothing like it'",
      "i 1,99",
      "w 1",
      "u 1",
      "t 1, 99",
      "u",
      "ut",
      "t",
      "wr 2",
      "wr",
      "v 8",
      "v",
      "v",
      "i",
      "i one",
      "wl (",
      "wr 5",
      "quit",
      "wl",
    );
    assert.deepEqual(text.replace(/^.*\n> /, "").split("\n"), [
      `1 ${wrapped}`,
      `1 ${wrapped}`,
      String(wrapped),
      ...wrapped.verbose().split("\n"),
      "",
      "99: no such wrapped watcher",
      "1 timer(1000)",
      "tracing for watcher 1 is now disabled.",
      "tracing for watcher 1 is now enabled.",
      "99: no such wrapped watcher",
      "tracing for newly created watchers is now disabled.",
      "tracing for newly created watchers is now disabled.",
      "tracing for newly created watchers is now enabled.",
      "wrap level now 2",
      "wrap level now 0",
      "verbosity now 8",
      "verbosity now 9",
      "verbosity now 0",
      "UsageError: Cannot show: no id is given",
      'UsageError: Cannot show "one": it is not the id of a watcher; use wl',
      "SyntaxError: Invalid regular expression: /(/: Unterminated group",
      "UsageError: Cannot wrap watchers: level 5 is none of 0, 1 and 2",
      "",
    ]);
  });
});

Deno.test("registered commands run in all shells; what they throw stays in their session", async () => {
  await withWorld(async ({ loop, shell }) => {
    const { address } = shell();
    const sessions: ShellSession[] = [];
    using _one = Debug.register("greet", {
      usage: "[name]",
      help: "greets",
      run(args, session) {
        sessions.push(session);
        session.print("one line");
        return `hello ${args}`;
      },
    });
    using _two = Debug.register("boom", {
      help: "throws",
      run() {
        throw new Error("kaputt");
      },
    });
    using _three = Debug.register("later", {
      help: "takes its time",
      run: async (args) => {
        await loop.sleep(0.001);
        if (args !== "") throw new UsageError(args);
        return "late";
      },
    });
    using _four = Debug.register("op", { help: "an operation", run: () => loop.sleep(0.001) });
    const other = await connect(loop, address);
    await other.read("line");
    const text = await ask(
      loop,
      address,
      "prompt",
      "later",
      "greet  you two ",
      "boom",
      "later not so",
      "op",
      "commands",
      "nonsense 1",
    );
    assert.deepEqual(text.replace(/^.*\n> /, "").split("\n"), [
      "late",
      "one line",
      "hello you two",
      "Error: kaputt",
      "UsageError: not so",
      ..."wr v wl i t u w prompt commands help quit boom greet later op".split(" "),
      "UsageError: Cannot run \"nonsense\": there is no such command; use 'help'",
      "",
    ]);
    assert.equal(sessions[0].loop, loop);
    assert.match(sessions[0].peer, /^127\.0\.0\.1:\d+$/);
    assert.equal(sessions[0].closed, true);
    sessions[0].print("to nobody");
    other.pushWrite("greet me\nquit\n");
    assert.equal(await rest(other), "> one line\nhello me\n> ");
    _one[Symbol.dispose]();
    assert.match(await ask(loop, address, "greet"), /no such command/);
  });
});

Deno.test("Debug.register() refuses bad names and commands, and names that are taken", () => {
  const run = (): void => undefined;
  const bad: readonly [unknown, unknown][] = [
    ["", { help: "", run }],
    ["two words", { help: "", run }],
    ["1st", { help: "", run }],
    [undefined, { help: "", run }],
    ["x".repeat(40), { help: "", run }],
    ["mine", undefined],
    ["mine", { help: "" }],
    ["mine", { run }],
    ["mine", { help: "", usage: 1, run }],
    ["help", { help: "", run }],
    ["ut", { help: "", run }],
    ["eval", { help: "", run }],
  ];
  for (const [name, command] of bad) {
    assert.throws(() => Debug.register(name as never, command as never), UsageError);
  }
  const mine = Debug.register("mine", { help: "", run });
  assert.throws(() => Debug.register("mine", { help: "", run }), /it exists/);
  mine.cancel();
  const again = Debug.register("mine", { help: "", run });
  mine.cancel();
  assert.throws(() => Debug.register("mine", { help: "", run }), /it exists/);
  again.cancel();
});

Deno.test("shell() evaluates JavaScript only when told to", async () => {
  await withWorld(async ({ loop, shell }) => {
    const closed = shell();
    const refused = await ask(loop, closed.address, "1 + 1", "eval 1 + 1");
    assert.match(refused, /Cannot run "1".*\n.*Cannot run "eval"/s);
    const open = shell({ evaluate: true });
    const text = await ask(
      loop,
      open.address,
      "prompt",
      "1 + 1",
      "eval 6 * 7",
      "$.kept = [1n, { a: 'b' }]",
      "$.kept",
      "let x = 3; return x * 2",
      "loop.stats().signals",
      "session.peer.length > 0",
      "w(99)",
      "new Map([[1, new Set(['x'])]])",
      "throw new Error('mine')",
      "Promise.resolve('promised')",
      "(",
      "help.me",
      "wr 0",
    );
    assert.deepEqual(text.replace(/^.*\n> /, "").split("\n"), [
      "2",
      "42",
      '[1n, { a: "b" }]',
      '[1n, { a: "b" }]',
      "6",
      "0",
      "true",
      'Map(1) { 1 => Set(1) { "x" } }',
      "Error: mine",
      "promised",
      "SyntaxError: Unexpected token '}'",
      "ReferenceError: help is not defined",
      "wrap level now 0",
      "",
    ]);
  });
});

Deno.test("shell() runs nothing that a web page made a browser send", async () => {
  await withWorld(async ({ loop, lines, shell }) => {
    const { address } = shell({ evaluate: true });
    let ran = 0;
    using _run = Debug.register("ran", { help: "", run: () => void ran++ });
    await ask(loop, address, "POST / HTTP/1.1", "Host: 127.0.0.1", "", "ran");
    assert.equal(ran, 0);
    assert.ok(lines.every((line) => !line.includes("ran")));
  });
});

Deno.test("shell() serves several clients at once; cancel() closes them all", async () => {
  await withWorld(async ({ loop, shell }) => {
    const it = shell();
    const clients = [];
    for (let i = 0; i < 5; i++) clients.push(await connect(loop, it.address));
    for (const client of clients) await client.read("line");
    assert.equal(it.sessions, 5);
    for (const [i, client] of clients.entries()) client.pushWrite(`prompt ${i}>\nw ${i}\n`);
    for (const [i, client] of clients.entries()) {
      assert.equal(await client.read("line"), `> ${i}>${i}: no such wrapped watcher`);
    }
    it.cancel();
    it.cancel();
    assert.deepEqual([it.active, it.sessions], [false, 0]);
    for (const client of clients) await rest(client);
  });
});

Deno.test("sessions end with their loop and with their clients, and tell their commands", async () => {
  await withWorld(async ({ loop, shell }) => {
    const it = shell();
    const closings: string[] = [];
    const session = loop.condvar<[ShellSession]>();
    using _follow = Debug.register("follow", {
      help: "goes on",
      run(args, given) {
        given.onClose(() => void closings.push(args));
        given.onClose(() => void closings.push("never"))();
        session.send(given);
        return new Promise(() => undefined);
      },
    });
    const client = await connect(loop, it.address);
    client.pushWrite("follow one\n");
    const given = (await session.recv())!;
    given.print("news\x1b[31m \x00\ttab");
    await client.read("line");
    assert.equal(await client.read("line"), "> news\\x1b[31m \\x00\ttab");
    client.fh!.close();
    while (it.sessions > 0) {
      given.print("more news");
      await loop.sleep(0.001);
    }
    assert.deepEqual([closings, given.closed], [["one"], true]);
    const late = loop.condvar();
    given.onClose(() => late.send());
    await late.recv();
    client.destroy();
  });
});

Deno.test("a client that does not read is dropped, without harm to others", async () => {
  await withWorld(async ({ loop, shell }) => {
    const it = shell();
    using _flood = Debug.register("flood", { help: "a lot", run: () => "x".repeat(1 << 18) });
    const lazy = await connect(loop, it.address);
    lazy.stopRead();
    lazy.pushWrite("flood\n".repeat(80));
    while (it.sessions === 0) await loop.sleep(0.001);
    while (it.sessions > 0) await loop.sleep(0.005);
    assert.match(await ask(loop, it.address, "w 1"), /no such wrapped watcher/);
    lazy.destroy();
  });
});

Deno.test("long lines and long texts are bounded", async () => {
  await withWorld(async ({ loop, shell }) => {
    const it = shell();
    using _long = Debug.register("long", { help: "", run: () => "y".repeat((1 << 18) + 5) });
    assert.ok((await ask(loop, it.address, "long")).endsWith("y\n… 5 characters more\n> "));
    const client = await connect(loop, it.address);
    client.pushWrite("z".repeat(70_000));
    assert.match(await rest(client), /Cannot read line: it is longer than 65536 characters/);
    const many = await ask(loop, it.address, "prompt", ...Array.from({ length: 500 }, () => "w 5"));
    assert.equal(many.match(/5: no such/g)?.length, 500);
  });
});

Deno.test("shell() listens on loopback and Unix sockets only, unless told otherwise", async () => {
  await withWorld(async ({ loop }) => {
    const debug = debugOf(loop);
    for (
      const address of [
        "0.0.0.0:0",
        "[::]:0",
        "10.0.0.1:1",
        "128.0.0.1:1",
        "example.org:1",
        "nonsense",
        "relative/path",
        "",
        "unix/:relative",
      ]
    ) {
      assert.throws(() => debug.shell(address), UsageError, address);
    }
    assert.throws(() => debug.shell("0.0.0.0:0"), /others could reach it/);
    assert.throws(() => debug.shell(5 as never), UsageError);
    assert.throws(() => debug.shell("127.0.0.1:0", 1 as never), UsageError);
    assert.throws(() => debug.shell("127.0.0.1:0", { evaluate: 1 as never }), UsageError);
    assert.equal(loop.stats().held, 0);
    for (const address of ["127.0.0.1:0", "127.1:0", "localhost:0"]) {
      const it = debug.shell(address);
      assert.ok(portOf(it.address) > 0);
      assert.match(it.describe(), /^Debug\.shell\(127\.0\.0\.1:\d+\)$/);
      assert.equal(loop.stats().held, 0, "it keeps nothing alive");
      it.ref();
      assert.equal(loop.stats().held, 1);
      it.unref().cancel();
    }
    await Promise.resolve();
  });
});
