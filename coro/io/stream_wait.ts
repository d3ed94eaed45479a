import { ClosedError, type IoMode, type Undo } from "@anyevent/backends/contract";
import { type Abort, type Loop, suspend, type Suspension, type Waker } from "@anyevent/loop";
import type { ThreadSteps } from "../thread.ts";

/** A stream, and what is wanted of it. */
export interface Watched {
  /** Anything the backend can watch. */
  readonly source: unknown;
  /** Readable or writable. */
  readonly mode: IoMode;
}

/** How a wait ended: a stream became ready or was closed, the time was over, or `interrupt` was called. */
export type Ending = "ready" | "timeout" | "interrupted";

/**
 * Waits until one of several streams is ready. Runs once.
 *
 * Whatever ends it, also a cancel of the thread that waits, leaves no watcher and no timer behind.
 */
export class StreamWait implements Suspension {
  /** Indexes of the streams that became ready. */
  readonly ready: Set<number> = new Set();
  readonly #loop: Loop;
  readonly #watched: readonly Watched[];
  readonly #limit: number;
  readonly #what: () => string;
  readonly #holds: boolean;
  #undos: Undo[] | undefined;
  #waker: Waker | undefined;
  #ending: Ending | "disposed" | undefined;

  /**
   * Watches nothing yet.
   *
   * @param limit seconds; `Infinity`: none; 0 and less: one look at the streams
   * @param what for thread listings
   * @param holds whether the process is kept alive meanwhile
   */
  constructor(
    loop: Loop,
    watched: readonly Watched[],
    limit: number,
    what: () => string,
    holds = true,
  ) {
    this.#loop = loop;
    this.#watched = watched;
    this.#limit = limit;
    this.#what = what;
    this.#holds = holds;
  }

  describe(): string {
    return this.#what();
  }

  start(waker: Waker): Abort {
    this.#waker = waker;
    // One woken for nothing goes on waiting.
    if (this.#ending !== undefined) waker.wake();
    else if (this.#undos === undefined) this.#watch();
    return () => this.#stop();
  }

  /** Ends it. */
  interrupt(): void {
    this.#end("interrupted");
  }

  /** @throws {ClosedError} when the loop was disposed of */
  *run(): ThreadSteps<Ending> {
    try {
      while (this.#ending === undefined) yield* suspend(this);
    } finally {
      this.#stop();
    }
    if (this.#ending !== "disposed") return this.#ending;
    throw new ClosedError(`Cannot go on with ${this.#what()}: the loop was disposed of`);
  }

  #watch(): void {
    const loop = this.#loop;
    const { backend } = loop.env;
    const undos = this.#undos = [loop.onDispose(() => this.#end("disposed"))];
    try {
      this.#watched.forEach(({ source, mode }, index) => {
        const ready = (): void => this.#isReady(index);
        // Who reads from a closed stream is told so: that counts as ready, too.
        undos.push(backend.io(source, mode, ready, ready));
      });
      if (this.#limit < Infinity) undos.push(this.#startTimer());
      if (this.#holds) undos.push(loop.hold());
    } catch (error) {
      this.#stop();
      throw error;
    }
  }

  #startTimer(): Undo {
    const loop = this.#loop;
    const expired = (): void => this.#end("timeout");
    let timer = loop.addTimer(this.#limit, 0, () => {
      if (this.#limit > 0) return expired();
      // Timers come before input and output in a turn: so this one lets the streams have theirs.
      timer = loop.addTimer(0, 0, expired);
      if (!this.#holds) timer.unref();
    });
    if (!this.#holds) timer.unref();
    return () => timer.cancel();
  }

  #isReady(index: number): void {
    this.ready.add(index);
    if (this.#ending !== undefined) return;
    if (this.#watched.length === 1) return this.#end("ready");
    this.#ending = "ready";
    this.#waker?.wake();
    // The others of this turn count too. Not longer, as the one who waits may take its time.
    this.#loop.postpone(() => this.#stop());
  }

  #end(ending: Ending | "disposed"): void {
    if (this.#ending !== undefined) return;
    this.#ending = ending;
    this.#stop();
    this.#waker?.wake();
  }

  #stop(): void {
    const undos = this.#undos;
    this.#undos = undefined;
    if (undos !== undefined) { for (const undo of undos) undo(); }
  }
}
