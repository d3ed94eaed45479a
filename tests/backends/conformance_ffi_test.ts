import assert from "node:assert/strict";
import { type FfiEnv, ffiEnv } from "@anyevent/backends/ffi";
import { registerChild } from "@anyevent/backends/native";
import { DeadlockError } from "@anyevent/backends/contract";
import { conformanceCases, runCase } from "@anyevent/backends/conformance";
import { waitsOver } from "./ffi_support.ts";
import { denoSupport, leavesNoDescriptors, skipped } from "./conformance_support.ts";

const here = Deno.build.os === "linux";
const CAN = [
  "net",
  "udp",
  "tls",
  "signal",
  "child",
  "children",
  "idle",
  "block",
  "faults",
  "clock",
];

for (const one of here ? conformanceCases : []) {
  for (const spin of [0, 0.0005]) {
    // Busy polling is a matter of waiting, so the cases about sockets tell most about it.
    if (spin > 0 && !one.needs.includes("net")) continue;
    Deno.test(`ffi${spin > 0 ? " spinning" : ""}: ${one.name}`, async () => {
      const faults: unknown[] = [];
      const env = ffiEnv({ onError: (thrown) => void faults.push(thrown), spin });
      await runCase(one, env, denoSupport(faults, registerChild));
      await waitsOver();
    });
  }
}

/** Runs turns on this thread, and promises between them, until `promise` is settled. */
async function onThisThread({ backend }: FfiEnv, promise: Promise<void>): Promise<void> {
  let over = false;
  const settled = promise.finally(() => over = true);
  settled.catch(() => undefined);
  while (!over) {
    for (let i = 0; i < 20; i++) await undefined;
    if (over) break;
    try {
      backend.runOnce();
    } catch (thrown) {
      // Nothing can wake the thread: it is the host's turn.
      if (!(thrown instanceof DeadlockError)) throw thrown;
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }
  await settled;
}

/** What the host does by itself cannot happen while the thread is blocked: TLS, signals, children. */
const OWNED = ["net", "udp", "idle", "faults", "clock"];

for (const one of here ? conformanceCases : []) {
  if (!one.needs.every((need) => OWNED.includes(need))) continue;
  Deno.test(`ffi owning the thread: ${one.name}`, async () => {
    const faults: unknown[] = [];
    const env = ffiEnv({ onError: (thrown) => void faults.push(thrown) });
    await onThisThread(env, runCase(one, env, denoSupport(faults)));
    await waitsOver();
  });
}

Deno.test("ffi leaves out no case on Linux", () => {
  assert.deepEqual(skipped(conformanceCases, CAN), []);
});

Deno.test("ffi owning the thread leaves out the cases about TLS, signals and children", () => {
  const left = conformanceCases.filter((one) => !one.needs.every((need) => OWNED.includes(need)));
  const why = new Set(left.flatMap((one) => one.needs.filter((need) => !OWNED.includes(need))));
  assert.deepEqual([...why].toSorted(), ["block", "child", "children", "signal", "tls"]);
});

Deno.test("ffi leaves no descriptor open", { ignore: !here }, async () => {
  const faults: unknown[] = [];
  const cases = conformanceCases.filter((one) => /net|udp|tls/.test(one.needs.join()));
  const onError = (thrown: unknown): void => void faults.push(thrown);
  await leavesNoDescriptors(cases, () => ffiEnv({ onError }), denoSupport(faults, registerChild));
  await waitsOver();
});
