import assert from "node:assert/strict";
import "@anyevent/global";
import { memoryPairSecured } from "../support/relay.ts";
import { type Node, parseLiteral } from "@anyevent/mp";
import { Mesh } from "../support/mesh.ts";

const SEED = "127.0.0.1:4040";

async function pair(mesh: Mesh, a = {}, b = {}): Promise<[Node, Node]> {
  const first = await mesh.node("a", { binds: [SEED], ...a });
  const second = await mesh.node("b", { binds: ["127.0.0.1:4041"], seeds: [SEED], ...b });
  await mesh.until(() => first.nodeIsUp("b") === true && second.nodeIsUp("a") === true);
  return [first, second];
}

function sink(node: Node): { readonly id: string; readonly got: unknown[][] } {
  const got: unknown[][] = [];
  return { id: node.port((...message: unknown[]) => void got.push(message)), got };
}

Deno.test("messages sent while connecting are delivered in order", async () => {
  await using mesh = new Mesh();
  const a = await mesh.node("a", { binds: [SEED] });
  const { id, got } = sink(a);
  const b = await mesh.node("b", { seeds: [SEED] });
  for (let i = 0; i < 100; i++) b.snd(id, i);
  assert.equal(b.nodeIsUp("a"), false);
  await mesh.until(() => got.length === 100);
  assert.deepEqual(got.map(([i]) => i), Array.from({ length: 100 }, (_, i) => i));
});

Deno.test("values of JSON arrive as they were, also strings of all kinds and deep nesting", async () => {
  await using mesh = new Mesh();
  const [a, b] = await pair(mesh);
  const { id, got } = sink(a);
  const message = ["", 'äöü \u{1f600} \n"\\', 0, -1.5, 1e300, true, false, null, [], {}, {
    a: [{ b: [1] }],
  }];
  b.snd(id, ...message);
  b.snd(id, "lone \ud800 surrogate", undefined);
  await mesh.until(() => got.length === 2);
  assert.deepEqual(got, [message, ["lone \ufffd surrogate", null]]);
});

Deno.test("a message that cannot be sent is a UsageError at snd(), connected or not", async () => {
  await using mesh = new Mesh();
  const [, b] = await pair(mesh);
  for (const id of ["a#x", "elsewhere#x"]) {
    assert.throws(() => b.snd(id, () => 1), /Cannot encode/);
    assert.throws(() => b.snd(id, 1n), /Cannot encode/);
  }
  const [, d] = [0, await mesh.node("d", { maxFrameBytes: 1000 })];
  assert.throws(() => {
    d.snd("a#x", "x".repeat(2000));
  }, /limit|1000/);
});

Deno.test("a node that is never reached: monitors fire with unable to connect", async () => {
  await using mesh = new Mesh();
  const b = await mesh.node("b", { monitorTimeout: 5 });
  const got: unknown[][] = [];
  b.mon("nowhere#p", (...reason) => void got.push(["port", ...reason]));
  b.mon("nowhere", (...reason) => void got.push(["node", ...reason]));
  b.snd("nowhere#p", "lost");
  await mesh.until(() => got.length === 2);
  assert.deepEqual(got, [
    ["port", "transport_error", "nowhere", "unable to connect"],
    ["node", "transport_error", "nowhere", "unable to connect"],
  ]);
  assert.deepEqual(b.knownNodes(), ["b"]);
});

Deno.test("a lost connection fires all monitors with transport_error, then messages flow again", async () => {
  await using mesh = new Mesh();
  const [a, b] = await pair(mesh);
  const { id, got } = sink(a);
  const told: unknown[][] = [];
  b.mon(id, (...reason) => {
    told.push(["port", ...reason]);
    b.snd(id, "after the loss");
  });
  b.mon("a", (...reason) => void told.push(["node", ...reason]));
  b.snd(id, "before");
  await mesh.until(() => got.length === 1);
  mesh.net.sever();
  await mesh.until(() => got.length === 2);
  assert.deepEqual(got, [["before"], ["after the loss"]]);
  // Order between the ports of a lost node is not defined.
  assert.deepEqual(told.map((reason) => reason.slice(0, 3).join(" ")).sort(), [
    "node transport_error a",
    "port transport_error a",
  ]);
});

Deno.test("local ports watched by a lost node do not notice", async () => {
  await using mesh = new Mesh();
  const [a, b] = await pair(mesh);
  const { id } = sink(a);
  b.mon(id, () => undefined);
  await mesh.env.backend.settle();
  mesh.net.sever();
  await mesh.until(() => b.nodeIsUp("a") === true);
  a.kil(id, "later");
  await mesh.env.backend.settle();
  assert.ok(mesh.logged.some((line) => line.includes("unmonitored local port")));
});

