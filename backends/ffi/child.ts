import type { ChildStatus, Undo } from "../contract/backend.ts";
import { show, UsageError } from "../contract/errors.ts";
import { isRegistered, watchChild } from "../driven/deno/child.ts";
import { systemError } from "./errno.ts";
import type { FdPoller } from "./fd_poller.ts";
import { libc } from "./libc.ts";

const PIDFD_OPEN = 434n;
const P_PID = 1;
const ESRCH = 3;
/** WEXITED, WNOHANG and WNOWAIT: looks without taking the status away from who waits for it. */
const LOOK = 4 | 1 | 0x01000000;
const CLD_EXITED = 1;

/**
 * Calls back once, never inside the call, when a process has ended: a child of Deno by its status, any
 * other process by its pid.
 *
 * @throws {UsageError} for what is neither
 */
export function watchProcess(
  child: unknown,
  poller: FdPoller,
  cb: (ended: ChildStatus) => void,
): Undo {
  if (typeof child !== "number" || isRegistered(child)) return watchChild(child, cb);
  if (!Number.isInteger(child) || child <= 0 || child >= 2 ** 31) {
    throw new UsageError(`Cannot watch child: ${show(child)} is not a process id`);
  }
  const { calls } = libc();
  const fd = Number(calls.syscall(PIDFD_OPEN, child, 0));
  const failed = fd < 0 ? libc().errno() : 0;
  if (failed !== 0 && failed !== ESRCH) throw systemError(`watch process ${child}`, failed);
  let live = true;
  const finish = (): void => {
    if (!live) return;
    stop();
    cb({ pid: child, status: statusOf(child) });
  };
  let unwatch: Undo | undefined;
  const stop = (): void => {
    if (!live) return;
    live = false;
    unwatch?.();
    if (fd >= 0) calls.close(fd);
  };
  // One that is gone already is told of in the same way.
  if (fd < 0) void Promise.resolve().then(finish);
  else unwatch = poller.watch(fd, "r", finish, false);
  return stop;
}

/** The raw wait status of a child that has ended and was not waited for; -1: nobody can tell. */
function statusOf(pid: number): number {
  const info = new Int32Array(32);
  const found = libc().calls.waitid(P_PID, pid, new Uint8Array(info.buffer), LOOK);
  const [, , code, , about] = info;
  if (found < 0 || about !== pid) return -1;
  const status = info[6];
  return code === CLD_EXITED ? (status & 255) << 8 : status;
}
