import type { Backend, Undo } from "../contract/backend.ts";

/**
 * The watchers of one stream and mode, called in a posted callback once a turn while `ready()` holds.
 *
 * A watcher that a sibling has undone, or whose data a sibling has taken, is not called any more.
 */
export class PostedReadiness {
  readonly #watchers = new Map<() => void, (() => void) | undefined>();
  readonly #backend: Backend;
  readonly #ready: () => boolean;
  #posted = false;

  constructor(backend: Backend, ready: () => boolean) {
    this.#backend = backend;
    this.#ready = ready;
  }

  /**
   * Adds a watcher; it is not called inside this call.
   *
   * @param closed called by `clear`
   */
  add(cb: () => void, closed?: () => void): Undo {
    const entry = (): void => cb();
    this.#watchers.set(entry, closed);
    this.poke();
    return () => void this.#watchers.delete(entry);
  }

  /** To be called when `ready` may have become true. */
  poke(): void {
    if (this.#posted || this.#watchers.size === 0 || !this.#ready()) return;
    this.#posted = true;
    this.#backend.post(() => {
      this.#posted = false;
      try {
        for (const watcher of [...this.#watchers.keys()]) {
          if (this.#watchers.has(watcher) && this.#ready()) this.#call(watcher);
        }
      } finally {
        this.poke();
      }
    });
  }

  /** Forgets all watchers, and tells them so. */
  clear(): void {
    for (const [watcher, closed] of [...this.#watchers]) {
      // One that is told may undo another.
      if (this.#watchers.delete(watcher)) closed?.();
    }
  }

  #call(watcher: () => void): void {
    try {
      watcher();
    } catch (thrown) {
      // As a callback of its own, so that the backend's `onError` gets it and the siblings run.
      this.#backend.post(() => {
        throw thrown;
      });
    }
  }
}
