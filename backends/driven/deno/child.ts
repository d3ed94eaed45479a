import type { ChildStatus, Undo } from "../../contract/backend.ts";
import { show, UsageError } from "../../contract/errors.ts";

/** Ended children whose status is kept for watching by pid; the oldest is forgotten first. */
export const MAX_ENDED_CHILDREN = 1024;

const byPid = new Map<number, Deno.ChildProcess>();
const ended: number[] = [];

interface Follower {
  readonly ended: (status: ChildStatus) => void;
  readonly living: (count: number) => void;
}

/** Children that were registered and have not ended, and who follows them all. */
const living = new Set<Deno.ChildProcess>();
const followers = new Set<Follower>();
/** Also those whose pid was forgotten: the end of each is told once. */
const seen = new WeakSet<Deno.ChildProcess>();

function follow(child: Deno.ChildProcess): void {
  seen.add(child);
  living.add(child);
  tellLiving();
  // The second `then` comes after those that watch this child alone, whenever they came.
  void child.status.then((status) => status).then((status) => {
    living.delete(child);
    for (const each of [...followers]) {
      if (followers.has(each)) each.ended({ pid: child.pid, status: rawStatus(status) });
    }
    tellLiving();
  });
}

function tellLiving(): void {
  for (const each of [...followers]) if (followers.has(each)) each.living(living.size);
}

/**
 * Follows all children that are or will be registered or watched.
 *
 * @param ended called for each that ends, never inside a call
 * @param changed called with how many live: now, and at each change
 */
export function watchChildren(
  ended: (status: ChildStatus) => void,
  changed: (count: number) => void,
): Undo {
  const follower: Follower = { ended, living: changed };
  followers.add(follower);
  changed(living.size);
  return () => void followers.delete(follower);
}

/** The status as `waitpid` has it: exit code shifted left by eight, or the signal's number. */
function rawStatus(status: Deno.CommandStatus): number {
  // Deno reports a child that a signal has ended as 128 plus the signal's number.
  return status.signal === null ? (status.code & 255) << 8 : status.code - 128;
}

function isChild(value: unknown): value is Deno.ChildProcess {
  return typeof value === "object" && value !== null &&
    typeof (value as Partial<Deno.ChildProcess>).pid === "number" &&
    (value as Partial<Deno.ChildProcess>).status instanceof Promise;
}

/**
 * Lets a child be watched by its pid and by watchers of any child (pid 0), and stops it and its pipes from
 * keeping the process alive.
 *
 * @param child what `Deno.Command.spawn` returned
 * @returns the child
 * @throws {UsageError} for anything else
 * @example
 * ```ts
 * import { type ChildStatus, nativeEnv, registerChild } from "@anyevent/backends";
 *
 * const { backend } = nativeEnv();
 * backend.hold(true); // as the child does not keep the process alive
 * const { pid } = registerChild(new Deno.Command("deno", { args: ["eval", "Deno.exit(3)"] }).spawn());
 * const { status } = await new Promise<ChildStatus>((resolve) => backend.child!(pid, resolve));
 * backend.hold(false);
 * console.log(status >> 8); // 3
 * ```
 */
export function registerChild(child: Deno.ChildProcess): Deno.ChildProcess {
  if (!isChild(child)) {
    throw new UsageError(`Cannot register child: ${show(child)} is not a Deno.ChildProcess`);
  }
  if (byPid.get(child.pid) === child) return child;
  byPid.set(child.pid, child);
  child.unref();
  if (!seen.has(child)) follow(child);
  const { pid } = child;
  void child.status.finally(() => {
    ended.push(pid);
    if (ended.length > MAX_ENDED_CHILDREN) {
      const oldest = ended.shift()!;
      // A later child may have got the same pid.
      if (!ended.includes(oldest)) byPid.delete(oldest);
    }
  });
  return child;
}

/** Whether a child can be watched by its pid. */
export function isRegistered(pid: number): boolean {
  return byPid.has(pid);
}

/** Calls back once, never inside the call, when the child has ended. */
export function watchChild(child: unknown, cb: (ended: ChildStatus) => void): Undo {
  const found = typeof child === "number" ? byPid.get(child) : child;
  if (typeof child === "number" && found === undefined) {
    throw new UsageError(
      `Cannot watch child ${child}: give its Deno.ChildProcess, or pass that to registerChild first`,
    );
  }
  if (!isChild(found)) {
    throw new UsageError(
      `Cannot watch child: ${show(child)} is neither a Deno.ChildProcess nor a process id`,
    );
  }
  registerChild(found);
  let live = true;
  void found.status.then((status) => {
    if (!live) return;
    live = false;
    cb({ pid: found.pid, status: rawStatus(status) });
  });
  return () => {
    live = false;
  };
}
