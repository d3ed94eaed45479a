/** The rule for users against what this package exports. */
import assert from "node:assert/strict";
import plugin from "@anyevent/coro/lint";

function flagged(source: string): number {
  return Deno.lint.runPlugin(plugin, "program.ts", source).length;
}

Deno.test("no-dropped-operation knows the functions and methods of threads that block", () => {
  const functions = ["idle()", "idleUpto(1)", "readable(fh)", "wait(p)", "within(op, o)", "pin(f)"];
  for (const call of functions) {
    const name = call.slice(0, call.indexOf("("));
    assert.equal(flagged(`import { ${name} } from "@anyevent/coro"; ${call};`), 1, call);
  }
  const methods = [
    "Semaphore guard() withGuard(f) wait() wait({timeout:1})",
    "SemaphoreSet guard(1) down(1)",
    "RWLock rdGuard() wrGuard() withRdlock(f) withWrlock(f)",
    "Channel each(f) get()",
    "Coro cedeTo() scheduleTo() join()",
    "State transfer(other)",
    "CoroHandle eof() readPartial() readline() each(f)",
  ];
  for (const line of methods) {
    const [name, ...calls] = line.split(" ");
    for (const call of calls) {
      const source =
        `import { ${name} } from "@anyevent/coro"; const x = new ${name}(); x.${call};`;
      assert.equal(flagged(source), 1, source);
    }
  }
});

Deno.test("no-dropped-operation lets callbacks and watchers pass", () => {
  for (
    const source of [
      'import { AE } from "@anyevent/loop"; AE.idle(() => {});',
      'import { Semaphore } from "@anyevent/coro"; const x = new Semaphore(); x.wait(() => {});',
      'import { Signal } from "@anyevent/coro"; const x = new Signal(); x.wait(callback);',
      'import { CoroHandle } from "@anyevent/coro"; const x = new CoroHandle(s); x.print("a");',
      'import { produce } from "@anyevent/coro"; const x = produce(f); x.next();',
    ]
  ) assert.equal(flagged(source), 0, source);
});
