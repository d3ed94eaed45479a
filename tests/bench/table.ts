/** Prints rows. */
import { type Row, verdict } from "./bench.ts";

function format(value: number, unit: string): string {
  if (unit === "/s") return Math.round(value).toLocaleString("en-US") + " /s";
  const digits = unit === "times" ? 2 : 1;
  return `${value < 100 ? value.toFixed(digits) : Math.round(value)} ${unit}`;
}

/** A table: ours, then each peer with the ratio to it, then the bar. */
export function table(rows: readonly Row[]): string {
  const names = [...new Set(rows.flatMap((row) => Object.keys(row.peers)))];
  const lines = [["", "backend", "ours", ...names.flatMap((name) => [name, "ours/it"]), "bar"]];
  for (const row of rows) {
    const cells = [row.name, row.backend, format(row.ours, row.unit)];
    for (const name of names) {
      const theirs = row.peers[name];
      if (theirs === undefined) cells.push("", "");
      else cells.push(format(theirs, row.unit), (row.ours / theirs).toFixed(2));
    }
    const judged = verdict(row)?.text ?? (row.bar === undefined ? "" : "no peer");
    lines.push([...cells, judged]);
  }
  const widths = lines[0].map((_, i) => Math.max(...lines.map((cells) => cells[i].length)));
  const last = widths.length - 1;
  return lines.map((cells) =>
    cells.map((cell, i) => i < 2 || i === last ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))
      .join("  ").trimEnd()
  ).join("\n");
}
