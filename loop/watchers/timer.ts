import type { Undo } from "@anyevent/backends/contract";
import type { Core } from "../core.ts";
import type { WatcherKind } from "../intercept.ts";
import { BaseWatcher } from "./base_watcher.ts";

/** A one-shot or repeating timer. */
export class TimerWatcher extends BaseWatcher {
  readonly #after: number;
  readonly #interval: number;
  readonly #fire: () => void;
  #due = 0;
  #undo: Undo;

  /** @param interval seconds; 0: fires once */
  constructor(core: Core, after: number, interval: number, cb: () => unknown) {
    super(core, true, cb);
    this.#after = after;
    this.#interval = interval;
    if (interval > 0) {
      this.#due = core.backend.now() + (after > 0 ? after : 0);
      this.#fire = () => this.#tick();
    } else {
      this.#fire = () => this.#once();
    }
    this.#undo = core.backend.timer(after, this.#fire);
    this.begin();
  }

  get kind(): WatcherKind {
    return "timer";
  }

  get args(): Readonly<Record<string, unknown>> {
    return { after: this.#after, interval: this.#interval };
  }

  describe(): string {
    return this.#interval > 0
      ? `timer(${this.#after}, every ${this.#interval})`
      : `timer(${this.#after})`;
  }

  protected stop(): void {
    this.#undo();
  }

  #once(): void {
    this.end();
    this.core.call(this.cb, this);
    // Released last: a callback that starts the next timer need not switch the host off and on.
    this.release();
  }

  #tick(): void {
    // Before the callback, so that its running time adds no drift; ticks missed altogether collapse
    // into one, from which the grid goes on.
    const backend = this.core.backend;
    const now = backend.now();
    const due = Math.max(this.#due + this.#interval, now);
    this.#due = due;
    this.#undo = backend.timer(due - now, this.#fire);
    this.core.call(this.cb, this);
  }
}
