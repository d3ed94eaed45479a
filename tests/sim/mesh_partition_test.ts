/**
 * Nodes on hosts of their own, over a network with latency that is divided and heals, in virtual time.
 */
import assert from "node:assert/strict";
import { simWorld, type World } from "@anyevent/backends/sim";
import { globalOf } from "@anyevent/global";
import { Loop } from "@anyevent/loop";
import { Node } from "@anyevent/mp";

const PORT = 4040;

/** A node on each host, all with the first as seed. */
async function nodesOn(world: World, names: readonly string[]): Promise<Node[]> {
  const nodes = names.map((name) =>
    new Node({ loop: new Loop(world.env(name)), configFile: {}, log: () => undefined })
  );
  const seeds = [`${world.env(names[0]).addresses[0]}:${PORT}`];
  for (const [at, node] of nodes.entries()) {
    const binds = [`${world.env(names[at]).addresses[0]}:${PORT}`];
    const secret = "geheim";
    await world.finish(
      node.configure({ nodeid: names[at], binds, seeds: at === 0 ? [] : seeds, secret }),
    );
  }
  return nodes;
}

async function stop(world: World, nodes: readonly Node[]): Promise<void> {
  await world.finish(Promise.all(nodes.map((node) => node.stop())));
  for (const node of nodes) node.loop.dispose();
}

function full(nodes: readonly Node[]): boolean {
  return nodes.every((node) => node.upNodes().length === nodes.length - 1);
}

for (const seed of [1, 2, 3, 4, 5]) {
  Deno.test(`three nodes: told of a partition, together again after it (seed ${seed})`, async () => {
    const world = simWorld({ seed, tcpTimeout: 20, log: () => undefined });
    world.latency([0.005, 0.15]);
    world.chop({ segments: 200, reads: 300 });
    const nodes = await nodesOn(world, ["a", "b", "c"]);
    const [a, b, c] = nodes;
    await world.until(() => full(nodes));

    // Numbers from b to a port of a: without holes as long as nobody tells of a loss.
    const got: number[] = [];
    const sink = a.port((n: number) => void got.push(n));
    globalOf(a).groups.register("sink", sink);
    await world.until(() => globalOf(c).groups.get("sink") !== undefined);
    let n = 0;
    const lost: unknown[][] = [];
    const watch = (): void => {
      b.mon(sink, (...reason: unknown[]) => lost.push(reason));
    };
    watch();
    const ticker = b.loop.timer({ after: 0.1, interval: 0.1, cb: () => b.snd(sink, n++) });
    await world.run(5);
    assert(got.length >= 40, `${got.length} of ${n}`);

    // Short: the network holds back, and nobody is told.
    world.partition([["a"], ["b", "c"]]);
    await world.run(8);
    world.heal();
    await world.until(() => got.length >= n - 20);
    assert.deepEqual(lost, []);
    assert.deepEqual(got, Array.from(got, (_, i) => i));

    // Long: b and c lose a, keep each other, and a port of a leaves the groups.
    world.partition([["a"], ["b", "c"]]);
    await world.until(() => lost.length > 0);
    ticker.cancel();
    assert.equal(lost[0][0], "transport_error");
    await world.until(() => b.nodeIsUp("a") !== true && c.nodeIsUp("a") !== true);
    assert.equal(b.nodeIsUp("c"), true);
    await world.until(() => globalOf(c).groups.get("sink") === undefined);
    const before = got.length;
    assert.deepEqual(got, Array.from({ length: before }, (_, i) => i));

    // Healed: a full mesh again, and messages arrive.
    world.heal();
    await world.until(() => full(nodes));
    await world.until(() => globalOf(c).groups.get("sink") !== undefined);
    b.snd(sink, -1);
    await world.until(() => got.includes(-1));
    // Killed like a process, it is missed; started again, it is taken back.
    world.kill("b");
    await world.until(() => a.nodeIsUp("b") !== true && c.nodeIsUp("b") !== true);
    await stop(world, [a, c]);
  });
}
