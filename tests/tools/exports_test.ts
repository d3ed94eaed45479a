/** The public surface, name by name: a change of it is a decision, and shows here. */
import assert from "node:assert/strict";

const ENTRIES: Readonly<Record<string, () => Promise<object>>> = {
  "@anyevent/anyevent": () => import("@anyevent/anyevent"),
  "@anyevent/backends": () => import("@anyevent/backends"),
  "@anyevent/backends/conformance": () => import("@anyevent/backends/conformance"),
  "@anyevent/backends/contract": () => import("@anyevent/backends/contract"),
  "@anyevent/backends/ffi": () => import("@anyevent/backends/ffi"),
  "@anyevent/backends/memory": () => import("@anyevent/backends/memory"),
  "@anyevent/backends/native": () => import("@anyevent/backends/native"),
  "@anyevent/backends/pure": () => import("@anyevent/backends/pure"),
  "@anyevent/backends/sim": () => import("@anyevent/backends/sim"),
  "@anyevent/loop": () => import("@anyevent/loop"),
  "@anyevent/loop/conformance": () => import("@anyevent/loop/conformance"),
  "@anyevent/loop/logtape": () => import("@anyevent/loop/logtape"),
  "@anyevent/loop/shell": () => import("@anyevent/loop/shell"),
  "@anyevent/coro": () => import("@anyevent/coro"),
  "@anyevent/coro/lint": () => import("@anyevent/coro/lint"),
  "@anyevent/mp": () => import("@anyevent/mp"),
  "@anyevent/mp/coro": () => import("@anyevent/mp/coro"),
  "@anyevent/mp/wire": () => import("@anyevent/mp/wire"),
  "@anyevent/global": () => import("@anyevent/global"),
};

const file = new URL("./exports.json", import.meta.url);

Deno.test("each package exports the names of exports.json and no others", async () => {
  const expected = JSON.parse(await Deno.readTextFile(file)) as Record<string, string[]>;
  const actual: Record<string, string[]> = {};
  for (const [name, load] of Object.entries(ENTRIES)) {
    actual[name] = Object.keys(await load()).sort();
  }
  assert.deepEqual(actual, expected);
});

Deno.test("the façade has every name of the layers, once", async () => {
  const all = new Set(Object.keys(await ENTRIES["@anyevent/anyevent"]()));
  for (
    const layer of [
      "@anyevent/loop",
      "@anyevent/coro",
      "@anyevent/mp",
      "@anyevent/mp/coro",
      "@anyevent/global",
    ]
  ) {
    for (const name of Object.keys(await ENTRIES[layer]())) {
      assert.ok(all.has(name), `${name} of ${layer}`);
    }
  }
});
