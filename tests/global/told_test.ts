import assert from "node:assert/strict";
import { globalOf, grpReg } from "@anyevent/global";
import type { Node, NodeConfig, PortId } from "@anyevent/mp";
import { Mesh } from "../support/mesh.ts";

const SEED = "127.0.0.1:4040";
const CONNECT = "AnyEvent::MP::Global::connect";

/** Two connected nodes; the second speaks to the first's mesh side by hand. */
async function pair(
  mesh: Mesh,
  config: NodeConfig = {},
): Promise<{ a: Node; b: Node; session: PortId }> {
  const a = await mesh.node("a", { binds: [SEED], ...config });
  const b = await mesh.node("b", { binds: ["127.0.0.1:4041"], seeds: [SEED] });
  await mesh.until(() => a.nodeIsUp("b") === true && b.nodeIsUp("a") === true);
  return { a, b, session: b.spawn("a", CONNECT, 0, "b") };
}

function levelTwo(mesh: Mesh, pattern: RegExp): string[] {
  return mesh.logged.filter((line) => /^\S+ 2 /.test(line) && pattern.test(line));
}

Deno.test("a group of many ports is told whole to those who join", async () => {
  await using mesh = new Mesh();
  const a = await mesh.node("a", { binds: [SEED] });
  const ports = Array.from({ length: 500 }, () => a.port(() => undefined));
  for (const port of ports) globalOf(a).groups.register("many", port);
  const b = await mesh.node("b", { seeds: [SEED] });
  await mesh.until(() => globalOf(b).groups.get("many") !== undefined);
  assert.deepEqual(globalOf(b).groups.get("many"), ports);
});

Deno.test("connect() is refused to who claims to be another node", async () => {
  await using mesh = new Mesh();
  const { a, b } = await pair(mesh);
  const c = await mesh.node("c", { seeds: [SEED] });
  await mesh.until(() => a.nodeIsUp("c") === true);
  const forged = b.spawn("a", CONNECT, 0, "c");
  const told: unknown[][] = [];
  b.mon(forged, (...reason) => void told.push(reason));
  b.snd(forged, "reg1", "g", "c#forged");
  await mesh.until(() => told.length === 1);
  assert.equal(globalOf(a).groups.get("g"), undefined);
  // Nor by way of the node itself.
  a.spawn("a", CONNECT, 0, "c");
  await mesh.env.backend.settle();
  assert.equal(levelTwo(mesh, /says that it is c/).length, 2, mesh.logged.join("\n"));
  const real = c.port(() => undefined);
  globalOf(c).groups.register("g", real);
  await mesh.until(() => globalOf(a).groups.get("g")?.[0] === real);
});

Deno.test("a node that joins again and again gets a few ports only", async () => {
  await using mesh = new Mesh();
  const { a, b } = await pair(mesh);
  const before = a.stats().ports;
  for (let i = 0; i < 1000; i++) b.spawn("a", CONNECT, 0, "b");
  await mesh.env.backend.settle();
  assert.ok(a.stats().ports <= before + 4, `${a.stats().ports}`);
  // And all is given back with the connection.
  mesh.net.sever();
  await mesh.until(() => a.nodeIsUp("b") !== true);
  await mesh.until(() => a.nodeIsUp("b") === true && b.nodeIsUp("a") === true);
  const port = b.port(() => undefined);
  globalOf(b).groups.register("g", port);
  await mesh.until(() => globalOf(a).groups.get("g")?.[0] === port);
});

