import assert from "node:assert/strict";

async function run(env: Record<string, string>, code: string) {
  const done = await new Deno.Command("deno", {
    args: ["eval", "--no-check", code],
    stdin: "null",
    env: { NO_COLOR: "1", ...env },
  }).output();
  const text = new TextDecoder();
  return { code: done.code, out: text.decode(done.stdout), err: text.decode(done.stderr) };
}

const STAMP = String.raw`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6} [-+]\d{4}`;

Deno.test("a program's messages are lines on its standard error, which ANYEVENT_LOG filters", async () => {
  const code = `import { AE, Log } from "@anyevent/loop";
    Log.ctx("A::B").log("warn", "100%\\nmore\\x1b[31m");
    console.log(AE.log("debug", "x"), AE.log("error", "y"));
    AE.postpone(() => { throw "mine"; });`;
  const plain = await run({}, code);
  assert.deepEqual([plain.code, plain.out], [0, "false true\n"], plain.err);
  assert.match(
    plain.err,
    new RegExp(
      `^${STAMP} error main: y\n${STAMP} error AnyEvent: callback of postpone\\(\\) failed: mine\n$`,
    ),
  );
  const told = await run({ ANYEVENT_LOG: "filter=warn AnyEvent=off" }, code);
  assert.match(
    told.err,
    new RegExp(
      `^${STAMP} warn  A::B: 100%\n${STAMP} \\+ more\\\\x1b\\[31m\n${STAMP} error main: y\n$`,
    ),
  );
  const wrong = await run({ ANYEVENT_LOG: "filter=loud" }, code);
  assert.match(
    wrong.err,
    /UsageError: Cannot configure log: ANYEVENT_LOG "filter=loud": parse error/,
  );
  assert.equal(wrong.code, 1);
});

Deno.test("a fatal message ends the process with 1, on either host, after its finalizers", async () => {
  for (const backend of ["native", "pure"]) {
    const { code, out, err } = await run(
      { ANYEVENT_BACKEND: backend },
      `import { AE } from "@anyevent/loop";
      globalThis.addEventListener("unload", () => console.log("unload"));
      AE.log("fatal", "gone");
      console.log("not reached");`,
    );
    assert.deepEqual([code, out], [1, "unload\n"], err);
    assert.match(err, / fatal main: gone\n$/);
  }
});

Deno.test("LogTape is not loaded with the package", async () => {
  const done = await new Deno.Command("deno", {
    args: ["info", "--json", "loop/mod.ts"],
    cwd: new URL("../../../", import.meta.url).pathname,
  }).output();
  const { modules } = JSON.parse(new TextDecoder().decode(done.stdout)) as {
    readonly modules: readonly { readonly specifier: string }[];
  };
  assert.ok(modules.some((it) => it.specifier.endsWith("/loop/log/root.ts")));
  assert.ok(!modules.some((it) => it.specifier.includes("logtape")));
});
