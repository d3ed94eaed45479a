import { ClosedError, Deque, type OpenFile, type Undo } from "@anyevent/backends/contract";
import type { Loop } from "../loop.ts";
import { type CallOutcome, errorOf } from "./outcome.ts";

/**
 * An open file, as `IO.open` gives it and the other functions of `IO` take it.
 *
 * What is done with it is done one after another, in the order in which it was begun. `using` closes it.
 */
export interface FileHandle extends Disposable {
  /** As it was opened. */
  readonly path: string;
  /** Whether it is closed, or will be after what was begun so far. */
  readonly closed: boolean;
  /**
   * Closes it, after what was begun so far; what comes later fails. Idempotent. `IO.close` does the same and
   * tells when it is done.
   */
  close(): void;
}

interface Job {
  readonly start: () => Promise<void>;
  cancelled: boolean;
}

/** What a loop has open, and has asked its host for. */
export interface FileCounts {
  /** Open files. */
  readonly open: Set<OpenHandle>;
  /** Requests under way, those that wait for their turn included. */
  requests: number;
}

/** The handle behind {@linkcode FileHandle}. */
export class OpenHandle implements FileHandle {
  readonly path: string;
  /** The host's file. */
  readonly file: OpenFile;
  readonly #loop: Loop;
  readonly #counts: FileCounts;
  readonly #jobs = new Deque<Job>();
  #busy = false;
  #closing = false;
  #forget: Undo | undefined;

  /** @param counts where it is counted while it is open */
  constructor(loop: Loop, counts: FileCounts, path: string, file: OpenFile) {
    this.path = path;
    this.file = file;
    this.#loop = loop;
    this.#counts = counts;
    counts.open.add(this);
    try {
      this.#forget = loop.onDispose(() => this.close());
    } catch (thrown) {
      this.close();
      throw thrown;
    }
  }

  get closed(): boolean {
    return this.#closing;
  }

  close(): void {
    if (this.#closing) return;
    this.enqueueClose((outcome) => {
      if ("error" in outcome) this.#loop.log.ctx("AnyEvent::IO").log(5, outcome.error.message);
    });
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Does something when all before is done, and settles in a later turn. */
  enqueue<T>(
    doing: string,
    body: (file: OpenFile) => Promise<T>,
    settle: (outcome: CallOutcome<T>) => void,
  ): Undo {
    const { backend } = this.#loop.env;
    let live = true;
    const finish = (outcome: CallOutcome<T>): void =>
      backend.post(() => {
        if (live) settle(outcome);
      });
    if (this.#closing) {
      finish({ error: new ClosedError(`Cannot ${doing} ${this.path}: it is closed`) });
      return () => void (live = false);
    }
    const job: Job = {
      cancelled: false,
      start: () =>
        body(this.file).then(
          (value) => finish({ value }),
          (thrown) => finish({ error: errorOf(thrown) }),
        ),
    };
    this.#counts.requests++;
    this.#jobs.push(job);
    this.#next();
    return () => {
      live = false;
      job.cancelled = true;
    };
  }

  /** Closes when all before is done; undoing it takes back no more than `settle`. */
  enqueueClose(settle: (outcome: CallOutcome<true>) => void): Undo {
    let live = true;
    this.enqueue("close", async (file): Promise<true> => {
      try {
        await file.close();
      } finally {
        this.#counts.open.delete(this);
        this.#forget?.();
      }
      return true;
    }, (outcome) => {
      if (live) settle(outcome);
    });
    this.#closing = true;
    return () => void (live = false);
  }

  #next(): void {
    if (this.#busy) return;
    let job = this.#jobs.shift();
    while (job?.cancelled) {
      this.#counts.requests--;
      job = this.#jobs.shift();
    }
    if (job === undefined) return;
    this.#busy = true;
    void job.start().then(() => {
      this.#counts.requests--;
      this.#busy = false;
      this.#next();
    });
  }
}
