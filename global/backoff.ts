import type { Random } from "@anyevent/backends/contract";

/** Seconds between two attempts to reach the same node or seed, at least. */
export const MIN_REDIAL = 1;

/** Seconds to wait at most, chance apart, however often it has failed. */
export const MAX_REDIAL = 30;

/**
 * Seconds a connection must have lived for all to be well again.
 *
 * Longer than anybody waits: of two nodes that push each other out of a mesh neither counts as settled.
 */
export const SETTLED = 60;

/** By what part of itself chance makes a wait longer: who failed together does not come back together. */
const JITTER = 0.25;

/** When one node or address may be tried again: later each time it fails. */
export class Backoff {
  #failures = 0;
  #notBefore = -Infinity;

  /** How often it has failed in a row. */
  get failures(): number {
    return this.#failures;
  }

  /** Loop time before which it is left alone. */
  get notBefore(): number {
    return this.#notBefore;
  }

  /** It is tried now. */
  tried(now: number): void {
    this.#notBefore = Math.max(this.#notBefore, now + MIN_REDIAL);
  }

  /** Somebody was there, and it came to nothing: the first time, that is no reason to wait. */
  failed(now: number, random: Random): void {
    const before = this.#failures++;
    if (before === 0) return;
    const wait = Math.min(MAX_REDIAL, MIN_REDIAL * 2 ** before);
    this.#notBefore = Math.max(this.#notBefore, now + wait * (1 + JITTER * random.float()));
  }

  /** All is well. */
  settled(): void {
    this.#failures = 0;
  }
}
