import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import process from "node:process";
import { type Case, conformanceCases, runCase, type Support } from "@anyevent/backends/conformance";
import { memoryEnv } from "@anyevent/backends/memory";
import { nodeHost, pureEnv } from "@anyevent/backends/pure";

/** What the cases need of the host, on Node's modules. */
function support(faults: unknown[]): Support {
  return {
    faults,
    spawn(end): unknown {
      const body = "code" in end ? `process.exit(${end.code})` : "setInterval(() => {}, 1000)";
      const child = spawn("node", ["-e", body], { stdio: "ignore" });
      if ("signal" in end) {
        child.once("spawn", () => child.kill(`SIG${end.signal}` as NodeJS.Signals));
      }
      return child;
    },
    raise: (signal) => void process.kill(process.pid, `SIG${signal}`),
  };
}

for (const one of conformanceCases) {
  Deno.test(`pure: ${one.name}`, async () => {
    const faults: unknown[] = [];
    const onError = (thrown: unknown): void => void faults.push(thrown);
    const env = pureEnv({ host: nodeHost(), onError });
    await runCase(one, env, support(faults));
    env.backend.dispose();
  });
}

/** Without a host adapter, with sockets in memory. */
function inMemory(one: Case): boolean {
  return one.needs.every((need) => ["net", "udp", "tls", "idle", "block", "faults"].includes(need));
}

for (const one of conformanceCases.filter(inMemory)) {
  Deno.test(`pure in memory: ${one.name}`, async () => {
    const faults: unknown[] = [];
    const env = memoryEnv(pureEnv({ onError: (thrown) => void faults.push(thrown) }));
    await runCase(one, env, { faults });
  });
}

Deno.test("pure in memory leaves out only the cases about signals and children", () => {
  const left = conformanceCases.filter((one) => !inMemory(one));
  assert(left.every((one) => one.needs.includes("signal") || one.needs.includes("child")));
});
