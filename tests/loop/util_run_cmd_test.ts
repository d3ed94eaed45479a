import assert from "node:assert/strict";
import type { Env } from "@anyevent/backends/contract";
import { ClosedError, UsageError } from "@anyevent/backends/contract";
import { nativeEnv } from "@anyevent/backends/native";
import { simEnv } from "@anyevent/backends/sim";
import { runDeno } from "../support/run_deno.ts";
import { Collector, Loop, portablePipe, type Util, utilOf } from "@anyevent/loop";
import { REAL_ENVS } from "../support/real_envs.ts";

interface Place {
  readonly util: Util;
  readonly loop: Loop;
}

async function on(make: () => Env, body: (place: Place) => Promise<void>): Promise<void> {
  const env = make();
  const loop = new Loop(env);
  const util = utilOf(loop);
  try {
    await body({ util, loop });
    assert.equal(util.stats().commands, 0);
    const { held, ios } = loop.stats();
    assert.deepEqual({ held, ios }, { held: 0, ios: 0 });
  } finally {
    loop.dispose();
    env.backend.dispose();
  }
}

const node = (body: string): readonly string[] => ["node", "-e", body];
const text = (bytes: Uint8Array | undefined): string => new TextDecoder().decode(bytes);
const CAT = node("process.stdin.pipe(process.stdout)");

