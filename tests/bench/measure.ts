import { median } from "./bench.ts";

const WARM_MS = 300;

/** One of something, by name; measured once. */
export type Batch = () => Record<string, number> | Promise<Record<string, number>>;

/** Prints lines of name, tab, value: the median of batches in so many seconds, after they were compiled. */
export async function measure(seconds: number, batch: Batch): Promise<void> {
  const values: Record<string, number[]> = {};
  const warm = performance.now() + WARM_MS;
  while (performance.now() < warm) await batch();
  const end = performance.now() + seconds * 1000;
  for (let count = 0; count < 5 || performance.now() < end; count++) {
    for (const [name, value] of Object.entries(await batch())) (values[name] ??= []).push(value);
  }
  for (const [name, all] of Object.entries(values)) console.log(`${name}\t${median(all)}`);
}

/** Nanoseconds for each of `count`, since `from`. */
export function per(count: number, from: number): number {
  return (performance.now() - from) * 1e6 / count;
}
