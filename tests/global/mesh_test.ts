import assert from "node:assert/strict";
import { UsageError } from "@anyevent/backends/contract";
import { globalOf, grpGet, grpMon, grpReg } from "@anyevent/global";
import { Node, type PortId } from "@anyevent/mp";
import { Mesh } from "../support/mesh.ts";

const SEED = "127.0.0.1:4040";

async function mesh4(mesh: Mesh, count = 4): Promise<Node[]> {
  const nodes = [await mesh.node("n0", { binds: [SEED] })];
  for (let i = 1; i < count; i++) {
    nodes.push(await mesh.node(`n${i}`, { binds: [`127.0.0.1:${4040 + i}`], seeds: [SEED] }));
  }
  await mesh.until(() => nodes.every((node) => node.upNodes().length === count - 1));
  return nodes;
}

Deno.test("every node learns every other through one seed and connects: a full mesh", async () => {
  await using mesh = new Mesh();
  const nodes = await mesh4(mesh, 6);
  for (const node of nodes) {
    const others = nodes.filter((other) => other !== node).map((other) => other.id);
    assert.deepEqual(node.upNodes().sort(), others.sort());
  }
  // It stays so, without any link lost on the way.
  await mesh.env.backend.run(60);
  assert.ok(!mesh.logged.some((line) => /is down/.test(line)), mesh.logged.join("\n"));
});

Deno.test("a full mesh of 30 nodes comes together, whatever chance does", async () => {
  for (const seed of [1, 2, 3]) {
    await using mesh = new Mesh({ seed });
    await mesh4(mesh, 30);
    assert.ok(!mesh.logged.some((line) => /is down/.test(line)), `seed ${seed}`);
  }
});

Deno.test("nodes without listeners join, as others are told to them", async () => {
  await using mesh = new Mesh();
  const [a, b] = await mesh4(mesh, 2);
  const c = await mesh.node("c", { binds: [], seeds: [SEED] });
  await mesh.until(() => c.upNodes().length === 2);
  await mesh.until(() => a.upNodes().length === 2 && b.upNodes().length === 2);
});

Deno.test("a node that is its own seed goes on without", async () => {
  await using mesh = new Mesh();
  const a = await mesh.node("a", { binds: [SEED], seeds: [SEED] });
  await mesh.until(() => mesh.logged.some((line) => /seed .* is this node/.test(line)));
  await mesh.env.backend.run(30);
  assert.deepEqual(a.upNodes(), []);
  assert.equal(a.stats().dials, 0);
});

Deno.test("seeds are tried for ever at the configured interval until one answers", async () => {
  await using mesh = new Mesh();
  const b = await mesh.node("b", { seeds: [SEED], connectInterval: 2 });
  await mesh.env.backend.run(100);
  const tries = mesh.logged.filter((line) => /trying connect to seed/.test(line)).length;
  assert.ok(tries >= 50 && tries <= 102, `${tries} tries in 100 s`);
  await mesh.node("a", { binds: [SEED] });
  await mesh.until(() => b.nodeIsUp("a") === true, 3);
});

Deno.test("nodes find each other again after everything was cut", async () => {
  await using mesh = new Mesh();
  const nodes = await mesh4(mesh);
  assert.ok(mesh.net.sever() > 0);
  const downs = () => mesh.logged.filter((line) => /is down/.test(line)).length;
  await mesh.until(() => downs() === 12);
  await mesh.until(() => nodes.every((node) => node.upNodes().length === 3));
});

Deno.test("a node restarted under its id and address is taken back by all", async () => {
  await using mesh = new Mesh();
  const nodes = await mesh4(mesh);
  await mesh.run(nodes[2].stop());
  await mesh.until(() => [0, 1, 3].every((i) => nodes[i].upNodes().length === 2));
  nodes[2] = await mesh.node("n2", { binds: ["127.0.0.1:4042"], seeds: [SEED] });
  await mesh.until(() => nodes.every((node) => node.upNodes().length === 3));
});

Deno.test("grpReg() is seen here at once and by all nodes soon; guard and death take it out", async () => {
  await using mesh = new Mesh();
  const [a, b, c] = await mesh4(mesh, 3);
  const groups = (node: Node) => globalOf(node).groups;
  const p = a.port(() => undefined);
  const q = b.port(() => undefined);
  const registration = groups(a).register("g", p);
  assert.deepEqual(groups(a).get("g"), [p]);
  groups(b).register("g", q);
  groups(a).register("g", a.id);
  await mesh.until(() => [a, b, c].every((node) => groups(node).get("g")?.length === 3));
  registration.cancel();
  registration.cancel();
  b.kil(q);
  await mesh.until(() => [a, b, c].every((node) => groups(node).get("g")?.length === 1));
  assert.deepEqual(groups(c).get("g"), ["n0"]);
});

Deno.test("a lost node's ports are gone from the groups, and come back with it", async () => {
  await using mesh = new Mesh();
  const [a, b, c] = await mesh4(mesh, 3);
  const p = b.port(() => undefined);
  globalOf(b).groups.register("g", p);
  await mesh.until(() => globalOf(c).groups.get("g") !== undefined);
  const seen: unknown[][] = [];
  globalOf(c).groups.monitor("g", (...change) => void seen.push(change));
  await mesh.env.backend.settle();
  mesh.net.sever();
  await mesh.until(() => seen.length >= 3);
  assert.deepEqual(seen, [[[p], [p], []], [[], [], [p]], [[p], [p], []]]);
  await mesh.run(b.stop());
  await mesh.until(() => [a, c].every((node) => globalOf(node).groups.get("g") === undefined));
});

