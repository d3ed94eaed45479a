import assert from "node:assert/strict";
import type { Env } from "@anyevent/backends/contract";
import { conformanceCases, runCase } from "@anyevent/backends/conformance";
import { memoryEnv } from "@anyevent/backends/memory";
import { pureEnv } from "@anyevent/backends/pure";
import { AnyEventApi, type BackendEntry, Detector } from "@anyevent/loop";
import { loopCases, missing } from "@anyevent/loop/conformance";
import { skipped, stepClock } from "./conformance_support.ts";
import { TinyBackend } from "./third_party_backend.ts";

/** A platform with the backend under test; the host's names and sockets in memory come ready made. */
function tinyEnv(faults: unknown[] = []): Env {
  const { host, random, log } = pureEnv();
  const backend = new TinyBackend({ onError: (thrown) => void faults.push(thrown) });
  return memoryEnv({ name: "tiny", backend, host, random, log, net: pureEnv().net });
}

const support = {
  spawn: () => assert.fail("it has no children"),
  raise: () => assert.fail("it has no signals"),
  stepClock,
};
const CAN = ["net", "udp", "tls", "faults", "clock"];
const left = skipped(conformanceCases, CAN);

for (const one of conformanceCases) {
  if (left.includes(one.name)) continue;
  Deno.test(`third party: ${one.name}`, async () => {
    const faults: unknown[] = [];
    await runCase(one, tinyEnv(faults), { faults, stepClock });
  });
}

for (const it of loopCases) {
  const { signal, child, runUntil } = new TinyBackend() as { signal?: 0; child?: 0; runUntil?: 0 };
  assert.deepEqual([signal, child, runUntil], [undefined, undefined, undefined]);
  if (it.needs.some((need) => need !== "clock")) continue;
  Deno.test(`loop on a third party's: ${it.name}`, async () => {
    assert.deepEqual(missing(it, tinyEnv(), support), []);
    await it.run(tinyEnv(), support);
  });
}

Deno.test("a third party's backend leaves out what it does not have", () => {
  const why = new Set(
    conformanceCases.filter((one) => left.includes(one.name))
      .flatMap((one) => one.needs).filter((need) => !CAN.includes(need)),
  );
  assert.deepEqual([...why].toSorted(), ["block", "child", "children", "idle", "signal"]);
});

Deno.test("a third party's backend is chosen by name once it is in the registry", async () => {
  const builtIn: BackendEntry = { name: "built-in", create: () => pureEnv() };
  const detector = new Detector([builtIn]);
  const any = new AnyEventApi(detector);
  assert.throws(() => any.use("tiny"), /there is none of that name, only built-in$/);
  detector.registry.unshift({ name: "tiny", create: () => tinyEnv() });
  any.use("tiny");
  assert.equal(any.detect(), "tiny");
  const cv = any.condvar<[string]>();
  any.timer({ after: 0.001, cb: () => cv.send("from its timer") });
  assert.equal(await cv.recv(), "from its timer");
  for (
    const call of [
      () => any.signal({ signal: "USR1", cb: cv }),
      () => cv.recvSync.call(any.condvar()),
    ]
  ) {
    assert.throws(call, /backend tiny/);
  }
  // Without idle callbacks of its own they are emulated.
  const idle = any.condvar();
  const watcher = any.idle({ cb: idle });
  await idle.recv();
  watcher.cancel();
  detector.defaultLoop().dispose();
});
