import assert from "node:assert/strict";
import { nativeEnv } from "@anyevent/backends/native";
import { loopCases, missing } from "@anyevent/loop/conformance";
import { denoSupport } from "./deno_support.ts";

const runnable = loopCases.filter((it) => missing(it, nativeEnv(), denoSupport).length === 0);

for (const it of runnable) {
  Deno.test(`loop on native: ${it.name}`, async () => await it.run(nativeEnv(), denoSupport));
}

Deno.test("loop on native leaves out only the cases that block the thread", () => {
  const left = loopCases.filter((it) => !runnable.includes(it));
  assert.deepEqual(left.map((it) => it.needs), [["block"], ["block"]]);
});
