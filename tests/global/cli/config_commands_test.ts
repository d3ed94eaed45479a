import assert from "node:assert/strict";
import { PeerError } from "@anyevent/backends/contract";
import { nativeEnv } from "@anyevent/backends/native";
import { main } from "@anyevent/global/cli";
import { manualEnv } from "../../support/manual_env.ts";
import { aemp, FakeTerminal, RC, withFiles } from "./support.ts";

/** 64 bytes in base64 are 86 characters and two `=`, of which one stays; each escape adds one. */
function assertSecretShape(secret: unknown): asserts secret is string {
  assert.equal(typeof secret, "string");
  assert.match(secret as string, /^(?:[A-Za-wyz0-9]|x[012])+=$/);
  const plain = (secret as string).replace(/x[012]/g, (c) => ({ x0: "x", x1: "/", x2: "+" })[c]!);
  assert.equal(atob(`${plain}=`).length, 64);
}

Deno.test("gensecret stores 64 random bytes and does not print them", async () => {
  const seen = new Set<string>();
  for (let seed = 1; seed <= 20; seed++) {
    const env = withFiles(manualEnv({ seed }));
    const terminal = new FakeTerminal();
    assert.equal(await main(["gensecret"], env, terminal), 0);
    const stored = JSON.parse(env.files.get(RC)!);
    assert.equal(stored.version, 1);
    assertSecretShape(stored.secret);
    assert.ok(!terminal.all.includes(stored.secret));
    assert.deepEqual(terminal.printed, [`secret stored in ${RC}`]);
    seen.add(stored.secret);
  }
  assert.equal(seen.size, 20);
});

Deno.test("gensecret keeps everything else in the file, and says that it replaced one", async () => {
  const before = `{
    # a comment
    "version": 1, "secret": "old", "unknown": [1, {"a": 2,},],
    "profile": { "seed": { "parent": "base", "x-mine": true, } },
  }`;
  const { code, terminal, rc } = await aemp(["gensecret"], before);
  assert.equal(code, 0);
  const { secret, ...rest } = JSON.parse(rc!);
  assertSecretShape(secret);
  assert.deepEqual(rest, {
    version: 1,
    unknown: [1, { a: 2 }],
    profile: { seed: { parent: "base", "x-mine": true } },
  });
  assert.match(rc!, /^\{\n {3}"version": 1,\n[^]*\}\n$/);
  assert.deepEqual(terminal.printed, [`secret replaced in ${RC}`]);
});

Deno.test("gensecret changes one profile only when given --profile", async () => {
  const { rc, terminal } = await aemp(
    ["gensecret", "--profile", "a"],
    '{"secret":"all","profile":{"b":{"secret":"b"}}}',
  );
  const stored = JSON.parse(rc!);
  assert.equal(stored.secret, "all");
  assert.deepEqual(stored.profile.b, { secret: "b" });
  assertSecretShape(stored.profile.a.secret);
  assert.deepEqual(terminal.printed, [`secret stored in ${RC}, profile a`]);
});

Deno.test("gensecret leaves a file alone when it cannot make sense of it", async () => {
  for (const before of ["{", "[]", '"x"', '{"profile":[]}', '{"profile":{"a":1}}']) {
    const { code, rc, terminal } = await aemp(["gensecret"], before);
    assert.equal(code, 2, before);
    assert.equal(rc, before);
    assert.match(terminal.errors[0], /^aemp: Cannot read configuration/);
  }
});

Deno.test("gensecret leaves a file alone when it cannot read it", async () => {
  const env = withFiles(manualEnv(), new Map([[RC, "{}"]]));
  const denied = {
    ...env,
    host: {
      ...env.host,
      readTextFile: () => Promise.reject(new PeerError("Cannot read it: denied", "EACCES")),
    },
  };
  const terminal = new FakeTerminal();
  assert.equal(await main(["gensecret"], denied, terminal), 1);
  assert.equal(env.files.get(RC), "{}");
  assert.deepEqual(terminal.errors, ["aemp: Cannot read it: denied"]);
});

Deno.test("gensecret asks for --file when nothing says where the file is", async () => {
  const env = withFiles(manualEnv(), new Map(), { HOME: "" });
  const terminal = new FakeTerminal();
  assert.equal(await main(["gensecret"], env, terminal), 2);
  assert.match(terminal.errors[0], /--file/);
});

Deno.test("setsecret stores the first line of standard input and does not print it", async () => {
  const terminal = new FakeTerminal("geheim7");
  const { code, rc } = await aemp(["setsecret"], undefined, terminal);
  assert.equal(code, 0);
  assert.equal(JSON.parse(rc!).secret, "geheim7");
  assert.ok(!terminal.all.includes("geheim7"));
  assert.deepEqual(terminal.errors, []);
});

