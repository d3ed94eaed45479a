import assert from "node:assert/strict";
import { type SimEnv, simEnv, simWorld } from "@anyevent/backends/sim";
import { loopCases, missing, type Support } from "@anyevent/loop/conformance";

/** What the cases need, simulated. */
function support(env: SimEnv): Support {
  return {
    spawn(code) {
      const child = env.spawn();
      // Not by a timer: nothing keeps a world moving for a child that nobody watches.
      if (code !== undefined) void Promise.resolve().then(() => child.exit(code));
      return { pid: child.pid, child, ended: child.ended, kill: () => child.kill() };
    },
    raise: (signal) => void env.raise(signal),
    stepClock: (seconds) => env.world.stepClock(seconds),
  };
}

for (const it of loopCases) {
  Deno.test(`loop on sim: ${it.name}`, async () => {
    const env = simWorld().env("host");
    // A case that blocks the thread must not be awaited while it does.
    const run = it.run(env, support(env));
    if (run !== undefined) await env.world.finish(run);
  });
  Deno.test(`loop on a sim that moves by itself: ${it.name}`, async () => {
    const env = simEnv();
    await it.run(env, support(env));
  });
}

Deno.test("loop on sim leaves out no case", () => {
  const env = simEnv();
  assert.deepEqual(loopCases.filter((it) => missing(it, env, support(env)).length > 0), []);
});
