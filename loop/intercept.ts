import type { Watcher } from "./watcher.ts";

/** The kinds of watchers of a loop. */
export type WatcherKind = "timer" | "io" | "signal" | "child" | "idle";

/** A watcher as an {@linkcode Interceptor} gets it. */
export interface MadeWatcher extends Watcher {
  /** Its kind. */
  readonly kind: WatcherKind;
  /** What it was made with, but for the callback. */
  readonly args: Readonly<Record<string, unknown>>;
  /** What it would call: with process id and status for a child, else without arguments. */
  readonly cb: (...args: number[]) => unknown;
}

/** Gets each new watcher; returns what is called in place of its callback. See `Loop.intercept`. */
export type Interceptor = (watcher: MadeWatcher) => (...args: number[]) => unknown;
