/** Arguments that make no sense are refused by the call that gets them, with what was given. */
import assert from "node:assert/strict";
import { simEnv } from "@anyevent/backends/sim";
import { Global, globalOf } from "@anyevent/global";
import { Loop } from "@anyevent/loop";
import { Node } from "@anyevent/mp";

const bad = (value: unknown): never => value as never;
const node = new Node({ loop: new Loop(simEnv()) });
const { groups, seeds } = globalOf(node);

const CASES: readonly [name: string, call: () => unknown, message: RegExp][] = [
  ["globalOf(5)", () => globalOf(bad(5)), /make Global: 5 is not a Node/],
  ["globalOf({})", () => globalOf(bad({})), /make Global: object Object is not a Node/],
  ["new Global()", () => new Global(bad(undefined)), /make Global: undefined is not a Node/],
  ["seeds.start(5)", () => seeds.start(bad(5)), /start seeding: 5 is no list of addresses/],
  ["groups.get(5)", () => groups.get(bad(5)), /group.* 5/],
  ["groups.monitor(5)", () => groups.monitor(bad(5), () => {}), /group.* 5/],
  ["groups.monitor(, 5)", () => groups.monitor("g", bad(5)), /monitor group g: 5 is/],
  ["groups.register(5)", () => groups.register(bad(5), node.port()), /group.* 5/],
  ["groups.register(, {})", () => groups.register("g", bad({})), /object Object/],
];

for (const [name, call, message] of CASES) {
  Deno.test(`${name} throws a UsageError that says what is wrong`, () => {
    assert.throws(call, { name: "UsageError", message });
  });
}

for (const wrong of ["127.0.0.1:4040", [5], undefined]) {
  Deno.test(`seeds.join(${String(wrong)}) is rejected with a UsageError`, async () => {
    const message = /join the mesh by .*: it is no list of addresses/;
    await assert.rejects(seeds.join(bad(wrong)), { name: "UsageError", message });
  });
}
