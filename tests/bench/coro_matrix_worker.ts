/** Computes every so many rows of a product of matrices that it has not: it asks for what it needs. */
import { type MatrixReply, type MatrixRequest, SIZE, WORKERS } from "./coro_matrix.ts";

const scope = globalThis as unknown as {
  postMessage(message: MatrixRequest): void;
  onmessage: (event: MessageEvent<MatrixReply>) => void;
};

let answered: (numbers: readonly number[]) => void = () => undefined;

function ask(request: MatrixRequest): Promise<readonly number[]> {
  return new Promise((resolve) => {
    answered = resolve;
    scope.postMessage(request);
  });
}

async function element(of: "a" | "b", index: number): Promise<number> {
  return (await ask({ kind: "elements", of, index, count: 1, step: 1 }))[0];
}

async function compute(first: number, byRow: boolean): Promise<void> {
  for (let i = first; i < SIZE; i += WORKERS) {
    const row = byRow
      ? await ask({ kind: "elements", of: "a", index: i * SIZE, count: SIZE, step: 1 })
      : [];
    for (let j = 0; j < SIZE; j++) {
      const column = byRow
        ? await ask({ kind: "elements", of: "b", index: j, count: SIZE, step: SIZE })
        : [];
      let sum = 0;
      for (let k = 0; k < SIZE; k++) {
        sum += byRow
          ? row[k] * column[k]
          : await element("a", i * SIZE + k) * await element("b", k * SIZE + j);
      }
      scope.postMessage({ kind: "result", index: i * SIZE + j, value: sum });
    }
  }
  scope.postMessage({ kind: "done" });
}

scope.onmessage = ({ data }) => {
  if (data.kind === "numbers") answered(data.numbers);
  else void compute(data.first, data.byRow);
};
scope.postMessage({ kind: "done" });
