/** Calls a function in a worker, without any permission, and ends by itself. */
import { defaultLoop, forkCall, utilOf, WorkerPool, workerTask } from "@anyevent/loop";

console.log(utilOf(defaultLoop()).maxForks);
const sum = (n: number): number => {
  let all = 0;
  for (let i = 0; i < n; i++) all += i;
  return all;
};
console.log(await forkCall(sum, [1000]));
// Neither an idle worker nor a cancelled job keeps the process alive.
const pool = new WorkerPool(defaultLoop(), { size: 2, idle: 600 });
pool.run(
  workerTask(() => new Promise(() => setInterval(() => undefined, 1000)), []),
  { settled: () => console.log("never") },
).cancel();
await new Promise<void>((resolve) =>
  void pool.run(workerTask(() => 1, []), { settled: () => resolve() })
);
console.log("done");
