import assert from "node:assert/strict";
import { Strict } from "@anyevent/loop";
import { Mesh } from "../support/mesh.ts";

Deno.test("snd() freezes what local ports get, in strict mode only", async () => {
  await using mesh = new Mesh();
  const node = await mesh.node("a", {});
  const got: unknown[] = [];
  const port = node.port((what) => void got.push(what));
  const free = { list: [1] };
  node.snd(port, free);
  const frozen = { list: [1] };
  Strict.enable();
  try {
    node.snd(port, frozen);
  } finally {
    Strict.disable();
  }
  await mesh.until(() => got.length === 2);
  free.list.push(2);
  assert.throws(() => frozen.list.push(2), TypeError);
  assert.deepEqual(got, [{ list: [1, 2] }, { list: [1] }]);
});
