/** What a benchmark is: shared by the files that hold them. */

/** How ours must compare with a peer, or with one when it names none: a ratio. */
export interface Bar {
  /** Whose figure is one. */
  readonly peer?: string;
  /** The largest ratio ours/peer that meets it. */
  readonly most?: number;
  /** The smallest one. */
  readonly least?: number;
}

/** One thing measured. */
export interface BenchCase {
  /** What, as in the tables of other projects. */
  readonly name: string;
  /** Of what `run` returns: `ns`, `us`, `times` or `/s`. */
  readonly unit: string;
  /** What it is to be. */
  readonly bar?: Bar;
  /** Measures once. */
  run(): number | Promise<number>;
}

/** A line of the table. */
export interface Row {
  readonly name: string;
  readonly unit: string;
  readonly backend: string;
  readonly ours: number;
  readonly peers: Readonly<Record<string, number>>;
  readonly bar?: Bar;
}

/** What an area gives. */
export interface Measured {
  readonly rows: readonly Row[];
  /** What there is to say, such as which peers are not installed. */
  readonly notes: readonly string[];
}

/** What may be asked for. */
export interface MeasureOptions {
  /** Shorter and less sure. */
  readonly quick: boolean;
  /** What else is installed is measured too. */
  readonly peers: boolean;
}

/** The middle of some numbers. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

/**
 * One figure for several runs, in which ours and the peers took turns: the fastest. What else the machine does
 * only ever adds. Where the unit is neither time nor rate it is the middle.
 */
export function figureOf(values: readonly number[], unit: string): number {
  if (unit === "ns" || unit === "us") return Math.min(...values);
  return unit === "/s" ? Math.max(...values) : median(values);
}

/** Whether a row meets its bar, with the ratio; empty without one, or without the peer. */
export function verdict(
  { ours, peers, bar }: Row,
): { readonly met: boolean; readonly text: string } | undefined {
  if (bar === undefined) return undefined;
  const theirs = bar.peer === undefined ? 1 : peers[bar.peer];
  if (theirs === undefined) return undefined;
  const ratio = ours / theirs;
  const met = ratio <= (bar.most ?? Infinity) && ratio >= (bar.least ?? 0);
  const wanted = [
    ...bar.least === undefined ? [] : [`≥ ${bar.least}`],
    ...bar.most === undefined ? [] : [`≤ ${bar.most}`],
  ].join(", ");
  const of = bar.peer === undefined ? "" : ` × ${bar.peer}`;
  return { met, text: `${met ? "met   " : "MISSED"} ${ratio.toFixed(2)} (${wanted}${of})` };
}
