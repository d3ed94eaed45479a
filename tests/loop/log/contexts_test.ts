import assert from "node:assert/strict";
import * as fc from "fast-check";
import { type LogContext, type LogEntry, type LogLevel, UsageError } from "@anyevent/loop";
import { manualEnv } from "../../support/manual_env.ts";
import { LogRoot } from "@anyevent/loop";
import { logWorld } from "./support.ts";

/** Notes what a context gets, as `name:level`. */
function noting(context: LogContext, into: string[], name: string, consume = false): LogContext {
  return context.logCb((_line, entry) => {
    into.push(`${name}:${entry.level}`);
    return consume;
  });
}

Deno.test("log() takes levels by number and by each of their names, and no others", () => {
  const { log } = logWorld();
  const seen: number[] = [];
  log.COLLECT.logCb((_line, { level }) => void seen.push(level));
  log.fatalExit = () => undefined;
  const names = {
    1: ["fatal", "emerg", "exit"],
    2: ["alert"],
    3: ["critical", "crit"],
    4: ["error", "err", "die"],
    5: ["warn", "warning"],
    6: ["note", "notice"],
    7: ["info"],
    8: ["debug"],
    9: ["trace"],
  };
  for (const [number, all] of Object.entries(names)) {
    for (const level of [Number(number), number, ...all]) {
      assert.equal(log.log(level as LogLevel, "x"), true);
      assert.equal(seen.pop(), Number(number));
    }
  }
  for (const bad of [0, 10, 1.5, -1, NaN, "", "Warn", "warn ", "all", "off", "toString", null]) {
    const expected = (error: Error) =>
      error instanceof UsageError && error.message.includes("is not a valid logging level");
    assert.throws(() => log.log(bad as never, "x"), expected);
    assert.throws(() => log.logger(bad as never), expected);
    assert.throws(() => log.ctx("A").enabled(bad as never), expected);
    assert.throws(() => log.ctx("A").levels(bad as never === "all" ? "no" as never : bad as never));
  }
});

Deno.test("log() reaches the Env from error on by default, and says whether it did", () => {
  const { log, env } = logWorld();
  for (const level of [2, 3, 4] as const) assert.equal(log.log(level, `m${level}`), true);
  for (const level of [5, 6, 7, 8, 9] as const) assert.equal(log.log(level, "no"), false);
  assert.deepEqual(env.logged.map((it) => `${it.level} ${it.message}`), ["2 m2", "3 m3", "4 m4"]);
});

Deno.test("log() formats only with arguments, and takes one newline away", () => {
  const { log, env } = logWorld();
  const said = (message: unknown, ...args: unknown[]): string => {
    log.log("error", message as string, ...args);
    return env.logged.at(-1)!.message;
  };
  assert.equal(said("100%"), "100%");
  assert.equal(said("%s"), "%s");
  assert.equal(said("%s is %d%%", "it", 3.7), "it is 3%");
  assert.equal(said("a\n"), "a");
  assert.equal(said("a\n\n"), "a\n");
  assert.equal(said("%s", "a\n"), "a");
  assert.equal(said(() => "made %s", "late"), "made late");
  assert.equal(said(undefined), "");
  assert.equal(said(new Error("boom")), "Error: boom");
  assert.equal(said(Object.create(null)), "[object Object]");
});

Deno.test("a function as message is called once, and only if the message is logged", () => {
  const { log } = logWorld();
  let calls = 0;
  const message = () => `call ${++calls}`;
  assert.equal(log.log("debug", message), false);
  assert.equal(calls, 0);
  const lines: string[] = [];
  for (const context of [log.COLLECT, log.FILTER]) {
    context.logCb((_line, entry) => void lines.push(entry.message));
  }
  assert.equal(log.log("error", message), true);
  assert.deepEqual([calls, lines], [1, ["call 1", "call 1"]]);
  assert.throws(() =>
    log.log("error", () => {
      throw new RangeError("mine");
    }), RangeError);
  assert.equal(log.log("error", "still works"), true);
});

Deno.test("A::B logs through A, COLLECT, FILTER and LOG, each of which may stop it", () => {
  const { log, got } = logWorld();
  const chain: [string, LogContext][] = [
    ["A::B", log.ctx("A::B")],
    ["A", log.ctx("A")],
    ["COLLECT", log.COLLECT],
    ["FILTER", log.FILTER],
    ["LOG", log.LOG],
  ];
  for (const [name, context] of chain) noting(context, got, name);
  assert.equal(log.ctx("A::B").log("error", "x"), true);
  assert.deepEqual(got, ["A::B:4", "A:4", "COLLECT:4", "FILTER:4", "LOG:4"]);
  got.length = 0;
  log.ctx("A").level("fatal");
  assert.equal(log.ctx("A::B").log("error", "x"), true);
  assert.deepEqual(got, ["A::B:4"], "the parent's own filter");
  got.length = 0;
  log.ctx("A").level("all").logCb(() => true);
  log.ctx("A::B").logCb(undefined).log("error", "x");
  assert.deepEqual(got, [], "true consumes");
  log.ctx("A::B").level("off");
  assert.equal(log.ctx("A::B").log("error", "x"), false);
});

