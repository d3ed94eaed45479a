/**
 * The headline of Perl's Coro: a multiplication of two matrices that needs much communication, by threads
 * that share them, against a Worker each that shares nothing and gets what it needs by messages. Prints
 * lines of name, tab, value (us, or times).
 *
 * By element is how Perl's interpreter threads do it: each access goes through to the one that has the
 * matrix. By row is kinder to Workers: one message brings a row or a column.
 */
import { async, cede } from "@anyevent/coro";
import { median } from "./bench.ts";

/** Rows and columns. */
export const SIZE = 24;

/** Threads, or Workers. */
export const WORKERS = 4;

/** What a Worker says. */
export type MatrixRequest =
  | {
    readonly kind: "elements";
    readonly of: "a" | "b";
    readonly index: number;
    readonly count: number;
    readonly step: number;
  }
  | { readonly kind: "result"; readonly index: number; readonly value: number }
  | { readonly kind: "done" };

/** What a Worker is told. */
export type MatrixReply =
  | { readonly kind: "start"; readonly first: number; readonly byRow: boolean }
  | { readonly kind: "numbers"; readonly numbers: readonly number[] };

function matrix(sign: 1 | -1): number[] {
  return Array.from({ length: SIZE * SIZE }, (_, at) => Math.floor(at / SIZE) + sign * (at % SIZE));
}

const a = matrix(1);
const b = matrix(-1);

/** Microseconds for one product by threads; each lets the others run after each cell. */
async function byThreads(c: number[]): Promise<number> {
  const from = performance.now();
  const threads = Array.from({ length: WORKERS }, (_, first) =>
    async(function* () {
      for (let i = first; i < SIZE; i += WORKERS) {
        for (let j = 0; j < SIZE; j++) {
          let sum = 0;
          for (let k = 0; k < SIZE; k++) sum += a[i * SIZE + k] * b[k * SIZE + j];
          c[i * SIZE + j] = sum;
          yield* cede();
        }
      }
    }));
  for (const thread of threads) await thread.join();
  return (performance.now() - from) * 1000;
}

/** Microseconds for one product by Workers that wait for it. */
async function byWorkers(c: number[], workers: readonly Worker[], byRow: boolean): Promise<number> {
  const from = performance.now();
  await Promise.all(workers.map((worker, first) =>
    new Promise<void>((resolve, reject) => {
      const tell = (message: MatrixReply): void => worker.postMessage(message);
      worker.onerror = (event) => reject(new Error(event.message));
      worker.onmessage = ({ data }: MessageEvent<MatrixRequest>) => {
        if (data.kind === "done") resolve();
        else if (data.kind === "result") c[data.index] = data.value;
        else {
          const from = data.of === "a" ? a : b;
          const numbers = Array.from(
            { length: data.count },
            (_, n) => from[data.index + n * data.step],
          );
          tell({ kind: "numbers", numbers });
        }
      };
      tell({ kind: "start", first, byRow });
    })
  ));
  return (performance.now() - from) * 1000;
}

/** Starts them, and waits until they are up: that is not measured. */
async function startWorkers(): Promise<Worker[]> {
  const url = new URL("./coro_matrix_worker.ts", import.meta.url);
  return await Promise.all(
    Array.from({ length: WORKERS }, () =>
      new Promise<Worker>((resolve, reject) => {
        const worker = new Worker(url, { type: "module" });
        worker.onerror = (event) => reject(new Error(event.message));
        worker.onmessage = () => resolve(worker);
      })),
  );
}

async function main(): Promise<void> {
  const workers = await startWorkers();
  const results: number[][] = [[], [], []];
  const threads: number[] = [];
  for (let i = 0; i < 200; i++) threads.push(await byThreads(results[0]));
  const elements: number[] = [];
  const rows: number[] = [];
  for (let i = 0; i < 3; i++) {
    elements.push(await byWorkers(results[1], workers, false));
    rows.push(await byWorkers(results[2], workers, true));
  }
  for (const worker of workers) worker.terminate();
  if (new Set(results.map(String)).size !== 1) throw new Error("they do not agree");
  const figures = {
    "matrix, threads": median(threads),
    "matrix, an element a message": median(elements),
    "matrix, a row a message": median(rows),
    "matrix, share-nothing / threads": median(elements) / median(threads),
    "matrix, share-nothing by rows / threads": median(rows) / median(threads),
  };
  for (const [name, value] of Object.entries(figures)) console.log(`${name}\t${value}`);
}

if (import.meta.main) await main();
