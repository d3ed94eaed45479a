import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { checkPublish, virtualRoot } from "./publish.ts";

Deno.test("virtualRoot() moves the named root into a member", () => {
  const { root, facade } = virtualRoot({
    name: "@x/all",
    version: "1.0.0",
    license: "MIT",
    exports: "./mod.ts",
    workspace: ["./a"],
  });
  assert.equal(root.name, undefined);
  assert.deepEqual(root.workspace, ["./a", "./anyevent"]);
  assert.deepEqual(facade, {
    name: "@x/all",
    version: "1.0.0",
    license: "MIT",
    exports: "./mod.ts",
  });
});

/** Writes a workspace of two packages, `two` importing `one`. */
async function workspace(root: string, one: string): Promise<void> {
  const file = async (path: string, text: string): Promise<void> => {
    await Deno.mkdir(join(root, path, ".."), { recursive: true });
    await Deno.writeTextFile(join(root, path), text);
  };
  const config = (name: string): object => ({
    name: `@made-up/${name}`,
    version: "0.1.0",
    license: "MIT",
    exports: "./mod.ts",
  });
  const all = { ...config("all"), workspace: ["./one", "./two"], exclude: ["tests/.tmp/"] };
  await file("deno.json", JSON.stringify(all));
  await file("mod.ts", 'export { two } from "@made-up/two";\n');
  await file("one/deno.json", JSON.stringify(config("one")));
  await file("one/mod.ts", one);
  await file("two/deno.json", JSON.stringify(config("two")));
  await file(
    "two/mod.ts",
    'import type { One } from "@made-up/one";\nexport const two: One = 1;\n',
  );
}

async function checked(one: string): Promise<string[]> {
  const dir = fileURLToPath(new URL("../.tmp", import.meta.url));
  await Deno.mkdir(dir, { recursive: true });
  const root = await Deno.makeTempDir({ dir, prefix: "workspace_" });
  try {
    await workspace(root, one);
    return await checkPublish(root);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

Deno.test("checkPublish() accepts a sound workspace", async () => {
  assert.deepEqual(await checked("export type One = 1;\n"), []);
});

Deno.test("checkPublish() finds packages that import each other, even for types", async () => {
  const found = await checked(
    'import type * as Two from "@made-up/two";\nexport type One = 1;\nexport type T = typeof Two;\n',
  );
  assert.equal(found.length, 1);
  assert.match(found[0], /Circular package dependency/);
});

Deno.test("checkPublish() finds slow types", async () => {
  const found = await checked("export type One = 1;\nexport const list = [1].map((x) => x);\n");
  assert(found.length > 0);
  assert.match(found.join("\n"), /missing-explicit-type/);
});
