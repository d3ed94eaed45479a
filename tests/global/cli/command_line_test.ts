import assert from "node:assert/strict";
import { main } from "@anyevent/global/cli";
import { UsageError } from "@anyevent/backends/contract";
import { manualEnv } from "../../support/manual_env.ts";
import { aemp } from "./support.ts";

const WRONG: readonly (readonly [args: readonly string[], line: RegExp])[] = [
  [["gensecrt"], /`gensecrt`.*Did you mean.*`gensecret`/],
  [["gensecret", "--flie", "x"], /`--flie`.*Did you mean `--file`/],
  [["run", "--jsn"], /`--jsn`.*Did you mean `--json`/],
  [["run", "--exit-with-stdn"], /Did you mean `--exit-with-stdin`/],
  [["snd", "--sed=x:1", "n#p"], /Did you mean `--seed`/],
  [["frobnicate"], /`frobnicate`/],
  [["snd"], /`PORT`/],
  [["mon"], /`PORT`/],
  [["mon", "a", "b"], /b/],
  [["showprofile"], /`NAME`/],
  [["snd", "--seed"], /`--seed`/],
];

for (const [args, line] of WRONG) {
  Deno.test(`main() returns 2 and says why in one line when given ${args.join(" ")}`, async () => {
    const { code, terminal, rc } = await aemp(args);
    assert.equal(code, 2);
    assert.equal(terminal.errors.length, 1);
    assert.match(terminal.errors[0], line);
    assert.match(terminal.errors[0], /^aemp: [^\n]+$/);
    assert.deepEqual(terminal.printed, []);
    assert.equal(rc, undefined);
  });
}

const BAD: readonly (readonly [args: readonly string[], line: RegExp])[] = [
  [["showconfig", "p", "nosuch", "1"], /Cannot configure "nosuch": known settings are/],
  [["showconfig", "monitor_timeout", "soon"], /monitorTimeout as "soon"/],
  [["showconfig", "binds", "[1"], /Cannot read argument "\[1" as JSON/],
  [["showconfig", "binds", "a:1", "binds", "b:1"], /"binds": given twice/],
  [["run", "p", "nosuch", "1"], /Cannot configure "nosuch"/],
  [["snd", "#x", "--seed", "h:1"], /Cannot use "#x" as a port/],
  [["snd", "a b", "--seed", "h:1"], /Cannot use "a b" as a port/],
  [["snd", "n#p", "{", "--seed", "h:1"], /Cannot read argument "{" as JSON/],
  [["snd", "n#p"], /no seeds are configured/],
  [["mon", ""], /Cannot use id "": it is not a port/],
  [["mon", "n#p"], /no seeds are configured/],
  [
    ["mon", "n#p", "--seed", "h:1", "--secret-env", "NOT_SET"],
    /secret from NOT_SET: it is not set/,
  ],
  [["mon", "n#p", "--seed", "a b:1"], /Cannot parse address "a b:1"/],
];

for (const [args, line] of BAD) {
  Deno.test(`main() fails in one line when given ${args.join(" ")}`, async () => {
    const { code, terminal } = await aemp(args);
    assert.notEqual(code, 0);
    assert.equal(terminal.errors.length, 1, terminal.all);
    assert.match(terminal.errors[0], line);
    assert.match(terminal.errors[0], /^aemp: [^\n]+$/);
  });
}

Deno.test("main() shows all commands and the permissions when asked for help", async () => {
  for (const args of [[], ["--help"], ["help"]]) {
    const { code, terminal } = await aemp(args);
    assert.equal(code, 0);
    for (
      const word of ["gensecret", "setsecret", "showconfig", "showprofile", "run", "snd", "mon"]
    ) {
      assert.match(terminal.all, new RegExp(`^  ${word} `, "m"));
    }
    assert.match(terminal.all, /--allow-net/);
    assert.deepEqual(terminal.errors, []);
  }
});

Deno.test("main() shows the options of one command when asked for its help", async () => {
  const { code, terminal } = await aemp(["run", "--help"]);
  assert.equal(code, 0);
  assert.match(terminal.all, /--exit-with-stdin/);
  assert.doesNotMatch(terminal.all, /--show-secrets/);
});

Deno.test("main() prints the package's version when given --version", async () => {
  const manifest = JSON.parse(await Deno.readTextFile("global/deno.json"));
  const { code, terminal } = await aemp(["--version"]);
  assert.equal(code, 0);
  assert.deepEqual(terminal.printed, [manifest.version]);
});

Deno.test("main() prints a script and proposals when asked for shell completion", async () => {
  const script = await aemp(["completion", "bash"]);
  assert.equal(script.code, 0);
  assert.match(script.terminal.all, /complete .*aemp/);
  const words = await aemp(["completion", "bash", "gen"]);
  assert.match(words.terminal.all, /gensecret/);
});

Deno.test("main() throws when its arguments are no strings", async () => {
  const call = (args: unknown): Promise<number> => main(args as string[], manualEnv());
  await assert.rejects(call([1]), UsageError);
  await assert.rejects(call("run"), UsageError);
});
