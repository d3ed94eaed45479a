import { messageOf, type Undo } from "@anyevent/backends/contract";
import type { Core } from "../core.ts";
import type { MadeWatcher } from "../intercept.ts";

/** Seconds between two looks. */
const EVERY = 4;
/** Watchers looked at each time; the others have their turn the next time. */
const MOST = 100;

/**
 * Looks now and then whether what the io watchers of a loop watch is still open, and tells when not: a backend
 * may have nobody who tells it, and the watcher then waits for ever without a word.
 *
 * Its timer exists only while there are io watchers, and does not keep the process alive.
 */
export class IoCheck {
  readonly #core: Core;
  #waiting = new Set<MadeWatcher>();
  #looked = new Set<MadeWatcher>();
  #undo: Undo | undefined;

  constructor(core: Core) {
    this.#core = core;
  }

  /** Looks after a watcher. */
  add(watcher: MadeWatcher): void {
    this.#waiting.add(watcher);
    this.#undo ??= this.#core.backend.timer(EVERY, () => this.#look());
  }

  /** Forgets a watcher. */
  remove(watcher: MadeWatcher): void {
    if (!this.#waiting.delete(watcher)) this.#looked.delete(watcher);
    if (this.#waiting.size > 0 || this.#looked.size > 0) return;
    this.#undo?.();
    this.#undo = undefined;
  }

  #look(): void {
    this.#undo = undefined;
    let left = MOST;
    for (const watcher of this.#waiting) {
      if (left-- === 0) break;
      this.#waiting.delete(watcher);
      this.#looked.add(watcher);
      if (!this.#isOpen(watcher)) this.#looked.delete(watcher);
    }
    if (this.#waiting.size === 0) [this.#waiting, this.#looked] = [this.#looked, this.#waiting];
    if (this.#waiting.size > 0 || this.#looked.size > 0) {
      this.#undo ??= this.#core.backend.timer(EVERY, () => this.#look());
    }
  }

  #isOpen(watcher: MadeWatcher): boolean {
    const { fh, poll } = watcher.args;
    const { backend, log } = this.#core;
    let why = "";
    try {
      // Whoever cannot watch it any more says so.
      backend.io(fh, poll as "r" | "w", () => undefined)();
      if (watcher.active) return true;
    } catch (error) {
      why = ` (${messageOf(error)})`;
    }
    const what = typeof fh === "number"
      ? `File descriptor ${fh}`
      : `Stream of ${watcher.describe()}`;
    log.ctx("AnyEvent::Strict").log(
      3,
      `${what} registered with AnyEvent but prematurely closed, event loop might malfunction.${why}`,
    );
    return false;
  }
}
