import type { IoMode, Undo } from "@anyevent/backends/contract";
import type { Core } from "../core.ts";
import { IoCheck } from "../strict/io_check.ts";
import { strictness } from "../strict/strictness.ts";
import type { WatcherKind } from "../intercept.ts";
import { BaseWatcher } from "./base_watcher.ts";

/** Readability or writability of a stream, level-triggered. It ends when the stream is closed. */
export class IoWatcher extends BaseWatcher {
  readonly #source: unknown;
  readonly #mode: IoMode;
  readonly #undo: Undo;

  constructor(core: Core, source: unknown, mode: IoMode, cb: () => unknown) {
    super(core, true, cb);
    this.#source = source;
    this.#mode = mode;
    this.#undo = core.backend.io(source, mode, () => core.call(this.cb, this), () => this.cancel());
    if (strictness.on) (core.ioCheck ??= new IoCheck(core)).add(this);
    this.begin();
  }

  get kind(): WatcherKind {
    return "io";
  }

  get args(): Readonly<Record<string, unknown>> {
    return { fh: this.#source, poll: this.#mode };
  }

  describe(): string {
    return `io(${this.#mode})`;
  }

  protected stop(): void {
    this.core.ioCheck?.remove(this);
    this.#undo();
  }
}
