import type { Reason, Registration } from "./types.ts";

/** Called once with the reason. */
export type MonitorCallback = (...reason: unknown[]) => unknown;

/** One registered monitor: fires at most once, never after `cancel`. */
export class Monitor implements Registration {
  #callback: MonitorCallback | undefined;
  #undo: (() => void) | undefined;

  /** @param callback gets the reason; @param failed gets what it threw */
  constructor(callback: MonitorCallback, readonly failed: (thrown: unknown) => void) {
    this.#callback = callback;
  }

  /** Whether it can still fire. */
  get active(): boolean {
    return this.#callback !== undefined;
  }

  /** What `cancel` has to undo: set by the list that holds this monitor. */
  set undo(undo: () => void) {
    if (this.#callback !== undefined) this.#undo = undo;
  }

  /** Calls back, the first time; a throw or rejection goes to `failed` and stops nothing. */
  fire(reason: Reason): void {
    const callback = this.#callback;
    if (callback === undefined) return;
    this.#callback = undefined;
    this.#undo = undefined;
    try {
      const result = callback(...reason);
      if (result instanceof Promise) result.catch(this.failed);
    } catch (thrown) {
      this.failed(thrown);
    }
  }

  cancel(): void {
    this.#callback = undefined;
    const undo = this.#undo;
    this.#undo = undefined;
    undo?.();
  }

  [Symbol.dispose](): void {
    this.cancel();
  }
}

/** Monitors of one port, in order of registration. */
export class MonitorList {
  readonly #monitors = new Set<Monitor>();

  /** How many can still fire. */
  get size(): number {
    return this.#monitors.size;
  }

  /** @param emptied called when a cancel leaves the list empty */
  add(monitor: Monitor, emptied?: () => void): void {
    this.#monitors.add(monitor);
    monitor.undo = () => {
      if (this.#monitors.delete(monitor) && this.#monitors.size === 0) emptied?.();
    };
  }

  /** Fires all, once. @returns how many there were */
  fire(reason: Reason): number {
    const monitors = [...this.#monitors];
    this.#monitors.clear();
    for (const monitor of monitors) monitor.fire(reason);
    return monitors.length;
  }
}
