import { type ChildStatus, type Undo, UsageError } from "@anyevent/backends/contract";
import { isThenable } from "../callback.ts";
import type { Core } from "../core.ts";
import { BaseWatcher, type WatcherKind } from "./base_watcher.ts";

/** A child process as a host's own API gives it: anything with a process id. */
export interface ChildLike {
  /** Process id. */
  readonly pid: number;
}

/** All watchers of one child in one loop, behind one registration with the backend. */
export class ChildHub {
  readonly watchers: Set<ChildWatcher> = new Set();
  readonly #core: Core;
  readonly #undo: Undo;

  constructor(core: Core, readonly pid: number, child: ChildLike | number) {
    this.#core = core;
    this.#undo = core.backend.child!(child, (ended) => this.#ended(ended));
  }

  undo(): void {
    this.#core.children.delete(this.pid);
    this.#undo();
  }

  #ended(ended: ChildStatus): void {
    this.#core.children.delete(this.pid);
    // Those of this child first, then those of any: the order of AnyEvent's emulation.
    const any = [...this.#core.anyChild];
    for (const watcher of [...this.watchers]) watcher.fire(ended);
    for (const watcher of any) watcher.fire(ended);
  }
}

/** The end of one child process, or of any that is watched (pid 0). */
export class ChildWatcher extends BaseWatcher {
  readonly #hub: ChildHub | undefined;
  readonly #cb: (pid: number, status: number) => unknown;

  constructor(
    core: Core,
    child: ChildLike | number,
    cb: (pid: number, status: number) => unknown,
  ) {
    super(core, true);
    this.#cb = cb;
    const pid = typeof child === "number" ? child : child.pid;
    if (core.backend.child === undefined) {
      throw new UsageError(
        `Cannot watch child ${pid}: backend ${core.backend.name} has no child processes`,
      );
    }
    if (pid === 0) {
      core.anyChild.add(this);
    } else {
      let hub = core.children.get(pid);
      if (hub === undefined) {
        hub = new ChildHub(core, pid, child);
        core.children.set(pid, hub);
      }
      hub.watchers.add(this);
      this.#hub = hub;
    }
    this.begin();
  }

  get kind(): WatcherKind {
    return "child";
  }

  describe(): string {
    return this.#hub === undefined ? "child(any)" : `child(${this.#hub.pid})`;
  }

  fire(ended: ChildStatus): void {
    if (!this.active) return;
    const once = this.#hub !== undefined;
    if (once) this.end();
    try {
      const result = this.#cb(ended.pid, ended.status);
      if (isThenable(result)) this.core.follow(result, this);
    } catch (error) {
      this.core.fail(error, this);
    }
    if (once) this.release();
  }

  protected stop(): void {
    const hub = this.#hub;
    if (hub === undefined) {
      this.core.anyChild.delete(this);
      return;
    }
    hub.watchers.delete(this);
    // When it is no longer listed it has ended, and its other watchers are being called.
    if (hub.watchers.size === 0 && this.core.children.get(hub.pid) === hub) hub.undo();
  }
}
