/**
 * The loop beside Perl's EV, AnyEvent's own loop in Perl, and what Deno has by itself. Each row is measured
 * in processes of its own, ours and EV in turns; the figure is the fastest of those.
 */
import { type Bar, figureOf, type Measured, type MeasureOptions, type Row } from "./bench.ts";
import { measureDns, OUTSTANDING } from "./dns.ts";
import { figuresOf, run } from "./peers.ts";

const CHILD = new URL("./loop_child.ts", import.meta.url).pathname;
const SCRIPT = new URL("./peers/loop.pl", import.meta.url).pathname;

const PEERS = ["EV", "Perl", "Deno"] as const;
type Peer = typeof PEERS[number];

/** How a peer is named in the table, and how it is installed. */
const TITLES: Readonly<Record<Peer, string>> = { EV: "EV", Perl: "pure Perl", Deno: "Deno" };
const HINTS: Readonly<Record<Peer, string>> = {
  EV: "libanyevent-perl libev-perl",
  Perl: "libanyevent-perl",
  Deno: "deno",
};

interface Variant {
  readonly backend: string;
  /** Row of `loop_child.ts`. */
  readonly row: string;
  readonly bars?: Readonly<Record<string, Bar>>;
}

interface Group {
  readonly name: string;
  readonly unit: string;
  readonly ours: readonly Variant[];
  /** Rows of the peers' programs. */
  readonly peers: Partial<Record<Peer, string>>;
}

function onEach(row: string, bars: Readonly<Record<string, Bar>> = {}): Variant[] {
  return ["native", "pure", "ffi"].map((backend) => ({ backend, row, bars }));
}

function among(count: number): Group {
  const row = `timer-among-${count}`;
  // A list sorted at each change is no peer for a million.
  const peers = { EV: row, Deno: row, ...count > 1e5 ? {} : { Perl: row } };
  return { name: `timer replaced among ${count}`, unit: "ns", ours: onEach(row), peers };
}

const CONDVAR: Readonly<Record<string, Bar>> = {
  "condvar send + recv": { peer: "EV", most: 0.2 },
};
const CREATE: Readonly<Record<string, Bar>> = { "timer create": { peer: "EV", most: 1 } };
const FIRE: Readonly<Record<string, Bar>> = { "timer create + fire": { peer: "EV", most: 0.6 } };
const EVENT: Readonly<Record<string, Bar>> = { "io event on a pipe": { peer: "EV", most: 1 } };
const RATIO: Readonly<Record<string, Bar>> = {
  "method API / function API": { least: 0.9, most: 1.1 },
};

const GROUPS: readonly Group[] = [
  {
    name: "",
    unit: "ns",
    ours: [
      { backend: "any, yield*", row: "condvar-thread", bars: CONDVAR },
      { backend: "any, recvSync", row: "condvar-sync", bars: CONDVAR },
      { backend: "any, await", row: "condvar-await", bars: CONDVAR },
    ],
    peers: { EV: "condvar", Perl: "condvar", Deno: "condvar" },
  },
  {
    name: "",
    unit: "ns",
    ours: onEach("timer-create", CREATE),
    peers: { EV: "timer-create", Perl: "timer-create", Deno: "timer-create" },
  },
  {
    name: ", many at once",
    unit: "ns",
    ours: onEach("timer-fire", FIRE),
    peers: { EV: "timer-fire", Perl: "timer-fire", Deno: "timer-fire" },
  },
  {
    name: ", one at a time",
    unit: "ns",
    ours: onEach("timer-chain", FIRE),
    peers: { EV: "timer-chain", Perl: "timer-chain" },
  },
  {
    name: "",
    unit: "ns",
    ours: [
      { backend: "ffi", row: "io", bars: EVENT },
      { backend: "ffi-parked", row: "io" },
      { backend: "native", row: "io" },
      { backend: "pure", row: "io" },
    ],
    peers: { EV: "io", Perl: "io", Deno: "io" },
  },
  ...["timer", "io", "condvar"].map((what): Group => ({
    name: `: ${what}`,
    unit: "times",
    ours: [{ backend: "native", row: `ratio-${what}`, bars: RATIO }],
    peers: { EV: `ratio-${what}`, Perl: `ratio-${what}` },
  })),
  among(10),
  among(10_000),
  among(1_000_000),
];

/** Runs one child. @returns figures, or why there are none */
async function child(peer: Peer | string, row: string, seconds: number) {
  const isPerl = peer === "EV" || peer === "Perl";
  const text = isPerl
    ? await run("perl", [SCRIPT, row, String(seconds)], { env: { PERL_ANYEVENT_MODEL: peer } })
    : await run("deno", [
      ...["run", "--quiet", "--allow-ffi", "--allow-env", "--allow-read", "--allow-sys"],
      ...[CHILD, row, peer === "Deno" ? "host" : peer, String(seconds)],
    ]);
  return figuresOf(peer, text, HINTS[peer as Peer] ?? "deno").figures;
}

class Collected {
  readonly values: Map<string, number[]> = new Map();
  readonly missing: Map<string, string> = new Map();

