/**
 * CPU work in workers, beside one core and beside piscina. That is in neither `deno.json` nor `deno.lock`: run
 * by itself, this file installs it below `tests/.tmp`,
 *
 *     deno run --allow-read --allow-run=npm --allow-write=tests/.tmp tests/bench/multicore.ts
 */
import { async, type Coro, Multicore, multicore } from "@anyevent/coro";
import { type BenchCase, figureOf, type Measured, type MeasureOptions, type Row } from "./bench.ts";

const FOLDER = new URL("../.tmp/bench/npm_multicore", import.meta.url).pathname;
const PISCINA = "5.1.3";
const WORKERS = 2;

/** Milliseconds are about 20. */
const compute = (rounds: number): number => {
  let x = 1;
  for (let i = 0; i < rounds; i++) x = Math.imul(x ^ (x >>> 15), 0x2c1b3c6d) + i | 0;
  return x;
};
const ROUNDS = 1e7;
/** At once. */
const TASKS = 2 * WORKERS;
const heavy = multicore(compute);
const light = multicore((n: number) => n + 1);

async function seconds(body: () => Promise<unknown>): Promise<number> {
  const from = performance.now();
  await body();
  return (performance.now() - from) / 1000;
}

/** Runs threads, and waits for all. */
async function threads(count: number, calls: number, call: () => ReturnType<typeof light>) {
  const all: Coro[] = Array.from({ length: count }, () =>
    async(function* () {
      for (let i = 0; i < calls; i++) yield* call();
    }));
  for (const thread of all) await thread.join();
}

/** The shortest of several times: on a machine that others use, too, that is when its cores were free. */
async function best(runs: number, body: () => Promise<unknown>): Promise<number> {
  let least = Infinity;
  for (let i = 0; i < runs; i++) least = Math.min(least, await seconds(body));
  return least;
}

/** Times as much in the same time with both workers as in this thread. */
async function speedUp(runs: number): Promise<number> {
  await threads(WORKERS, 8, () => heavy(ROUNDS / 10));
  const inPlace = await best(runs, async () => {
    using _ = Multicore.scopedDisable();
    for (let i = 0; i < TASKS; i++) await heavy(ROUNDS);
  });
  const inWorkers = await best(2 * runs, () => threads(TASKS, 1, () => heavy(ROUNDS)));
  return inPlace / inWorkers;
}

/** The same by two bare workers that are told nothing on the way: what the machine allows. */
async function machineSpeedUp(runs: number): Promise<number> {
  const source = `const compute = ${compute};
self.onmessage = ({ data: [tasks, rounds] }) => {
  let sum = 0;
  for (let i = 0; i < tasks; i++) sum ^= compute(rounds);
  self.postMessage(sum);
};`;
  const url = `data:text/javascript,${encodeURIComponent(source)}`;
  const workers = Array.from({ length: WORKERS }, () => new Worker(url, { type: "module" }));
  const tell = (worker: Worker, message: unknown): Promise<unknown> =>
    new Promise((resolve) => {
      worker.onmessage = resolve;
      worker.postMessage(message);
    });
  for (const worker of workers) await tell(worker, [8, ROUNDS / 10]);
  const one = await best(runs, () => tell(workers[0], [TASKS, ROUNDS]));
  const both = await best(
    2 * runs,
    () => Promise.all(workers.map((worker) => tell(worker, [TASKS / WORKERS, ROUNDS]))),
  );
  for (const worker of workers) worker.terminate();
  return one / both;
}

async function pipelined(total: number): Promise<number> {
  const count = 2000;
  await threads(count, 5, () => light(1));
  const calls = total / count;
  return await seconds(() => threads(count, calls, () => light(1))) * 1e6 / total;
}

async function oneByOne(total: number): Promise<number> {
  await threads(1, 100, () => light(1));
  return await seconds(() => threads(1, total, () => light(1))) * 1e6 / total;
}

