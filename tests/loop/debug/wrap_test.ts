import assert from "node:assert/strict";
import { ffiEnv } from "@anyevent/backends/ffi";
import { nativeEnv } from "@anyevent/backends/native";
import { nodeHost, pureEnv } from "@anyevent/backends/pure";
import { simEnv } from "@anyevent/backends/sim";
import {
  backtrace,
  cb2str,
  debugOf,
  type Env,
  Loop,
  streamPair,
  UsageError,
  type Watcher,
} from "@anyevent/loop";
import { type ManualEnv, manualEnv } from "../../support/manual_env.ts";

function world(verbose = 4): { loop: Loop; env: ManualEnv; lines: string[]; uncaught: unknown[] } {
  const lines: string[] = [];
  const uncaught: unknown[] = [];
  const base = manualEnv({ env: { ANYEVENT_VERBOSE: String(verbose) } });
  const env: ManualEnv = { ...base, log: (_level, message) => void lines.push(message) };
  const loop = new Loop(env, { onCallbackError: (error) => void uncaught.push(error) });
  return { loop, env, lines, uncaught };
}

function noop(): void {}

Deno.test("wrap() takes 0, 1 and 2, toggles without argument, and tells the level", () => {
  const debug = debugOf(world().loop);
  assert.equal(debug.level, 0);
  assert.deepEqual([debug.wrap(), debug.wrap(), debug.wrap(2), debug.level], [1, 0, 2, 2]);
  assert.deepEqual([debug.wrap(), debug.wrap(0), debug.wrap(0)], [0, 0, 0]);
  for (const level of [3, -1, NaN, "1", null]) {
    assert.throws(() => debug.wrap(level as never), UsageError);
  }
  assert.equal(debug.level, 0);
});

Deno.test("debugOf() is the same for one loop, and refuses what is none", () => {
  const { loop } = world();
  assert.equal(debugOf(loop), debugOf(loop));
  assert.notEqual(debugOf(loop), debugOf(world().loop));
  assert.throws(() => debugOf({} as never), UsageError);
});

Deno.test("wrap() observes every kind of watcher, but none that was made before", () => {
  const { loop, env } = world();
  const debug = debugOf(loop);
  const [a] = streamPair(env.backend);
  let calls = 0;
  const count = (): void => void calls++;
  const statuses: number[][] = [];
  const make = (): Watcher[] => [
    loop.timer({ after: 0, interval: 1, cb: count }),
    loop.io({ fh: a, poll: "w", cb: count }),
    loop.signal({ signal: "HUP", cb: count }),
    loop.child({ pid: 7, cb: (pid, status) => void statuses.push([pid, status]) }),
    loop.idle({ cb: count }),
  ];
  const before = make();
  debug.wrap(1);
  const wrapped = make();
  debug.wrap(0);
  const after = make();
  assert.deepEqual(
    debug.wrapped.map(({ id, type, arg }) => [id, type, arg]),
    [
      [1, "timer", { after: 0, interval: 1 }],
      [2, "io", { fh: a, poll: "w" }],
      [3, "signal", { signal: "HUP" }],
      [4, "child", { pid: 7 }],
      [5, "idle", {}],
    ],
  );
  assert.deepEqual(debug.wrapped.map(({ w }) => w), wrapped);
  for (const watcher of [...before, ...after]) watcher.cancel();
  const all = debug.wrapped;
  env.backend.raise("HUP");
  env.backend.exit(7, 3 << 8);
  env.backend.turn();
  wrapped[1].cancel();
  for (let i = 0; i < 3; i++) env.backend.turn();
  assert.deepEqual(all.map(({ called }) => called > 0), [true, true, true, true, true]);
  assert.deepEqual(statuses, [[7, 768]]);
  assert.equal(
    calls,
    all.reduce((sum, { type, called }) => sum + (type === "child" ? 0 : called), 0),
  );
  assert.deepEqual(debug.wrapped.map(({ type }) => type), ["timer", "signal", "idle"]);
  assert.equal(debug.find(2), undefined);
  assert.equal(debug.find(3)?.type, "signal");
  for (const watcher of wrapped) watcher.cancel();
  assert.deepEqual(debug.wrapped, []);
  a.close();
  loop.dispose();
});

