import type { Random } from "./env.ts";
import { show, UsageError } from "./errors.ts";

/**
 * Repeatable chance for tests and simulation (the sfc32 generator): same seed, same sequence.
 *
 * Never for secrets.
 *
 * @param seed any number
 * @returns a {@linkcode Random}
 * @throws {UsageError} when it is not a number
 * @example
 * ```ts
 * import { seededRandom } from "@anyevent/backends/contract";
 *
 * console.log(seededRandom(1).float() === seededRandom(1).float()); // true
 * ```
 */
export function seededRandom(seed: number): Random {
  if (typeof seed !== "number") {
    throw new UsageError(`Cannot make chance of seed ${show(seed)}: it is not a number`);
  }
  let a = 0x9e3779b9 | 0;
  let b = 0x243f6a88 | 0;
  let c = seed | 0;
  let counter = 1;
  function next(): number {
    const t = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + t) | 0;
    return t >>> 0;
  }
  for (let i = 0; i < 12; i++) next();
  return {
    bytes(count: number): Uint8Array {
      if (!Number.isInteger(count) || count < 0) {
        throw new UsageError(`Cannot make ${show(count)} random bytes: it is not a count`);
      }
      const out = new Uint8Array(count);
      for (let i = 0; i < count; i++) out[i] = next() & 255;
      return out;
    },
    float(): number {
      return next() / 4294967296;
    },
  };
}
