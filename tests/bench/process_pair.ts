/** Two processes over TCP on loopback: round trip and one-way rate, encrypted and plain, beside raw TCP. */
import "@anyevent/global";
import { AE, defaultLoop } from "@anyevent/loop";
import { Node, type NodeConfig } from "@anyevent/mp";
import { type BenchCase, median } from "./bench.ts";

const CHILD = new URL("./pair_child.ts", import.meta.url).pathname;
const SECRET = "bench-only-secret";
const ENCRYPTED: NodeConfig = { secret: SECRET };
const PLAIN: NodeConfig = { secret: SECRET, compat: "perl", encrypt: false };

interface Pair {
  readonly node: Node;
  readonly tcp: number;
}

async function withPair<T>(config: NodeConfig, use: (pair: Pair) => Promise<T>): Promise<T> {
  const child = new Deno.Command("deno", {
    args: [
      "run",
      "--no-prompt",
      "--allow-net=127.0.0.1",
      "--allow-env",
      CHILD,
      JSON.stringify(config),
    ],
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const stdin = child.stdin;
  const reader = child.stdout.getReader();
  const node = new Node({ loop: defaultLoop(), configFile: {} });
  try {
    const { value } = await reader.read();
    const where = JSON.parse(new TextDecoder().decode(value)) as { node: string; tcp: number };
    const up = new Promise<void>((resolve) => {
      node.monNodes((_id, up) => up && resolve());
    });
    await node.configure({ nodeid: "bench-client", binds: [], seeds: [where.node], ...config });
    await up;
    return await use({ node, tcp: where.tcp });
  } finally {
    await node.stop();
    await stdin.close();
    await reader.cancel();
    await child.status;
  }
}

function ask(node: Node, port: string, ...message: unknown[]): Promise<unknown> {
  return new Promise((resolve) => {
    const reply = node.port((value: unknown) => {
      node.kil(reply);
      resolve(value);
    });
    node.snd(port, ...message.map((part) => part === REPLY ? reply : part));
  });
}
const REPLY = Symbol("reply");
const SENT_A_TURN = 2000;

function roundTrip({ node }: Pair): Promise<number> {
  const times: number[] = [];
  return new Promise((resolve) => {
    let from = 0;
    const again = (): void => {
      from = performance.now();
      node.snd("bench-server#echo", "echo", reply, times.length);
    };
    const reply = node.port(() => {
      times.push((performance.now() - from) * 1000);
      if (times.length < 5000) again();
      else resolve(median(times.slice(1000)));
    });
    again();
  });
}

async function rate({ node }: Pair): Promise<number> {
  const rates: number[] = [];
  for (let round = 0; round < 6; round++) {
    const count = 200_000;
    const from = performance.now();
    for (let i = 0; i < count; i++) {
      node.snd("bench-server#sink", "m", i, "hello world");
      // As a program that does not send all it ever will from one callback.
      if (i % SENT_A_TURN === SENT_A_TURN - 1) await new Promise<void>((next) => AE.postpone(next));
    }
    const got = await ask(node, "bench-server#sink", "count", REPLY);
    if (got !== count) throw new Error(`sent ${count}, arrived ${got}`);
    rates.push(count / (performance.now() - from) * 1000);
  }
  return median(rates.slice(1));
}

async function rawEcho({ tcp }: Pair): Promise<number> {
  const conn = await Deno.connect({ hostname: "127.0.0.1", port: tcp });
  conn.setNoDelay(true);
  const message = new Uint8Array(40);
  const buffer = new Uint8Array(65536);
  const times: number[] = [];
  for (let i = 0; i < 5000; i++) {
    const from = performance.now();
    await conn.write(message);
    await conn.read(buffer);
    times.push((performance.now() - from) * 1000);
  }
  conn.close();
  return median(times.slice(1000));
}

/** All of them. */
export const cases: readonly BenchCase[] = [
  { name: "round trip, Deno TCP echo", unit: "us", run: () => withPair(ENCRYPTED, rawEcho) },
  { name: "round trip, encrypted", unit: "us", run: () => withPair(ENCRYPTED, roundTrip) },
  { name: "round trip, plain", unit: "us", run: () => withPair(PLAIN, roundTrip) },
  { name: "small messages one way, encrypted", unit: "/s", run: () => withPair(ENCRYPTED, rate) },
  { name: "small messages one way, plain", unit: "/s", run: () => withPair(PLAIN, rate) },
];
