import assert from "node:assert/strict";
import { PeerError, UsageError } from "@anyevent/backends/contract";
import { globalOf } from "@anyevent/global";
import type { Node, NodeConfig } from "@anyevent/mp";
import { Mesh } from "../support/mesh.ts";

const SEED = "127.0.0.1:4040";

/** The host's names, as a test wants them. */
function names(mesh: Mesh, resolve: (name: string) => Promise<readonly string[]>): string[] {
  const asked: string[] = [];
  const host = {
    ...mesh.env.host,
    resolve: (name: string) => {
      asked.push(name);
      return resolve(name);
    },
  };
  Object.assign(mesh.env, { host });
  return asked;
}

/** What of the log is for people, as `node message`. */
function said(mesh: Mesh, pattern: RegExp): string[] {
  return mesh.logged.filter((line) => /^\S+ [0-2] /.test(line) && pattern.test(line));
}

/** The seconds at which a node tried a seed. */
function tries(mesh: Mesh): number[] {
  const times: number[] = [];
  const { logged } = mesh;
  const push = logged.push;
  logged.push = (...lines: string[]): number => {
    if (lines.some((line) => /trying connect to seed/.test(line))) times.push(mesh.loop.now());
    return push.apply(logged, lines);
  };
  return times;
}

function gaps(times: readonly number[]): number[] {
  return times.slice(1).map((time, i) => time - times[i]);
}

Deno.test("a wrong secret is said once at level 2, and again after it worked in between", async () => {
  await using mesh = new Mesh();
  const a = await mesh.node("a", { binds: [SEED] });
  await mesh.node("c", { seeds: [SEED], secret: "not-geheim" });
  await mesh.env.backend.run(60);
  const about = /cannot join through seed 127\.0\.0\.1:4040: .*secret mismatch/;
  assert.equal(said(mesh, about).length, 1, mesh.logged.join("\n"));

  await mesh.run(a.stop());
  const right = await mesh.node("a", { binds: [SEED], secret: "not-geheim" });
  await mesh.until(() => right.nodeIsUp("c") === true);
  await mesh.run(right.stop());
  await mesh.node("a", { binds: [SEED] });
  await mesh.until(() => said(mesh, about).length === 2);
  assert.ok(!/geheim/.test(mesh.logged.join("\n")), "no secret in the log");
});

for (const [large, small] of [["a", "c"], ["c", "a"]]) {
  Deno.test(`a wrong secret is noticed whichever node decides (seed ${large})`, async () => {
    await using mesh = new Mesh();
    await mesh.node(large, { binds: [SEED] });
    await mesh.node(small, { seeds: [SEED], secret: "another" });
    await mesh.until(() => said(mesh, new RegExp(`^${small} .*secret mismatch`)).length === 1);
  });
}

Deno.test("duplicates refused while a mesh comes together are no secret mismatch", async () => {
  for (const seed of [1, 2, 3, 4, 5]) {
    await using mesh = new Mesh({ seed });
    const seeds = [SEED, "127.0.0.1:4041", "127.0.0.1:4042"];
    const nodes: Node[] = [];
    for (const [i, own] of seeds.entries()) {
      nodes.push(await mesh.node(`n${i}`, { binds: [own], seeds }));
    }
    await mesh.until(() => nodes.every((node) => node.upNodes().length === 2));
    await mesh.env.backend.run(30);
    assert.deepEqual(said(mesh, /cannot join|in a row/), [], `seed ${seed}`);
  }
});

Deno.test("nobody at a seed is nothing to tell people about", async () => {
  await using mesh = new Mesh();
  await mesh.node("a", { seeds: [SEED] });
  await mesh.env.backend.run(30);
  assert.deepEqual(said(mesh, /./), []);
});

Deno.test("a seed that refuses us is tried ever more seldom, up to a bound", async () => {
  await using mesh = new Mesh();
  await mesh.node("a", { binds: [SEED] });
  const times = tries(mesh);
  await mesh.node("c", { seeds: [SEED], secret: "another" });
  await mesh.env.backend.run(400);
  const between = gaps(times);
  assert.ok(between.every((gap) => gap >= 1), `${between}`);
  assert.ok(between.length <= 25, `${between.length} attempts in 400 s`);
  // Waits of at most 30 s, a quarter of that by chance, and what is left of a round.
  assert.ok(between.every((gap) => gap <= 30 * 1.25 + 0.01), `${between}`);
  assert.ok(between.slice(-5).every((gap) => gap >= 30), `${between}`);
});