const PIPELINED = "task in a worker, pipelined";
const ONE_BY_ONE = "task in a worker, one by one";

function cases(quick: boolean): readonly BenchCase[] {
  const runs = quick ? 10 : 30;
  const total = quick ? 40_000 : 200_000;
  return [
    {
      name: `CPU work, ${WORKERS} workers / one core`,
      unit: "times",
      bar: { least: 1.9 },
      run: () => speedUp(runs),
    },
    {
      name: `CPU work, ${WORKERS} bare workers / one core`,
      unit: "times",
      run: () => machineSpeedUp(runs),
    },
    { name: PIPELINED, unit: "us", bar: { most: 3 }, run: () => pipelined(total) },
    { name: ONE_BY_ONE, unit: "us", run: () => oneByOne(total / 40) },
  ];
}

/** Runs under Node, where it is at home. */
const PISCINA_PROGRAM = `import { Piscina } from "piscina";
const total = Number(process.argv[2]);
const filename = new URL("./light.mjs", import.meta.url).href;
const [minThreads, maxThreads] = [${WORKERS}, ${WORKERS}];
const pool = new Piscina({ filename, minThreads, maxThreads, concurrentTasksPerWorker: 512 });
const all = (count) => Promise.all(Array.from({ length: count }, () => pool.run(1)));
await all(2000);
let from = performance.now();
await all(total);
const many = (performance.now() - from) * 1000 / total;
from = performance.now();
for (let i = 0; i < total / 20; i++) await pool.run(1);
console.log(JSON.stringify([many, (performance.now() - from) * 1000 / (total / 20)]));
await pool.destroy();
`;

/** @returns figures by the names of the rows, or why there are none */
async function measurePiscina(quick: boolean): Promise<Readonly<Record<string, number>> | string> {
  try {
    await Deno.stat(`${FOLDER}/node_modules/piscina`);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    return "not measured: not installed (tests/bench/multicore.ts installs it)";
  }
  await Deno.writeTextFile(`${FOLDER}/light.mjs`, "export default (n) => n + 1;\n");
  await Deno.writeTextFile(`${FOLDER}/main.mjs`, PISCINA_PROGRAM);
  const args = [`${FOLDER}/main.mjs`, quick ? "10000" : "40000"];
  const { success, stdout } = await new Deno.Command("node", { args, stderr: "inherit" }).output();
  if (!success) return "not measured: it failed";
  const [many, single] = JSON.parse(new TextDecoder().decode(stdout)) as [number, number];
  return { [PIPELINED]: many, [ONE_BY_ONE]: single };
}

/** Measures all rows. */
export async function measureMulticore(options: MeasureOptions): Promise<Measured> {
  const theirs = options.peers ? await measurePiscina(options.quick) : {};
  Multicore.configure({ workers: WORKERS });
  const rows: Row[] = [];
  for (const { name, unit, bar, run } of cases(options.quick)) {
    console.error(`measuring ${name} …`);
    const values: number[] = [];
    for (let i = 0; i < (options.quick ? 1 : 3); i++) values.push(await run());
    const figure = typeof theirs === "string" ? undefined : theirs[name];
    const peers: Record<string, number> = figure === undefined ? {} : { piscina: figure };
    rows.push({ name, unit, backend: "native", ours: figureOf(values, unit), peers, bar });
  }
  Multicore.stop();
  return { rows, notes: typeof theirs === "string" ? [`piscina: ${theirs}`] : [] };
}

async function install(): Promise<number> {
  await Deno.mkdir(FOLDER, { recursive: true });
  const manifest = JSON.stringify({ private: true, dependencies: { piscina: PISCINA } });
  await Deno.writeTextFile(`${FOLDER}/package.json`, manifest + "\n");
  const { code } = await new Deno.Command("npm", {
    args: ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock"],
    cwd: FOLDER,
    stdin: "null",
  }).output();
  return code;
}

if (import.meta.main) Deno.exit(await install());
