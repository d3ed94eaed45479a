import { show, UsageError } from "@anyevent/backends/contract";

/** A place in the program's text. */
export interface Site {
  /** Path, or address of the module. */
  readonly file: string;
  /** Counted from 1; 0: unknown. */
  readonly line: number;
  /** The function around it; `""` at the top level, in a function without a name, and where unknown. */
  readonly sub: string;
}

/** Calls of a trace that are kept. */
const DEPTH = 50;

const UNKNOWN: Site = { file: "unknown", line: 0, sub: "" };

/** Where this package's files are; `undefined` when they were bundled with others, which cannot be told apart. */
const OWN = /^(.*\/)debug\/site\.[cm]?[jt]s$/.exec(import.meta.url)?.[1];

/** Where its sister packages are in a checkout. */
const SISTERS = /^(.*\/)loop\/$/.exec(OWN ?? "")?.[1];

const HOST = /ext:|node:internal/;

const LOWER = ["backends", "loop"];
const ALL = [...LOWER, "coro", "mp", "global"];

/** Whether a frame is of one of these packages of the project. */
function isOf(packages: readonly string[], frame: string): boolean {
  const inside = (before: string): boolean =>
    packages.some((name) => frame.includes(`${before}${name}/`));
  return inside("@anyevent/") || (SISTERS !== undefined && inside(SISTERS));
}

interface StackLimit {
  stackTraceLimit?: number;
}

/**
 * Takes a stack trace of this very place, deep enough to reach the user's code. Takes microseconds.
 *
 * @returns an error whose stack is made into text when it is asked for
 */
export function takeTrace(): Error {
  const limits = Error as StackLimit;
  const { stackTraceLimit } = limits;
  limits.stackTraceLimit = DEPTH;
  try {
    return new Error("trace");
  } finally {
    limits.stackTraceLimit = stackTraceLimit;
  }
}

function textOf(url: string): string {
  const path = url.replace(/^file:\/\//, "");
  try {
    return path === url ? url : decodeURIComponent(path);
  } catch {
    // A name that only looks encoded.
    return path;
  }
}

function siteOf(frame: string): Site | undefined {
  const text = frame.trim().replace(/^at (async )?/, "");
  const found = /^(?:(.*) \()?(.*?):(\d+)(?::\d+)?\)?$/.exec(text);
  if (found === null) return undefined;
  const [, sub = "", url, line] = found;
  return { file: textOf(url), line: Number(line), sub: sub.replace(/^new /, "") };
}

/** The frames of a trace, innermost first, without what is the project's own or the host's at both ends. */
function framesOf(trace: Error): string[] {
  const frames = (trace.stack ?? "").split("\n").filter((line) => /^\s+at /.test(line));
  if (OWN === undefined) return frames;
  const isUsers = (frame: string): boolean => !HOST.test(frame) && !isOf(ALL, frame);
  // What a package above, or this one, makes on its own account has nothing but its own.
  const isAbove = (frame: string): boolean => !HOST.test(frame) && !isOf(LOWER, frame);
  const isOwnUse = (frame: string): boolean =>
    !HOST.test(frame) &&
    !["debug/", "strict/", "watchers/", "loop.ts", "ae.ts", "anyevent.ts"].some((part) =>
      frame.includes(OWN + part)
    );
  for (const wanted of [isUsers, isAbove, isOwnUse]) {
    const first = frames.findIndex(wanted);
    if (first >= 0) return frames.slice(first, frames.findLastIndex(wanted) + 1);
  }
  return frames;
}

/** The place in the user's code that a trace comes from. */
export function creationSite(trace: Error): Site {
  const [frame] = framesOf(trace);
  return (frame === undefined ? undefined : siteOf(frame)) ?? UNKNOWN;
}

/**
 * A trace as text: one line for each call, the innermost first, without the package's own.
 *
 * Follows `backtrace` of AnyEvent::Debug.
 *
 * @param trace where it was taken; default: here
 * @returns lines as in an error's `stack`; `""` when it is not known
 * @example
 * ```ts
 * import { backtrace } from "@anyevent/loop";
 *
 * const whoCalls = (): string => backtrace().split("\n")[0];
 * console.log(whoCalls()); // at whoCalls (file:///…:3:32)
 * ```
 */
export function backtrace(trace: Error = takeTrace()): string {
  if (!(trace instanceof Error)) {
    throw new UsageError(`Cannot make backtrace of ${show(trace)}: it is no Error`);
  }
  return framesOf(trace).map((frame) => frame.trim()).join("\n");
}

/** Characters of the text of a function without a name. */
const MOST_TEXT = 40;

/**
 * Names a callback for people: by its name, else by the beginning of its text. Where it was written is not
 * known to the language.
 *
 * Follows `cb2str` of AnyEvent::Debug.
 *
 * @param cb any value
 * @returns a short text; of what is no function `object`, or the value as a string
 * @example
 * ```ts
 * import { cb2str } from "@anyevent/loop";
 *
 * console.log(cb2str(function tick() {})); // tick
 * console.log(cb2str(() => 1 + 1)); // its text: ()=>1 + 1
 * ```
 */
export function cb2str(cb: unknown): string {
  if (typeof cb !== "function") {
    return typeof cb === "object" && cb !== null ? "object" : String(cb);
  }
  if (cb.name !== "" && cb.name !== "cb") return cb.name;
  const text = Function.prototype.toString.call(cb).replace(/\s+/g, " ");
  return text.length > MOST_TEXT ? `${text.slice(0, MOST_TEXT - 1)}…` : text;
}