  async add(who: string, row: string, seconds: number): Promise<void> {
    if (this.missing.has(who)) return;
    const figures = await child(who, row, seconds);
    if (typeof figures === "string") {
      if (!PEERS.includes(who as Peer)) throw new Error(`${who}, ${row}: ${figures}`);
      this.missing.set(who, figures);
      return;
    }
    for (const [name, value] of figures) {
      const key = `${who}\t${row}\t${name}`;
      const all = this.values.get(key) ?? [];
      this.values.set(key, [...all, value]);
    }
  }

  names(who: string, row: string): string[] {
    const start = `${who}\t${row}\t`;
    return [...this.values.keys()].filter((key) => key.startsWith(start))
      .map((key) => key.slice(start.length));
  }

  get(who: string, row: string, name: string, unit: string): number | undefined {
    const all = this.values.get(`${who}\t${row}\t${name}`);
    return all === undefined ? undefined : figureOf(all, unit);
  }
}

function rowsOf(group: Group, collected: Collected): Row[] {
  const rows: Row[] = [];
  const names = new Set(
    group.ours.flatMap(({ backend, row }) => collected.names(of(backend), row)),
  );
  for (const name of names) {
    const peers: Record<string, number> = {};
    for (const peer of PEERS) {
      const value = collected.get(peer, group.peers[peer] ?? "", name, group.unit);
      if (value !== undefined) peers[TITLES[peer]] = value;
    }
    for (const { backend, row, bars } of group.ours) {
      const ours = collected.get(of(backend), row, name, group.unit);
      if (ours === undefined) continue;
      const title = group.name.startsWith("timer") ? group.name : name + group.name;
      rows.push({ name: title, unit: group.unit, backend, ours, peers, bar: bars?.[name] });
    }
  }
  return rows;
}

/** A condvar is the same on all of them. */
function of(backend: string): string {
  return backend.startsWith("any") ? "native" : backend;
}

/** How much dearer a timer is among a million than among ten. */
function growth(rows: readonly Row[]): Row[] {
  const few = rows.filter(({ name }) => name === "timer replaced among 10");
  const many = rows.filter(({ name }) => name === "timer replaced among 1000000");
  return many.map((row) => {
    const base = few.find(({ backend }) => backend === row.backend)!;
    const shared = Object.keys(row.peers).filter((peer) => peer in base.peers);
    return {
      name: "timer among 1000000 / among 10",
      unit: "times",
      backend: row.backend,
      ours: row.ours / base.ours,
      peers: Object.fromEntries(shared.map((peer) => [peer, row.peers[peer] / base.peers[peer]])),
    };
  });
}

async function dns(options: MeasureOptions): Promise<Measured> {
  const count = options.quick ? 100 : 861;
  const [ours, perl] = await measureDns(count, options.peers);
  if (typeof ours.figures === "string") throw new Error(ours.figures);
  const theirs = perl === undefined || typeof perl.figures === "string" ? undefined : perl.figures;
  const row = (key: string, unit: string, bar?: Bar): Row => {
    const value = theirs?.get(key);
    return {
      name: `DNS, ${count} names, ${key}`,
      unit,
      backend: "native",
      ours: (ours.figures as ReadonlyMap<string, number>).get(key)!,
      peers: value === undefined ? {} : { EV: value },
      bar,
    };
  };
  const rows = [
    row("one after another", "us"),
    row(`${OUTSTANDING} at a time`, "us"),
    // The original took 717 s and 54 s.
    row("speed-up", "times", { least: 13.3 }),
  ];
  const why = typeof perl?.figures === "string" ? [`AnyEvent::DNS: ${perl.figures}`] : [];
  return { rows, notes: why };
}

/** Measures all of it. */
export async function measureLoop(options: MeasureOptions): Promise<Measured> {
  const rounds = options.quick ? 1 : 3;
  const seconds = options.quick ? 0.1 : 0.2;
  const collected = new Collected();
  for (let round = 0; round < rounds; round++) {
    console.error(`measuring the loop, round ${round + 1} of ${rounds} …`);
    for (const group of GROUPS) {
      for (const { backend, row } of group.ours) await collected.add(of(backend), row, seconds);
      if (!options.peers) continue;
      for (const peer of PEERS) {
        const row = group.peers[peer];
        // Only those that bars are about must be as sure as ours.
        if (row === undefined || (round > 0 && peer !== "EV")) continue;
        await collected.add(peer, row, seconds);
      }
    }
  }
  const rows = GROUPS.flatMap((group) => rowsOf(group, collected));
  console.error("measuring DNS …");
  const names = await dns(options);
  const notes = [...collected.missing].map(([who, why]) => `${TITLES[who as Peer]}: ${why}`);
  return {
    rows: [...rows, ...growth(rows), ...names.rows],
    notes: [
      ...notes,
      ...names.notes,
      "EV and pure Perl: AnyEvent on these loops. Deno: promise, setTimeout, node:net. For pure and ffi" +
      " the thread blocks in the loop, for native and ffi-parked the host's loop runs. On streams (native," +
      " pure, Deno) the io event is one of a socket pair. A DNS figure is the time for one name.",
    ],
  };
}
