import assert from "node:assert/strict";
import * as fc from "fast-check";
import { Detector, LogRoot, Loop, UsageError } from "@anyevent/loop";
import { manualEnv } from "../../support/manual_env.ts";
import { logWorld } from "./support.ts";

type Reach = Readonly<Record<string, number>>;

/** What of the nine levels reaches the Env from each context. */
function reach(spec: string, ...names: string[]): Reach {
  const { log, env } = logWorld({ env: { ANYEVENT_LOG: spec } });
  log.fatalExit = () => undefined;
  const out: Record<string, number> = {};
  for (const name of names) {
    let digits = "";
    for (let level = 1; level <= 9; level++) {
      env.logged.length = 0;
      log.ctx(name).log(level as 1, "x");
      if (env.logged.length > 0) digits += level;
    }
    out[name] = Number(digits);
  }
  return out;
}

Deno.test("ANYEVENT_LOG sets levels: up to one, only some, all but some", () => {
  assert.deepEqual(reach("", "A"), { A: 1234 });
  assert.deepEqual(reach("filter=warn", "A"), { A: 12345 });
  assert.deepEqual(reach("filter=7", "A"), { A: 1234567 });
  assert.deepEqual(reach("filter=only,level,warn", "A"), { A: 12345 });
  assert.deepEqual(reach("filter=all", "A"), { A: 123456789 });
  assert.deepEqual(reach("filter=level", "A"), { A: 123456789 });
  assert.deepEqual(reach("filter=off", "A"), { A: 0 });
  assert.deepEqual(reach("filter=0", "A"), { A: 0 });
  assert.deepEqual(reach("filter=only,debug,note", "A"), { A: 68 });
  assert.deepEqual(reach("filter=except,fatal,trace", "A"), { A: 2345678 });
  assert.deepEqual(reach("filter=only,1,level,3", "A"), { A: 123 });
  assert.deepEqual(reach("filter=trace A=only,debug", "A", "A::B", "B"), {
    A: 8,
    "A::B": 8,
    B: 123456789,
  });
  assert.deepEqual(reach("filter=", "A"), { A: 1234 });
  assert.deepEqual(reach("filter=warn,", "A"), { A: 12345 });
});

Deno.test("ANYEVENT_LOG separates contexts by colons and spaces", () => {
  const expected = { A: 12, B: 123456789, "C::D": 0 };
  for (
    const spec of [
      "filter=all:A=alert:C::D=off",
      "  filter=all\n\tA=alert   C::D=off\n",
      "filter=all : A=alert : : C::D=off ::",
    ]
  ) assert.deepEqual(reach(spec, "A", "B", "C::D"), expected, spec);
});

Deno.test("ANYEVENT_LOG names contexts: log, filter, collect, anonymous and others", () => {
  assert.deepEqual(reach("log=off", "A"), { A: 0 });
  assert.deepEqual(reach("collect=crit", "A"), { A: 123 });
  assert.deepEqual(reach("log=off log::=off", "A"), { A: 0 });
  assert.deepEqual(reach("log::=off filter::=1", "A", "log", "filter"), {
    A: 1234,
    log: 0,
    filter: 1,
  });
  assert.deepEqual(reach("A=+,+%x %x=only,trace,stderr", "A"), { A: 9 });
  assert.deepEqual(reach("A=+ B=+,+log", "A", "A::B", "B"), { A: 0, "A::B": 0, B: 123456789 });
  assert.deepEqual(reach("A=+%x %x=only,trace,+log", "A", "B"), { A: 12349, B: 1234 });
  assert.deepEqual(reach("log=nolog A=stderr", "A", "B"), { A: 123456789, B: 0 });
  assert.deepEqual(reach("A\\:\\=b=off", "A:=b", "A"), { "A:=b": 0, A: 1234 });
});

Deno.test("ANYEVENT_LOG caps", () => {
  const { log, env } = logWorld({
    env: { ANYEVENT_LOG: "A=cap=note B=cap=5,cap=off C=cap=all filter=all" },
  });
  log.ctx("A").log("error", "a");
  log.ctx("B").log("error", "b");
  log.ctx("C").log("error", "c");
  assert.deepEqual(env.logged.map((it) => `${it.level} ${it.message}`), ["6 a", "4 b", "9 c"]);
});

Deno.test("an anonymous context is the same within one text, and new in the next", () => {
  const { log, env } = logWorld();
  log.configure("A=+,+%x B=+,+%x %x=stderr,only,info");
  log.configure("C=+,+%x");
  for (const name of ["A", "B", "C"]) log.ctx(name).log("info", name);
  assert.deepEqual(env.logged.map((it) => it.message), ["A", "B"]);
  assert.equal(log.ctx("A").attached[0].title, "%x");
});

