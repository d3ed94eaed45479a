import assert from "node:assert/strict";
import { ClosedError, LogRoot, Loop, UsageError } from "@anyevent/loop";
import { nativeEnv } from "@anyevent/backends/native";
import { nodeHost, pureEnv } from "@anyevent/backends/pure";
import type { Env } from "@anyevent/backends/contract";
import { logWorld } from "./support.ts";

type Logged = string[];

/** Runs on Deno and on Node's modules, with a folder of its own. */
async function withFolder(
  body: (folder: string, env: Env, logged: Logged) => void,
): Promise<void> {
  const all = new URL("../../.tmp/", import.meta.url).pathname;
  await Deno.mkdir(all, { recursive: true });
  for (const make of [nativeEnv, () => pureEnv({ host: nodeHost() })]) {
    const folder = await Deno.makeTempDir({ dir: all });
    const logged: Logged = [];
    const env = {
      ...make(),
      log: (level: number, text: string) => void logged.push(`${level} ${text}`),
    };
    try {
      body(folder, env, logged);
    } finally {
      env.backend.dispose();
      await Deno.remove(folder, { recursive: true });
    }
  }
}

function messages(path: string): string[] {
  return Deno.readTextFileSync(path).trimEnd().split("\n").map((line) =>
    line.replace(/^.*?: /, "")
  );
}

Deno.test("logToFile() appends within the call to a file that stays open", () =>
  withFolder((folder, env) => {
    const path = `${folder}/a`;
    Deno.writeTextFileSync(path, "x: before\n");
    using log = new LogRoot(env);
    const context = log.ctx().logToFile(path);
    context.log("info", "one é");
    assert.deepEqual(messages(path), ["before", "one é"]);
    Deno.renameSync(path, `${folder}/b`);
    context.log("info", "two");
    assert.deepEqual(messages(`${folder}/b`), ["before", "one é", "two"]);
    assert.throws(() => Deno.statSync(path));
  }));

Deno.test("logToPath() opens the file for each message", () =>
  withFolder((folder, env) => {
    const path = `${folder}/a`;
    const log = new LogRoot(env);
    const context = log.ctx().logToPath(path);
    assert.throws(() => Deno.statSync(path));
    context.log("info", "one");
    Deno.renameSync(path, `${folder}/b`);
    context.log("info", "two");
    assert.deepEqual([messages(path), messages(`${folder}/b`)], [["two"], ["one"]]);
  }));

Deno.test("a file that cannot be written is told once, until it works again", () =>
  withFolder((folder, env, logged) => {
    using log = new LogRoot(env);
    const context = log.ctx("A").slaves().logToFile(`${folder}/none/a`);
    assert.equal(logged.length, 1);
    assert.match(
      logged[0],
      /^4 unable to open logfile '.*\/none\/a': Cannot append to .*\/none\/a: /,
    );
    assert.equal(context.log("error", "x"), true);
    assert.equal(logged.length, 1);
    Deno.mkdirSync(`${folder}/none`);
    context.log("error", "y");
    assert.deepEqual(messages(`${folder}/none/a`), ["y"]);
    context.logToPath(folder).log("error", "z");
    assert.equal(logged.length, 2);
  }));

Deno.test("a fault of the log's own last file still reaches the Env", () =>
  withFolder((folder, env, logged) => {
    using log = new LogRoot(env, { spec: `log=file=${folder}/no/a` });
    log.log("error", "x");
    assert.equal(logged.length, 1);
    assert.match(logged[0], /^4 unable to open logfile/);
  }));

Deno.test("ANYEVENT_LOG logs to files, with any character in the path", () =>
  withFolder((folder, env) => {
    const escaped = `${folder}/a\\ b\\,c\\:d\\\\e\\=f`;
    using log = new LogRoot(env, { spec: `A=+,file=${escaped} B=+,path=${folder}/p::q` });
    log.ctx("A").log("trace", "one");
    log.ctx("B").log("trace", "two");
    assert.deepEqual(messages(`${folder}/a b,c:d\\e=f`), ["one"]);
    assert.deepEqual(messages(`${folder}/p::q`), ["two"]);
  }));

Deno.test("files are closed when something else is set, and with the loop", () =>
  withFolder((folder, env) => {
    const loop = new Loop(env);
    const context = loop.log.ctx().logToFile(`${folder}/a`).logToFile(`${folder}/b`);
    context.logCb(undefined).log("info", "x");
    assert.equal(Deno.readTextFileSync(`${folder}/a`), "");
    loop.log.ctx("A").logToFile(`${folder}/c`);
    loop.log.reset();
    const left = loop.log.ctx().logToFile(`${folder}/d`);
    loop.dispose();
    loop.dispose();
    left.log("info", "x");
    assert.throws(() => left.logToPath(`${folder}/e`), ClosedError);
    assert.equal(Deno.readTextFileSync(`${folder}/d`), "");
  }));

Deno.test("where the host has no files, or for what is no path, it is a UsageError", () => {
  const { log } = logWorld();
  assert.throws(() => log.ctx().logToFile("/x"), /Cannot log to \/x: this host has no files/);
  for (const bad of ["", 5, undefined]) {
    assert.throws(() => log.ctx().logToPath(bad as never), UsageError);
  }
});

Deno.test("a file that is not permitted is told, not asked for", () => {
  const logged: string[] = [];
  const env = nativeEnv({ log: (_level, message) => void logged.push(message) });
  try {
    using log = new LogRoot(env, {});
    log.ctx().logToPath("/nowhere/a").log("info", "x");
    assert.match(logged[0], /Cannot append to \/nowhere\/a: .*--allow-write=\/nowhere\/a/);
  } finally {
    env.backend.dispose();
  }
});
