import { show, UsageError } from "@anyevent/backends/contract";
import type { ArgumentsOf, StrictChecks } from "./strictness.ts";

const NAMES: Readonly<Record<ArgumentsOf, readonly string[]>> = {
  io: ["fh", "poll", "cb"],
  timer: ["after", "interval", "cb"],
  signal: ["signal", "cb"],
  child: ["pid", "cb"],
  idle: ["cb"],
  condvar: ["cb"],
};

const DOING: Readonly<Record<ArgumentsOf, string>> = {
  io: "watch io",
  timer: "start timer",
  signal: "watch signal",
  child: "watch child",
  idle: "watch idle",
  condvar: "make condvar",
};

function refuse(of: ArgumentsOf, why: string): never {
  throw new UsageError(`Cannot ${DOING[of]}: AnyEvent->${of} called with${why}`);
}

function quoted(value: unknown): string {
  return typeof value === "string" ? `'${value}'` : `'${show(value)}'`;
}

function isCallback(cb: unknown): boolean {
  if (typeof cb === "function") return true;
  return typeof cb === "object" && cb !== null &&
    typeof (cb as { readonly send?: unknown }).send === "function";
}

function checkCallback(of: ArgumentsOf, cb: unknown): void {
  if (!isCallback(cb)) refuse(of, ` illegal cb argument ${quoted(cb)}`);
}

/** An open file of Deno (`FsFile`) or of Node (`FileHandle`): always ready, so never worth watching. */
function isFile(fh: unknown): boolean {
  if (typeof fh !== "object" || fh === null) return false;
  const { truncate, utime, stat, datasync, readFile } = fh as Readonly<Record<string, unknown>>;
  const has = (...methods: unknown[]): boolean =>
    methods.every((method) => typeof method === "function");
  return has(truncate, utime, stat) || has(truncate, datasync, readFile);
}

/** The checks of AnyEvent::Strict, in its order and with its messages. */
export const strictChecks: StrictChecks = {
  named(of, args) {
    const unknown = Object.keys(args).filter((name) => !NAMES[of].includes(name));
    if (of === "condvar" && "cb" in args && args.cb !== undefined) checkCallback(of, args.cb);
    if (unknown.length > 0) refuse(of, ` unsupported parameter(s) ${unknown.join(", ")}`);
  },
  io(fh, poll, cb) {
    checkCallback("io", cb);
    if (fh === undefined || fh === null) refuse("io", ` illegal fh argument ${quoted(fh)}`);
    if (isFile(fh)) refuse("io", " fh argument pointing to a file");
    if (poll !== "r" && poll !== "w") refuse("io", ` illegal poll argument ${quoted(poll)}`);
  },
  timer(after, interval, cb) {
    checkCallback("timer", cb);
    if (after === undefined) refuse("timer", "out mandatory 'after' parameter");
    if (typeof interval === "number" && !(interval >= 0)) {
      refuse("timer", ` illegal interval argument ${quoted(interval)}`);
    }
  },
  signal(signal, cb) {
    checkCallback("signal", cb);
    if (typeof signal !== "string" || !/^(?!SIG)[A-Z][A-Z0-9]*$/.test(signal)) {
      refuse("signal", ` illegal signal name ${quoted(signal)}`);
    }
  },
  child(child, cb) {
    checkCallback("child", cb);
    const pid = typeof child === "object"
      ? (child as { readonly pid?: unknown } | null)?.pid
      : child;
    if (typeof pid !== "number" || !Number.isInteger(pid)) {
      refuse("child", ` malformed pid value ${quoted(child)}`);
    }
  },
  idle(cb) {
    checkCallback("idle", cb);
  },
};
