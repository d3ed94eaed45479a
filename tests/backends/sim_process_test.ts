import assert from "node:assert/strict";
import { runDeno } from "../support/run_deno.ts";

const PROGRAM = "tests/backends/sim_child.ts";
const ALLOW = ["--allow-env"];

Deno.test("ANYEVENT_BACKEND=sim runs a program in virtual time, and lets it end", async () => {
  const ran = await runDeno(PROGRAM, [], { allow: ALLOW });
  assert.deepEqual(ran, { code: 0, out: "sim 86400\n", err: "" });
});

Deno.test("an await that nothing can wake in the simulated world raises DeadlockError", async () => {
  const ran = await runDeno(PROGRAM, ["wait"], { allow: ALLOW });
  assert.deepEqual(ran, { code: 0, out: "sim 86400\ntrue 86400\n", err: "" });
});
