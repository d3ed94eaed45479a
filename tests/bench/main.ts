/**
 * `deno task bench [AREA…] [--quick] [--json FILE] [--no-peers]`: measures ours and, beside it, what else
 * is installed, and prints a table with the bars, and JSON.
 */
import { cpus } from "node:os";
import {
  type BenchCase,
  figureOf,
  type Measured,
  type MeasureOptions,
  type Row,
  verdict,
} from "./bench.ts";
import { measurePeers, type PeerResult } from "./peers.ts";
import { table } from "./table.ts";

/** Loaded when it is asked for. */
type Area = (options: MeasureOptions) => Promise<Measured>;

const AREAS: Readonly<Record<string, Area>> = {
  loop: async (options) => await (await import("./loop.ts")).measureLoop(options),
  coro: async (options) => await (await import("./coro.ts")).measureCoro(options),
  multicore: async (options) => await (await import("./multicore.ts")).measureMulticore(options),
  local: async (options) =>
    await measureCases((await import("./local_send.ts")).cases, "none", options),
  pair: async (options) =>
    await measureCases((await import("./process_pair.ts")).cases, "native", options),
};

const HELP = `Usage: deno task bench [AREA…] [--quick] [--json FILE] [--no-peers]

Areas (default: all):
  loop   condvars, timers, I/O, DNS; beside Perl's EV, AnyEvent in pure Perl, and Deno itself
  coro   threads, channels, locks; beside Perl's Coro, Go, Erlang, and what npm has, when it was asked for:
         see coro_npm.ts
  multicore  CPU work in workers; beside piscina, when it was asked for: see multicore.ts
  local  messages inside a node
  pair   two processes; these two beside Erlang

  --quick      fewer and shorter runs, for a first look
  --json FILE  writes the line of JSON that follows the table to a file too
  --no-peers   ours only
  --help       this text

Figures are the fastest of a few runs, in which ours and the peers take turns. A bar is a ratio of ours to a
peer of the same run: "met" or "MISSED", the ratio, and what it should be. Peers come from Debian: libanyevent-perl libcoro-perl libev-perl erlang-base golang-go;
those that are not installed are named and left out.
`;

const FLAGS = ["--quick", "--no-peers"];
let others: Promise<PeerResult[]> | undefined;

/** Measured once, when first asked for. */
async function otherPeers(): Promise<PeerResult[]> {
  const scratch = new URL("../.tmp/bench", import.meta.url).pathname;
  await Deno.mkdir(scratch, { recursive: true });
  return await measurePeers(scratch);
}

async function measureCases(
  cases: readonly BenchCase[],
  backend: string,
  options: MeasureOptions,
): Promise<Measured> {
  const peers = options.peers ? await (others ??= otherPeers()) : [];
  const rows: Row[] = [];
  for (const { name, unit, bar, run } of cases) {
    console.error(`measuring ${name} …`);
    const values: number[] = [];
    for (let i = 0; i < (options.quick ? 1 : 3); i++) values.push(await run());
    const theirs: Record<string, number> = {};
    for (const { peer, figures } of peers) {
      const value = typeof figures === "string" ? undefined : figures.get(name);
      if (value !== undefined) theirs[peer] = value;
    }
    rows.push({ name, unit, backend, ours: figureOf(values, unit), peers: theirs, bar });
  }
  const notes = peers.flatMap(({ peer, figures }) =>
    typeof figures === "string" ? [`${peer}: ${figures}`] : []
  );
  return { rows, notes };
}

/** What it ran on. */
function machine(): Record<string, string | number> {
  const { os, arch } = Deno.build;
  const processor = cpus()[0]?.model ?? "unknown";
  return { os, arch, processor, cpus: navigator.hardwareConcurrency, deno: Deno.version.deno };
}

async function main(args: readonly string[]): Promise<number> {
  if (args.includes("--help")) {
    console.log(HELP);
    return 0;
  }
  const jsonAt = args.indexOf("--json");
  const file = jsonAt < 0 ? undefined : args[jsonAt + 1];
  const rest = args.filter((_, i) => jsonAt < 0 || (i !== jsonAt && i !== jsonAt + 1));
  const chosen = rest.filter((arg) => !FLAGS.includes(arg));
  const unknown = chosen.filter((area) => !Object.hasOwn(AREAS, area));
  if (unknown.length > 0 || (jsonAt >= 0 && (file === undefined || file.startsWith("--")))) {
    const why = unknown.length > 0 ? `Unknown: ${unknown.join(", ")}` : "--json needs a file";
    console.error(`${why}\n\n${HELP}`);
    return 2;
  }
  const options = { quick: rest.includes("--quick"), peers: !rest.includes("--no-peers") };
  const rows: Row[] = [];
  const notes: string[] = [];
  for (const [area, measure] of Object.entries(AREAS)) {
    if (chosen.length > 0 && !chosen.includes(area)) continue;
    const measured = await measure(options);
    rows.push(...measured.rows);
    notes.push(...measured.notes);
  }
  const on = machine();
  const judged = rows.map((row) => ({ ...row, verdict: verdict(row) }));
  const bars = judged.flatMap((row) => row.verdict ?? []);
  console.log(Object.entries(on).map(([key, value]) => `${key}: ${value}`).join(", ") + "\n");
  console.log(table(rows));
  console.log(`\n${bars.filter(({ met }) => met).length} of ${bars.length} bars met`);
  for (const note of new Set(notes)) console.log(note);
  const json = JSON.stringify({ machine: on, quick: options.quick, rows: judged, notes });
  console.log(json);
  if (file !== undefined) await Deno.writeTextFile(file, json + "\n");
  return 0;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
