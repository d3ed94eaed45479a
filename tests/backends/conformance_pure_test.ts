import assert from "node:assert/strict";
import { type Case, conformanceCases, runCase } from "@anyevent/backends/conformance";
import { memoryEnv } from "@anyevent/backends/memory";
import { nodeHost, pureEnv } from "@anyevent/backends/pure";
import { leavesNoDescriptors, nodeSupport, skipped, stepClock } from "./conformance_support.ts";

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

for (const one of conformanceCases) {
  Deno.test(`pure: ${one.name}`, async () => {
    const faults: unknown[] = [];
    const onError = (thrown: unknown): void => void faults.push(thrown);
    const env = pureEnv({ host: nodeHost(), onError });
    await runCase(one, env, nodeSupport(faults));
    env.backend.dispose();
  });
}

Deno.test("pure leaves out no case", () => {
  assert.deepEqual(skipped(conformanceCases, CAN), []);
});

Deno.test("pure leaves no descriptor open", async () => {
  const faults: unknown[] = [];
  const onError = (thrown: unknown): void => void faults.push(thrown);
  const cases = conformanceCases.filter((one) => /net|udp|tls/.test(one.needs.join()));
  const env = (): ReturnType<typeof pureEnv> => pureEnv({ host: nodeHost(), onError });
  await leavesNoDescriptors(cases, env, nodeSupport(faults));
});

/** What there is without a host adapter, with sockets in memory. */
const BARE = ["net", "udp", "tls", "idle", "block", "faults", "clock"];

function inMemory(one: Case): boolean {
  return one.needs.every((need) => BARE.includes(need));
}

for (const one of conformanceCases.filter(inMemory)) {
  Deno.test(`pure in memory: ${one.name}`, async () => {
    const faults: unknown[] = [];
    const env = memoryEnv(pureEnv({ onError: (thrown) => void faults.push(thrown) }));
    await runCase(one, env, { faults, stepClock });
  });
}

Deno.test("pure in memory leaves out only the cases about signals and children", () => {
  assert.deepEqual(skipped(conformanceCases, BARE), [
    "signal() calls every watcher, and none after undo",
    "signal() may count many at once as one, but not as none",
    "a signal's watcher that one before it has undone is not called",
    "signal() refuses names that are none",
    "child() tells the exit code",
    "child() tells the signal that ended it",
    "child() calls several watchers, and none after undo",
    "a child's watcher that one before it has undone is not called",
    "children() follows all, tells how many live, and comes after the child's own watchers",
  ]);
});