Deno.test("only true consumes, and only on its own branch", () => {
  const { log, got } = logWorld();
  const [one, two] = [noting(log.ctx(), got, "one", true), noting(log.ctx(), got, "two")];
  const behind = noting(log.ctx(), got, "behind");
  one.attach(behind);
  const start = log.ctx().attach(one, two).logCb(() => "yes");
  start.log("info", "x");
  assert.deepEqual(got, ["one:7", "two:7"]);
  two.attach(behind);
  start.log("info", "x");
  assert.deepEqual(got.slice(2), ["one:7", "two:7", "behind:7"]);
});

Deno.test("each context gets a message at most once, also in a ring", () => {
  const { log, got } = logWorld();
  const [a, b, c] = ["a", "b", "c"].map((name) => noting(log.ctx(), got, name));
  a.attach(b, c);
  b.attach(c, a);
  c.attach(a, b, c);
  assert.equal(a.log("warn", "x"), true);
  assert.deepEqual(got, ["a:5", "b:5", "c:5"]);
});

Deno.test("cap() makes messages less important on its branch; the levels that pass stay", () => {
  const { log, got } = logWorld();
  const last = noting(log.ctx(), got, "last").levels("error", "info");
  const capped = noting(log.ctx(), got, "capped").cap("info").attach(last);
  const plain = noting(log.ctx(), got, "plain");
  const start = log.ctx().attach(capped, plain);
  start.log("error", "x");
  assert.deepEqual(got, ["capped:7", "last:7", "plain:4"]);
  got.length = 0;
  start.log("debug", "x");
  assert.deepEqual(got, ["capped:8", "plain:8"]);
  got.length = 0;
  capped.cap("off");
  start.log("error", "x");
  assert.deepEqual(got, ["capped:4", "last:4", "plain:4"]);
});

