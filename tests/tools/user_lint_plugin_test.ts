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
