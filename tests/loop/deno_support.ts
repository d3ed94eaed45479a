/** What the conformance cases need of the host, on Deno. */
import { stepClock } from "../backends/conformance_support.ts";
import type { Support } from "@anyevent/loop/conformance";

/** Children are `deno`, killed ones wait for ever. */
export const denoSupport: Support = {
  spawn(code) {
    const body = code === undefined ? "setInterval(() => {}, 1000)" : `Deno.exit(${code})`;
    const child = new Deno.Command("deno", {
      args: ["eval", "--no-config", "--no-lock", body],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    return { pid: child.pid, child, ended: child.status, kill: () => child.kill("SIGKILL") };
  },
  stepClock,
  raise: (signal) => Deno.kill(Deno.pid, `SIG${signal}` as Deno.Signal),
};