Deno.test("remote monitors: normal kills, reasons, errors, dead ports, cancelled ones", async () => {
  await using mesh = new Mesh();
  const [a, b] = await pair(mesh);
  const got: unknown[][] = [];
  const ports = [a.port(), a.port(), a.port(), a.port(), a.port()];
  ports.forEach((p, i) => b.mon(p, (...reason) => void got.push([i, ...reason])));
  b.mon(ports[0], (...reason) => void got.push(["second", ...reason]));
  b.mon(ports[4], () => void got.push(["never"])).cancel();
  b.mon("a#gone", (...reason) => void got.push(["gone", ...reason]));
  await mesh.env.backend.settle();
  assert.deepEqual(got, [["gone", "no_such_port", "cannot monitor nonexistent port", "a#gone"]]);
  got.length = 0;
  b.kil(ports[0]);
  b.kil(ports[1], "why", { deep: 1 });
  b.snd(ports[2], "dies of it");
  a.kil(ports[3], () => "a function cannot travel");
  await mesh.env.backend.settle();
  // Order between different ports is not defined.
  const of = (i: unknown) => got.filter((message) => message[0] === i);
  assert.deepEqual(of(0), [[0]]);
  assert.deepEqual(of(1), [[1, "why", { deep: 1 }]]);
  assert.deepEqual(of(2), [[2, "die", "received message on port without callback"]]);
  assert.equal(of(3).length, 1);
  const at = (what: unknown) => got.findIndex((message) => message[0] === what);
  assert.ok(at(0) < at("second"));
  assert.equal(got.length, 5);
});

Deno.test("mon(), kil() and cal() reach over nodes in the order of calls", async () => {
  await using mesh = new Mesh();
  const [a, b] = await pair(mesh);
  const got: unknown[][] = [];
  const p = a.port();
  a.rcv(p, "double", (n: number, reply: string) => a.snd(reply, 2 * n));
  b.cal(p, "double", 4, (...reply: unknown[]) => void got.push(["reply", ...reply]));
  b.kil(p, "done");
  b.cal(p, "double", 5, (...reply: unknown[]) => void got.push(["none", ...reply]));
  await mesh.until(() => got.length === 2);
  assert.deepEqual(got, [["reply", 8], ["none"]]);
});

Deno.test("a send queue beyond its limit counts as a lost link, and says so", async () => {
  await using mesh = new Mesh();
  const [a, b] = await pair(mesh, {}, { sendQueueLimit: 100_000 });
  const { id } = sink(a);
  const told: unknown[][] = [];
  b.mon(id, (...reason) => void told.push(reason));
  // All in one turn: nothing can leave meanwhile.
  for (let i = 0; i < 300; i++) b.snd(id, "x".repeat(1000));
  await mesh.until(() => told.length === 1);
  assert.equal(told[0][0], "transport_error");
  assert.match(String(told[0][2]), /send queue limit/);
  const offline: unknown[][] = [];
  b.mon("offline#x", (...reason) => void offline.push(reason));
  for (let i = 0; i < 150; i++) b.snd("offline#x", "x".repeat(1000));
  await mesh.until(() => offline.length === 1);
  assert.match(String(offline[0][2]), /send queue limit/);
});

Deno.test("who dialled hears of every end of the connection, once", async () => {
  await using mesh = new Mesh();
  await mesh.node("a", { binds: [SEED] });
  const b = await mesh.node("b", { sendQueueLimit: 100_000 });
  const told: string[] = [];
  const to = parseLiteral(SEED)!;
  const dial = (): void =>
    void b.dial(to, undefined, {
      opened: (id) => void told.push(`opened ${id}`),
      ended: (reason) => void told.push(reason),
    });
  dial();
  await mesh.until(() => told.length === 1);
  for (let i = 0; i < 300; i++) b.snd("a#none", "x".repeat(1000));
  await mesh.until(() => told.length === 2);
  assert.match(told[1], /send queue limit/);
  dial();
  await mesh.until(() => told.length === 3);
  b.peer("a").lose("because");
  await mesh.until(() => told.length === 4);
  assert.deepEqual(told.slice(2), ["opened a", "because"]);
});

Deno.test("a node without listeners sends keepalives on idle links", async () => {
  await using mesh = new Mesh();
  await mesh.node("a", { binds: [SEED], monitorTimeout: 2 });
  const b = await mesh.node("b", { seeds: [SEED], monitorTimeout: 2 });
  await mesh.until(() => b.nodeIsUp("a") === true);
  const link = b.peer("a").link!;
  let sent = 0;
  const send = link.send.bind(link);
  link.send = (message) => {
    if (message.length === 0) sent++;
    send(message);
  };
  await mesh.env.backend.run(100);
  assert.ok(sent >= 40, `${sent} keepalives`);
  assert.ok(!mesh.logged.some((line) => /is down/.test(line)), "an idle link stays up");
});

