import { PeerError, show, type Undo, UsageError } from "@anyevent/backends/contract";
import type { ShellCommand, ShellSession } from "@anyevent/loop";
import { TRACED } from "../task.ts";
import { type Coro, taskOf } from "../thread.ts";
import type { ThreadDebugger } from "./debugger.ts";
import { callsIn, descOf, stateOf, waitsFor } from "./ps.ts";
import { OFF } from "./log.ts";

/** A command, for a session or without one. */
export interface DebugCommand extends Omit<ShellCommand, "run"> {
  run(args: string, debug: ThreadDebugger, session: ShellSession | undefined): string;
}

/** Seconds between two runs of a watched command, unless told; and the least. */
const WATCH_SECONDS = 1;
const LEAST_WATCH = 0.05;
/** Level at which traces are logged. */
const TRACE_LEVEL = 5;

/** The thread of a number. @returns its absence in words */
function threadOf(args: string, debug: ThreadDebugger, what: string): Coro | string {
  if (!/^\d{1,15}$/.test(args)) {
    throw new UsageError(`Cannot ${what} ${show(args)}: it is not the PID of a thread; use ps`);
  }
  return debug.findCoro(Number(args)) ?? `${Number(args)}: no such coroutine`;
}

function withThread(
  args: string,
  debug: ThreadDebugger,
  what: string,
  act: (coro: Coro) => string | void,
): string {
  const coro = threadOf(args, debug, what);
  return typeof coro === "string" ? coro : act(coro) ?? "";
}

/** Follows `bt` of Coro::Debug. */
export function backtraceOf(coro: Coro): string {
  const task = taskOf(coro as Coro<never>);
  const { engine } = task;
  const calls = callsIn(engine, task);
  const waits = waitsFor(engine, task);
  const states = {
    U: "is running",
    N: "is new",
    R: "is ready",
    S: "is suspended",
    "-": "is blocked",
  };
  const state = states[stateOf(engine, task) as keyof typeof states];
  const head = `${task.id} ${descOf(task)}`.trimEnd() +
    ` ${coro.isZombie ? "has ended" : state}${waits === "" ? "" : ` in ${waits}`}`;
  if (calls.length === 0) return `${head}\n${task.id}: unable to get backtrace`;
  return [head, ...calls.map((call) => `    at ${call}`)].join("\n");
}

function trace(args: string, debug: ThreadDebugger, session: ShellSession | undefined): string {
  return withThread(args, debug, "trace", (coro) => {
    debug.trace(coro);
    const unseen = session !== undefined && debug.levelOf(session) < TRACE_LEVEL;
    return `tracing for coroutine ${args} is now enabled.` +
      (unseen ? ` Use 'loglevel ${TRACE_LEVEL}' to see it.` : "");
  });
}

function kill(args: string, debug: ThreadDebugger): string {
  const [, pid, reason] = /^(\S*)\s*([^]*)$/.exec(args)!;
  return withThread(pid, debug, "kill", (coro) => {
    coro.throw(new PeerError(reason === "" ? "killed" : reason));
  });
}

function times(args: string, debug: ThreadDebugger): string {
  const on = new Map([["", !debug.times], ["on", true], ["1", true], ["off", false], ["0", false]])
    .get(args);
  if (on === undefined) {
    throw new UsageError(`Cannot set times to ${show(args)}: it is neither on nor off`);
  }
  debug.times = on;
  return `per-thread time gathering ${on ? "enabled" : "disabled"}.`;
}

function sessionOf(session: ShellSession | undefined, what: string): ShellSession {
  if (session === undefined) throw new UsageError(`Cannot ${what}: it is for debug sessions`);
  return session;
}

function watch(args: string, debug: ThreadDebugger, given: ShellSession | undefined): string {
  const session = sessionOf(given, "watch");
  const [, time, command] = /^(?:(\d+(?:\.\d*)?|\.\d+)(?:\s+|$))?([^]*)$/.exec(args)!;
  if (command === "") throw new UsageError("Cannot watch: no command is given");
  const interval = Math.max(LEAST_WATCH, time === undefined ? WATCH_SECONDS : Number(time));
  const first = debug.command(command);
  const undos: Undo[] = [];
  const stop = (): void => undos.splice(0).forEach((undo) => undo());
  const timer = session.loop.addTimer(interval, interval, () => {
    session.print(attempt(command, debug, stop));
  }).unref();
  undos.push(() => timer.cancel(), session.onLine(stop), session.onClose(stop));
  return first;
}

/** One that failed is not watched any longer. */
function attempt(command: string, debug: ThreadDebugger, stop: () => void): string {
  try {
    return debug.command(command);
  } catch (error) {
    stop();
    return String(error);
  }
}

function loglevel(args: string, debug: ThreadDebugger, given: ShellSession | undefined): string {
  const session = sessionOf(given, "set loglevel");
  const level = args === "" ? OFF : Number(args);
  debug.setLevelOf(session, level);
  return `loglevel now ${level}`;
}

/** All, in the order of `help`. */
export const COMMANDS: ReadonlyMap<string, DebugCommand> = new Map<string, DebugCommand>([
  ["ps", {
    usage: "[w|v]",
    help: "show the list of all coroutines (wide, verbose)",
    run: (args, debug) => debug.psListing(args),
  }],
  ["bt", {
    usage: "<pid>",
    help: "show a full backtrace of coroutine <pid>",
    run: (args, debug) => withThread(args, debug, "trace back", (coro) => debug.backtrace(coro)),
  }],
  ["trace", { usage: "<pid>", help: "enable tracing for this coroutine", run: trace }],
  ["untrace", {
    usage: "<pid>",
    help: "disable tracing for this coroutine",
    run: (args, debug) =>
      withThread(args, debug, "untrace", (coro) => {
        const traced = (taskOf(coro as Coro<never>).flags & TRACED) !== 0;
        debug.untrace(coro);
        return traced ? `tracing for coroutine ${args} is now disabled.` : "";
      }),
  }],
  ["kill", {
    usage: "<pid> [reason]",
    help: "throws an error with the given reason in <pid>",
    run: kill,
  }],
  ["cancel", {
    usage: "<pid>",
    help: "cancels this coroutine",
    run: (args, debug) => withThread(args, debug, "cancel", (coro) => coro.cancel()),
  }],
  ["ready", {
    usage: "<pid>",
    help: "force <pid> into the ready queue",
    run: (args, debug) => withThread(args, debug, "ready", (coro) => void coro.ready()),
  }],
  ["times", {
    usage: "[on|off]",
    help: "enable or disable time profiling in ps",
    run: times,
  }],
  ["enable_times", { usage: "[on|off]", help: "same as times", run: times }],
  ["loglevel", {
    usage: "[level]",
    help: "enable logging for messages of this level and lower; without one: none",
    run: loglevel,
  }],
  ["watch", {
    usage: "[seconds] <command>",
    help: "repeat the given command until the next line",
    run: watch,
  }],
]);

/** One line each. */
export function helpText(): string {
  const rows = [...COMMANDS].map(([name, { usage, help }]) => [`${name} ${usage ?? ""}`, help]);
  const width = Math.max(...rows.map(([call]) => call.length));
  return rows.map(([call, help]) => `${call.padEnd(width)}  ${help}`).join("\n");
}
