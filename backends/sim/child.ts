import type { ChildStatus, Undo } from "../contract/backend.ts";
import { show, UsageError } from "../contract/errors.ts";
import { signalNumber } from "./signals.ts";

/** A child process that does nothing until it is told to end. */
export interface SimChild {
  /** Process id, unique in its world. */
  readonly pid: number;
  /** Resolves with the raw wait status when it has ended. */
  readonly ended: Promise<number>;
  /** It ends by itself. No effect when it has ended. @throws {UsageError} when `code` is not within 0..255 */
  exit(code: number): void;
  /** A signal, named without `SIG`, ends it. No effect when it has ended. */
  kill(signal?: string): void;
}

interface Entry {
  readonly child: SimChild;
  status: number | undefined;
  readonly watchers: Set<(ended: ChildStatus) => void>;
}

interface Follower {
  readonly ended: (status: ChildStatus) => void;
  readonly living: (count: number) => void;
}

/** The children of one simulated process. */
export class Children {
  readonly #byPid = new Map<number, Entry>();
  readonly #followers = new Set<Follower>();
  #living = 0;
  readonly #newPid: () => number;

  constructor(newPid: () => number) {
    this.#newPid = newPid;
  }

  /** Starts one. */
  spawn(): SimChild {
    const pid = this.#newPid();
    let tell: (status: number) => void;
    const ended = new Promise<number>((resolve) => void (tell = resolve));
    const end = (status: number): void => {
      if (entry.status !== undefined) return;
      entry.status = status;
      tell(status);
      for (const watcher of [...entry.watchers]) watcher({ pid, status });
      for (const follower of [...this.#followers]) follower.ended({ pid, status });
      this.#count(-1);
    };
    const child: SimChild = {
      pid,
      ended,
      exit(code: number): void {
        if (!Number.isInteger(code) || code < 0 || code > 255) {
          throw new UsageError(
            `Cannot end child ${pid}: exit code ${show(code)} is not within 0..255`,
          );
        }
        end(code << 8);
      },
      kill: (signal = "KILL") => end(signalNumber(signal, `end child ${pid} by signal`)),
    };
    const entry: Entry = { child, status: undefined, watchers: new Set() };
    this.#byPid.set(pid, entry);
    this.#count(1);
    return child;
  }

  /** Follows all, those to come too. @param living told how many live, at once and at each change */
  follow(ended: (status: ChildStatus) => void, living: (count: number) => void): Undo {
    const follower: Follower = { ended, living };
    this.#followers.add(follower);
    living(this.#living);
    return () => void this.#followers.delete(follower);
  }

  #count(by: number): void {
    this.#living += by;
    for (const follower of [...this.#followers]) follower.living(this.#living);
  }

  /** Calls `told` when the child has ended, at once if it has. */
  watch(child: unknown, told: (ended: ChildStatus) => void): Undo {
    const pid = typeof child === "number" ? child : (child as Partial<SimChild> | undefined)?.pid;
    const entry = this.#byPid.get(pid as number);
    if (entry === undefined || (child !== pid && child !== entry.child)) {
      throw new UsageError(
        `Cannot watch child ${
          show(child)
        }: it is neither a child that this Env's spawn() made nor its pid`,
      );
    }
    if (entry.status !== undefined) {
      told({ pid: entry.child.pid, status: entry.status });
      return () => undefined;
    }
    const watcher = (ended: ChildStatus): void => told(ended);
    entry.watchers.add(watcher);
    return () => void entry.watchers.delete(watcher);
  }
}
