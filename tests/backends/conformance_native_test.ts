import assert from "node:assert/strict";
import type { Env } from "@anyevent/backends/contract";
import { nativeEnv, registerChild } from "@anyevent/backends/native";
import { conformanceCases, runCase, type Support } from "@anyevent/backends/conformance";
import { denoSupport, leavesNoDescriptors, skipped } from "./conformance_support.ts";

const hasSignals = Deno.build.os !== "windows";
const CAN = ["net", "udp", "tls", "child", "children", "idle", "faults", "clock"]
  .concat(hasSignals ? ["signal"] : []);

function made(): { env: Env; support: Support } {
  const faults: unknown[] = [];
  const env = nativeEnv({ onError: (thrown) => void faults.push(thrown) });
  return { env, support: denoSupport(faults, registerChild) };
}

const left = skipped(conformanceCases, CAN);

for (const one of conformanceCases) {
  if (left.includes(one.name)) continue;
  Deno.test(`native: ${one.name}`, async () => {
    const { env, support } = made();
    await runCase(one, env, support);
    env.backend.dispose();
  });
}

Deno.test("native leaves out only the cases that block the thread", () => {
  if (!hasSignals) return;
  assert.deepEqual(left, [
    "runUntil() returns at once when it is done, and wakes for streams",
    "runUntil() inside a callback runs what is left, each once",
    "runUntil() goes on after a callback that throws, and hands on what done() throws",
    "runUntil() runs turns until it is done, runOnce() one",
  ]);
  const { backend } = made().env;
  assert.equal(backend.runOnce, undefined);
  assert.equal(backend.runUntil, undefined);
});

Deno.test("native leaves no descriptor open", async () => {
  const faults: unknown[] = [];
  const cases = conformanceCases.filter((one) =>
    !left.includes(one.name) && /net|udp|tls/.test(one.needs.join())
  );
  const onError = (thrown: unknown): void => void faults.push(thrown);
  await leavesNoDescriptors(cases, () => nativeEnv({ onError }), denoSupport(faults));
});
