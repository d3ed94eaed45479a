import assert from "node:assert/strict";
import plugin, { pathInProject } from "./lint_plugin.ts";

/** Rules that fire, by name, for one source in one place. */
function rules(file: string, source: string): string[] {
  return Deno.lint.runPlugin(plugin, file, source).map((one) => one.id.replace("anyevent/", ""));
}

const AMBIENT = [
  "Date.now();",
  "const f = Date.now;",
  "new Date();",
  "Date();",
  "performance.now();",
  "Temporal.Now.instant();",
  "setTimeout(f, 1);",
  "const later = setTimeout;",
  "setInterval(f, 1);",
  "setImmediate(f);",
  "queueMicrotask(f);",
  "AbortSignal.timeout(1);",
  "Math.random();",
  "crypto.getRandomValues(b);",
  "crypto.randomUUID();",
  "crypto.randomBytes(3);",
  "process.hrtime();",
  "globalThis.setTimeout(f);",
  'globalThis["setTimeout"](f);',
  "globalThis[`setTimeout`](f);",
  "globalThis.Date.now();",
  'globalThis["Math"].random();',
  "new globalThis.Date();",
  "globalThis.crypto.randomUUID();",
  "const { now } = Date;",
  "const { setTimeout: later } = globalThis;",
  "const { random } = globalThis.Math;",
  "const g = globalThis;",
  "globalThis[name](f);",
  'Date["now"]();',
  'import { setTimeout as s } from "node:timers";',
  'import t from "timers/promises";',
  'export * from "node:timers";',
  'await import("node:timers/promises");',
  'import { randomBytes } from "node:crypto";',
  'import { randomUUID as id } from "node:crypto";',
  'import { performance } from "node:perf_hooks";',
];

for (const source of AMBIENT) {
  Deno.test(`no-ambient flags ${source} in a layer`, () => {
    assert(rules("mp/wire/x.ts", source).includes("no-ambient"));
    assert(rules("mod.ts", source).includes("no-ambient"));
  });
}

const CLEAN = [
  "new Date(5);",
  "env.backend.now();",
  "const at = clock.now;",
  "Math.floor(1.5);",
  "class T { setTimeout() {} }",
  "handle.setTimeout(3);",
  "const o = { setTimeout: 1 };",
  "interface I { setTimeout(): void; now: number }",
  "globalThis.reportError(1);",
  "env.random.bytes(3);",
  'import { createHmac } from "node:crypto";',
  "function f(setTimeout: number): void {}",
  "function* g() { yield* sleep(1); }",
  "async function* g() { yield 1; }",
];

for (const source of CLEAN) {
  Deno.test(`the plugin has nothing against ${source} in a layer`, () => {
    assert.deepEqual(rules("mp/wire/x.ts", source), []);
  });
}

Deno.test("no-ambient lets backends, tests, examples and the command line be", () => {
  for (const folder of ["backends/native", "tests/mp", "examples", "global/cli"]) {
    assert.deepEqual(rules(`${folder}/x.ts`, "Date.now();"), []);
  }
});

Deno.test("no-host flags Deno, process and node: in a layer", () => {
  const sources = [
    "Deno.exit(1);",
    "globalThis.Deno.exit(1);",
    "let c: Deno.Conn;",
    "process.exit(1);",
    'import fs from "node:fs";',
    'import type { Socket } from "node:net";',
    'export * from "node:os";',
    'await import("node:net");',
  ];
  for (const source of sources) {
    for (const folder of ["loop", "coro", "mp", "global"]) {
      assert.deepEqual(rules(`${folder}/x.ts`, source), ["no-host"], source);
    }
    assert.deepEqual(rules("backends/native/x.ts", source), []);
    assert.deepEqual(rules("global/cli/x.ts", source), []);
  }
});

Deno.test("no-host allows node:crypto in mp/wire only", () => {
  const source = 'import { createHmac } from "node:crypto";';
  assert.deepEqual(rules("mp/wire/auth.ts", source), []);
  assert.deepEqual(rules("mp/node.ts", source), ["no-host"]);
});

Deno.test("no-bare-yield flags a yield in all but the one file", () => {
  const source = "function* g() { yield 1; }";
  assert.deepEqual(rules("coro/thread.ts", source), ["no-bare-yield"]);
  assert.deepEqual(rules("examples/x.ts", source), ["no-bare-yield"]);
  assert.deepEqual(rules("loop/operation.ts", source), []);
  assert.deepEqual(rules("backends/driven/core.ts", source), []);
  assert.deepEqual(rules("tests/x_test.ts", source), []);
  const nested = "async function* a() { function* g() { yield 1; } yield 2; }";
  assert.deepEqual(rules("coro/thread.ts", nested), ["no-bare-yield"]);
});

Deno.test("pathInProject() gives the path below the workspace", () => {
  const here = new URL(import.meta.url).pathname;
  assert.equal(pathInProject(here), "tests/tools/lint_plugin_test.ts");
});