Deno.test("of 100,000 told nodes few are known, fewer are dialled, and all is over in the end", async () => {
  await using mesh = new Mesh();
  const { a, b, session } = await pair(mesh);
  for (let part = 0; part < 10; part++) {
    const nodes: Record<string, string[]> = {};
    for (let i = 0; i < 10_000; i++) nodes[`x${part}-${i}`] = [`10.${part}.0.1:${1 + i}`];
    b.snd(session, "nodes", nodes);
  }
  await mesh.env.backend.settle();
  assert.ok(a.knownNodes().length <= 66, `${a.knownNodes().length} nodes known`);
  assert.deepEqual(globalOf(a).membership.told, { tried: 64, waiting: 4096 });
  assert.equal(levelTwo(mesh, /^a 2 b told us about/).length, 2, "each limit once");
  // What another node tells has its turn at once.
  const c = await mesh.node("c", { binds: ["127.0.0.1:4043"] });
  const d = await mesh.node("d", { binds: ["127.0.0.1:4044"], seeds: [SEED] });
  await mesh.until(() => a.nodeIsUp("d") === true);
  d.snd(d.spawn("a", CONNECT, 0, "d"), "nodes", { c: ["127.0.0.1:4043"] });
  await mesh.until(() => c.nodeIsUp("a") === true, 3);
  assert.ok(b.nodeIsUp("a"));
});

Deno.test("more told nodes than are dialled at a time are all reached, also past dead ones", async () => {
  await using mesh = new Mesh();
  const { a, b, session } = await pair(mesh, { monitorTimeout: 3 });
  const nodes: Record<string, string[]> = {};
  for (let i = 0; i < 100; i++) nodes[`dead${i}`] = [`127.0.0.9:${1000 + i}`];
  const alive: Node[] = [];
  for (let i = 0; i < 3; i++) {
    alive.push(await mesh.node(`live${i}`, { binds: [`127.0.0.1:${5000 + i}`] }));
    nodes[`live${i}`] = [`127.0.0.1:${5000 + i}`];
  }
  b.snd(session, "nodes", nodes);
  await mesh.env.backend.run(15);
  assert.ok(alive.every((node) => node.nodeIsUp("a") === true));
  assert.deepEqual(globalOf(a).membership.told, { tried: 0, waiting: 0 });
  assert.equal(a.knownNodes().length, 5);
});

Deno.test("a node somebody here waits for is dialled without waiting for its turn", async () => {
  await using mesh = new Mesh();
  const { a, b, session } = await pair(mesh);
  const nodes: Record<string, string[]> = {};
  for (let i = 0; i < 2000; i++) nodes[`dead${i}`] = [`127.0.0.9:${1000 + i}`];
  b.snd(session, "nodes", nodes);
  const c = await mesh.node("c", { binds: ["127.0.0.1:4043"] });
  a.mon("c", () => undefined);
  b.snd(session, "nodes", { c: ["127.0.0.1:4043"] });
  await mesh.until(() => c.nodeIsUp("a") === true, 2);
});

Deno.test("addresses told again and again for one node are bounded", async () => {
  await using mesh = new Mesh();
  const { a, b, session } = await pair(mesh);
  const dialled = new Set<string>();
  const { logged } = mesh;
  for (let part = 0; part < 20; part++) {
    const addresses = Array.from({ length: 64 }, (_, i) => `127.0.${part}.9:${1 + i}`);
    b.snd(session, "nodes", { x: addresses });
  }
  await mesh.until(() => a.nodeIsUp("x") === undefined, 60);
  for (const line of logged) {
    const at = /connecting to x at (\S+)/.exec(line)?.[1];
    if (at !== undefined) dialled.add(at);
  }
  assert.ok(dialled.size > 0 && dialled.size <= 64, `${dialled.size}`);
});

Deno.test("Unix sockets and unusable ids that a peer tells are passed over", async () => {
  await using mesh = new Mesh();
  const { a, b, session } = await pair(mesh);
  const c = await mesh.node("c", { binds: ["127.0.0.1:4043"] });
  const bad = ["0", "a b", "x#y", "\u00fc", "a;b", "n".repeat(300), "", "a\n"];
  b.snd(session, "nodes", {
    d: ["unix/:/run/some.sock"],
    ...Object.fromEntries(bad.map((id) => [id, ["127.0.0.1:1"]])),
    __proto__x: ["127.0.0.1:2"],
    c: ["127.0.0.1:4043"],
  });
  await mesh.until(() => c.nodeIsUp("a") === true, 3);
  assert.equal(a.nodeIsUp("d"), undefined);
  assert.ok(!mesh.logged.some((line) => /some\.sock/.test(line)));
  assert.deepEqual(levelTwo(mesh, /^a 2 /), []);
  for (const id of bad) assert.ok(!a.knownNodes().includes(id), id);
});

