import type { ByteStream, Undo } from "@anyevent/backends/contract";
import { isThenable } from "./callback.ts";
import type { Loop } from "./loop.ts";
import type { Watcher } from "./watcher.ts";

/**
 * Base of what lives on a loop without being one of its watchers, such as a server: it keeps the process
 * alive while active, and ends with the loop.
 */
export abstract class Held implements Watcher {
  /** The loop it lives on. */
  protected readonly loop: Loop;
  #wanted = true;
  #hold: Undo | undefined;
  #forget: Undo | undefined;

  /** Not active yet. */
  constructor(loop: Loop) {
    this.loop = loop;
  }

  /** See {@linkcode Watcher}. */
  abstract describe(): string;

  /** Undoes what it does; called once for each `begin`, unless `end` was. */
  protected abstract stop(): void;

  /** See {@linkcode Watcher}. */
  get active(): boolean {
    return this.#forget !== undefined;
  }

  /** See {@linkcode Watcher}. */
  ref(): this {
    this.#wanted = true;
    if (this.active) this.#hold ??= this.loop.hold();
    return this;
  }

  /** See {@linkcode Watcher}. */
  unref(): this {
    this.#wanted = false;
    this.#release();
    return this;
  }

  /** See {@linkcode Watcher}. */
  cancel(): void {
    if (!this.active) return;
    this.end();
    this.stop();
  }

  /** Same as `cancel`. */
  [Symbol.dispose](): void {
    this.cancel();
  }

  /** Becomes active. @throws {ClosedError} when the loop was disposed of */
  protected begin(): void {
    this.#forget = this.loop.onDispose(() => this.cancel());
    if (this.#wanted) this.#hold = this.loop.hold();
  }

  /** Is not active any more. */
  protected end(): void {
    this.#forget?.();
    this.#forget = undefined;
    this.#release();
  }

  /** Calls a user's callback; what it throws or is rejected with goes to the loop's `onCallbackError`. */
  protected deliver(call: () => unknown): void {
    const failed = (error: unknown): void => this.loop.callbackFailed(error, this.describe());
    try {
      const result = call();
      if (isThenable(result)) Promise.resolve(result).then(undefined, failed);
    } catch (error) {
      failed(error);
    }
  }

  /** As `deliver`, for a stream: when the callback throws nobody has it, so it is closed. */
  protected hand(stream: ByteStream, call: () => unknown): void {
    this.deliver(() => {
      try {
        return call();
      } catch (error) {
        stream.close();
        throw error;
      }
    });
  }

  #release(): void {
    this.#hold?.();
    this.#hold = undefined;
  }
}