Deno.test("another node with our id at a seed is told, and the seed is kept", async () => {
  await using mesh = new Mesh();
  const other = await mesh.node("same", { binds: [SEED] });
  const node = await mesh.node("same", { binds: ["127.0.0.1:4041"], seeds: [SEED] });
  await mesh.env.backend.run(60);
  const about = /through seed 127\.0\.0\.1:4040: another node there has our id, same;/;
  assert.equal(said(mesh, about).length, 1, mesh.logged.join("\n"));
  await mesh.run(other.stop());
  await mesh.node("b", { binds: [SEED] });
  await mesh.until(() => node.nodeIsUp("b") === true, 60);
});

Deno.test("a seed that is a wildcard listener of our own is forgotten without a word", async () => {
  await using mesh = new Mesh();
  await mesh.node("a", { binds: ["0.0.0.0:4040"], seeds: [SEED] });
  await mesh.until(() => mesh.logged.some((line) => /seed .* is this node/.test(line)));
  await mesh.env.backend.run(60);
  assert.deepEqual(said(mesh, /./), []);
});

Deno.test("two live nodes under one id do not push each other out all the time", async () => {
  for (const seedId of ["a", "z"]) {
    await using mesh = new Mesh();
    const seed = await mesh.node(seedId, { binds: [SEED] });
    const times = tries(mesh);
    const twins = [
      await mesh.node("m", { binds: [], seeds: [SEED] }),
      await mesh.node("m", { binds: [], seeds: [SEED] }),
    ];
    let ups = 0;
    seed.monNodes((_id, up) => void (up && ups++));
    await mesh.env.backend.run(200);
    assert.ok(ups > 2, `${ups}: they do meet`);
    assert.ok(ups <= 30, `${ups} connections in 200 s`);
    assert.ok(times.length <= 40, `${times.length} attempts in 200 s`);
    assert.ok(said(mesh, /another node with our id, m/).length <= 2, "once for each");
    assert.ok(said(mesh, /another node with our id, m/).length >= 1);
    await mesh.run(twins[0].stop());
    await mesh.until(() => twins[1].nodeIsUp(seedId) === true, 60);
  }
});

Deno.test("two live nodes under one id in a full mesh stay bounded, too", async () => {
  await using mesh = new Mesh();
  const s = await mesh.node("s", { binds: [SEED] });
  const y = await mesh.node("y", { binds: ["127.0.0.1:4041"], seeds: [SEED] });
  await mesh.until(() => s.nodeIsUp("y") === true);
  let ups = 0;
  for (const node of [s, y]) node.monNodes((id, up) => void (up && id === "m" && ups++));
  for (const port of [4042, 4043]) {
    await mesh.node("m", { binds: [`127.0.0.1:${port}`], seeds: [SEED] });
  }
  await mesh.env.backend.run(150);
  assert.ok(ups > 2 && ups <= 80, `${ups} connections in 150 s`);
  assert.equal(s.nodeIsUp("y"), true);
});

Deno.test("a lone node does not dial a seed faster than once a second, however often it is lost", async () => {
  await using mesh = new Mesh();
  const a = await mesh.node("a", { binds: [SEED] });
  const times = tries(mesh);
  const b = await mesh.node("b", { seeds: [SEED] });
  const end = mesh.loop.now() + 40;
  while (mesh.loop.now() < end) {
    if (b.upNodes().length > 0) mesh.net.sever();
    globalOf(b).seeds.alone();
    await mesh.env.backend.run(0.1);
  }
  assert.ok(gaps(times).every((gap) => gap >= 1), `${gaps(times)}`);
  assert.ok(times.length >= 5, `${times.length}`);
  await mesh.until(() => a.nodeIsUp("b") === true, 60);
});

