import assert from "node:assert/strict";
import { ffiEnv } from "@anyevent/backends/ffi";
import { conformanceCases, runCase, type Support } from "@anyevent/backends/conformance";

const here = Deno.build.os === "linux";

function support(faults: unknown[]): Support {
  return {
    faults,
    spawn(end): unknown {
      const code = "code" in end
        ? `Deno.exit(${end.code})`
        : `Deno.kill(Deno.pid, "SIG${end.signal}"); setTimeout(() => {}, 10000)`;
      return new Deno.Command("deno", {
        args: ["eval", "--no-config", code],
        stdin: "null",
      }).spawn();
    },
    raise(signal): void {
      Deno.kill(Deno.pid, `SIG${signal}` as Deno.Signal);
    },
  };
}

for (const one of here ? conformanceCases : []) {
  for (const spin of [0, 0.0005]) {
    // Busy polling is a matter of waiting, so the cases about sockets tell most about it.
    if (spin > 0 && !one.needs.includes("net")) continue;
    Deno.test(`ffi${spin > 0 ? " spinning" : ""}: ${one.name}`, async () => {
      const faults: unknown[] = [];
      const env = ffiEnv({ onError: (thrown) => void faults.push(thrown), spin });
      await runCase(one, env, support(faults));
    });
  }
}

Deno.test("ffi leaves out no case on Linux", () => {
  const needs = new Set(conformanceCases.flatMap((one) => one.needs));
  const all = ["block", "child", "faults", "idle", "net", "signal", "tls", "udp"];
  assert.deepEqual([...needs].sort(), all);
});
