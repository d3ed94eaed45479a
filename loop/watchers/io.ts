import type { IoMode, Undo } from "@anyevent/backends/contract";
import type { Core } from "../core.ts";
import { BaseWatcher, type WatcherKind } from "./base_watcher.ts";

/** Readability or writability of a stream, level-triggered. It ends when the stream is closed. */
export class IoWatcher extends BaseWatcher {
  readonly #mode: IoMode;
  readonly #undo: Undo;

  constructor(core: Core, source: unknown, mode: IoMode, cb: () => unknown) {
    super(core, true);
    this.#mode = mode;
    this.#undo = core.backend.io(source, mode, () => core.call(cb, this), () => this.cancel());
    this.begin();
  }

  get kind(): WatcherKind {
    return "io";
  }

  describe(): string {
    return `io(${this.#mode})`;
  }

  protected stop(): void {
    this.#undo();
  }
}
