/**
 * Properties of the simulated network, whatever the seed.
 */
import assert from "node:assert/strict";
import type { ByteStream } from "@anyevent/backends/contract";
import { type SimEnv, simWorld, type World } from "@anyevent/backends/sim";
import fc from "fast-check";

const RUNS = { numRuns: 60 };
const PORT = 4040;

/** What a connection is to carry, and what went wrong on the way. */
interface Flow {
  readonly sizes: readonly number[];
  readonly latency: readonly [number, number];
  readonly chop: number;
  /** When there is a partition, and for how long; seconds. */
  readonly partitions: readonly (readonly [at: number, length: number])[];
}

const flows: fc.Arbitrary<Flow> = fc.record({
  sizes: fc.array(fc.integer({ min: 1, max: 3000 }), { minLength: 1, maxLength: 12 }),
  latency: fc.tuple(
    fc.double({ min: 0, max: 0.01, noNaN: true }),
    fc.double({ min: 0.01, max: 2, noNaN: true }),
  ),
  chop: fc.integer({ min: 1, max: 2000 }),
  partitions: fc.array(
    fc.tuple(
      fc.double({ min: 0, max: 5, noNaN: true }),
      fc.double({ min: 0, max: 20, noNaN: true }),
    ),
    { maxLength: 3 },
  ),
});

/** The bytes of a flow: no shift or swap leaves them equal. */
function bytesOf({ sizes }: Flow): Uint8Array {
  const out = new Uint8Array(sizes.reduce((sum, size) => sum + size, 0));
  for (let i = 0; i < out.length; i++) out[i] = (Math.imul(i, 2654435761) >>> 13) & 255;
  return out;
}

/** Writes everything in the given pieces, then the end of file. */
function send(env: SimEnv, stream: ByteStream, flow: Flow): void {
  const bytes = bytesOf(flow);
  let at = 0;
  const undo = env.backend.io(stream, "w", () => {
    at += stream.tryWrite(bytes.subarray(at, at + flow.sizes[at % flow.sizes.length]));
    if (at < bytes.length) return;
    undo();
    stream.shutdown();
  });
}

/** Collects what arrives until the end of file. */
function receive(env: SimEnv, stream: ByteStream, got: number[], done: () => void): void {
  const into = new Uint8Array(700);
  const undo = env.backend.io(stream, "r", () => {
    const count = stream.tryRead(into);
    if (count !== null) {
      for (let i = 0; i < count; i++) got.push(into[i]);
      return;
    }
    undo();
    stream.close();
    done();
  });
}

/** Runs a flow from "b" to "a" and gives what arrived. */
async function run(seed: number, flow: Flow, trace?: (line: string) => void): Promise<number[]> {
  const world: World = simWorld({ seed, trace, capacity: 4000, tcpTimeout: 1000 });
  const [a, b] = [world.env("a"), world.env("b")];
  world.latency(flow.latency);
  world.chop({ reads: flow.chop, writes: flow.chop, segments: flow.chop });
  const got: number[] = [];
  let over = false;
  a.net.listen({ transport: "tcp", host: "0.0.0.0", port: PORT }, (stream) => {
    receive(a, stream, got, () => over = true);
  });
  b.net.connect({ transport: "tcp", host: "a", port: PORT }, (error, stream) => {
    assert.equal(error, undefined);
    send(b, stream!, flow);
  });
  const conductor = world.env("conductor").backend;
  for (const [at, length] of flow.partitions) {
    conductor.timer(at, () => world.partition([["a"], ["b"]]));
    conductor.timer(at + length, () => world.heal());
  }
  await world.until(() => over, 1e6);
  return got;
}

Deno.test("a connection loses, doubles and swaps nothing, whatever seed, latency and partitions", async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer(), flows, async (seed, flow) => {
      const got = await run(seed, flow);
      assert.deepEqual(new Uint8Array(got), bytesOf(flow));
    }),
    RUNS,
  );
});

Deno.test("the same seed gives the same trace, another one another", async () => {
  let different = 0;
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 1e6 }), flows, async (seed, flow) => {
      const traces: string[][] = [[], [], []];
      await run(seed, flow, (line) => traces[0].push(line));
      await run(seed, flow, (line) => traces[1].push(line));
      await run(seed + 1, flow, (line) => traces[2].push(line));
      assert.deepEqual(traces[1], traces[0]);
      if (traces[2].join() !== traces[0].join()) different++;
    }),
    RUNS,
  );
  assert(different > RUNS.numRuns / 2, `only ${different} of ${RUNS.numRuns} differed`);
});

Deno.test("hosts that are busy at one instant take turns in an order that the seed chooses", async () => {
  const orders = new Set<string>();
  for (let seed = 0; seed < 40; seed++) {
    const world = simWorld({ seed });
    const order: string[] = [];
    for (const name of ["a", "b", "c"]) {
      const { backend } = world.env(name);
      // Within one host the order is that of the calls.
      for (const n of [1, 2]) backend.timer(1, () => order.push(`${name}${n}`));
    }
    await world.run(1);
    for (const name of ["a", "b", "c"]) {
      assert(order.indexOf(`${name}1`) < order.indexOf(`${name}2`));
    }
    orders.add(order.join());
  }
  assert.equal(orders.size, 6);
});
