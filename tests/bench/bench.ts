/** What a benchmark is: shared by the files that hold them. */

/** One thing measured. */
export interface BenchCase {
  /** What, as in the tables of other projects. */
  readonly name: string;
  /** Of what `run` returns: `ns`, `us` or `/s`. */
  readonly unit: string;
  /** Measures once. */
  run(): number | Promise<number>;
}

/** The middle of some numbers. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}