Deno.test("a registration made before the node joined is told to those it meets", async () => {
  await using mesh = new Mesh();
  const a = await mesh.node("a", { binds: [SEED] });
  const b = await mesh.node("b", { seeds: [SEED] });
  const p = b.port(() => undefined);
  globalOf(b).groups.register("early", p);
  await mesh.until(() => globalOf(a).groups.get("early")?.[0] === p);
});

Deno.test("grpMon() tells the present members once, then changes, never inside a call", async () => {
  await using mesh = new Mesh();
  const a = await mesh.node("a");
  const { groups } = globalOf(a);
  const [p, q] = [a.port(() => 1), a.port(() => 2)];
  groups.register("g", p);
  const seen: unknown[][] = [];
  const watch = groups.monitor("g", (...change) => void seen.push(change));
  groups.monitor("empty", () => assert.fail("an empty group is not told"));
  assert.deepEqual(seen, []);
  await mesh.env.backend.settle();
  const registration = groups.register("g", q);
  await mesh.env.backend.settle();
  registration.cancel();
  await mesh.env.backend.settle();
  watch.cancel();
  groups.register("g", q);
  await mesh.env.backend.settle();
  assert.deepEqual(seen, [[[p], [p], []], [[p, q], [q], []], [[p], [], [q]]]);
});

Deno.test("a group monitor that throws is logged and stops nothing", async () => {
  await using mesh = new Mesh();
  const a = await mesh.node("a");
  const { groups } = globalOf(a);
  let told = 0;
  groups.monitor("g", () => {
    throw new Error("bad group monitor");
  });
  groups.monitor("g", () => void told++);
  groups.register("g", a.port(() => 1));
  await mesh.env.backend.settle();
  assert.equal(told, 1);
  assert.ok(mesh.logged.some((line) => /bad group monitor/.test(line)));
});

Deno.test("group functions refuse bad arguments", async () => {
  await using mesh = new Mesh();
  const a = await mesh.node("a");
  const { groups } = globalOf(a);
  const p = a.port(() => 1);
  groups.register("g", p);
  assert.throws(() => groups.register("g", p), /in it already/);
  assert.throws(() => groups.register("g", "other#p"), /not a port of node a/);
  assert.throws(() => groups.register("", p), UsageError);
  assert.throws(() => groups.get(7 as unknown as string), UsageError);
  assert.throws(() => groups.monitor("g", 1 as never), UsageError);
  for (const f of [grpReg, grpGet, grpMon]) assert.equal(typeof f, "function");
});

Deno.test("a peer can only tell about its own ports, and nonsense is ignored", async () => {
  await using mesh = new Mesh();
  const [a, b] = await mesh4(mesh, 2);
  const session = b.spawn("n0", "AnyEvent::MP::Global::connect", 0, "n1");
  b.snd(session, "reg1", "g", "n0#stolen" as PortId);
  b.snd(session, "set", { g: ["other#x", 7, null], h: "no list" });
  b.snd(session, "nodes", { "bad#id": ["127.0.0.1:1"], "n9": ["not an address", 7] });
  b.snd(session, "addr", "nonsense");
  b.snd(session, "reg1", "g", "n1#mine");
  await mesh.env.backend.settle();
  assert.deepEqual(globalOf(a).groups.get("g"), ["n1#mine"]);
  assert.deepEqual(a.upNodes(), ["n1"]);
});

Deno.test("seeds without the mesh side are refused by configure, and settings are checked", async () => {
  await using mesh = new Mesh();
  const node = mesh.make("x");
  await assert.rejects(node.configure({ nodeid: "a#b" }), UsageError);
  const bad = [
    { nodeid: "" },
    { unknown: 1 },
    { monitorTimeout: -1 },
    { binds: 7 },
    { secret: 7 },
    { compat: "python" },
    { services: "x" },
    { modules: { bad: "x" } },
  ];
  for (const config of bad) {
    const other = mesh.make("y");
    await assert.rejects(mesh.run(other.configure(config as never)), UsageError);
  }
  const secret = mesh.make("z");
  await assert.rejects(
    secret.configure({ secret: "line\nbreak" }),
    (error: Error) => error instanceof UsageError && !error.message.includes("break"),
  );
  assert.ok(new Node({ loop: mesh.loop }).id.startsWith("anon/"));
});

Deno.test("nodes without a secret find each other on loopback, and one with a secret keeps them out", async () => {
  await using mesh = new Mesh();
  const none = { secret: undefined };
  const a = await mesh.node("a", { binds: [SEED], ...none });
  const b = await mesh.node("b", { seeds: [SEED], ...none });
  await mesh.until(() => a.nodeIsUp("b") === true && b.nodeIsUp("a") === true);
  const c = await mesh.node("c", { seeds: [SEED] });
  await mesh.until(() => mesh.logged.some((line) => /^c .*secret mismatch/.test(line)));
  assert.deepEqual(c.upNodes(), []);
});
