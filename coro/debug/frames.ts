import { backtrace } from "@anyevent/loop";
import type { Engine } from "../engine.ts";
import type { Task } from "../task.ts";

/** Calls of a thread that are looked at. */
const MOST_CALLS = 100;
/** Calls among which the first one of the user's mostly is. */
const FEW_CALLS = 3;
/** More than any stack has. */
const ALL = 100_000;

/** Where this package's files are; `undefined` when they were bundled with others. */
const OWN = /^(.*\/)debug\/frames\.[cm]?[jt]s$/.exec(import.meta.url)?.[1];

/** The project's packages, as they are installed and in a checkout. */
const OWNS = [
  "@anyevent/",
  ...["backends", "loop", "coro", "mp", "global"].map((name) =>
    `${OWN?.replace(/[^/]+\/$/, "") ?? "\n"}${name}/`
  ),
];

interface StackLimit {
  stackTraceLimit?: number;
}

/** The innermost calls on the stack below one of `below`. Each takes some 30 µs, for its place in the source. */
function take(most: number, below: () => unknown): string[] {
  const limits = Error as StackLimit;
  const { stackTraceLimit } = limits;
  limits.stackTraceLimit = most;
  const trace: { stack?: string } = {};
  try {
    Error.captureStackTrace(trace, below);
    return (trace.stack ?? "").split("\n").filter((line) => /^\s+at /.test(line));
  } finally {
    limits.stackTraceLimit = stackTraceLimit;
  }
}

/** Whether a call is a user's; in a bundle nobody can tell. */
function isUsers(line: string): boolean {
  if (OWN === undefined || OWNS.some((own) => line.includes(own))) return false;
  return !/ext:|node:|\(<anonymous>\)$/.test(line);
}

/** Without the engine's own part of each generator, and the package's own calls at both ends. */
function usersOf(lines: readonly string[]): string[] {
  // Where an async function stands cannot be seen, only who waits for it.
  if (OWN !== undefined && lines.some((line) => line.includes(`${OWN}foreign.`))) return [];
  const calls = lines.filter((line) => !/\(<anonymous>\)$/.test(line));
  if (calls.length === 0) return [];
  const trace = new Error("trace");
  trace.stack = `Error: trace\n${calls.join("\n")}`;
  return backtrace(trace).split("\n").map((line) => line.replace(/^at (async )?/, ""));
}

/** Up to the engine: below are the calls of who runs it. */
function upToEngine(lines: string[]): string[] {
  const engine = OWN === undefined ? -1 : lines.findIndex((line) => line.includes(`${OWN}engine.`));
  return engine < 0 ? lines : lines.slice(0, engine);
}

/**
 * Where a thread is: its calls, the innermost first, down through all its `yield*`.
 *
 * Nothing is kept for it while threads run: the engine looks where the thread waits, with its generators on
 * the stack.
 *
 * @param first whether the first call is enough: each one more takes time
 * @returns none when it has not begun, and where nothing can be seen
 */
export function callsOf(engine: Engine, task: Task, first: boolean): string[] {
  if (task === engine.current) {
    const calls = upToEngine(take(MOST_CALLS, callsOf as () => unknown));
    // Else it is a debug session that runs, which is nobody's call.
    return OWN === undefined || calls.some(isUsers) ? usersOf(calls) : [];
  }
  // In a bundle the engine's calls look as all others: only their number tells.
  const below = OWN === undefined ? take(ALL, callsOf as () => unknown).length : undefined;
  let calls: string[] = [];
  const seen = (): void => {
    if (first && below === undefined) calls = take(FEW_CALLS, seen);
    if (!calls.some(isUsers)) calls = take((below ?? 0) + MOST_CALLS, seen);
  };
  engine.look(task, seen);
  // At both ends is the engine's look.
  const [, ...between] = calls;
  if (below === undefined) return usersOf(upToEngine(between));
  return usersOf(between.slice(0, Math.max(0, between.length - below - 2)));
}

/** The place in a call, as `t.ts:9`; `wide`: with the whole path. */
export function placeOf(call: string, wide: boolean): string {
  const found = /(?:^|\()([^()]*?):(\d+)(?::\d+)?\)?$/.exec(call);
  if (found === null) return call;
  const [, url, line] = found;
  const path = url.replace(/^file:\/\//, "");
  return `${wide ? path : path.slice(path.lastIndexOf("/") + 1)}:${line}`;
}
