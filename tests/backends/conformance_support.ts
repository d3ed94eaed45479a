/** What the conformance cases need of the hosts they run on, and checks around whole runs of them. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import process from "node:process";
import type { Env } from "@anyevent/backends/contract";
import { type Case, runCase, type Support } from "@anyevent/backends/conformance";
import { here, openDescriptors } from "./ffi_support.ts";

let offset = 0;
const realNow = Date.now;

/** Sets the wall clock of this process as it looks to JavaScript. */
export function stepClock(seconds: number): void {
  offset += seconds * 1000;
  Date.now = offset === 0 ? realNow : () => realNow() + offset;
}

/** On Deno. @param register lets a child be watched by its pid */
export function denoSupport(
  faults: unknown[],
  register: (child: Deno.ChildProcess) => Deno.ChildProcess = (child) => child,
): Support {
  return {
    faults,
    stepClock,
    spawn(end): unknown {
      const code = "code" in end
        ? `Deno.exit(${end.code})`
        : `Deno.kill(Deno.pid, "SIG${end.signal}"); setTimeout(() => {}, 10000)`;
      const args = ["eval", "--no-config", code];
      return register(new Deno.Command("deno", { args, stdin: "null" }).spawn());
    },
    raise: (signal) => Deno.kill(Deno.pid, `SIG${signal}` as Deno.Signal),
  };
}

/** On Node's modules. */
export function nodeSupport(faults: unknown[]): Support {
  return {
    faults,
    stepClock,
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

/** Names of the cases that a backend with these abilities leaves out. */
export function skipped(
  cases: readonly { readonly name: string; readonly needs: readonly string[] }[],
  can: readonly string[],
): string[] {
  return cases.filter((one) => !one.needs.every((need) => can.includes(need)))
    .map((one) => one.name);
}

/**
 * Runs the cases several times over and checks that this process has no more descriptors open afterwards:
 * what Deno's sanitizers do not see.
 */
export async function leavesNoDescriptors(
  cases: readonly Case[],
  env: () => Env,
  support: Support,
): Promise<void> {
  const round = async (): Promise<void> => {
    for (const one of cases) {
      const made = env();
      await runCase(one, made, support);
      made.backend.dispose();
    }
  };
  // What a host opens once and keeps is open after the first round.
  await round();
  const before = here ? openDescriptors() : 0;
  for (let i = 0; i < 3; i++) await round();
  if (!here) return;
  // A host may close a moment later.
  for (let i = 0; i < 100 && openDescriptors() > before; i++) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert(openDescriptors() <= before, `${openDescriptors() - before} descriptors were left open`);
}
