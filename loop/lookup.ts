import { Held } from "./held.ts";
import type { Loop } from "./loop.ts";

/** A look-up under way: calls back once, maybe inside the constructor. */
export class Lookup<T> extends Held {
  readonly #what: string;

  /**
   * Begins at once.
   *
   * @param what for descriptions
   * @param find may call back inside the call
   * @throws {ClosedError} when the loop was disposed of
   */
  constructor(
    loop: Loop,
    what: string,
    find: (cb: (found: T) => void) => void,
    cb: (found: T) => unknown,
  ) {
    super(loop);
    this.#what = what;
    this.begin();
    find((found) => {
      if (!this.active) return;
      this.end();
      this.deliver(() => cb(found));
    });
  }

  describe(): string {
    return this.#what;
  }

  protected stop(): void {}
}
