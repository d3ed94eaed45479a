import { checkOptional } from "@anyevent/backends/contract";
import { toFunction } from "./callback.ts";
import { isThenable } from "./callback.ts";
import { defaultLoop } from "./registry.ts";

/** Runs something at the end of a scope, unless cancelled. */
export interface Guard extends Disposable {
  /** Disarms it: its block will not run. Idempotent. */
  cancel(): void;
  /** Runs its block, once; what it throws is reported, not thrown. */
  [Symbol.dispose](): void;
}

class BlockGuard implements Guard {
  #block: (() => unknown) | undefined;
  readonly #report: (error: unknown) => void;

  constructor(block: () => unknown, report: (error: unknown) => void) {
    this.#block = block;
    this.#report = report;
  }

  cancel(): void {
    this.#block = undefined;
  }

  [Symbol.dispose](): void {
    const block = this.#block;
    this.#block = undefined;
    if (block === undefined) return;
    try {
      const result = block();
      if (isThenable(result)) Promise.resolve(result).then(undefined, this.#report);
    } catch (error) {
      this.#report(error);
    }
  }
}

/**
 * Runs `block` when the guard goes out of scope (`using`), at most once, unless `cancel()` came first.
 *
 * Several in one scope run in reverse order. Follows Perl's Guard.
 *
 * @param block what to run
 * @param onError gets what it throws; default: `onCallbackError` of the default loop
 * @throws {UsageError} when `block` or `onError` is not a function
 * @example
 * ```ts
 * import { guard } from "@anyevent/loop";
 *
 * {
 *   using _end = guard(() => console.log("end of scope"));
 *   console.log("in scope");
 * }
 * ```
 */
export function guard(block: () => unknown, onError?: (error: unknown) => void): Guard {
  checkOptional(onError, "make guard: onError");
  return new BlockGuard(
    toFunction(block, "make guard"),
    onError ?? ((error) => defaultLoop().callbackFailed(error, "guard()")),
  );
}
