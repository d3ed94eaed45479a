/** Something registered that can be taken back. */
export interface Registration extends Disposable {
  /** Takes it back. Idempotent; afterwards its callback is never called. */
  cancel(): void;
}

/**
 * A watcher: calls back when something happens, until it is cancelled.
 *
 * A watcher lives until `cancel()`, whether or not somebody keeps a reference to it; one-shot ones
 * (timers without interval, child watchers) end by firing. After `cancel()` has returned the callback
 * is never called, also when it was due in this very turn. `using w = …` cancels at the end of the block.
 *
 * Active io, timer, child and idle watchers keep the process alive, signal watchers do not; `ref` and
 * `unref` change that for one watcher.
 *
 * Follows the watcher objects of AnyEvent, whose destruction is `cancel()` here.
 */
export interface Watcher extends Registration {
  /** Lets it keep the process alive while it is active. @returns itself */
  ref(): Watcher;
  /** Lets the process end although it is active. @returns itself */
  unref(): Watcher;
  /** Whether the callback may still be called. */
  readonly active: boolean;
  /** What it waits for, as in `timer(2, every 5)`. */
  describe(): string;
}

/** Gets what a callback threw or was rejected with. It should not throw. */
export type CallbackErrorHandler = (error: unknown, what: Watcher) => void;
