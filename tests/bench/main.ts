/**
 * `deno task bench [AREA…] [--json FILE] [--no-peers]`: measures ours and, beside it, what else is
 * installed, and prints a table and JSON.
 */
import { type BenchCase, median } from "./bench.ts";
import { cases as localSend } from "./local_send.ts";
import { measurePeers, type PeerResult } from "./peers.ts";
import { cases as processPair } from "./process_pair.ts";
import { cases as threads } from "./thread_switch.ts";

const AREAS: Readonly<Record<string, readonly BenchCase[]>> = {
  coro: threads,
  local: localSend,
  pair: processPair,
};

const HELP = `Usage: deno task bench [AREA…] [--json FILE] [--no-peers]

Areas: ${
  Object.keys(AREAS).join(", ")
} (default: all). Prints a table, then one line of JSON, which --json
also writes to a file. Perl's Coro, Go and Erlang are measured beside ours when they are installed.
`;

interface Row {
  readonly name: string;
  readonly unit: string;
  readonly backend: string;
  readonly ours: number;
  readonly peers: Record<string, number>;
}

function format(value: number, unit: string): string {
  if (unit === "/s") return Math.round(value).toLocaleString("en-US") + " /s";
  return `${value < 100 ? value.toFixed(1) : Math.round(value)} ${unit}`;
}

async function measure(bench: BenchCase): Promise<number> {
  const values: number[] = [];
  for (let i = 0; i < 3; i++) values.push(await bench.run());
  return median(values);
}

function table(rows: readonly Row[], peers: readonly PeerResult[]): string {
  const names = peers.filter((peer) => typeof peer.figures !== "string").map((peer) => peer.peer);
  const lines = [["", "ours", ...names.flatMap((name) => [name, "ours/" + name])]];
  for (const row of rows) {
    const cells = [row.name, format(row.ours, row.unit)];
    for (const name of names) {
      const theirs = row.peers[name];
      if (theirs === undefined) cells.push("", "");
      else cells.push(format(theirs, row.unit), (row.ours / theirs).toFixed(2));
    }
    lines.push(cells);
  }
  const widths = lines[0].map((_, i) => Math.max(...lines.map((cells) => cells[i].length)));
  return lines.map((cells) =>
    cells.map((cell, i) => i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i])).join("  ")
      .trimEnd()
  ).join("\n");
}

async function main(args: readonly string[]): Promise<number> {
  if (args.includes("--help")) {
    console.log(HELP);
    return 0;
  }
  const jsonAt = args.indexOf("--json");
  const file = jsonAt < 0 ? undefined : args[jsonAt + 1];
  const chosen = args.filter((arg, i) => !arg.startsWith("--") && (jsonAt < 0 || i !== jsonAt + 1));
  const unknown = chosen.filter((area) => !Object.hasOwn(AREAS, area));
  if (unknown.length > 0 || (jsonAt >= 0 && file === undefined)) {
    console.error(`Unknown area ${unknown.join(", ")}\n\n${HELP}`);
    return 2;
  }
  const scratch = new URL("../.tmp/bench", import.meta.url).pathname;
  await Deno.mkdir(scratch, { recursive: true });
  const peers = args.includes("--no-peers") ? [] : await measurePeers(scratch);
  const rows: Row[] = [];
  for (const [area, cases] of Object.entries(AREAS)) {
    if (chosen.length > 0 && !chosen.includes(area)) continue;
    for (const bench of cases) {
      console.error(`measuring ${bench.name} …`);
      const ours = await measure(bench);
      const theirs: Record<string, number> = {};
      for (const { peer, figures } of peers) {
        const value = typeof figures === "string" ? undefined : figures.get(bench.name);
        if (value !== undefined) theirs[peer] = value;
      }
      const backend = area === "pair" ? "native" : "none";
      rows.push({ name: bench.name, unit: bench.unit, backend, ours, peers: theirs });
    }
  }
  console.log(table(rows, peers));
  for (const { peer, figures } of peers) {
    if (typeof figures === "string") console.log(`${peer}: ${figures}`);
  }
  const json = JSON.stringify({
    machine: {
      os: Deno.build.os,
      arch: Deno.build.arch,
      cpus: navigator.hardwareConcurrency,
      deno: Deno.version.deno,
    },
    rows,
  });
  console.log(json);
  if (file !== undefined) await Deno.writeTextFile(file, json + "\n");
  return 0;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
