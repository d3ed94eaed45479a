/**
 * Threads beside those of Perl's Coro, Go and Erlang, and what comes nearest on npm. Each row is measured in
 * processes of its own, ours and the peers' in turns; the figure is the fastest of those. All run on one
 * processor, but for the share-nothing half of the matrix.
 */
import { type Bar, figureOf, type Measured, type MeasureOptions, type Row } from "./bench.ts";
import { FOLDER, HINT, installed, PACKAGES } from "./coro_npm.ts";
import { figuresOf, run } from "./peers.ts";

const HERE = new URL("./", import.meta.url).pathname;
const SCRATCH = new URL("../.tmp/bench", import.meta.url).pathname;

/** How a peer is named in the table. */
const TITLES = {
  perl: "Perl",
  go: "Go",
  erlang: "Erlang",
  effect: "Effect",
  effection: "Effection",
  nact: "nact",
} as const;
type Peer = keyof typeof TITLES;

/** How it is installed. */
const HINTS: Readonly<Record<Peer, string>> = {
  perl: "libcoro-perl",
  go: "golang-go",
  erlang: "erlang-base",
  effect: HINT,
  effection: HINT,
  nact: HINT,
};

interface Group {
  /** Row of the programs. */
  readonly row: string;
  readonly peers: readonly Peer[];
  /** Of its figures, where it is not ns. */
  readonly units?: Readonly<Record<string, string>>;
  readonly bars?: Readonly<Record<string, Bar>>;
}

const THREE: readonly Peer[] = ["perl", "go", "erlang"];

function switches(threads: number, peers: readonly Peer[], bar?: Bar): Group {
  const bars = bar === undefined ? undefined : { [`thread switch, ${threads} threads`]: bar };
  return { row: `switch-${threads}`, peers, bars };
}

const LIFE = "thread create + run + join";
const MEMORY = "memory of a parked thread";
const PING_PONG = "channel ping-pong, a message";
const BUFFER = "channel with buffer of 100, a message";
const SEMAPHORE = "semaphore down + up";
const POOL = "async / async_pool";
const WINDERS = "switch with them / without";
const MATRIX = "matrix, share-nothing / threads";

const GROUPS: readonly Group[] = [
  switches(2, [...THREE, "effect"], { peer: "Go", most: 0.7 }),
  switches(10, THREE),
  switches(100, THREE),
  switches(1000, [...THREE, "effect"], { peer: "Go", most: 0.8 }),
  switches(10_000, THREE),
  switches(100_000, THREE, { peer: "Go", most: 1 }),
  // Perl and Erlang would take 3 to 4 GB.
  switches(1_000_000, ["go"]),
  { row: "deep", peers: [] },
  {
    row: "life",
    peers: [...THREE, "effect", "effection"],
    bars: { [LIFE]: { peer: "Perl", most: 0.7 } },
  },
  // Perl's is said to be about twice as fast.
  { row: "pool", peers: ["perl"], units: { [POOL]: "times" }, bars: { [POOL]: { least: 1 } } },
  {
    row: "memory",
    peers: [...THREE, "effect", "effection"],
    units: { [MEMORY]: "B" },
    bars: { [MEMORY]: { most: 500 } },
  },
  {
    row: "ping-pong",
    peers: [...THREE, "effect", "effection", "nact"],
    bars: { [PING_PONG]: { peer: "Go", most: 0.8 } },
  },
  { row: "buffer", peers: [...THREE, "effect"], bars: { [BUFFER]: { peer: "Go", most: 1.3 } } },
  {
    row: "semaphore",
    peers: ["perl", "go", "effect"],
    bars: { [SEMAPHORE]: { peer: "Perl", most: 0.25 } },
  },
  // Perl's is said to make a switch about 40% slower.
  {
    row: "winders",
    peers: ["perl"],
    units: { [WINDERS]: "times" },
    bars: { [WINDERS]: { most: 1.4 } },
  },
  // Perl's is said to be 300 times as fast.
  {
    row: "matrix",
    peers: ["perl"],
    units: {
      "matrix, threads": "us",
      "matrix, an element a message": "us",
      "matrix, a row a message": "us",
      [MATRIX]: "times",
      "matrix, share-nothing by rows / threads": "times",
    },
    bars: { [MATRIX]: { least: 300 } },
  },
];

const DENO = ["run", "--quiet", "--no-prompt", "--allow-env", "--allow-read", "--allow-sys"];
const WITH_GC = "--v8-flags=--expose-gc";

/** Compiles what needs it, and finds what is there. @returns those that are not, and why */
async function prepare(): Promise<Map<Peer, string>> {
  const missing = new Map<Peer, string>();
  const build = async (peer: Peer, source: string, command: string, args: string[]) => {
    await Deno.copyFile(`${HERE}peers/${source}`, `${SCRATCH}/${source}`);
    const text = await run(command, args, { cwd: SCRATCH });
    const { figures } = figuresOf(peer, text, HINTS[peer]);
    if (typeof figures === "string") missing.set(peer, figures);
  };
  await Deno.mkdir(SCRATCH, { recursive: true });
  await build("go", "coro.go", "go", ["build", "-o", "coro_go", "coro.go"]);
  await build("erlang", "coro.erl", "erlc", ["coro.erl"]);
  const there = await installed();
  for (const name of Object.keys(PACKAGES) as Peer[]) {
    if (!there.includes(name)) missing.set(name, `not measured: not installed (${HINT})`);
  }
  if (there.length > 0) {
    await Deno.copyFile(`${HERE}peers/coro_npm.js`, `${FOLDER}/coro_npm.js`);
  }
  return missing;
}

