import { nativeEnv, registerChild } from "@anyevent/backends/native";
import { conformanceCases, runCase, type Support } from "@anyevent/backends/conformance";

const CAN: readonly string[] = ["net", "udp", "tls", "signal", "child", "idle", "faults"];
const hasSignals = Deno.build.os !== "windows";

function support(faults: unknown[]): Support {
  return {
    faults,
    spawn(end): unknown {
      const code = "code" in end
        ? `Deno.exit(${end.code})`
        : `Deno.kill(Deno.pid, "SIG${end.signal}"); setTimeout(() => {}, 10000)`;
      const command = new Deno.Command("deno", {
        args: ["eval", "--no-config", code],
        stdin: "null",
      });
      return registerChild(command.spawn());
    },
    raise(signal): void {
      Deno.kill(Deno.pid, `SIG${signal}` as Deno.Signal);
    },
  };
}

for (const one of conformanceCases) {
  const missing = one.needs.filter((need) => !CAN.includes(need));
  if (missing.length > 0) continue;
  if (!hasSignals && one.needs.includes("signal")) continue;
  Deno.test(`native: ${one.name}`, async () => {
    const faults: unknown[] = [];
    const env = nativeEnv({ onError: (thrown) => void faults.push(thrown) });
    await runCase(one, env, support(faults));
    env.backend.dispose();
  });
}