Deno.test("a wrapped watcher says where it was made, by which one, and how it went", () => {
  const { loop, env, lines, uncaught } = world();
  const debug = debugOf(loop);
  debug.wrap(1);
  let rounds = 0;
  function ticking(): Watcher {
    return loop.timer({
      after: 1,
      interval: 1,
      cb: function tick() {
        if (++rounds === 1) loop.addTimer(100, 0, noop);
        if (rounds > 2) throw new Error(`round ${rounds}`);
      },
    });
  }
  ticking();
  const [tick] = debug.wrapped;
  assert.match(tick.file, /\/tests\/loop\/debug\/wrap_test\.ts$/);
  assert.ok(tick.line > 80);
  assert.deepEqual([tick.sub, tick.cur, tick.now], ["ticking", undefined, 1000]);
  assert.equal(String(tick), `${tick.file}:${tick.line}(ticking)>timer>tick`);
  assert.equal(tick.cb.name, "tick");
  assert.equal(tick.backtrace, undefined);
  env.backend.advance(14);
  assert.equal(tick.called, 14);
  assert.equal(tick.error.length, 10);
  assert.deepEqual(tick.error[0].at, 1003);
  assert.equal((tick.error[9].error as Error).message, "round 12");
  assert.deepEqual(uncaught, []);
  assert.equal(lines.filter((line) => line.includes(`callback of ${tick} failed`)).length, 12);
  const made = debug.find(2)!;
  assert.match(String(made), /\(tick\)>timer>noop$/);
  assert.equal(made.cur, String(tick));
  assert.equal(made.now, 1001);
  const text = tick.verbose();
  for (
    const line of [
      "type:    timer watcher",
      "args:    after 1 interval 1",
      "created: 1970-01-01 00:16:40.000 +0000 (1000)",
      `file:    ${tick.file}`,
      `line:    ${tick.line}`,
      "subname: ticking",
      "tracing: enabled",
      "cb:      tick",
      "invoked: 14 times",
      "errors:  10",
      "error:   1970-01-01 00:16:43.000 +0000 (1003) round 3",
    ]
  ) assert.ok(text.split("\n").includes(line), `${line} in\n${text}`);
  assert.ok(made.verbose().includes(`context: ${tick}`));
  loop.dispose();
});

Deno.test("the rejection of an async callback counts as an error of its wrapped watcher", async () => {
  const { loop, env, lines, uncaught } = world();
  const debug = debugOf(loop);
  debug.wrap(1);
  loop.addTimer(0, 1, async () => {
    await Promise.resolve();
    throw new Error("later");
  });
  const [wrapped] = debug.wrapped;
  env.backend.turn();
  for (let i = 0; i < 10; i++) await Promise.resolve();
  assert.equal((wrapped.error[0].error as Error).message, "later");
  assert.equal(lines.filter((line) => line.includes("later")).length > 0, true);
  assert.deepEqual(uncaught, []);
  loop.dispose();
});

Deno.test("wrap(2) keeps the calls that led to a watcher", () => {
  const { loop } = world();
  const debug = debugOf(loop);
  debug.wrap(2);
  function inner(): void {
    loop.addIdle(noop);
  }
  function outer(): void {
    inner();
  }
  outer();
  const [wrapped] = debug.wrapped;
  const calls = wrapped.backtrace!.split("\n");
  assert.match(calls[0], /^at inner .*wrap_test\.ts/);
  assert.match(calls[1], /^at outer .*wrap_test\.ts/);
  assert.ok(!wrapped.backtrace!.includes("/loop/loop.ts"));
  assert.ok(wrapped.verbose().includes(`  ${calls[1]}`));
  loop.dispose();
});

