import { type Undo, UsageError } from "@anyevent/backends/contract";
import type { Core } from "../core.ts";
import type { WatcherKind } from "../intercept.ts";
import { BaseWatcher } from "./base_watcher.ts";

/** All watchers of one signal in one loop, behind one registration with the backend. */
export class SignalHub {
  readonly watchers: Set<SignalWatcher> = new Set();
  readonly #undo: Undo;

  constructor(core: Core, readonly name: string) {
    if (core.backend.signal === undefined) {
      throw new UsageError(
        `Cannot watch signal ${name}: backend ${core.backend.name} has no signals`,
      );
    }
    this.#undo = core.backend.signal(name, () => {
      // A copy: what a callback adds waits for the next signal.
      for (const watcher of [...this.watchers]) watcher.fire();
    });
  }

  undo(): void {
    this.#undo();
  }
}

/** A signal of the process. */
export class SignalWatcher extends BaseWatcher {
  readonly #hub: SignalHub;

  constructor(core: Core, name: string, cb: () => unknown) {
    super(core, false, cb);
    let hub = core.signals.get(name);
    if (hub === undefined) {
      hub = new SignalHub(core, name);
      core.signals.set(name, hub);
    }
    hub.watchers.add(this);
    this.#hub = hub;
    this.begin();
  }

  get kind(): WatcherKind {
    return "signal";
  }

  get args(): Readonly<Record<string, unknown>> {
    return { signal: this.#hub.name };
  }

  describe(): string {
    return `signal(${this.#hub.name})`;
  }

  fire(): void {
    if (this.active) this.core.call(this.cb, this);
  }

  protected stop(): void {
    this.#hub.watchers.delete(this);
    if (this.#hub.watchers.size > 0) return;
    this.core.signals.delete(this.#hub.name);
    this.#hub.undo();
  }
}
