import type { Undo } from "@anyevent/backends/contract";
import { emulateIdle } from "../base.ts";
import type { Core } from "../core.ts";
import type { WatcherKind } from "../intercept.ts";
import { BaseWatcher } from "./base_watcher.ts";

/** Turns that found nothing else to do. */
export class IdleWatcher extends BaseWatcher {
  readonly #undo: Undo;

  constructor(core: Core, cb: () => unknown) {
    super(core, true, cb);
    const call = (): void => core.call(this.cb, this);
    const backend = core.backend;
    this.#undo = backend.idle === undefined ? emulateIdle(backend, call) : backend.idle(call);
    this.begin();
  }

  get kind(): WatcherKind {
    return "idle";
  }

  get args(): Readonly<Record<string, unknown>> {
    return {};
  }

  describe(): string {
    return "idle()";
  }

  protected stop(): void {
    this.#undo();
  }
}
