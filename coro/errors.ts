/** A thread cannot be ended by `safeCancel` now. */
export class CancelRefused extends Error {
  /** Always `"CancelRefused"`. */
  override readonly name = "CancelRefused";
}
