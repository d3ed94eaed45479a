/**
 * A thread cannot be ended by `safeCancel` now: {@linkcode Coro.safeCancel} says when.
 *
 * Follows Coro's `safe_cancel`, which dies then.
 *
 * @example
 * ```ts
 * import { async, CancelRefused, current } from "@anyevent/coro";
 *
 * await async(function* () {
 *   try {
 *     current().safeCancel();
 *   } catch (error) {
 *     console.log(error instanceof CancelRefused); // true: it runs
 *   }
 * }).join();
 * ```
 */
export class CancelRefused extends Error {
  /** Always `"CancelRefused"`. */
  override readonly name = "CancelRefused";
}
