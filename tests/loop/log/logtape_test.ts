import assert from "node:assert/strict";
import {
  configure,
  fromAsyncSink,
  getLogger,
  type LogRecord,
  reset,
} from "npm:@logtape/logtape@2.4.2";
import { logtapeSink, toLogTape } from "@anyevent/loop/logtape";
import { UsageError } from "@anyevent/loop";
import { logWorld } from "./support.ts";

/** LogTape with one list as its sink; its configuration belongs to the whole process. */
async function withTape(
  lowestLevel: "trace" | "warning",
  body: (records: LogRecord[]) => void,
): Promise<void> {
  const records: LogRecord[] = [];
  await configure({
    sinks: { list: (record: LogRecord) => void records.push(record) },
    loggers: [
      { category: [], sinks: ["list"], lowestLevel },
      { category: ["logtape"], sinks: [], lowestLevel: "error" },
    ],
  });
  try {
    body(records);
  } finally {
    await reset();
  }
}

Deno.test("toLogTape() gives messages inside the call, with category, level and time", () =>
  withTape("trace", (records) => {
    const { log } = logWorld({ start: 12.5 });
    log.fatalExit = () => undefined;
    toLogTape(log, ["app", "x"]);
    const context = log.ctx("A::B");
    for (let level = 1; level <= 9; level++) context.log(level as 1, "m%d\x1b", level);
    assert.deepEqual(records.map((it) => it.level), [
      "fatal",
      "fatal",
      "fatal",
      "error",
      "warning",
      "info",
      "info",
      "debug",
      "trace",
    ]);
    const [first] = records;
    assert.deepEqual(first.category, ["app", "x", "A", "B"]);
    assert.deepEqual([first.message, first.rawMessage], [["m1\x1b"], "m1\x1b"]);
    assert.equal(first.timestamp, 12_500);
    assert.deepEqual(first.properties, { "anyevent.context": "A::B", "anyevent.level": 1 });
  }));

Deno.test("toLogTape() stays silent until LogTape is configured, and where it wants nothing", async () => {
  const { log, env } = logWorld();
  const attached = toLogTape(log);
  assert.equal(log.log("error", "before"), true);
  await withTape("warning", (records) => {
    for (const level of ["error", "warn", "info"] as const) log.log(level, level);
    assert.deepEqual(records.map((it) => [...it.category, ...it.message]), [
      ["main", "error"],
      ["main", "warn"],
    ]);
    attached.level("error");
    log.log("warn", "no");
    log.COLLECT.detach(attached);
    log.log("error", "no");
    assert.equal(records.length, 2);
  });
  assert.deepEqual(env.logged.map((it) => it.message), ["before", "error", "no"]);
});

Deno.test("logtapeSink() logs records in the contexts of their categories", async () => {
  const { log } = logWorld();
  const got: string[] = [];
  log.COLLECT.slaves().logCb((_line, { context, level, message }) =>
    void got.push(`${context.title} ${level} ${message}`)
  );
  log.fatalExit = () => assert.fail("LogTape's fatal ends no program");
  await configure({
    sinks: { ours: logtapeSink(log), below: logtapeSink(log, { prefix: "Tape" }) },
    loggers: [
      { category: ["a"], sinks: ["ours"], lowestLevel: "trace" },
      { category: ["z"], sinks: ["below"], lowestLevel: "trace" },
      { category: ["logtape"], sinks: [], lowestLevel: "error" },
    ],
  });
  try {
    const logger = getLogger(["a", "b"]);
    logger.trace("t");
    logger.debug("d {x}", { x: 5 });
    logger.info`i ${"s"}`;
    logger.warn("w\x1b");
    logger.error("e");
    logger.fatal("f");
    getLogger(["z", "y"]).info("below");
  } finally {
    await reset();
  }
  assert.deepEqual(got, [
    "a::b 9 t",
    "a::b 8 d 5",
    'a::b 7 i "s"',
    "a::b 5 w\x1b",
    "a::b 4 e",
    "a::b 3 f",
    "Tape::z::y 7 below",
  ]);
});

Deno.test("both ways at once: no message goes round", async () => {
  const { log, env } = logWorld();
  toLogTape(log);
  const records: LogRecord[] = [];
  await configure({
    sinks: { ours: logtapeSink(log), list: (record: LogRecord) => void records.push(record) },
    loggers: [
      { category: [], sinks: ["ours", "list"], lowestLevel: "trace" },
      { category: ["logtape"], sinks: [], lowestLevel: "error" },
    ],
  });
  try {
    log.ctx("A").log("error", "ours");
    assert.deepEqual([env.logged.length, records.length], [1, 1]);
    getLogger(["B"]).error("theirs");
    assert.equal(env.logged.length, 2);
    assert.ok(records.length <= 3);
    getLogger(["C"]).error("theirs, twice at most");
    assert.equal(env.logged.length, 3);
  } finally {
    await reset();
  }
});

Deno.test("a sink that hands records over later brings no message back", async () => {
  const { log, env } = logWorld();
  toLogTape(log);
  const sink = logtapeSink(log);
  const late = fromAsyncSink(async (record) => {
    await 0;
    sink(record);
  });
  await configure({
    sinks: { late },
    loggers: [
      { category: [], sinks: ["late"], lowestLevel: "trace" },
      { category: ["logtape"], sinks: [], lowestLevel: "error" },
    ],
  });
  log.log("error", "ours");
  getLogger(["B"]).error("theirs");
  await late[Symbol.asyncDispose]();
  await reset();
  assert.deepEqual(env.logged.map((it) => it.message), ["ours", "theirs"]);
});

Deno.test("what is no log, category or prefix is a UsageError", () => {
  const { log } = logWorld();
  assert.throws(() => toLogTape({} as never), UsageError);
  assert.throws(() => toLogTape(log, [5] as never), UsageError);
  assert.throws(() => logtapeSink(undefined as never), UsageError);
  assert.throws(() => logtapeSink(log, { prefix: 5 } as never), UsageError);
});