Deno.test("level(), levels(), enable() and disable() say what is let in", () => {
  const { log } = logWorld();
  const context = log.ctx().logCb(() => undefined);
  const open = () => [1, 2, 3, 4, 5, 6, 7, 8, 9].filter((it) => context.enabled(it as LogLevel));
  assert.deepEqual(open(), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
  assert.deepEqual((context.level("warn"), open()), [1, 2, 3, 4, 5]);
  assert.deepEqual((context.level(0), open()), []);
  assert.deepEqual((context.level("all"), open()), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
  assert.deepEqual((context.level("off"), open()), []);
  assert.deepEqual((context.levels("debug", 1), open()), [1, 8]);
  assert.deepEqual((context.enable(3, "trace"), open()), [1, 3, 8, 9]);
  assert.deepEqual((context.disable("all"), open()), []);
  assert.deepEqual((context.enable("all").disable(5), open()), [1, 2, 3, 4, 6, 7, 8, 9]);
  assert.deepEqual((context.levels(), open()), []);
  assert.throws(() => context.level("loud" as never), /"loud" is not a valid logging level/);
  assert.throws(() => context.cap("loud" as never), /Cannot cap log context: "loud"/);
});

Deno.test("attach(), detach() and slaves() take names and contexts, each once", () => {
  const { log } = logWorld();
  const a = log.ctx();
  a.attach("X", log.COLLECT, "X");
  assert.deepEqual(a.attached, [log.ctx("X"), log.COLLECT]);
  a.detach("X", "Y");
  assert.deepEqual(a.attached, [log.COLLECT]);
  a.slaves("X", "Y", "X");
  assert.deepEqual(a.attached, [log.ctx("X"), log.ctx("Y")]);
  assert.deepEqual(a.slaves().attached, []);
  const other = new LogRoot(manualEnv());
  for (const bad of [other.COLLECT, 5, null, {}, ""]) {
    assert.throws(() => a.attach(bad as never), UsageError);
    if (bad !== "") assert.throws(() => log.ctx(bad as never), UsageError);
  }
  assert.throws(() => log.ctx("x".repeat(1001)), /1 to 1000 characters/);
  assert.throws(() => a.logCb("x" as never), UsageError);
  assert.throws(() => a.fmtCb({} as never), UsageError);
  assert.throws(() => a.title = 5 as never, UsageError);
});

Deno.test("ctx() keeps contexts with names, and makes new ones without", () => {
  const { log } = logWorld();
  assert.equal(log.ctx("A"), log.ctx("A"));
  assert.equal(log.ctx(log.LOG), log.LOG);
  assert.notEqual(log.ctx(), log.ctx());
  assert.deepEqual([log.ctx("A").title, log.ctx().title], ["A", ""]);
  assert.deepEqual(log.ctx().attached, []);
  assert.deepEqual(log.ctx("A::B::C").attached, [log.ctx("A::B")]);
  assert.deepEqual(log.ctx("A::B").attached, [log.ctx("A")]);
  assert.deepEqual(log.ctx("::A").attached, [log.COLLECT]);
  assert.equal(log.ctx("a::".repeat(300)).enabled("error"), true);
});

Deno.test("logger() follows every change of the configuration", () => {
  const { log, got } = logWorld();
  const logger = log.ctx("A::B").logger("info");
  const { log: say } = logger;
  assert.deepEqual([logger.enabled, say("no")], [false, false]);
  log.FILTER.level("info");
  assert.deepEqual([logger.enabled, say("yes %s", 1)], [true, true]);
  log.LOG.logCb(undefined);
  assert.equal(logger.enabled, false);
  const sink = noting(log.ctx(), got, "sink");
  log.ctx("A").attach(sink);
  assert.equal(logger.enabled, true);
  sink.disable("info");
  assert.equal(logger.enabled, false);
  log.reset();
  log.verbose = 9;
  assert.equal(logger.enabled, true);
  log.ctx("A::B").slaves();
  assert.equal(logger.enabled, false);
});

Deno.test("enabled() is right whatever the contexts look like", () => {
  const level = fc.integer({ min: 1, max: 9 });
  const contexts = fc.array(
    fc.record({
      levels: fc.array(level),
      callback: fc.boolean(),
      slaves: fc.array(fc.nat(5), { maxLength: 3 }),
    }),
    { minLength: 6, maxLength: 6 },
  );
  fc.assert(fc.property(contexts, (shapes) => {
    const { log } = logWorld();
    log.fatalExit = () => undefined;
    const all = shapes.map(() => log.ctx());
    shapes.forEach(({ levels, callback, slaves }, index) => {
      all[index].levels(...levels as LogLevel[]).slaves(...slaves.map((at) => all[at]));
      if (callback) all[index].logCb(() => undefined);
    });
    for (let at = 1 as LogLevel; at <= 9; at++) {
      const enabled = all[0].enabled(at);
      let called = false;
      const logged = all[0].log(at, () => {
        called = true;
        return "";
      });
      assert.deepEqual([logged, called], [enabled, enabled]);
    }
  }));
});

Deno.test("reset() sets contexts with names back, and closes nothing else", () => {
  const { log, env, got } = logWorld({ env: { ANYEVENT_LOG: "filter=trace A=off log=nolog" } });
  const own = noting(log.ctx(), got, "own");
  log.ctx("A").title = "other";
  log.COLLECT.cap("debug").attach(own);
  log.FILTER.fmtCb(() => "x");
  assert.equal(log.ctx("A").log("error", "x"), false);
  log.reset();
  assert.equal(log.ctx("A").log("error", "back"), true);
  assert.equal(log.ctx("A").log("warn", "x"), false);
  assert.deepEqual(env.logged.map((it) => `${it.level} ${it.message}`), ["4 back"]);
  assert.equal(log.ctx("A").title, "A");
  own.log("trace", "x");
  assert.deepEqual(got, ["own:9"]);
});

Deno.test("a fatal message ends the program after it was logged, also when nobody wants it", () => {
  const { log, env, got } = logWorld();
  log.fatalExit = () => void got.push(`exit after ${env.logged.length}`);
  assert.equal(log.log("fatal", "x"), true);
  log.verbose = 0;
  assert.equal(log.log("exit", "x"), false);
  log.ctx("A").logger(1).log("x");
  assert.deepEqual(got, ["exit after 1", "exit after 1", "exit after 1"]);
  log.fatalExit = undefined;
  assert.throws(() => log.log(1, "x"), /Cannot exit after a fatal message: this host has no exit/);
  const codes: number[] = [];
  const host = { ...env.host, exit: (code: number) => void codes.push(code) };
  new LogRoot({ ...env, host }).log("fatal", "x");
  assert.deepEqual(codes, [1]);
});

Deno.test("a callback that throws or rejects stops nothing, and is told", async () => {
  const { log, env, got } = logWorld();
  const bad = log.ctx().logCb(() => {
    throw new Error("cb");
  });
  bad.title = "bad";
  const worse = log.ctx().fmtCb(() => {
    throw new Error("fmt");
  }).logCb(() => true);
  const late = log.ctx().logCb(() => Promise.reject(new Error("late")));
  const start = log.ctx().attach(bad, worse, late, noting(log.ctx(), got, "last"));
  assert.equal(start.log("info", "x"), true);
  assert.deepEqual(got, ["last:7"]);
  await 0;
  await 0;
  await 0;
  assert.deepEqual(env.logged.map((it) => `${it.level} ${it.message}`), [
    "4 log callback of bad failed: cb",
    "4 log callback of (anonymous) failed: fmt",
    "4 log callback of (anonymous) failed: late",
  ]);
});

Deno.test("a callback may log; one that logs to itself comes to an end", () => {
  const { log, got } = logWorld();
  const other = noting(log.ctx(), got, "other");
  const one: LogContext = log.ctx().logCb(() => void other.log("info", "inner"));
  one.log("warn", "x");
  assert.deepEqual(got, ["other:7"]);
  let calls = 0;
  const self: LogContext = log.ctx().logCb(() => (calls++, void self.log("warn", "again")));
  assert.equal(self.log("warn", "x"), true);
  assert.equal(calls, 8);
  const before: LogEntry[] = [];
  noting(other, got, "other");
  self.logCb((_line, entry) => void before.push(entry));
  assert.equal(self.log("warn", "x"), true);
  assert.equal(before.length, 1);
});