/** Runs a row of ours or of a peer's in a process of its own. */
async function child(
  who: Peer | "ours",
  row: string,
  seconds: string,
): Promise<string | undefined> {
  switch (who) {
    case "ours":
      return row === "matrix"
        ? await run("deno", [...DENO, `${HERE}coro_matrix.ts`])
        : await run("deno", [...DENO, WITH_GC, `${HERE}coro_child.ts`, row, seconds]);
    case "perl":
      return row === "matrix"
        ? await run("perl", [`${HERE}peers/coro_matrix.pl`])
        : await run("perl", [`${HERE}peers/coro.pl`, row, seconds]);
    case "go":
      return await run(`${SCRATCH}/coro_go`, [row, seconds]);
    case "erlang": {
      const flags = ["+S", "1:1", "+P", "2000000", "-noshell"];
      return await run("erl", [...flags, "-run", "coro", "main", row, seconds], { cwd: SCRATCH });
    }
    default: {
      const flags = ["--no-config", "--node-modules-dir=manual", WITH_GC];
      const args = [...DENO, ...flags, "coro_npm.js", who, row, seconds];
      return await run("deno", args, { cwd: FOLDER });
    }
  }
}

/** Figures of all processes of one row: name, who, values. */
class Collected {
  readonly #values = new Map<string, Map<string, number[]>>();

  add(who: string, figures: ReadonlyMap<string, number>): void {
    for (const [name, value] of figures) {
      const byWho = this.#values.get(name) ?? new Map<string, number[]>();
      this.#values.set(name, byWho.set(who, [...byWho.get(who) ?? [], value]));
    }
  }

  rows({ units, bars }: Group): Row[] {
    return [...this.#values].flatMap(([name, byWho]) => {
      const unit = units?.[name] ?? "ns";
      const { ours, ...peers } = Object.fromEntries(
        [...byWho].map(([who, values]) => [who, figureOf(values, unit)]),
      );
      if (ours === undefined) return [];
      return [{
        name,
        unit,
        backend: "native",
        ours,
        peers,
        bar: bars?.[name],
      }];
    });
  }
}

/** How much dearer a switch is among a million than among two. */
function growth(rows: readonly Row[]): Row[] {
  const [few, many] = [2, 1_000_000].map((count) =>
    rows.find(({ name }) => name === `thread switch, ${count} threads`)
  );
  if (few === undefined || many === undefined) return [];
  const shared = Object.keys(many.peers).filter((peer) => peer in few.peers);
  return [{
    name: "thread switch, 1000000 threads / 2",
    unit: "times",
    backend: "native",
    ours: many.ours / few.ours,
    peers: Object.fromEntries(shared.map((peer) => [peer, many.peers[peer] / few.peers[peer]])),
  }];
}

/** Measures all of it. */
export async function measureCoro(options: MeasureOptions): Promise<Measured> {
  const rounds = options.quick ? 1 : 4;
  const seconds = options.quick ? "0.1" : "0.3";
  const missing = options.peers ? await prepare() : new Map<Peer, string>();
  const failed = new Map<string, string>();
  const collected = new Map(GROUPS.map((group) => [group, new Collected()]));
  for (let round = 0; round < rounds; round++) {
    console.error(`measuring threads, round ${round + 1} of ${rounds} …`);
    for (const [group, values] of collected) {
      for (const who of ["ours", ...options.peers ? group.peers : []] as const) {
        if (who !== "ours" && (missing.has(who) || failed.has(`${who} ${group.row}`))) continue;
        const title = who === "ours" ? who : TITLES[who];
        const hint = who === "ours" ? "deno" : HINTS[who];
        const { figures } = figuresOf(title, await child(who, group.row, seconds), hint);
        if (typeof figures !== "string") values.add(title, figures);
        else if (who === "ours") throw new Error(`${group.row}: ${figures}`);
        else failed.set(`${who} ${group.row}`, `${title}, ${group.row}: ${figures}`);
      }
    }
  }
  const rows = [...collected].flatMap(([group, values]) => values.rows(group));
  return {
    rows: [...rows, ...growth(rows)],
    notes: [
      ...[...missing].map(([who, why]) => `${TITLES[who]}: ${why}`),
      ...failed.values(),
      "Threads: on one processor each (Go: GOMAXPROCS 1, Erlang: one scheduler), ours on the native loop." +
      " Memory is the heap's (Perl: the process's). Erlang's buffer is a mailbox without bounds. Matrix:" +
      " 24 × 24 by four threads that share it, against four Workers (Perl: interpreter threads).",
    ],
  };
}