for (const [name, make] of REAL_ENVS) {
  const test = (what: string, body: (place: Place) => Promise<void>): void =>
    Deno.test(`${what} (${name})`, () => on(make, body));

  test("runCmd() gives the raw wait status of exit and signal", async ({ util, loop }) => {
    const quiet = { stdin: "null", stdout: "null", stderr: "null" };
    const exited = util.runCmd(node("process.exit(3)"), quiet);
    assert.equal(typeof exited.pid, "number");
    assert.equal(loop.stats().held > 0, true);
    let pid = 0;
    const killed = util.runCmd(node("setInterval(() => {}, 1000)"), {
      ...quiet,
      onPid: (it) => {
        pid = it;
        assert.equal(killed.kill("KILL"), true);
      },
    });
    assert.equal(pid, 0);
    assert.equal(await killed.recv(), 9);
    assert.equal(pid, killed.pid);
    assert.equal(await exited.recv(), 3 << 8);
    assert.equal(exited.kill(), false);
    exited.cancel();
    assert.equal(await exited.recv(), 3 << 8);
  });

  test("one collector takes both outputs; text is fed to stdin", async ({ util }) => {
    const all = new Collector();
    const cmd = util.runCmd(
      node("process.stdin.on('data', (d) => console.log('got ' + d)); console.error('err')"),
      { stdin: { text: "fed" }, stdout: all, stderr: all },
    );
    assert.equal(await cmd.recv(), 0);
    assert.deepEqual(all.text.trim().split("\n").sort(), ["err", "got fed"]);
    const short = new Collector({ limit: 2 });
    await util.runCmd(CAT, { stdin: { text: "hello" }, stdout: short, stderr: "null" }).recv();
    assert.deepEqual([short.text, short.length, short.truncated], ["he", 2, true]);
  });

  test("callbacks feed and take, one piece at a time, then undefined once", async (place) => {
    const { util, loop } = place;
    const pieces = ["a", new TextEncoder().encode("b"), loop.sleep(0.01), "c".repeat(300_000)];
    const seen: string[] = [];
    let under = 0;
    let ends = 0;
    const status = await util.runCmd(CAT, {
      stdin: () => {
        const next = pieces.shift();
        if (next === undefined || typeof next === "string" || next instanceof Uint8Array) {
          return next;
        }
        return loop.sleep(0.01).then(() => "later");
      },
      stdout: async (data) => {
        assert.equal(under++, 0);
        await loop.sleep(0.002);
        under--;
        if (data === undefined) ends++;
        else seen.push(text(data));
      },
      stderr: "null",
    }).recv();
    assert.equal(status, 0);
    assert.equal(seen.join(""), `ablater${"c".repeat(300_000)}`);
    assert.equal(ends, 1);
  });

  test("files: read, made and emptied; a bad one is status 125", async ({ util }) => {
    await Deno.mkdir("tests/.tmp", { recursive: true });
    const folder = await Deno.makeTempDir({ dir: "tests/.tmp", prefix: "run_" });
    try {
      await Deno.writeTextFile(`${folder}/in`, "from a file");
      await Deno.writeTextFile(`${folder}/out`, "old and much longer than the new");
      const cmd = util.runCmd(CAT, { stdin: `${folder}/in`, stdout: `${folder}/out` });
      assert.equal(await cmd.recv(), 0);
      assert.equal(await Deno.readTextFile(`${folder}/out`), "from a file");
      const ends: unknown[] = [];
      const bad = util.runCmd(CAT, {
        stdin: `${folder}/none`,
        stdout: (data) => void ends.push(data),
      });
      assert.equal(await bad.recv(), 125 << 8);
      assert.match(bad.failure!.message, /Cannot open .*none: no such file/);
      assert.deepEqual(ends, [undefined]);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });

  test("a program that cannot be run is status 126", async ({ util }) => {
    const ends: unknown[] = [];
    const cmd = util.runCmd(["deno", "--version"], {
      cwd: "tests/none-such",
      stdin: { text: "x" },
      stdout: (data) => void ends.push(data),
    });
    assert.deepEqual([ends, cmd.pid], [[], undefined]);
    assert.equal(await cmd.recv(), 126 << 8);
    assert.deepEqual(ends, [undefined]);
    assert.match(cmd.failure!.message, /Cannot start "deno"/);
  });

  test("streams of the loop feed and take, with backpressure, and stay open", async (place) => {
    const { util, loop } = place;
    const [fromMe, toChild] = util.portablePipe();
    const [mine, theirs] = util.portableSocketpair();
    const cmd = util.runCmd(CAT, { stdin: fromMe, stdout: theirs, stderr: "null" });
    const size = 400_000;
    let sent = 0;
    const writer = loop.addIo(toChild, "w", () => {
      sent += toChild.tryWrite(new Uint8Array(Math.min(50_000, size - sent)).fill(120));
      if (sent < size) return;
      writer.cancel();
      toChild.shutdown();
    });
    let got = 0;
    const reader = loop.addIo(mine, "r", () => {
      got += mine.tryRead(new Uint8Array(10_000)) ?? 0;
      if (got === size) reader.cancel();
    });
    assert.equal(await cmd.recv(), 0);
    while (reader.active) await loop.sleep(0.001);
    assert.equal(got, size);
    assert.equal(theirs.tryWrite(Uint8Array.of(1)), 1);
    for (const stream of [fromMe, toChild, mine, theirs]) stream.close();
  });

  test("a child that reads nothing, and a target that breaks, end the redirection", async (place) => {
    const { util } = place;
    let fed = 0;
    const deaf = util.runCmd(node("process.exit(0)"), {
      stdin: () => {
        fed++;
        return "x".repeat(100_000);
      },
      stdout: "null",
    });
    assert.equal(await deaf.recv(), 0);
    assert(fed > 0);
    const [mine, theirs] = util.portableSocketpair();
    mine.close();
    const cmd = util.runCmd(
      node(
        "process.stdout.on('error', () => process.exit(7)); setInterval(() => console.log('x'), 1)",
      ),
      { stdin: "null", stdout: theirs },
    );
    assert.equal(await cmd.recv(), 7 << 8);
    theirs.close();
  });

  test("cancel, an AbortSignal and dispose() of the loop kill it and tell no callback", async (place) => {
    const { util, loop } = place;
    const forever = node("setInterval(() => console.log('x'), 1)");
    const fail = (): void => assert.fail("called");
    const early = util.runCmd(forever, { stdout: fail, stdin: "null" });
    early.cancel();
    early.cancel();
    await assert.rejects(async () => await early.recv(), ClosedError);
    assert.equal(early.kill(), false);
    const started = loop.condvar();
    let over = false;
    const later = util.runCmd(forever, {
      stdin: "null",
      stdout: () => {
        assert.equal(over, false);
        started.send();
      },
    });
    await started.recv();
    later.cancel();
    over = true;
    await assert.rejects(async () => await later.recv(), /runCmd\("node -e .*it was cancelled/);
    const controller = new AbortController();
    const reason = new Error("enough");
    const aborted = util.runCmd(forever, {
      stdin: "null",
      stdout: "null",
      signal: controller.signal,
    });
    controller.abort(reason);
    await assert.rejects(async () => await aborted.recv(), reason);
    const never = util.runCmd(forever, { onPid: fail, signal: AbortSignal.abort() });
    assert.equal(never.pid, undefined);
    await assert.rejects(async () => await never.recv());
    const file = util.runCmd(CAT, { stdin: "deno.json", stdout: fail });
    file.cancel();
    // What was being opened is closed first.
    assert.equal(util.stats().commands, 1);
    while (util.stats().commands > 0) await loop.sleep(0.001);
    const other = new Loop(loop.env);
    const disposed = utilOf(other).runCmd(forever, { stdin: "null", stdout: fail });
    const { pid } = disposed;
    const ended = loop.condvar<[number, number]>();
    loop.addChild(pid!, ended);
    other.dispose();
    await assert.rejects(async () => await disposed.recv(), ClosedError);
    assert.deepEqual(await ended.recvAll(), [pid, 9]);
  });

  test("cwd, env and clearEnv reach the child; callbacks that throw are reported", async (place) => {
    const { util, loop } = place;
    const out = new Collector();
    const print = node(
      "console.log(process.cwd().split('/').at(-1), process.env.GREETING, process.env.HOME)",
    );
    await util.runCmd(print, { cwd: "tests", env: { GREETING: "hi" }, clearEnv: true, stdout: out })
      .recv();
    assert.equal(out.text, "tests hi undefined\n");
    const more = new Collector();
    await util.runCmd(print, { cwd: "tests", env: { GREETING: "hi", HOME: "x" }, stdout: more })
      .recv();
    assert.equal(more.text, "tests hi x\n");
    const errors: string[] = [];
    loop.onCallbackError = (error, what) => void errors.push(`${what.describe()}: ${error}`);
    const bad = (): never => {
      throw new Error("oops");
    };
    const status = await util.runCmd(CAT, { stdin: bad, stdout: bad, onPid: bad }).recv();
    assert.equal(status, 0);
    assert.equal(errors.length, 3);
    assert(
      errors.some((line) => /^runCmd\(.*\) stdin: Error: oops$/.test(line)),
      errors.join("\n"),
    );
  });
}

Deno.test("runCmd() refuses bad arguments by name and value", async () => {
  const loop = new Loop(nativeEnv());
  const { runCmd } = { runCmd: utilOf(loop).runCmd.bind(utilOf(loop)) };
  const bad: readonly (readonly [() => unknown, RegExp])[] = [
    [() => runCmd(""), /command ""/],
    [() => runCmd([]), /command array of 0/],
    [() => runCmd([""]), /command array of 1/],
    [() => runCmd(["a\0"]), /command array of 1/],
    [() => runCmd(5 as never), /command 5/],
    [() => runCmd("x", 5 as never), /options 5/],
    [() => runCmd("x", { cwd: "" }), /cwd ""/],
    [() => runCmd("x", { env: { "A=": "1" } }), /name in env "A="/],
    [() => runCmd("x", { env: { A: 1 as never } }), /env.A 1/],
    [() => runCmd("x", { stdout: "" }), /stdout ""/],
    [() => runCmd("x", { stderr: 5 as never }), /stderr.*5/],
    [() => runCmd("x", { stdin: 5 as never }), /stdin 5/],
    [() => runCmd("x", { stdin: function* () {} as never }), /generator/],
    [() => runCmd("x", { onPid: 5 as never }), /onPid/],
    [() => runCmd("x", { signal: 5 as never }), /signal 5/],
    [() => new Collector({ limit: -1 }), /limit -1/],
  ];
  for (const [call, message] of bad) {
    assert.throws(call, (error) => error instanceof UsageError && message.test(error.message));
  }
  const cmd = utilOf(loop).runCmd(node("1"), { stdin: "null" });
  assert.throws(() => cmd.kill("SIGTERM"), UsageError);
  assert.throws(() => cmd.kill("NONESUCH"), UsageError);
  const ended = loop.condvar();
  loop.addChild(cmd.pid!, ended);
  cmd.cancel();
  await ended.recv();
  assert.throws(() => utilOf(new Loop(simEnv())).runCmd("x"), /backend sim has no child processes/);
  // Not one of those that this test may run.
  assert.throws(() => runCmd(["/bin/true"]), (error) => error instanceof UsageError);
  assert.deepEqual([utilOf(loop).stats().commands, loop.stats().held], [0, 0]);
  loop.dispose();
});

Deno.test("a pipe goes one way only", async () => {
  const [reader, writer] = portablePipe();
  assert.throws(() => reader.tryWrite(Uint8Array.of(1)), ClosedError);
  assert.equal(writer.tryWrite(Uint8Array.of(1, 2)), 2);
  assert.equal(reader.tryRead(new Uint8Array(9)), 2);
  assert.equal(writer.tryRead(new Uint8Array(9)), null);
  writer.shutdown();
  assert.equal(reader.tryRead(new Uint8Array(9)), null);
  await Promise.resolve();
});

Deno.test("a string is a command for the shell, and a missing program is status 126", {
  ignore: Deno.build.os === "windows",
}, async () => {
  const allow = ["--allow-run", "--allow-env", "--allow-read"];
  for (const backend of ["native", "pure"]) {
    const { code, out, err } = await runDeno("tests/loop/programs/shell.ts", [backend], { allow });
    assert.equal(code, 0, err);
    assert.equal(out, "2 1\n0\nto stdout\nends 512\nmissing 32256\nnot executable 32256\n");
  }
});