Deno.test("two nodes that dial each other at once end up with one link, and nothing is lost", async () => {
  for (let seed = 1; seed <= 25; seed++) {
    await using mesh = new Mesh({ seed });
    const a = mesh.make("a");
    const b = mesh.make("b");
    const config = { secret: "geheim" };
    await mesh.run(
      a.configure({ ...config, nodeid: "a", binds: [SEED], seeds: ["127.0.0.1:4041"] }),
    );
    await mesh.run(
      b.configure({ ...config, nodeid: "b", binds: ["127.0.0.1:4041"], seeds: [SEED] }),
    );
    const atA = sink(a);
    const atB = sink(b);
    const lost: unknown[][] = [];
    a.mon(atB.id, (...reason) => void lost.push(["a", ...reason]));
    b.mon(atA.id, (...reason) => void lost.push(["b", ...reason]));
    for (let i = 0; i < 20; i++) {
      a.snd(atB.id, i);
      b.snd(atA.id, i);
    }
    await mesh.until(() => atA.got.length === 20 && atB.got.length === 20);
    await mesh.env.backend.run(60);
    assert.deepEqual(lost, [], `seed ${seed}`);
    assert.deepEqual([a.upNodes(), b.upNodes()], [["b"], ["a"]], `seed ${seed}`);
    assert.equal(a.stats().handshakes + b.stats().handshakes, 0, `seed ${seed}`);
    assert.ok(!mesh.logged.some((l) => /is down/.test(l)), `seed ${seed}`);
  }
});

Deno.test("stop() kills the ports, delivers what was sent, and leaves nothing behind", async () => {
  await using mesh = new Mesh();
  const [a, b] = await pair(mesh);
  const { id, got } = sink(a);
  const told: unknown[][] = [];
  const mine = b.port();
  a.mon(mine, (...reason) => void told.push(reason));
  await mesh.env.backend.settle();
  for (let i = 0; i < 1000; i++) b.snd(id, i, "x".repeat(500));
  await mesh.run(b.stop());
  await mesh.until(() => got.length === 1000);
  assert.deepEqual(got.map(([i]) => i), Array.from({ length: 1000 }, (_, i) => i));
  assert.deepEqual(told, [["shutdown"]]);
  assert.deepEqual(b.stats(), { ports: 0, peers: 0, handshakes: 0, dials: 0, deferred: 0 });
  assert.throws(() => b.port(), /stopped/);
  await mesh.run(b.stop());
});

Deno.test("after all nodes have stopped no timer, stream or listener is left", async () => {
  const mesh = new Mesh();
  {
    await using inner = mesh;
    await pair(inner);
  }
  const { timers, ios } = mesh.env.backend.stats();
  assert.deepEqual({ timers, ios }, { timers: 0, ios: 0 });
  assert.deepEqual(mesh.net.stats(), { streams: 0, listeners: 0, attempts: 0 });
});

Deno.test("a relay that terminates the encryption without the secret is refused", async () => {
  await using mesh = new Mesh();
  const a = await mesh.node("a", { binds: [SEED] });
  const relay = memoryPairSecured(mesh, SEED, "127.0.0.1:5050");
  const b = await mesh.node("b", { seeds: ["127.0.0.1:5050"] });
  await mesh.until(() => relay.secured >= 1 && mesh.logged.some((l) => /mismatch/.test(l)));
  assert.deepEqual([a.upNodes(), b.upNodes()], [[], []]);
  relay.close();
});

Deno.test("a reply leaves also when what handles the next message throws", async () => {
  await using mesh = new Mesh();
  let failing = false;
  const log = (): void => {
    if (failing) throw new Error("no log");
  };
  const a = await mesh.node("a", { binds: [SEED] });
  const b = await mesh.node("b", { binds: ["127.0.0.1:4041"], seeds: [SEED] }, { log });
  await mesh.until(() => a.nodeIsUp("b") === true && b.nodeIsUp("a") === true);
  await mesh.env.backend.settle();
  const { id, got } = sink(a);
  const port = b.port(() => b.snd(id, "reply"));
  failing = true;
  a.snd(port, "request");
  a.snd("b", "no such function");
  // The clock stands still: no later message takes the reply along.
  await mesh.env.backend.settle();
  failing = false;
  assert.deepEqual(got, [["reply"]]);
  assert.match(mesh.env.logged[0].message, /no log/);
});