Deno.test("trace tells calls to the log at level trace, as set for new and for single watchers", () => {
  const { loop, env, lines } = world(9);
  const debug = debugOf(loop);
  debug.wrap(1);
  assert.equal(debug.trace, true);
  loop.addTimer(1, 1, function one() {});
  debug.trace = false;
  loop.addTimer(1, 1, function two() {});
  const [one, two] = debug.wrapped;
  assert.deepEqual([one.traced, two.traced], [true, false]);
  env.backend.advance(1);
  const told = lines.filter((line) => /enter|leave/.test(line));
  assert.equal(told.length, 2);
  assert.ok(told[0].includes(`enter ${one}`) && told[1].includes(`leave ${one}`));
  one.trace(false);
  two.trace(true);
  env.backend.advance(1);
  assert.ok(lines.at(-1)!.includes(`leave ${two}`));
  assert.throws(() => {
    debug.trace = 1 as never;
  }, UsageError);
  loop.dispose();
});

Deno.test("wrapped callbacks get condvars told, and their watchers keep their ways", () => {
  const { loop, env } = world();
  const debug = debugOf(loop);
  debug.wrap(1);
  const cv = loop.condvar();
  loop.addTimer(1, 0, cv);
  const [wrapped] = debug.wrapped;
  assert.match(String(wrapped), />timer>condvar$/);
  assert.equal(env.backend.held, true);
  env.backend.advance(1);
  assert.equal(cv.ready, true);
  assert.deepEqual([wrapped.called, wrapped.w.active, env.backend.held], [1, false, false]);
  const cancelled = loop.addTimer(1, 0, () => assert.fail("called"));
  cancelled.cancel();
  env.backend.advance(2);
  loop.dispose();
});

Deno.test("intercept() has room for one at a time, and gives it back", () => {
  const { loop } = world();
  const undo = loop.intercept((watcher) => watcher.cb);
  assert.throws(() => loop.intercept((watcher) => watcher.cb), /something else does already/);
  assert.throws(() => debugOf(loop).wrap(1), UsageError);
  assert.equal(debugOf(loop).level, 0);
  undo();
  debugOf(loop).wrap(1);
  undo();
  loop.addIdle(noop);
  assert.equal(debugOf(loop).wrapped.length, 1);
  assert.throws(() => loop.intercept(1 as never), UsageError);
  loop.dispose();
  assert.throws(() => loop.intercept((watcher) => watcher.cb), /disposed/);
});

const ENVS: readonly [name: string, make: () => Env][] = [
  ["native", () => nativeEnv()],
  ["pure", () => pureEnv({ host: nodeHost() })],
  ["sim", () => simEnv()],
  ...(Deno.build.os === "linux" ? [["ffi", () => ffiEnv()] as [string, () => Env]] : []),
];

for (const [name, make] of ENVS) {
  Deno.test(`wrap() observes watchers on ${name}`, async () => {
    const env = make();
    const loop = new Loop({ ...env, log: () => undefined });
    const debug = debugOf(loop);
    debug.wrap(1);
    const done = loop.condvar();
    const [a, b] = streamPair(env.backend);
    let idles = 0;
    loop.addIdle(() => void idles++);
    loop.addIo(b, "r", () => {
      b.tryRead(new Uint8Array(9));
      throw new Error("goes on");
    });
    const all = debug.wrapped;
    loop.addTimer(0.001, 0.001, () => {
      a.tryWrite(new Uint8Array(1));
      if (all[0].called > 0 && all[1].called > 1) done.send();
    });
    await done.recv();
    assert.equal(idles, all[0].called);
    assert.ok(all[1].error.length >= 2);
    loop.dispose();
    a.close();
    b.close();
    assert.deepEqual(debug.wrapped, []);
    env.backend.dispose();
  });
}

Deno.test("cb2str() names functions by name or text, backtrace() this place", () => {
  assert.equal(cb2str(noop), "noop");
  assert.equal(
    cb2str((() => () => 1)()),
    "() => 1".replaceAll(" ", cb2str(() => 1).includes(" ") ? " " : ""),
  );
  assert.ok(
    cb2str(
      Object.defineProperty(() => "x".repeat(1) + "y".repeat(100) + "z", "name", { value: "" }),
    ).length <= 40,
  );
  assert.equal(cb2str({}), "object");
  assert.equal(cb2str(undefined), "undefined");
  assert.match(backtrace(), /wrap_test\.ts/);
});
