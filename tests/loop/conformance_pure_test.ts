import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import process from "node:process";
import type { Env } from "@anyevent/backends/contract";
import { memoryEnv } from "@anyevent/backends/memory";
import { stepClock } from "../backends/conformance_support.ts";
import { nodeHost, pureEnv } from "@anyevent/backends/pure";
import { loopCases, missing, type Support } from "@anyevent/loop/conformance";

/** What the cases need of the host, on Node's modules. */
const support: Support = {
  spawn(code) {
    const body = code === undefined ? "setInterval(() => {}, 1000)" : `Deno.exit(${code})`;
    const child = spawn("deno", ["eval", "--no-config", "--no-lock", body], { stdio: "ignore" });
    const ended = new Promise((resolve) => child.once("exit", resolve));
    // A child that cannot be started has no pid, which a case would wait for in vain.
    assert(child.pid !== undefined);
    return {
      pid: child.pid,
      child: child as { readonly pid: number } & typeof child,
      ended,
      kill: () => void child.kill("SIGKILL"),
    };
  },
  stepClock,
  raise: (signal) => void process.kill(process.pid, `SIG${signal}`),
};

function pure(): Env {
  return pureEnv({ host: nodeHost() });
}

for (const it of loopCases) {
  Deno.test(`loop on pure: ${it.name}`, async () => await it.run(pure(), support));
}

Deno.test("loop on pure leaves out no case", () => {
  assert.deepEqual(loopCases.filter((it) => missing(it, pure(), support).length > 0), []);
});

const bare: Support = {
  spawn: () => assert.fail("no host"),
  raise: () => assert.fail("no host"),
  stepClock,
};

for (const it of loopCases.filter((one) => !/(signal|child)/.test(one.needs.join()))) {
  Deno.test(`loop on pure without a host, in memory: ${it.name}`, async () => {
    await it.run(memoryEnv(pureEnv()), bare);
  });
}

Deno.test("loop on pure without a host leaves out only the cases about signals and children", () => {
  const left = loopCases.filter((one) => /(signal|child)/.test(one.needs.join()));
  assert.deepEqual(left.map((it) => it.name), [
    "every watcher of a signal is called, in order of creation",
    "a signal watcher is not called after cancel, the others still are",
    "many signals at once may count as one, but not as none",
    "a signal watcher cancelled by one before it is not called, faults stay local",
    "a child watcher gets the raw status, once",
    "a killed child has the signal's number as status",
    "all watchers of a child are called, then those of any child",
    "a child's watcher cancelled by one before it is not called, faults stay local",
    "a child that has ended before is told, not inside the call",
  ]);
});
