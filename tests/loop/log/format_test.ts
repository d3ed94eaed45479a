import assert from "node:assert/strict";
import { type LogEntry, LogRoot, UsageError } from "@anyevent/loop";
import { manualEnv } from "../../support/manual_env.ts";
import { logWorld } from "./support.ts";

const STAMP = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6} [-+]\d{4}$/;

/** The lines of one message at a time, as the manual clock has it. */
function lines(message: string, level: "warn" | "error" | "critical" = "warn"): string[] {
  const { log } = logWorld({ start: 1_700_000_000.25 });
  const got: string[] = [];
  log.ctx("A::B").logCb((line) => void got.push(line)).log(level, message);
  return got[0].split("\n");
}

Deno.test("a line is time, level, context and message", () => {
  const date = new Date(1_700_000_000_000);
  const two = (part: number) => String(part).padStart(2, "0");
  const zone = -date.getTimezoneOffset();
  const expected = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ` +
    `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.250000 ` +
    `${zone < 0 ? "-" : "+"}${two(Math.trunc(Math.abs(zone) / 60))}${two(Math.abs(zone) % 60)}`;
  assert.match(expected, STAMP);
  assert.deepEqual(lines("hello"), [`${expected} warn  A::B: hello`, ""]);
  assert.deepEqual(lines("hello", "error"), [`${expected} error A::B: hello`, ""]);
  assert.deepEqual(lines("hello", "critical"), [`${expected} crit  A::B: hello`, ""]);
  assert.deepEqual(lines("a\nb\n\nc\n\n"), [
    `${expected} warn  A::B: a`,
    `${expected} + b`,
    `${expected} + `,
    `${expected} + c`,
    "",
  ]);
  assert.deepEqual(lines(""), [`${expected} warn  A::B: `, ""]);
});

Deno.test("what a terminal would act on is written out", () => {
  const [line] = lines("\x1b[2J\x07 a\rb\tc \x7f\x9b31m \u202edlrow\u2028 é😀 \x00");
  assert.ok(
    line.endsWith(
      ": \\x1b[2J\\x07 a\\x0db\tc \\x7f\\x9b31m \\u202edlrow\\u2028 é😀 \\x00",
    ),
    line,
  );
  const { log } = logWorld();
  let safe = "";
  log.ctx("\x1b]0;x").logCb((text) => void (safe = text)).log("warn", "m");
  assert.match(safe, / \\x1b\]0;x: m\n$/);
});

Deno.test("the Env gets the text as it is, and the line beside it", () => {
  const { env, log } = logWorld();
  const got: unknown[] = [];
  const sink = new LogRoot({ ...manualEnv(), log: (...args: unknown[]) => void got.push(args) });
  sink.ctx("A").log("error", "a\x1b\n");
  const [level, message, line] = got[0] as [number, string, string];
  assert.deepEqual([level, message], [4, "a\x1b"]);
  assert.match(line, /^\d{4}-.* error A: a\\x1b\n$/);
  log.ctx("A").log("error", "m");
  assert.deepEqual(env.logged.map((it) => ({ ...it })), [{ level: 4, message: "m" }]);
});

Deno.test("fmtCb(), defaultFormat and formatTime are used, and set back by undefined", () => {
  const { log } = logWorld({ start: 5 });
  const got: string[] = [];
  const inner = log.ctx("I").slaves().logCb((line) => void got.push(line));
  const context = log.ctx("A").slaves(inner).cap("info").logCb((line) => void got.push(line));
  const short = ({ time, level, context, message }: LogEntry) =>
    `${time} ${level} ${context.title} ${message}`;
  context.fmtCb(short).log("error", "m");
  assert.equal(got[0], "5 7 A m");
  assert.match(got[1], / info {2}A: m\n$/);
  log.formatTime = (time) => `@${time}`;
  inner.log("error", "a\nb");
  assert.equal(got[2], "@5 error I: a\n@5 + b\n");
  log.defaultFormat = (entry) => `<${log.formatTime(entry.time)} ${entry.message}>`;
  inner.log("error", "m");
  assert.equal(got[3], "<@5 m>");
  log.defaultFormat = undefined;
  log.formatTime = undefined;
  inner.log("error", "m");
  assert.match(got[4], /^1970-01-01 .* error I: m\n$|^1969-12-31 .* error I: m\n$/);
  context.fmtCb(undefined).log("error", "m");
  assert.match(got[5], / info {2}A: m\n$/);
  for (const hook of ["defaultFormat", "formatTime", "fatalExit"] as const) {
    assert.throws(() => log[hook] = 5 as never, UsageError);
  }
});

Deno.test("exactTime chooses between the wall clock and the turn's time", () => {
  const { env, log } = logWorld({ start: 100 });
  env.backend.wallOffset = 50;
  const times: number[] = [];
  log.COLLECT.logCb((_line, { time }) => void times.push(time));
  log.log("info", "x");
  log.exactTime = false;
  log.log("info", "x");
  assert.deepEqual(times, [150, 100]);
  assert.throws(() => log.exactTime = 1 as never, UsageError);
});
