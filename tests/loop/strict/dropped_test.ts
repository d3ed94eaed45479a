import assert from "node:assert/strict";
import { Loop, operation, Strict } from "@anyevent/loop";
import { manualEnv } from "../../support/manual_env.ts";

/** Enough microtasks for operations to be looked at. */
async function settled(): Promise<void> {
  for (let i = 0; i < 10; i++) await Promise.resolve();
}

/** Collects the reports of strict mode while the body runs. */
async function reportsOf(
  body: (world: { loop: Loop; env: ReturnType<typeof manualEnv> }) => Promise<void>,
): Promise<string[]> {
  const env = manualEnv();
  const loop = new Loop(env);
  const reports: string[] = [];
  Strict.enable({ report: (message) => void reports.push(message) });
  try {
    await body({ loop, env });
  } finally {
    Strict.disable();
    loop.dispose();
  }
  assert.equal(env.backend.exhaustedWatched, false);
  return reports;
}

Deno.test("Strict reports an operation that nobody ran when nothing is left that could", async () => {
  const keep: unknown[] = [];
  const reports = await reportsOf(async ({ loop, env }) => {
    keep.push(loop.sleep(3));
    const cv = loop.condvar();
    keep.push(cv.recv());
    keep.push(operation(() => "made of others", function* () {}));
    await settled();
    assert.equal(env.backend.exhaustedWatched, true);
    env.backend.exhaust();
    env.backend.exhaust();
  });
  assert.equal(reports.length, 3);
  const place = String.raw`made at \S*dropped_test\.ts:\d+`;
  assert.match(reports[0], new RegExp(String.raw`^Operation sleep\(3\) was dropped: .*${place}`));
  assert.match(reports[1], new RegExp(String.raw`^Operation condvar\.recv\(\) .*${place}`));
  assert.match(reports[2], new RegExp(`^Operation made of others .*${place}`));
});

Deno.test("Strict reports no operation that is awaited or driven, now or later", async () => {
  const reports = await reportsOf(async ({ loop, env }) => {
    const cv = loop.condvar<[number]>();
    const now = cv.recv();
    const later = cv.recvAll();
    const composed = operation(() => "composed", function* () {
      return yield* cv.recv();
    });
    await settled();
    cv.send(4);
    assert.equal(await now, 4);
    assert.deepEqual(await later, [4]);
    assert.equal(await composed, 4);
    assert.deepEqual(await Promise.all([cv.recv(), cv.recv()]), [4, 4]);
    await settled();
    assert.equal(env.backend.exhaustedWatched, false);
    env.backend.exhaust();
    // Its second run is refused as ever.
    await assert.rejects(async () => await now, /it has run before/);
    await assert.rejects(async () => await composed, /it has run before/);
  });
  assert.deepEqual(reports, []);
});

Deno.test("Strict forgets what was not run when it is disabled", async () => {
  const keep: unknown[] = [];
  const reports = await reportsOf(async ({ loop, env }) => {
    keep.push(loop.sleep(3));
    await settled();
    assert.equal(env.backend.exhaustedWatched, true);
    Strict.disable();
    assert.equal(env.backend.exhaustedWatched, false);
    keep.push(loop.sleep(4));
    await settled();
    Strict.enable({ report: (message) => assert.fail(message) });
    env.backend.exhaust();
  });
  assert.deepEqual(reports, []);
});

Deno.test("Strict does not report what gave when it was made, nor one whose description throws", async () => {
  const keep: unknown[] = [];
  const reports = await reportsOf(async ({ env }) => {
    keep.push(operation(() => {
      throw new Error("no words");
    }, function* () {}));
    const { Channel } = await import("@anyevent/coro");
    const channel = new Channel<number>(1);
    channel.put(1);
    keep.push(channel.put(2));
    await settled();
    env.backend.exhaust();
  });
  assert.deepEqual(reports.slice(1), []);
  assert.match(reports[0], /^Operation operation \(no words\) was dropped/);
});

Deno.test("Strict reports a dropped operation once the collector took it, and at the end of the process", async () => {
  const code = `
    import { AE, sleep, Strict } from "@anyevent/loop";
    function forgetful() { sleep(1234); }
    forgetful();
    const cv = AE.cv();
    Strict.enable({ report: (message) => { console.log(message); cv.send(); } });
    function forgets() { sleep(77); }
    forgets();
    const poll = AE.timer(0, 0.001, () => globalThis.gc());
    await cv.recv();
    poll.cancel();
    globalThis.kept = sleep(88);`;
  const { stdout, stderr } = await new Deno.Command("deno", {
    args: ["eval", "--no-check", "--v8-flags=--expose-gc", code],
    stdin: "null",
    env: { NO_COLOR: "1" },
  }).output();
  const [first, second, ...more] = new TextDecoder().decode(stdout).split("\n");
  assert.match(first, /^Operation sleep\(77\) was dropped: .* \(forgets\)$/);
  assert.match(second, /^Operation sleep\(88\) was dropped/);
  assert.deepEqual(more, [""], new TextDecoder().decode(stderr));
});

Deno.test("ANYEVENT_STRICT turns strict mode on with the default loop", async () => {
  const run = async (env: Record<string, string>): Promise<string> => {
    const { stdout, stderr } = await new Deno.Command("deno", {
      args: [
        "eval",
        "--no-check",
        `
        import { AE, AnyEvent, sleep, Strict } from "@anyevent/loop";
        AnyEvent.detect();
        console.log(Strict.enabled);
        sleep(5);`,
      ],
      stdin: "null",
      env: { NO_COLOR: "1", ...env },
    }).output();
    return new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  };
  assert.equal(await run({}), "false\n");
  assert.equal(await run({ ANYEVENT_STRICT: "0" }), "false\n");
  assert.match(
    await run({ PERL_ANYEVENT_STRICT: "1" }),
    /^true\n.*Operation sleep\(5\) was dropped/,
  );
});
