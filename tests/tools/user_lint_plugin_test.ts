import assert from "node:assert/strict";
import plugin from "@anyevent/coro/lint";

function flagged(source: string): number {
  return Deno.lint.runPlugin(plugin, "program.ts", source).length;
}

Deno.test("no-dropped-operation flags a blocking function as a statement", () => {
  for (
    const source of [
      'import { cede } from "@anyevent/coro"; cede();',
      'import { cede as turn } from "@anyevent/coro"; turn();',
      'import { sleep } from "jsr:@anyevent/loop@^0.1.0"; function* t() { sleep(1); }',
      'import * as Coro from "@anyevent/coro"; Coro.schedule();',
      'import { AE } from "@anyevent/loop"; AE.sleep(1);',
      'import { rouseWait } from "@anyevent/coro"; rouseWait();',
      'import { terminate } from "@anyevent/coro"; terminate(1);',
    ]
  ) assert.equal(flagged(source), 1, source);
});

Deno.test("no-dropped-operation flags blocking methods when the object is known or the name tells", () => {
  for (
    const source of [
      'import { Channel } from "@anyevent/coro"; const c = new Channel(); c.get();',
      'import { async } from "@anyevent/coro"; const t = async(f); t.join();',
      'import { Semaphore } from "@anyevent/coro"; const s = new Semaphore(1); s.down();',
      'import { x } from "@anyevent/loop"; function f(cv) { cv.recv(); }',
    ]
  ) assert.equal(flagged(source), 1, source);
});

Deno.test("no-dropped-operation flags a yield without the star, and offers it", () => {
  for (
    const body of [
      "yield cede();",
      "const x = yield c.get();",
      "yield c.put(1);",
      "yield (new Channel().get(), cv.recv());",
      "yield cv.recv();",
      "return yield sleep(1);",
    ]
  ) {
    const source = 'import { cede, Channel, sleep } from "@anyevent/coro"; ' +
      `const c = new Channel(); function* t(cv) { ${body} }`;
    const found = Deno.lint.runPlugin(plugin, "program.ts", source);
    const isPlain = !body.startsWith("yield (");
    assert.equal(found.length, isPlain ? 1 : 0, body);
    if (!isPlain) continue;
    assert.match(found[0].message, /lacks its star/);
    const [fix] = found[0].fix ?? [];
    assert.equal(fix.text, "*");
    assert.equal(source.slice(0, fix.range[0]).endsWith("yield"), true);
  }
});

Deno.test("no-dropped-operation says nothing when the call is run or is not ours", () => {
  for (
    const source of [
      'import { cede } from "@anyevent/coro"; await cede();',
      'import { cede } from "@anyevent/coro"; function* t() { yield* cede(); }',
      'import { cede } from "@anyevent/coro"; const op = cede(); run(op);',
      'import { sleep } from "other"; sleep(1);',
      "cede(); sleep(1); cv.recv();",
      'import { Channel } from "@anyevent/coro"; const c = new Channel(); c.put(1);',
      'import { cede } from "@anyevent/coro"; map.get(1); thread.join(); list.join();',
      'import { async } from "@anyevent/coro"; async(f);',
      'import { cede } from "@anyevent/coro"; function* t() { yield 1; yield map.get(1); yield; }',
      'import { Channel } from "@anyevent/coro"; const c = new Channel(); function* t() { yield c.size(); }',
    ]
  ) assert.equal(flagged(source), 0, source);
});

Deno.test("no-dropped-operation offers yield* in a generator and await elsewhere", () => {
  const fixes = (source: string): (string | undefined)[] =>
    Deno.lint.runPlugin(plugin, "program.ts", source)
      .flatMap((one) => one.fix?.map((fix) => fix.text) ?? []);
  const head = 'import { cede } from "@anyevent/coro"; ';
  assert.deepEqual(fixes(head + "function* t() { cede(); }"), ["yield* "]);
  assert.deepEqual(fixes(head + "async function t() { cede(); }"), ["await "]);
  assert.deepEqual(fixes(head + "cede();"), ["await "]);
  assert.deepEqual(fixes(head + "function t() { cede(); }"), []);
});
