import { show, UsageError } from "@anyevent/backends/contract";
import type { Callback } from "./callback.ts";
import { CondVar, type CondVarCallback } from "./condvar.ts";
import type { ChildCallback } from "./loop.ts";
import type { LogLevelLike } from "./log/levels.ts";
import type { Logger, LogMessage } from "./log/types.ts";
import type { Operation } from "./operation.ts";
import { defaultLoop } from "./registry.ts";
import type { Seconds } from "./time.ts";
import type { Watcher } from "./watcher.ts";
import type { ChildLike } from "./watchers/child.ts";

/** The type of {@linkcode AE}. */
export interface AEApi {
  /** Watches for reading, or with `write` true for writing; see `Loop.io`. */
  io(this: void, fh: unknown, write: boolean, cb: Callback): Watcher;
  /** Calls back after `after` seconds, then every `interval` seconds (0: once); see `Loop.timer`. */
  timer(this: void, after: Seconds, interval: Seconds, cb: Callback): Watcher;
  /** Watches a signal, named without `SIG`; `.ref()` it to wait for nothing else; see `Loop.signal`. */
  signal(this: void, name: string, cb: Callback): Watcher;
  /** Watches the end of a child process; see `Loop.child`. */
  child(this: void, pid: ChildLike | number, cb: ChildCallback): Watcher;
  /** Calls back when nothing else happens; see `Loop.idle`. */
  idle(this: void, cb: Callback): Watcher;
  /** Makes a condition variable. */
  cv<T extends readonly unknown[] = unknown[]>(this: void, cb?: CondVarCallback<T>): CondVar<T>;
  /** Loop time in epoch seconds; see `Loop.now`. */
  now(this: void): number;
  /** Lets `now` catch up; see `Loop.nowUpdate`. */
  nowUpdate(this: void): void;
  /** Wall clock in epoch seconds. */
  time(this: void): number;
  /** Calls back soon, never inside this call; see `Loop.postpone`. */
  postpone(this: void, cb: Callback): void;
  /** Logs in the context `main`; see `LogContext.log`. */
  log(this: void, level: LogLevelLike, message: LogMessage, ...args: unknown[]): boolean;
  /** For messages of one level in the context `main`; see `LogContext.logger`. */
  logger(this: void, level: LogLevelLike): Logger;
}

/**
 * AnyEvent as plain functions on the default loop: short, and the fastest.
 *
 * Follows the AE module of AnyEvent.
 *
 * @example
 * ```ts
 * import { AE } from "@anyevent/loop";
 *
 * const cv = AE.cv<[string]>();
 * AE.timer(0.01, 0, () => cv.send("rang"));
 * console.log(await cv.recv()); // rang
 * ```
 */
export const AE: AEApi = {
  io: (fh, write, cb) => {
    if (typeof write !== "boolean") {
      throw new UsageError(`Cannot watch io: write ${show(write)} is neither true nor false`);
    }
    return defaultLoop().addIo(fh, write ? "w" : "r", cb);
  },
  timer: (after, interval, cb) => defaultLoop().addTimer(after, interval, cb),
  signal: (name, cb) => defaultLoop().addSignal(name, cb),
  child: (pid, cb) => defaultLoop().addChild(pid, cb),
  idle: (cb) => defaultLoop().addIdle(cb),
  cv: <T extends readonly unknown[]>(cb?: CondVarCallback<T>) => new CondVar<T>(cb, defaultLoop()),
  now: () => defaultLoop().now(),
  nowUpdate: () => defaultLoop().nowUpdate(),
  time: () => defaultLoop().time(),
  postpone: (cb) => defaultLoop().postpone(cb),
  log: (level, message, ...args) => defaultLoop().log.log(level, message, ...args),
  logger: (level) => defaultLoop().log.logger(level),
};

/**
 * Waits for some time, on the default loop.
 *
 * @param length seconds
 * @throws {UsageError} when that is no time
 * @example
 * ```ts
 * import { sleep } from "@anyevent/loop";
 *
 * await sleep(0.01); // in a thread: yield* sleep(0.01)
 * ```
 */
export function sleep(length: Seconds): Operation<void> {
  return defaultLoop().sleep(length);
}
