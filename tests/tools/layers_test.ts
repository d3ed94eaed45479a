import assert from "node:assert/strict";
import { cycles, type Edge, edgesOf, packageOf, problems } from "./layers.ts";

function edge(from: string, to: string, specifier: string, typeOnly = false): Edge {
  return { from, to, specifier, typeOnly };
}

Deno.test("problems() accepts what the layers allow", () => {
  assert.deepEqual(
    problems([
      edge("loop/ae.ts", "loop/time.ts", "./time.ts"),
      edge("loop/registry.ts", "backends/native/mod.ts", "@anyevent/backends/native"),
      edge("coro/thread.ts", "loop/mod.ts", "@anyevent/loop"),
      edge("mp/node.ts", "backends/contract/mod.ts", "@anyevent/backends/contract"),
      edge("mp/coro.ts", "coro/mod.ts", "@anyevent/coro"),
      edge("global/seeds.ts", "mp/mod.ts", "@anyevent/mp"),
      edge("mod.ts", "global/mod.ts", "@anyevent/global"),
      edge("backends/pure/mod.ts", "backends/driven/core.ts", "../driven/core.ts"),
      edge("mp/wire/md6.ts", "node:crypto", "node:crypto"),
      edge("global/cli/main.ts", "npm:@optique/core@1", "npm:@optique/core@1"),
    ]),
    [],
  );
});

const FORBIDDEN: readonly [Edge, RegExp][] = [
  [edge("backends/mod.ts", "loop/mod.ts", "@anyevent/loop"), /backends may not/],
  [edge("loop/ae.ts", "coro/mod.ts", "@anyevent/coro"), /loop may not/],
  [edge("loop/ae.ts", "coro/mod.ts", "@anyevent/coro", true), /loop may not/],
  [edge("coro/a.ts", "backends/native/mod.ts", "@anyevent/backends/native"), /coro may not/],
  [edge("mp/node.ts", "coro/mod.ts", "@anyevent/coro"), /mp may not/],
  [edge("mp/node.ts", "mod.ts", "@anyevent/anyevent"), /mp may not/],
  [edge("mp/node.ts", "loop/mod.ts", "../loop/mod.ts"), /use the package's name/],
  [edge("mp/node.ts", "mp/mod.ts", "@anyevent/mp"), /use a relative path/],
  [edge("mp/node.ts", "tests/support/x.ts", "../tests/support/x.ts"), /not published/],
  [edge("loop/x.ts", "https://jsr.io/@std/x.ts", "jsr:@std/x"), /only npm: and node:/],
  [edge("backends/pure/x.ts", "backends/native/y.ts", "../native/y.ts"), /contract and driven/],
  [edge("backends/contract/x.ts", "backends/driven/y.ts", "../driven/y.ts"), /contract and driven/],
];

for (const [wrong, message] of FORBIDDEN) {
  Deno.test(`problems() reports ${wrong.from} importing ${wrong.specifier}`, () => {
    const found = problems([wrong]);
    assert.equal(found.length, 1);
    assert.match(found[0], message);
  });
}

Deno.test("problems() reports a cycle of packages made of types only", () => {
  const found = problems([
    edge("mp/coro.ts", "coro/mod.ts", "@anyevent/coro"),
    edge("coro/x.ts", "mp/types.ts", "@anyevent/mp", true),
  ]);
  assert(found.some((line) => line.includes("packages import each other: coro -> mp -> coro")));
});

Deno.test("problems() reports a cycle of files made of code, not one closed by a type", () => {
  const there = edge("loop/a.ts", "loop/b.ts", "./b.ts");
  const back = edge("loop/b.ts", "loop/a.ts", "./a.ts");
  assert.deepEqual(problems([there, { ...back, typeOnly: true }]), []);
  assert.deepEqual(problems([there, back]), [
    "files import each other: loop/a.ts -> loop/b.ts -> loop/a.ts",
  ]);
});

Deno.test("cycles() finds each once, and self-loops", () => {
  assert.deepEqual(cycles([["a", "b"], ["b", "c"], ["a", "c"]]), []);
  assert.deepEqual(cycles([["a", "a"]]), [["a", "a"]]);
  assert.deepEqual(cycles([["a", "b"], ["b", "c"], ["c", "a"], ["x", "a"]]), [
    ["a", "b", "c", "a"],
  ]);
});

Deno.test("packageOf() gives the top folder of a member, else the root", () => {
  assert.equal(packageOf("mp/wire/mod.ts"), "mp");
  assert.equal(packageOf("mod.ts"), ".");
  assert.equal(packageOf("tests/x.ts"), ".");
});

Deno.test("edgesOf() separates code from types and keeps errors", () => {
  const file = (name: string): string => `file:///w/${name}`;
  const { edges, errors } = edgesOf({
    modules: [
      {
        specifier: file("loop/a.ts"),
        dependencies: [
          { specifier: "./b.ts", code: { specifier: file("loop/b.ts") } },
          { specifier: "./t.ts", type: { specifier: file("loop/t.ts") } },
          { specifier: "lost", code: { error: "not a dependency" } },
        ],
      },
      { specifier: file("loop/gone.ts"), error: "Module not found" },
      { specifier: file("tests/.tmp/x.ts"), dependencies: [] },
    ],
  }, "/w");
  assert.deepEqual(edges.map((one) => [one.to, one.typeOnly]), [
    ["loop/b.ts", false],
    ["loop/t.ts", true],
  ]);
  assert.equal(errors.length, 2);
});
