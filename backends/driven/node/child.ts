import type { ChildProcess } from "node:child_process";
import type { ChildStatus, Undo } from "../../contract/backend.ts";
import { PeerError, show, UsageError } from "../../contract/errors.ts";
import { nodeModule } from "./node_modules.ts";

/** Children that can be watched by pid; ended ones beyond this many are forgotten, oldest first. */
const MAX_CHILDREN = 1024;
const byPid = new Map<number, ChildProcess>();

interface Follower {
  readonly ended: (status: ChildStatus) => void;
  readonly living: (count: number) => void;
}

/** Children that were registered and have not ended, and who follows them all. */
const living = new Set<ChildProcess>();
const followers = new Set<Follower>();

/** A signal that ended a child, by number. */
function signalNumber(name: string): number {
  return (nodeModule("node:os").constants.signals as Readonly<Record<string, number>>)[name] ?? 0;
}

function rawStatus(code: number | null, signal: string | null): number {
  return signal === null ? ((code ?? 0) & 255) << 8 : signalNumber(signal);
}

function isChild(value: unknown): value is ChildProcess {
  const child = value as Partial<ChildProcess> | null | undefined;
  return typeof child === "object" && child !== null && typeof child.once === "function" &&
    "exitCode" in child && "signalCode" in child;
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

function remember(pid: number, child: ChildProcess): void {
  // Deleted first, so that a later child with the same pid counts as the youngest.
  byPid.delete(pid);
  byPid.set(pid, child);
  if (byPid.size <= MAX_CHILDREN) return;
  for (const [old, other] of byPid) {
    if (!hasEnded(other)) continue;
    byPid.delete(old);
    return;
  }
}

function tellLiving(): void {
  for (const each of [...followers]) if (followers.has(each)) each.living(living.size);
}

function follow(child: ChildProcess, pid: number): void {
  if (living.has(child) || hasEnded(child)) return;
  living.add(child);
  tellLiving();
  child.once("exit", (code, signal) => {
    const status = rawStatus(code, signal);
    // Those that watch this child alone may have come later, and are called before.
    void Promise.resolve().then(() => {
      living.delete(child);
      for (const each of [...followers]) if (followers.has(each)) each.ended({ pid, status });
      tellLiving();
    });
  });
}

function register(child: ChildProcess, doing: string): number {
  const { pid } = child;
  if (pid === undefined) throw new PeerError(`Cannot ${doing}: it was never started`, "ESRCH");
  remember(pid, child);
  child.unref();
  follow(child, pid);
  return pid;
}

/**
 * Lets a child of `node:child_process` be watched by its pid and by watchers of any child (pid 0), and stops
 * it from keeping the process alive.
 *
 * @param child what `spawn` returned
 * @returns the child
 * @throws {UsageError} for anything else
 * @throws {PeerError} when it was never started
 * @example
 * ```ts
 * import { spawn } from "node:child_process";
 * import type { ChildStatus } from "@anyevent/backends/contract";
 * import { nodeHost, pureEnv, registerNodeChild } from "@anyevent/backends/pure";
 *
 * const { backend } = pureEnv({ host: nodeHost() });
 * backend.hold(true); // as the child does not keep the process alive
 * const { pid } = registerNodeChild(spawn("deno", ["eval", "Deno.exit(3)"]));
 * const { status } = await new Promise<ChildStatus>((resolve) => backend.child!(pid, resolve));
 * backend.hold(false);
 * console.log(status >> 8); // 3
 * ```
 */
export function registerNodeChild<T extends { readonly pid?: number }>(child: T): T {
  if (!isChild(child)) {
    throw new UsageError(
      `Cannot register child: ${show(child)} is not a ChildProcess of node:child_process`,
    );
  }
  register(child, "register child");
  return child;
}

/** Calls back once when the child has ended, inside the call when it had. */
export function watchNodeChild(given: unknown, cb: (status: ChildStatus) => void): Undo {
  const child = typeof given === "number" ? byPid.get(given) : given;
  if (!isChild(child)) {
    throw new UsageError(
      typeof given === "number"
        ? `Cannot watch child ${given}: give its ChildProcess the first time`
        : `Cannot watch child: ${show(given)} is not a ChildProcess of node:child_process`,
    );
  }
  const pid = register(child, "watch child");
  const ended = (code: number | null, signal: string | null): void =>
    cb({ pid, status: rawStatus(code, signal) });
  if (hasEnded(child)) {
    ended(child.exitCode, child.signalCode);
    return () => undefined;
  }
  child.once("exit", ended);
  return () => void child.off("exit", ended);
}

/**
 * Follows all children that are or will be registered or watched.
 *
 * @param ended called for each that ends, after those that watch it alone
 * @param changed called with how many live: now, and at each change
 */
export function watchNodeChildren(
  ended: (status: ChildStatus) => void,
  changed: (count: number) => void,
): Undo {
  const follower: Follower = { ended, living: changed };
  followers.add(follower);
  changed(living.size);
  return () => void followers.delete(follower);
}