Deno.test("setsecret warns when the secret is an argument", async () => {
  const { code, rc, terminal } = await aemp(["setsecret", "geheim7"]);
  assert.equal(code, 0);
  assert.equal(JSON.parse(rc!).secret, "geheim7");
  assert.equal(terminal.prompts, 0);
  assert.match(terminal.errors[0], /^aemp: warning: /);
  assert.ok(!terminal.all.includes("geheim7"));
});

Deno.test("setsecret refuses an empty or unprintable secret, without showing it", async () => {
  for (const secret of ["", "gehe\u0007im"]) {
    const terminal = new FakeTerminal(secret);
    const { code, rc } = await aemp(["setsecret"], undefined, terminal);
    assert.equal(code, 2);
    assert.equal(rc, undefined);
    assert.ok(!terminal.all.includes("gehe"));
  }
});

const CONFIG = `{
  "secret": "geheim7", "seeds": ["a:1"], "monitor_timeout": 7,
  "profile": {
    "base": { "binds": ["b:1"], "cert": "zertifikat7" },
    "seed": { "parent": "base", "nodeid": "n1" }
  }
}`;

Deno.test("showconfig shows what is in force: file over arguments, profile over its parents", async () => {
  const args = ["showconfig", "seed", "monitor_timeout", "9", "connect_interval", "3"];
  const { code, terminal } = await aemp(args, CONFIG);
  assert.equal(code, 0);
  const shown = JSON.parse(terminal.all);
  assert.equal(shown.nodeid, "n1");
  assert.deepEqual(shown.binds, ["b:1"]);
  assert.deepEqual(shown.seeds, ["a:1"]);
  assert.equal(shown.monitor_timeout, 7);
  assert.equal(shown.connect_interval, 3);
  assert.equal(shown.secret, "(hidden)");
  assert.equal(shown.cert, "(hidden)");
  assert.ok(!("profile" in shown) && !("parent" in shown));
  assert.ok(!terminal.all.includes("geheim7") && !terminal.all.includes("zertifikat7"));
});

Deno.test("showconfig takes the host's name for the profile when none is named", async () => {
  const { terminal } = await aemp(["showconfig"], '{"profile":{"myhost":{"binds":["z:1"]}}}');
  const shown = JSON.parse(terminal.all);
  assert.equal(shown.nodeid, "myhost");
  assert.deepEqual(shown.binds, ["z:1"]);
  assert.ok(!("secret" in shown));
});

Deno.test("showconfig and showprofile show secrets only when given --show-secrets", async () => {
  const config = await aemp(["showconfig", "--show-secrets", "base"], CONFIG);
  assert.equal(JSON.parse(config.terminal.all).secret, "geheim7");
  const profile = await aemp(["showprofile", "base", "--show-secrets"], CONFIG);
  assert.deepEqual(JSON.parse(profile.terminal.all), { binds: ["b:1"], cert: "zertifikat7" });
  const hidden = await aemp(["showprofile", "base"], CONFIG);
  assert.deepEqual(JSON.parse(hidden.terminal.all), { binds: ["b:1"], cert: "(hidden)" });
});

Deno.test("showconfig shows what can be given back to it", async () => {
  const first = await aemp(["showconfig", "--show-secrets", "seed"], CONFIG);
  const again = await aemp(["showconfig", "--show-secrets", "x"], first.terminal.all);
  assert.equal(again.terminal.all, first.terminal.all);
});

Deno.test("showprofile names the profiles there are when there is none of that name", async () => {
  const { code, terminal } = await aemp(["showprofile", "sed"], CONFIG);
  assert.equal(code, 2);
  assert.match(terminal.errors[0], /"sed".*only base, seed$/);
  const inherited = await aemp(["showprofile", "toString"], CONFIG);
  assert.equal(inherited.code, 2);
});

Deno.test("gensecret writes a real file that only its owner can read, in one step", async () => {
  const folder = `tests/.tmp/aemp_${Deno.pid}`;
  await Deno.mkdir(folder, { recursive: true });
  try {
    const file = `${folder}/rc`;
    const terminal = new FakeTerminal();
    const env = nativeEnv();
    assert.equal(await main(["gensecret", "--file", file], env, terminal), 0, terminal.all);
    const { secret } = JSON.parse(await Deno.readTextFile(file));
    assertSecretShape(secret);
    if (Deno.build.os !== "windows") {
      assert.equal((await Deno.stat(file)).mode! & 0o777, 0o600);
    }
    const shown = new FakeTerminal();
    const args = ["showconfig", "--file", file, "--show-secrets", "p"];
    assert.equal(await main(args, env, shown), 0, shown.all);
    assert.equal(JSON.parse(shown.all).secret, secret);
    assert.deepEqual([...Deno.readDirSync(folder)].map((entry) => entry.name), ["rc"]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