Deno.test("registrations of one node are bounded, and logged when there are too many", async () => {
  await using mesh = new Mesh();
  const { a, b, session } = await pair(mesh);
  const { groups } = globalOf(a);
  for (let part = 0; part < 10; part++) {
    b.snd(session, "set", {
      [`g${part}`]: Array.from({ length: 10_000 }, (_, i) => `b#${part}.${i}`),
    });
  }
  b.snd(session, "reg1", "late", "b#late");
  await mesh.env.backend.settle();
  assert.equal(groups.registrationsOf("b"), 50_000);
  assert.equal(groups.get("late"), undefined);
  assert.equal(levelTwo(mesh, /b told us about more than 50000 registrations/).length, 1);
  b.snd(session, "reg0", "g0", "b#0.1");
  b.snd(session, "reg1", "late", "b#late");
  b.snd(session, "reg1", "x".repeat(5000), "b#y");
  b.snd(session, "reg1", "y", "b#" + "x".repeat(5000));
  await mesh.env.backend.settle();
  assert.deepEqual(groups.get("late"), ["b#late"]);
  // Nobody else pays for it, and it is over with the node.
  const mine = a.port(() => undefined);
  groups.register("g0", mine);
  await mesh.run(b.stop());
  await mesh.until(() => groups.registrationsOf("b") === 0);
  assert.deepEqual(groups.get("g0"), [mine]);
  assert.throws(() => groups.register("x".repeat(5000), mine), /at most 4096/);
});

Deno.test("addresses told again and again are passed on once", async () => {
  await using mesh = new Mesh();
  const { a, b, session } = await pair(mesh);
  await mesh.env.backend.run(5);
  const timers = mesh.env.backend.stats().timers;
  for (let i = 0; i < 1000; i++) b.snd(session, "addr", [`127.0.0.1:${1 + i}`]);
  await mesh.env.backend.settle();
  assert.ok(mesh.env.backend.stats().timers <= timers + 2);
  assert.deepEqual(globalOf(a).membership.known.get("b"), ["127.0.0.1:1000"]);
});

Deno.test("grpReg() of the node itself before configure() goes with its new id", async () => {
  await using mesh = new Mesh();
  const b = mesh.make("b");
  const { groups } = globalOf(b);
  const before = b.id;
  const guard = groups.register("nodes", b.id);
  const other = groups.register("others", b.id);
  other.cancel();
  assert.deepEqual(groups.get("nodes"), [before]);
  const a = await mesh.node("a", { binds: [SEED] });
  await mesh.run(b.configure({ nodeid: "b", binds: [], secret: "geheim", seeds: [SEED] }));
  assert.deepEqual(groups.get("nodes"), ["b"]);
  assert.equal(groups.registrationsOf(before), 0);
  await mesh.until(() => globalOf(a).groups.get("nodes")?.[0] === "b");
  assert.throws(() => groups.register("nodes", "b"), /in it already/);
  guard.cancel();
  await mesh.until(() => globalOf(a).groups.get("nodes") === undefined);
  assert.equal(groups.get("nodes"), undefined);
  assert.equal(groups.get("others"), undefined);
  assert.equal(typeof grpReg, "function");
});

Deno.test("a group named like a member of Object is told like any other", async () => {
  await using mesh = new Mesh();
  const a = await mesh.node("a", { binds: [SEED] });
  const port = a.port(() => undefined);
  const groups = ["__proto__", "constructor"];
  for (const group of groups) globalOf(a).groups.register(group, port);
  assert.deepEqual(Object.keys(globalOf(a).groups.own), groups);
  const b = await mesh.node("b", { seeds: [SEED] });
  for (const group of groups) {
    await mesh.until(() => globalOf(b).groups.get(group)?.[0] === port, 5);
  }
});
