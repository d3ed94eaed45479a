import assert from "node:assert/strict";
import {
  cede,
  Coro,
  Debug,
  schedule,
  Scheduler,
  threadDebugOf,
  type TraceEvent,
} from "@anyevent/coro";
import { Loop, PeerError, UsageError } from "@anyevent/loop";
import { manualEnv } from "../../support/manual_env.ts";
import { world } from "../world.ts";
import { HEADER, row } from "./support.ts";

Deno.test("command() cancel, kill and ready act on the thread of a number", async () => {
  const { threads, settle, print, printed, loop } = world();
  const debug = threadDebugOf(threads);
  const block = (): Coro =>
    threads.async(function* () {
      try {
        yield* schedule();
        print("went on");
      } finally {
        print("cleaned up");
      }
    });
  const [cancelled, killed, told, readied] = [block(), block(), block(), block()];
  const errors: unknown[] = [];
  for (const coro of [killed, told]) coro.onUncaught = (error) => void errors.push(error);
  settle();
  assert.equal(debug.command("cancel 1"), "");
  assert.ok(cancelled.isZombie);
  assert.equal(debug.command("kill 2"), "");
  assert.equal(debug.command(" kill  3   it took too long "), "");
  assert.equal(debug.command("ready 4"), "");
  settle();
  assert.deepEqual(printed, ["cleaned up", "cleaned up", "cleaned up", "went on", "cleaned up"]);
  assert.deepEqual(errors.map(String), ["PeerError: killed", "PeerError: it took too long"]);
  assert.ok(errors[0] instanceof PeerError && readied.isZombie);
  for (const command of ["bt", "trace", "untrace", "cancel", "kill", "ready"]) {
    assert.equal(debug.command(`${command} 4`), "4: no such coroutine");
    assert.equal(debug.command(`${command} 007`), "7: no such coroutine");
  }
  const main = threads.run(loop.sleep(9));
  debug.command("kill 0 wake up");
  settle();
  await assert.rejects(main, /wake up/);
});

Deno.test("command() refuses what it does not understand", () => {
  const debug = threadDebugOf(world().threads);
  for (
    const line of [
      "",
      " ",
      "nonsense",
      "PS",
      "ps x",
      "ps w v",
      "bt",
      "bt -1",
      "bt 1.5",
      "bt 1 2",
      "bt 99999999999999999999",
      "cancel 0",
      "trace 0",
      "kill",
      "ready one",
      "times maybe",
      "times toString",
      "loglevel 5",
      "watch ps",
      "constructor",
      "__proto__",
      "ps\nps",
      undefined,
      1,
    ]
  ) {
    assert.throws(() => debug.command(line as never), UsageError, String(line));
  }
});

Deno.test("command() help has a line for each command", () => {
  const help = threadDebugOf(world().threads).command("help").split("\n");
  assert.deepEqual(
    help.map((line) => line.split(" ")[0]),
    "ps bt trace untrace kill cancel ready times enable_times loglevel watch".split(" "),
  );
  for (const line of help) assert.match(line, /^\S+ .*  +\w/);
});

Deno.test("times are taken while they are on, and ps shows them", () => {
  const { threads, settle, env } = world();
  const debug = threadDebugOf(threads);
  const work = (desc: string, seconds: number): void => {
    threads.spawn(function* () {
      for (;;) {
        env.backend.wallOffset += seconds;
        yield* schedule();
      }
    }, { desc });
  };
  work("one", 1);
  work("two", 0.25);
  settle();
  assert.equal(debug.command("times"), "per-thread time gathering enabled.");
  assert.equal(debug.times, true);
  debug.command("ready 1");
  debug.command("ready 2");
  settle();
  debug.command("ready 2");
  settle();
  const rows = debug.command("ps").split("\n").map((line) => line.slice(20, 67));
  assert.deepEqual(
    rows.slice(0, 1).concat(rows.slice(2)),
    [
      " SC  RSS USES    t_real Description             ",
      " --    -    2     1.000 one                     ",
      " --    -    3     0.500 two                     ",
    ].map((line) => line.slice(0, 47)),
  );
  assert.equal(debug.command("times off"), "per-thread time gathering disabled.");
  debug.command("ready 1");
  settle();
  assert.equal(debug.findCoro(1)!.times(), 1);
  assert.equal(debug.command("ps").split("\n")[0], HEADER);
  assert.equal(debug.command("enable_times 1"), "per-thread time gathering enabled.");
  debug.times = false;
  assert.throws(() => (debug.times = 1 as never), UsageError);
  threads.killall();
});

Deno.test("trace() tells each switch of a thread and its end, until taken back", () => {
  const { threads, settle } = world();
  const debug = threadDebugOf(threads);
  const body = function* () {
    yield* cede();
    yield* schedule();
    return 1;
  };
  const traced = (act: (coro: Coro) => void): string[] => {
    const events: string[] = [];
    const coro: Coro = threads.async(body);
    coro.onUncaught = () => undefined;
    using _trace = debug.trace(coro, (event: TraceEvent) => {
      if (event.kind === "resumed") events.push("resumed");
      else events.push(event.kind === "blocked" ? event.on : event.outcome.kind);
    });
    settle();
    act(coro);
    settle();
    coro.cancel();
    return events;
  };
  const begin = ["resumed", "cede()", "resumed", "schedule()"];
  assert.deepEqual(traced((coro) => coro.ready()), [...begin, "resumed", "returned"]);
  assert.deepEqual(traced((coro) => coro.cancel()), [...begin, "cancelled"]);
  assert.deepEqual(traced((coro) => coro.throw(new Error("x"))), [...begin, "resumed", "failed"]);
  assert.deepEqual(traced((coro) => debug.untrace(coro)), begin);
  assert.deepEqual(traced(() => debug.psListing()), [...begin, "cancelled"]);
});

