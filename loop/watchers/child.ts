import { type ChildStatus, type Undo, UsageError } from "@anyevent/backends/contract";
import { isThenable } from "../callback.ts";
import type { Core } from "../core.ts";
import type { WatcherKind } from "../intercept.ts";
import { BaseWatcher } from "./base_watcher.ts";

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
    core.children.set(pid, this);
    core.anyChild?.changed();
  }

  undo(): void {
    this.#core.children.delete(this.pid);
    this.#undo();
    this.#core.anyChild?.changed();
  }

  #ended(ended: ChildStatus): void {
    const core = this.#core;
    core.children.delete(this.pid);
    // Those of this child first, then those of any: the order of AnyEvent's emulation.
    const any = core.backend.children === undefined ? core.anyChild : undefined;
    const others = any === undefined ? [] : [...any.watchers];
    for (const watcher of [...this.watchers]) watcher.fire(ended);
    for (const watcher of others) watcher.fire(ended);
    core.anyChild?.changed();
  }
}

/**
 * All watchers of any child in one loop. They keep the process alive only while a child lives that they
 * would hear of: all that the backend knows, or where it does not follow them, those with watchers of
 * their own.
 */
export class AnyChild {
  readonly watchers: Set<ChildWatcher> = new Set();
  readonly #core: Core;
  readonly #undo: Undo | undefined;
  #living = 0;

  constructor(core: Core) {
    this.#core = core;
    this.#undo = core.backend.children?.(
      (ended) => {
        for (const watcher of [...this.watchers]) watcher.fire(ended);
      },
      (count) => {
        this.#living = count;
        this.changed();
      },
    );
  }

  /** Whether there is a child that they would hear of. */
  get hopeful(): boolean {
    return (this.#core.backend.children === undefined ? this.#core.children.size : this.#living) >
      0;
  }

  /** To be called when `hopeful` may have changed. */
  changed(): void {
    const { hopeful } = this;
    for (const watcher of this.watchers) watcher.setHopeful(hopeful);
  }

  undo(): void {
    this.#core.anyChild = undefined;
    this.#undo?.();
  }
}

/** The end of one child process, or of any (pid 0). */
export class ChildWatcher extends BaseWatcher {
  readonly #hub: ChildHub | undefined;

  constructor(
    core: Core,
    child: ChildLike | number,
    cb: (pid: number, status: number) => unknown,
  ) {
    super(core, true, cb);
    const pid = typeof child === "number" ? child : child.pid;
    if (core.backend.child === undefined) {
      throw new UsageError(
        `Cannot watch child ${pid}: backend ${core.backend.name} has no child processes`,
      );
    }
    if (pid === 0) {
      const any = core.anyChild ??= new AnyChild(core);
      any.watchers.add(this);
      this.hopeful = any.hopeful;
    } else {
      const hub = core.children.get(pid) ?? new ChildHub(core, pid, child);
      hub.watchers.add(this);
      this.#hub = hub;
    }
    this.begin();
  }

  get kind(): WatcherKind {
    return "child";
  }

  get args(): Readonly<Record<string, unknown>> {
    return { pid: this.#hub?.pid ?? 0 };
  }

  describe(): string {
    return this.#hub === undefined ? "child(any)" : `child(${this.#hub.pid})`;
  }

  setHopeful(on: boolean): void {
    this.hopeful = on;
  }

  fire(ended: ChildStatus): void {
    if (!this.active) return;
    const once = this.#hub !== undefined;
    if (once) this.end();
    try {
      const result = this.cb(ended.pid, ended.status);
      if (isThenable(result)) this.core.follow(result, this);
    } catch (error) {
      this.core.fail(error, this);
    }
    if (once) this.release();
  }

  protected stop(): void {
    const hub = this.#hub;
    if (hub === undefined) {
      const any = this.core.anyChild;
      if (any?.watchers.delete(this) && any.watchers.size === 0) any.undo();
      return;
    }
    hub.watchers.delete(this);
    // When it is no longer listed it has ended, and its other watchers are being called.
    if (hub.watchers.size === 0 && this.core.children.get(hub.pid) === hub) hub.undo();
  }
}