Deno.test("a text that makes no sense is a UsageError that names the place, and changes nothing", () => {
  const cases: readonly (readonly [string, string, number])[] = [
    ["filter=bogus", 'parse error at "bogus"', 8],
    ["filter=warn,bogus", 'parse error at "bogus"', 13],
    ["filter", 'parse error at "filter"', 1],
    ["A=off filter", 'parse error at "filter"', 7],
    [":filter=warn", 'parse error at ":filter=warn"', 1],
    ["=warn", 'parse error at "=warn"', 1],
    ["filter=,warn", 'parse error at ",warn"', 8],
    ["filter=warn,,off", 'parse error at ",off"', 13],
    ["filter=warn::log=off", 'parse error at "warn::log=off"', 8],
    ["log=file=", 'parse error at "file="', 5],
    ["log=path", 'parse error at "path"', 5],
    ["log=cap=loud", 'no logging level at "cap=loud"', 5],
    ["log=syslog", "syslog is not supported", 5],
    ["log=syslog=LOG_USER", "syslog is not supported", 5],
    ["log=+%", 'no name of a context at "+%"', 5],
    ["%=off", 'no name of a context at "%"', 1],
    ["A=10", 'parse error at "10"', 3],
    ["A=off B=\\", 'parse error at "\\\\"', 9],
  ];
  for (const [spec, why, at] of cases) {
    const { log } = logWorld();
    const wrong = (source: string) => (error: Error) => {
      assert.ok(error instanceof UsageError);
      assert.ok(error.message.startsWith(`Cannot configure log: ${source} `), error.message);
      assert.ok(error.message.includes(why), error.message);
      assert.ok(error.message.endsWith(`(character ${at})`), error.message);
      return true;
    };
    // A colon may come between two contexts, but not before the first.
    if (!spec.startsWith(":")) {
      assert.throws(() => log.configure(`A=off ${spec}`), UsageError, spec);
    }
    assert.equal(log.ctx("A").enabled("error"), true);
    assert.throws(() => log.configure(spec), wrong("specification"));
    const env = manualEnv({ env: { AE_LOG: spec } });
    assert.throws(() => new LogRoot(env), wrong("AE_LOG"));
  }
  assert.throws(() => logWorld().log.configure(5 as never), UsageError);
});

Deno.test("any text is a configuration or a UsageError", () => {
  const word = fc.constantFrom(
    ..."filter log collect %a A::B = , : :: + \\ only off warn cap= nolog stderr 4".split(" "),
    " ",
    "=",
  );
  const text = fc.oneof(fc.array(word).map((words) => words.join("")), fc.string());
  fc.assert(fc.property(text, (spec) => {
    try {
      logWorld().log.configure(spec);
    } catch (error) {
      assert.ok(error instanceof UsageError, String(error));
    }
  }));
});

Deno.test("ANYEVENT_VERBOSE sets the filter; 0 means nothing", () => {
  const filter = (env: Record<string, string>) => logWorld({ env }).log.verbose;
  assert.equal(filter({}), 4);
  assert.equal(filter({ ANYEVENT_VERBOSE: "" }), 4);
  assert.equal(filter({ ANYEVENT_VERBOSE: "0" }), 0);
  assert.equal(filter({ ANYEVENT_VERBOSE: "9" }), 9);
  assert.equal(filter({ ANYEVENT_VERBOSE: "info" }), 7);
  for (const bad of ["10", "x", "-1", "4 "]) {
    assert.throws(
      () => filter({ PERL_ANYEVENT_VERBOSE: bad }),
      /Cannot configure log: PERL_ANYEVENT_VERBOSE ".*" is neither 0 to 9 nor the name of a level/,
    );
  }
  const { log } = logWorld({ env: { ANYEVENT_VERBOSE: "8", ANYEVENT_LOG: "filter=1" } });
  assert.deepEqual([log.verbose, log.ctx("A").enabled(2)], [8, false]);
  log.reset();
  assert.deepEqual([log.ctx("A").enabled(8), log.ctx("A").enabled(9)], [true, false]);
  log.verbose = 2;
  assert.deepEqual([log.ctx("A").enabled(2), log.ctx("A").enabled(3)], [true, false]);
  assert.throws(() => log.verbose = 10, UsageError);
});

Deno.test("ANYEVENT_x goes before PERL_ANYEVENT_x, and that before AE_x; an empty one counts", () => {
  const verbose = (env: Record<string, string>) => logWorld({ env }).log.verbose;
  const [ANYEVENT_VERBOSE, PERL_ANYEVENT_VERBOSE, AE_VERBOSE] = ["1", "2", "3"];
  assert.equal(verbose({ AE_VERBOSE }), 3);
  assert.equal(verbose({ AE_VERBOSE, PERL_ANYEVENT_VERBOSE }), 2);
  assert.equal(verbose({ AE_VERBOSE, PERL_ANYEVENT_VERBOSE, ANYEVENT_VERBOSE }), 1);
  assert.equal(verbose({ AE_VERBOSE, PERL_ANYEVENT_VERBOSE: "" }), 4);
});

Deno.test("a loop of one's own tells of a bad environment once, the default loop is not made", () => {
  const env = manualEnv({ env: { ANYEVENT_LOG: "filter=loud" } });
  const detector = new Detector([{ name: "manual", create: () => env }]);
  assert.throws(() => detector.defaultLoop(), /ANYEVENT_LOG "filter=loud": parse error at "loud"/);
  assert.equal(detector.model, undefined);
  using loop = new Loop(env);
  assert.equal(env.logged.length, 0);
  assert.equal(loop.log.log("error", "x"), true);
  assert.equal(loop.log.log("error", "y"), true);
  assert.equal(env.logged.length, 3);
  assert.match(env.logged[0].message, /ANYEVENT_LOG "filter=loud"/);
});

Deno.test("a loop's own messages can be told apart by context", () => {
  const env = manualEnv({ env: { ANYEVENT_LOG: "AnyEvent=off" } });
  using loop = new Loop(env);
  loop.timer({
    after: 0,
    cb: () => {
      throw new Error("mine");
    },
  });
  env.backend.advance(1);
  assert.deepEqual(env.logged, []);
  loop.log.reset();
  const from: string[] = [];
  loop.log.COLLECT.logCb((_line, { context, level }) =>
    void from.push(`${context.title} ${level}`)
  );
  loop.postpone(() => {
    throw new Error("mine");
  });
  env.backend.advance(1);
  assert.deepEqual(from, ["AnyEvent 4"]);
});
