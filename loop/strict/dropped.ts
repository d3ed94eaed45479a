import { messageOf } from "@anyevent/backends/contract";
import { creationSite, takeTrace } from "../debug/site.ts";
import type { Runnable } from "./strictness.ts";

/** An operation that may still be run at once. */
interface Fresh {
  readonly operation: Runnable;
  readonly trace: Error;
}

/** An operation that was not run at once. It does not keep the operation itself. */
class Unrun {
  constructor(readonly text: string) {}
}

const unrun = new Set<Unrun>();
let fresh: Fresh[] = [];
let report: ((message: string) => void) | undefined;
let changed: (count: number) => void = () => undefined;

// What the collector finds is of no consequence but a message.
const collected = new FinalizationRegistry<Unrun>((it) => tell(it));

function tell(it: Unrun): void {
  if (!forget(it)) return;
  report?.(it.text);
}

function forget(it: Unrun): boolean {
  const known = unrun.delete(it);
  if (known) changed(unrun.size);
  return known;
}

function describe(operation: Runnable): string {
  try {
    return operation.describe();
  } catch (error) {
    return `operation (${messageOf(error)})`;
  }
}

/** Takes note of the first step. Made apart from the operation, which it must not keep alive. */
function begunOf(it: Unrun): PropertyDescriptor {
  return {
    configurable: true,
    enumerable: true,
    get: () => false,
    set(this: object, begun: boolean) {
      if (begun) forget(it);
      Object.defineProperty(this, "begun", {
        configurable: true,
        enumerable: true,
        writable: true,
        value: begun,
      });
    },
  };
}

/** As `begunOf`, for an operation that has no field for it. */
function iteratorOf(it: Unrun): PropertyDescriptor {
  return {
    configurable: true,
    value(this: { [Symbol.iterator]?: unknown }): unknown {
      forget(it);
      // What it hides is the prototype's.
      delete this[Symbol.iterator];
      return (this as Runnable)[Symbol.iterator]();
    },
  };
}

function notice(operation: Runnable, it: Unrun): void {
  if (Object.hasOwn(operation, "begun")) Object.defineProperty(operation, "begun", begunOf(it));
  else Object.defineProperty(operation, Symbol.iterator, iteratorOf(it));
  collected.register(operation, it);
}

function sift(): void {
  const all = fresh;
  fresh = [];
  for (const { operation, trace } of all) {
    if (report === undefined || operation.begun || operation.optional) continue;
    const { file, line, sub } = creationSite(trace);
    const it = new Unrun(
      `Operation ${describe(operation)} was dropped: nobody ran it, by \`yield*\` in a thread or ` +
        `\`await\` elsewhere; made at ${file}:${line}${sub === "" ? "" : ` (${sub})`}`,
    );
    notice(operation, it);
    unrun.add(it);
  }
  if (unrun.size > 0) changed(unrun.size);
}

/**
 * Takes note of a new operation. By the time that an `await` or `yield*` of it has begun it is looked at; one
 * that was not run by then is reported when the collector takes it, or when nothing is left that could run it.
 */
export function noteOperation(operation: Runnable): void {
  fresh.push({ operation, trace: takeTrace() });
  if (fresh.length > 1) return;
  // An `await` takes one microtask to begin.
  Promise.resolve().then(() => undefined).then(() => undefined).then(sift);
}

/** Nothing is left that could run them: reports all that have not run. */
export function reportUnrun(): void {
  for (const it of [...unrun]) tell(it);
}

/** Tells how many have not run, at each change. */
export function watchUnrun(cb: (count: number) => void): void {
  changed = cb;
}

/** Begins to report, or ends it: what was made before is forgotten. */
export function reportDropped(to: ((message: string) => void) | undefined): void {
  report = to;
  if (to !== undefined || unrun.size === 0) return;
  unrun.clear();
  changed(0);
}
