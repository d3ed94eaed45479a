import assert from "node:assert/strict";
import { Semaphore } from "@anyevent/coro";
import { debugOf, UsageError } from "@anyevent/loop";
import { runDeno } from "../../support/run_deno.ts";
import { ask, connect, rest } from "../../loop/debug/support.ts";
import { blocked, PROMPT, severalClients, until } from "./scenario.ts";
import { HEADER, marks, row, withSessions } from "./support.ts";

const at = await marks(new URL("scenario.ts", import.meta.url).href);

Deno.test("a session on loopback shows threads and acts on them", async () => {
  await withSessions(async (world) => {
    const { loop, threads, debug } = world;
    const coro = blocked(world, "victim");
    await loop.sleep(0.001);
    using shell = debug.tcpServer(0);
    const text = await ask(
      loop,
      shell.address,
      "ps",
      "bt 1",
      "cancel 1",
      "cancel 1",
      "ps",
      "x",
      "ps y",
    );
    const [banner, ...lines] = text.split("\n");
    assert.match(banner, /^Welcome, 127\.0\.0\.1:\d+, use 'help' for more info!$/);
    assert.deepEqual(lines.slice(0, 4), [
      PROMPT + HEADER,
      row(0, "U", 0, "[main::]", "-"),
      row(1, "-", 1, "victim", `${at("blocked")} schedule()`),
      `${PROMPT}1 victim is blocked in schedule()`,
    ]);
    assert.match(lines[4], /^ {4}at .*file:.*scenario\.ts:\d+:\d+\)?$/);
    assert.deepEqual(lines.slice(5), [
      `${PROMPT}${PROMPT}1: no such coroutine`,
      PROMPT + HEADER,
      row(0, "U", 0, "[main::]", "-"),
      `${PROMPT}UsageError: Cannot run "x": there is no such command; use 'help'`,
      `${PROMPT}UsageError: Cannot list threads: "y" are not flags of w and v`,
      PROMPT,
    ]);
    assert.ok(coro.isZombie);
    assert.equal(threads.nready, 0);
  });
});

Deno.test("a shell serves several clients at once, and its client people", async () => {
  await withSessions(async (world) => {
    using shell = world.debug.tcpServer(0);
    await severalClients(world, shell);
  });
});

Deno.test({
  name: "a shell on a Unix socket serves several clients at once, and its client people",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    const folder = await Deno.realPath(await Deno.makeTempDir({ dir: "tests/.tmp" }));
    const { code, out, err } = await runDeno(
      "tests/coro/debug/unix_session.ts",
      [`${folder}/debug.sock`],
      { allow: ["-A", "--no-check"] },
    );
    await Deno.remove(folder, { recursive: true });
    assert.deepEqual([code, out], [0, "done\n"], err);
  },
});

Deno.test("watch repeats a command until the next line, or the end of the session", async () => {
  await withSessions(async (world) => {
    const { loop, debug } = world;
    blocked(world, "watched");
    using shell = debug.tcpServer(0);
    const client = await connect(loop, shell.address);
    const held = loop.watchers().length;
    client.pushWrite("watch 0.05 bt 1\n");
    for (let i = 0; i < 3; i++) await until(client, "1 watched is blocked in schedule()");
    client.pushWrite("\n");
    await until(client, PROMPT);
    client.pushWrite("bt 9\n");
    await until(client, "9: no such coroutine");
    client.pushWrite("watch 0.01 watch ps\nwatch\nwatch 1\nwatch nonsense\nwatch .05 ps\n");
    const text = await until(client, HEADER);
    assert.deepEqual(text.match(/UsageError: .*/g), [
      "UsageError: Cannot watch: it is for debug sessions",
      "UsageError: Cannot watch: no command is given",
      "UsageError: Cannot watch: no command is given",
      "UsageError: Cannot run \"nonsense\": there is no such command; use 'help'",
    ]);
    client.destroy();
    while (shell.sessions > 0) await loop.sleep(0.001);
    assert.ok(loop.watchers().length <= held);
  });
});

