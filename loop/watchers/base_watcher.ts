import type { Core } from "../core.ts";
import type { MadeWatcher, WatcherKind } from "../intercept.ts";

/**
 * The life of a watcher: listed in its loop while active, counted among what keeps the process alive.
 *
 * A subclass registers with the backend first (which may throw) and then calls `begin`.
 */
export abstract class BaseWatcher implements MadeWatcher {
  /** Neighbours in the loop's list; owned by this class. */
  older: BaseWatcher | undefined = undefined;
  newer: BaseWatcher | undefined = undefined;
  /** What is called; see `Loop.intercept`. */
  cb: (...args: number[]) => unknown;
  protected readonly core: Core;
  #active = false;
  #wanted: boolean;
  /** Whether anything could still call it, as far as it knows. */
  #hopeful = true;
  /** Whether it is counted in `core.holds`: true at most while wanted, hopeful and not yet released. */
  #counted = false;

  constructor(core: Core, holds: boolean, cb: (...args: number[]) => unknown) {
    this.core = core;
    this.cb = cb;
    this.#wanted = holds;
  }

  abstract get kind(): WatcherKind;
  abstract get args(): Readonly<Record<string, unknown>>;
  abstract describe(): string;

  /** Undoes the registration with the backend. */
  protected abstract stop(): void;

  get active(): boolean {
    return this.#active;
  }

  ref(): this {
    this.#wanted = true;
    if (this.#active) this.#hold();
    return this;
  }

  unref(): this {
    this.#wanted = false;
    this.release();
    return this;
  }

  cancel(): void {
    if (!this.#active) return;
    this.end();
    this.stop();
    this.release();
  }

  [Symbol.dispose](): void {
    this.cancel();
  }

  protected begin(): void {
    const core = this.core;
    if (core.interceptor !== undefined) this.cb = core.interceptor(this);
    const last = core.last;
    if (last !== undefined) {
      this.older = last;
      last.newer = this;
    }
    core.last = this;
    this.#active = true;
    this.#hold();
  }

  /** Whether anything could call it at present: while not, it does not keep the process alive. */
  protected set hopeful(on: boolean) {
    this.#hopeful = on;
    if (!on) this.release();
    else if (this.#active) this.#hold();
  }

  /** Ends the active life without releasing the hold: a one-shot calls back in between. */
  protected end(): void {
    this.#active = false;
    const { older, newer } = this;
    if (older !== undefined) older.newer = newer;
    if (newer !== undefined) newer.older = older;
    else this.core.last = older;
    this.older = undefined;
    this.newer = undefined;
  }

  protected release(): void {
    if (!this.#counted) return;
    this.#counted = false;
    this.core.holds.remove();
  }

  #hold(): void {
    if (this.#counted || !this.#wanted || !this.#hopeful) return;
    this.#counted = true;
    this.core.holds.add();
  }
}