Deno.test("several traces of a thread do not disturb each other; one that throws is reported", () => {
  const { threads, settle, loop } = world();
  const debug = threadDebugOf(threads);
  const failed: string[] = [];
  loop.onCallbackError = (error) => void failed.push(String(error));
  const coro = threads.async(function* () {
    for (;;) yield* schedule();
  });
  let count = 0;
  const first = debug.trace(coro, () => {
    throw new Error("kaputt");
  });
  const second = debug.trace(coro, () => void count++);
  assert.equal(debug.psListing().split("\n")[2], row(1, "NT", 0, "", "-"));
  settle();
  assert.deepEqual([count, failed], [2, ["Error: kaputt", "Error: kaputt"]]);
  first.cancel();
  first.cancel();
  coro.ready();
  settle();
  assert.deepEqual([count, failed.length], [4, 2]);
  second.cancel();
  coro.ready();
  settle();
  assert.equal(count, 4);
  assert.match(debug.psListing().split("\n")[2], /^ +1 -- /);
  assert.throws(() => debug.trace(coro, 1 as never), UsageError);
  assert.throws(() => debug.trace(threads.main), UsageError);
  coro.cancel();
  debug.trace(coro, () => void count++).cancel();
  assert.equal(count, 4);
});

Deno.test("trace() of a pool thread ends with its job", () => {
  const { threads, settle } = world();
  const debug = threadDebugOf(threads);
  const events: string[] = [];
  const coro = threads.asyncPool(function* () {
    yield* cede();
  });
  debug.trace(coro, (event) => void events.push(event.kind));
  settle();
  threads.asyncPool(() => undefined);
  settle();
  assert.deepEqual(events, ["resumed", "blocked", "resumed", "ended"]);
  threads.killall();
});

Deno.test("log() goes to the log of the program up to stderrLoglevel", () => {
  const lines: string[] = [];
  const env = {
    ...manualEnv(),
    log: (level: number, text: string) => void lines.push(`${level} ${text}`),
  };
  const debug = threadDebugOf(new Scheduler(new Loop(env)));
  debug.log(0, "nobody hears it");
  assert.deepEqual([debug.stderrLoglevel, debug.sessionLoglevel], [-1, -1]);
  debug.stderrLoglevel = 5;
  debug.log(5, "told\n\x1b[2J\n");
  debug.log(0, "as fatal");
  debug.log(6, "too much");
  assert.deepEqual(lines, ["5 told\\x0a\\x1b[2J", "1 as fatal"]);
  for (const level of [-1, 10, 1.5, NaN, "1"]) {
    assert.throws(() => debug.log(level as never, ""), UsageError);
  }
  for (const level of [-2, 10, "1"]) {
    assert.throws(() => (debug.stderrLoglevel = level as never), UsageError);
    assert.throws(() => (debug.sessionLoglevel = level as never), UsageError);
  }
  assert.throws(() => debug.log(1, 2 as never), UsageError);
});

Deno.test("log levels begin as the environment says", () => {
  const levels = (env: Record<string, string>): [number, number, number] => {
    const lines: string[] = [];
    const log = (_level: number, text: string): void => void lines.push(text);
    const debug = threadDebugOf(new Scheduler(new Loop({ ...manualEnv({ env }), log })));
    return [debug.sessionLoglevel, debug.stderrLoglevel, lines.length];
  };
  assert.deepEqual(levels({ PERL_CORO_DEFAULT_LOGLEVEL: "3" }), [3, -1, 0]);
  assert.deepEqual(levels({ PERL_CORO_STDERR_LOGLEVEL: "9" }), [-1, 9, 0]);
  assert.deepEqual(
    levels({ CORO_DEFAULT_LOGLEVEL: "0", PERL_CORO_DEFAULT_LOGLEVEL: "3" }),
    [0, -1, 0],
  );
  assert.deepEqual(levels({ CORO_DEFAULT_LOGLEVEL: "", CORO_STDERR_LOGLEVEL: "many" }), [
    -1,
    -1,
    1,
  ]);
});

Deno.test("Debug acts on the scheduler of the running thread, else on the default one", () => {
  const { threads, settle, print, printed } = world();
  threads.async(function* () {
    Coro.current.desc = "inside";
    print(Debug.command("ps").split("\n").length);
    print(Debug.findCoro(1) === Coro.current);
    yield* cede();
  });
  settle();
  assert.deepEqual(printed, ["3", "true"]);
  assert.match(Debug.psListing(), /\n +0 U- .*\[main::\] .*\[commands_test\.ts:\d+\]$/);
  assert.equal(Debug.findCoro(0), Coro.main);
  assert.equal(Debug.findCoro(NaN), undefined);
});