Deno.test("sessions show what is logged up to their loglevel, and traces", async () => {
  await withSessions(async (world) => {
    const { loop, debug } = world;
    const coro = blocked(world, "traced");
    await loop.sleep(0.001);
    using shell = debug.tcpServer(0);
    const loud = await connect(loop, shell.address);
    const quiet = await connect(loop, shell.address);
    loud.pushWrite("trace 1\nloglevel 5\nloglevel 10\nloglevel x\n");
    assert.match(
      await until(loud, "NaN is not an integer from -1 to 9"),
      /tracing for coroutine 1 is now enabled\. Use 'loglevel 5' to see it\.\n.*loglevel now 5\n.*: level 10 is /s,
    );
    await until(quiet, PROMPT);
    debug.log(6, "too much");
    debug.log(5, "a message");
    coro.ready();
    const text = await until(loud, "ended: returned");
    assert.doesNotMatch(text, /too much/);
    assert.match(
      text,
      /\d{4}-\d\d-\d\dZ\d\d:\d\d:\d\d\.\d{3} \(5\) a message\n.* \(5\) \[1\] resumed\n.* \[1\] ended: returned$/,
    );
    quiet.pushWrite("quit\n");
    assert.equal(await rest(quiet), "");
    loud.pushWrite("loglevel\n");
    await until(loud, "loglevel now -1");
    debug.log(0, "unheard");
    loud.pushWrite("untrace 1\nquit\n");
    assert.doesNotMatch(await rest(loud), /unheard/);
    debug.sessionLoglevel = 3;
    const next = await connect(loop, shell.address);
    await until(next, PROMPT);
    debug.log(3, "at once");
    await until(next, "(3) at once");
    next.destroy();
  });
});

Deno.test("a session that vanishes in the middle of its output harms nobody", async () => {
  await withSessions(async (world) => {
    const { loop, threads, debug } = world;
    const lock = new Semaphore(0);
    for (let i = 0; i < 100; i++) threads.spawn(() => lock.down(), { desc: "x".repeat(200) });
    using shell = debug.tcpServer(0);
    const other = await connect(loop, shell.address);
    for (let i = 0; i < 3; i++) {
      const client = await connect(loop, shell.address);
      client.pushWrite(`loglevel 9\nwatch 0.05 ps w\n${"ps wv\n".repeat(5)}`);
      await until(client, HEADER);
      client.destroy();
    }
    other.pushWrite("bt 100\n");
    await until(other, "100 xxxx");
    other.destroy();
    while (shell.sessions > 0) await loop.sleep(0.001);
    debug.log(1, "to nobody");
    assert.equal(lock.stats().waiters, 100);
  });
});

Deno.test("hostile lines end in an answer, or in the end of their session", async () => {
  await withSessions(async (world) => {
    const { loop, debug } = world;
    blocked(world, "safe");
    using shell = debug.tcpServer(0);
    const lines = [
      "\x00\x1b[2J",
      "bt " + "9".repeat(5000),
      "kill 1e0",
      "cancel *",
      "watch 1e9 ps",
      "watch Infinity ps",
      "constructor",
      "__proto__ 1",
      "ps " + "wv".repeat(1000),
    ];
    const text = await ask(loop, shell.address, ...lines);
    // deno-lint-ignore no-control-regex
    assert.doesNotMatch(text, /[\x00-\x08\x0b-\x1f]/);
    assert.ok(text.endsWith(PROMPT));
    await ask(loop, shell.address, "x".repeat(100_000));
    assert.match(await ask(loop, shell.address, "GET / HTTP/1.1", "cancel 1"), /^(?!.*cancelled)/s);
    assert.equal(debug.findCoro(1)!.isZombie, false);
  });
});

Deno.test("the command coro of the loop's shells runs these commands", async () => {
  await withSessions(async (world) => {
    const { loop } = world;
    blocked(world, "inner");
    using shell = debugOf(loop).shell("127.0.0.1:0");
    const text = await ask(loop, shell.address, "coro bt 1", "coro", "coro nonsense", "ps");
    assert.match(text, /> 1 inner is blocked in schedule\(\)\n/);
    assert.match(text, /\nbt <pid> /);
    assert.equal(text.match(/no such command/g)?.length, 2);
  });
});

Deno.test("shells refuse addresses that make no sense", async () => {
  await withSessions(async ({ debug }) => {
    for (const port of [-1, 65536, 1.5, "1", NaN]) {
      assert.throws(() => debug.tcpServer(port as never), UsageError);
    }
    for (const path of ["", "relative", undefined, 5]) {
      assert.throws(() => debug.unixServer(path as never), UsageError);
    }
    assert.throws(() => debug.shell("0.0.0.0:0"), UsageError);
    await Promise.resolve();
  });
});
