/**
 * The list of threads, with the columns of Coro::Debug's `ps`.
 *
 * @module
 */
import type { Engine } from "../engine.ts";
import { AWAIT, MAIN, MISSED, NEW, READY, SUSPENDED, type Task, TRACED, ZOMBIE } from "../task.ts";
import { coroOf } from "../thread.ts";
import { callsOf, placeOf } from "./frames.ts";
import { count4, told } from "./text.ts";

/** Threads that are listed. */
const MOST_ROWS = 1000;
/** Awaits of main that are named. */
const MOST_AWAITS = 3;
/** Characters of a description, unless wide. */
const DESC = 24;

/** What may be asked of {@linkcode listing}. */
export interface PsFlags {
  /** Whole descriptions and paths. */
  readonly wide: boolean;
  /** All calls of each thread. */
  readonly verbose: boolean;
}

/** Whether code outside threads runs, which nobody waits for. */
function mainRuns(engine: Engine): boolean {
  return (engine.current.flags & (MAIN | AWAIT)) !== 0;
}

/** U running, N new, R ready, S suspended, - blocked. */
export function stateOf(engine: Engine, task: Task): string {
  if ((task.flags & MAIN) !== 0) {
    const awaits = [...engine.awaits];
    if ((task.flags & READY) !== 0 || awaits.some(({ flags }) => (flags & READY) !== 0)) return "R";
    return awaits.length === 0 && mainRuns(engine) ? "U" : "-";
  }
  if (task === engine.current) return "U";
  if ((task.flags & NEW) !== 0) return "N";
  if ((task.flags & READY) !== 0) return "R";
  return (task.flags & SUSPENDED) !== 0 ? "S" : "-";
}

/** What a thread waits for; nothing when it is not blocked. */
export function waitsFor(engine: Engine, task: Task): string {
  if ((task.flags & MAIN) !== 0) {
    const awaits = [...engine.awaits].filter(({ flags }) => (flags & READY) === 0);
    const named = awaits.slice(0, MOST_AWAITS).map((entry) => told(() => entry.describe()));
    const more = awaits.length - named.length;
    return named.join(", ") + (more > 0 ? `, ${more} more` : "");
  }
  if (task === engine.current || (task.flags & (NEW | READY | ZOMBIE)) !== 0) return "";
  return (task.flags & MISSED) !== 0 ? "resume()" : told(() => task.describe());
}

/** What it is, for people. */
export function descOf(task: Task): string {
  return told(() => coroOf(task).debugDesc());
}

/** The calls of a thread; those of main when it runs. */
export function callsIn(engine: Engine, task: Task, first = false): string[] {
  if ((task.flags & MAIN) === 0) return callsOf(engine, task, first);
  const runs = task === engine.current && stateOf(engine, task) === "U";
  return runs ? callsOf(engine, task, first) : [];
}

function whereOf(engine: Engine, task: Task, { wide, verbose }: PsFlags, indent: string): string {
  const [first, ...others] = callsIn(engine, task, !verbose);
  const at = first === undefined ? "" : `[${placeOf(first, wide)}]`;
  const where = `${at} ${waitsFor(engine, task)}`.trim() || "-";
  if (!verbose) return where;
  return [where, ...others.map((call) => `${indent}[${placeOf(call, wide)}]`)].join("\n");
}

/**
 * The list as text, oldest thread first.
 *
 * RSS is always `-`: no JavaScript engine tells a thread's memory. With times on there is one column more.
 */
export function listing(engine: Engine, flags: PsFlags): string {
  const time = (text: string): string => engine.timing ? ` ${text.padStart(9)}` : "";
  const fit = (text: string): string =>
    (flags.wide ? text : [...text].slice(0, DESC).join("")).padEnd(DESC);
  const head = (pid: string, sc: string, rss: string, uses: string, ran: string, desc: string) =>
    `${pid.padStart(20)} ${sc} ${rss.padStart(4)} ${uses.padStart(4)}${time(ran)} ${fit(desc)} `;
  const tasks = [...engine.list(), engine.main].reverse();
  const rows = tasks.slice(0, MOST_ROWS).map((task) => {
    const state = stateOf(engine, task) + ((task.flags & TRACED) !== 0 ? "T" : "-");
    const ran = (task.rare?.ran ?? 0).toFixed(3);
    const start = head(String(task.id), state, "-", count4(task.uses), ran, descOf(task));
    return start + whereOf(engine, task, flags, " ".repeat(start.length));
  });
  const more = tasks.length - rows.length;
  if (more > 0) rows.push(`… ${more} more threads`);
  return [`${head("PID", "SC", "RSS", "USES", "t_real", "Description")}Where`, ...rows].join("\n");
}
