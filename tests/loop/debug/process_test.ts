import assert from "node:assert/strict";

async function run(
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<{ code: number; out: string; err: string }> {
  const done = await new Deno.Command("deno", {
    args: [...args],
    stdin: "null",
    env: { NO_COLOR: "1", ...env },
  }).output();
  const text = new TextDecoder();
  return { code: done.code, out: text.decode(done.stdout), err: text.decode(done.stderr) };
}

async function withFolder(body: (path: string) => Promise<void>): Promise<void> {
  const folder = await Deno.realPath(await Deno.makeTempDir({ dir: "tests/.tmp" }));
  try {
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const unix = Deno.build.os !== "windows";
const backends = ["native", "pure", ...(Deno.build.os === "linux" ? ["ffi"] : [])];

for (const backend of unix ? backends : []) {
  Deno.test(`shell() on a Unix socket serves its owner only and keeps nothing alive on ${backend}`, async () => {
    await withFolder(async (folder) => {
      const path = `${folder}/shell.$$`;
      const program = new URL("../programs/debug_shell.ts", import.meta.url).pathname;
      const { code, out, err } = await run(["run", "-A", "--no-check", program, backend, path]);
      assert.equal(code, 0, err);
      const lines = out.replace(/Welcome, \S*, use 'help' for more info!/g, "Welcome").split("\n");
      assert.deepEqual(lines, [
        `at ${path.replace("$$", "PID")}`,
        "Welcome",
        "> 3: no such wrapped watcher",
        "> ",
        "Welcome",
        "> 4: no such wrapped watcher",
        "> ",
        "restricted",
        "sessions 1 held 0",
        "",
      ]);
    });
  });
}

const CLIENT = new URL("../../../loop/cli/shell.ts", import.meta.url).pathname;

Deno.test("the shell command asks a shell that ANYEVENT_DEBUG_SHELL opened, by argument and by pipe", async () => {
  const program = new Deno.Command("deno", {
    args: [
      "eval",
      "--no-check",
      `
      import { AE, Debug, defaultLoop } from "@anyevent/loop";
      const done = AE.cv();
      AE.timer(3600, 0, function beacon() {});
      const [watcher] = Debug.wrapped;
      console.log(defaultLoop().stats().held);
      using _quit = Debug.register("finish", { help: "ends it", run: () => done.send() });
      await done.recv();
      Deno.exit(0);`,
    ],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    env: {
      NO_COLOR: "1",
      ANYEVENT_DEBUG_WRAP: "2",
      ANYEVENT_DEBUG_SHELL: "127.0.0.1:0",
      ANYEVENT_VERBOSE: "7",
    },
  }).spawn();
  const reader = program.stderr.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  let port: string | undefined;
  while (port === undefined) {
    const { value, done } = await reader.read();
    assert.equal(done, false, text);
    text += value;
    port = /debug shell at 127\.0\.0\.1:(\d+)/.exec(text)?.[1];
  }
  const address = `127.0.0.1:${port}`;
  const client = ["run", "--no-check", "--no-prompt", "-N", CLIENT];
  const one = await run([...client, address, "wl", "beacon"]);
  assert.deepEqual([one.code, one.err], [0, ""]);
  assert.match(one.out, /^1 \S+:\d+\(\)>timer>beacon\n$/);
  const piped = new Deno.Command("deno", {
    args: [...client, address],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
    env: { NO_COLOR: "1" },
  }).spawn();
  const writer = piped.stdin.getWriter();
  await writer.write(new TextEncoder().encode("w 1\nnonsense\nw 77"));
  await writer.close();
  const { code, stdout } = await piped.output();
  assert.equal(code, 0);
  assert.equal(
    new TextDecoder().decode(stdout),
    "1 timer(3600)\nUsageError: Cannot run \"nonsense\": there is no such command; use 'help'\n" +
      "77: no such wrapped watcher\n",
  );
  await run([...client, address, "finish"]);
  await reader.cancel();
  const ended = await program.status;
  assert.equal(ended.code, 0);
  assert.equal(await new Response(program.stdout).text(), "1\n");
  const gone = await run([...client, address, "help"]);
  assert.equal(gone.code, 1);
  assert.match(gone.err, /^shell: Cannot connect to 127\.0\.0\.1:\d+: .*\n$/);
});

Deno.test("nonsense in ANYEVENT_DEBUG_SHELL and ANYEVENT_DEBUG_WRAP is told, and the program goes on", async () => {
  const { code, out, err } = await run(
    [
      "eval",
      "--no-check",
      `import { AnyEvent } from "@anyevent/loop"; console.log(AnyEvent.detect());`,
    ],
    { ANYEVENT_DEBUG_SHELL: "0.0.0.0:0", ANYEVENT_DEBUG_WRAP: "many" },
  );
  assert.deepEqual([code, out], [0, "native\n"]);
  assert.match(err, /ANYEVENT_DEBUG_WRAP: Cannot wrap watchers: level NaN/);
  assert.match(
    err,
    /ANYEVENT_DEBUG_SHELL: Cannot open debug shell on "0\.0\.0\.0:0": others could/,
  );
});