Deno.test("configure() refuses what can never be a seed", async () => {
  await using mesh = new Mesh();
  names(mesh, () => Promise.resolve(["10.0.0.1"]));
  const open = { secret: undefined };
  const bad: readonly (readonly [NodeConfig, RegExp])[] = [
    [{ seeds: ["127.0.0.1"] }, /"127\.0\.0\.1": it has no port/],
    [{ seeds: ["127.0.0.1:0"] }, /no port/],
    [{ seeds: ["127.0.0.1:*"] }, /no port/],
    [{ seeds: ["a.example"] }, /no port/],
    [{ seeds: [SEED, "a b:1"] }, /Cannot parse address "a b:1"/],
    [{ seeds: ["10.0.0.1:4040"], ...open }, /beyond loopback a secret or certificate/],
    [{ seeds: ["a.example:4040"], ...open }, /beyond loopback a secret or certificate/],
  ];
  for (const [i, [config, message]] of bad.entries()) {
    const node = mesh.make(`n${i}`);
    const configured = node.configure({ nodeid: `n${i}`, binds: [], secret: "s", ...config });
    await assert.rejects(mesh.run(configured), (error: unknown) => {
      assert.ok(error instanceof UsageError, `${error}`);
      assert.match(error.message, message);
      return true;
    });
    assert.ok(node.stopped);
  }
  // On loopback, by name, is fine.
  names(mesh, () => Promise.resolve(["127.0.0.1"]));
  await mesh.node("ok", { seeds: ["a.example:4040"], secret: undefined });
});

Deno.test("a seed name that cannot be resolved is told once and looked up again each round", async () => {
  await using mesh = new Mesh();
  let known = false;
  const asked = names(
    mesh,
    (name) =>
      known
        ? Promise.resolve(["127.0.0.1"])
        : Promise.reject(new PeerError(`Cannot resolve ${name}: no such name`, "ENOTFOUND")),
  );
  const b = await mesh.node("b", { seeds: ["a.example:4040"] });
  assert.ok(b.running);
  await mesh.env.backend.run(20);
  assert.equal(said(mesh, /cannot resolve seed a\.example:4040.*no such name/).length, 1);
  assert.ok(asked.length >= 10 && asked.length <= 21, `${asked.length} lookups in 20 s`);
  await mesh.node("a", { binds: [SEED] });
  known = true;
  await mesh.until(() => b.nodeIsUp("a") === true, 4);
});

Deno.test("a seed name that stands for another address later is followed", async () => {
  await using mesh = new Mesh();
  let address = "127.0.0.1";
  const asked = names(mesh, () => Promise.resolve([address]));
  const b = await mesh.node("b", { seeds: ["a.example:4040"] });
  await mesh.env.backend.run(50);
  assert.equal(asked.length, 1);
  address = "127.0.0.2";
  await mesh.node("a", { binds: ["127.0.0.2:4040"] });
  await mesh.until(() => b.nodeIsUp("a") === true, 20);
  const before = mesh.logged.length;
  await mesh.env.backend.run(30);
  assert.ok(!mesh.logged.slice(before).some((line) => line.includes("127.0.0.1:4040")));
});

Deno.test("configure() does not wait for a name for ever, and stop() not at all", async () => {
  await using mesh = new Mesh();
  const found: ((addresses: readonly string[]) => void)[] = [];
  names(mesh, () => new Promise((resolve) => void found.push(resolve)));
  await mesh.node("a", { binds: [SEED] });
  const b = mesh.make("b");
  let configured = false;
  const done = b.configure({ nodeid: "b", binds: [], secret: "geheim", seeds: ["a.example:4040"] })
    .then(() => void (configured = true));
  await mesh.until(() => configured, 10);
  await done;
  found[0](["127.0.0.1"]);
  await mesh.until(() => b.nodeIsUp("a") === true);

  const c = mesh.make("c");
  const never = c.configure({ nodeid: "c", binds: [], seeds: ["b.example:1"] });
  never.catch(() => undefined);
  await mesh.until(() => found.length === 2);
  await mesh.run(c.stop());
  await mesh.run(never.catch(() => undefined));
  found[1](["127.0.0.1"]);
  await mesh.env.backend.settle();
  assert.equal(c.stats().dials, 0);
});

Deno.test("a seed that was killed is found again within seconds after it is back", async () => {
  await using mesh = new Mesh();
  const a = await mesh.node("a", { binds: [SEED] });
  const b = await mesh.node("b", { seeds: [SEED] });
  await mesh.until(() => b.nodeIsUp("a") === true);
  await mesh.run(a.stop());
  await mesh.until(() => b.nodeIsUp("a") !== true);
  await mesh.env.backend.run(100);
  await mesh.node("a", { binds: [SEED] });
  await mesh.until(() => b.nodeIsUp("a") === true, 3);
});
