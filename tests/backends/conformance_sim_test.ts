import assert from "node:assert/strict";
import { conformanceCases, runCase, type Support } from "@anyevent/backends/conformance";
import { skipped } from "./conformance_support.ts";
import { type SimEnv, simWorld, type SimWorldOptions } from "@anyevent/backends/sim";

/** What the cases need, simulated. */
function support(env: SimEnv, faults: unknown[]): Support {
  return {
    faults,
    spawn(end): unknown {
      const child = env.spawn();
      env.backend.timer(0.001, () => {
        if ("code" in end) child.exit(end.code);
        else child.kill(end.signal);
      });
      return child;
    },
    raise: (signal) => void env.raise(signal),
    stepClock: (seconds) => env.world.stepClock(seconds),
  };
}

function made(options: SimWorldOptions = {}): { env: SimEnv; support: Support } {
  const faults: unknown[] = [];
  const onError = (thrown: unknown): void => void faults.push(thrown);
  const env = simWorld({ onError, ...options }).env("host");
  return { env, support: support(env, faults) };
}

for (const one of conformanceCases) {
  Deno.test(`sim: ${one.name}`, async () => {
    const { env, support } = made();
    await env.world.finish(runCase(one, env, support));
  });
  Deno.test(`sim that moves by itself: ${one.name}`, async () => {
    const { env, support } = made({ moving: true });
    await runCase(one, env, support);
    env.backend.dispose();
  });
}

Deno.test("sim has every need of the contract's suite: no case is left out", () => {
  const can = [
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
  assert.deepEqual(skipped(conformanceCases, can), []);
});

/** Cases that count how many bytes one read or write moves, which pieces of random sizes change. */
const WHOLE = /level-triggered|undoing a watcher|many small writes|half-close/;

for (const one of conformanceCases.filter((it) => /net|tls/.test(it.needs.join()))) {
  if (WHOLE.test(one.name)) continue;
  Deno.test(`sim with latency and random pieces: ${one.name}`, async () => {
    for (const seed of [1, 2, 3]) {
      const { env, support } = made({ seed });
      env.world.chop({ reads: 5000, writes: 7000, segments: 3000 });
      env.world.latency([0.0001, 0.0015], () => true);
      await env.world.finish(runCase(one, env, support));
    }
  });
}

Deno.test("pieces of random sizes leave out only cases that count on whole ones", () => {
  const left = conformanceCases.filter((it) => it.needs.includes("net") && WHOLE.test(it.name));
  assert.deepEqual(left.map((it) => it.name), [
    "io() is level-triggered over sockets",
    "undoing a watcher loses nothing over sockets",
    "many small writes arrive in order over sockets",
    "half-close leaves the other direction open over sockets",
  ]);
});
