import assert from "node:assert/strict";
import { ffiEnv } from "@anyevent/backends/ffi";
import { loopCases, missing } from "@anyevent/loop/conformance";
import { waitsOver } from "../backends/ffi_support.ts";
import { denoSupport } from "./deno_support.ts";

const here = Deno.build.os === "linux";

for (const it of here ? loopCases : []) {
  Deno.test(`loop on ffi: ${it.name}`, async () => {
    await it.run(ffiEnv(), denoSupport);
    await waitsOver();
  });
  Deno.test(`loop on ffi spinning: ${it.name}`, async () => {
    await it.run(ffiEnv({ spin: 0.0005 }), denoSupport);
    await waitsOver();
  });
}

Deno.test("loop on ffi leaves out no case on Linux", () => {
  if (!here) return;
  assert.deepEqual(loopCases.filter((it) => missing(it, ffiEnv(), denoSupport).length > 0), []);
});
