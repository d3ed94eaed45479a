/** What must hold when users, peers and chance do the unexpected. */
import assert from "node:assert/strict";
import type { ByteStream } from "@anyevent/backends/contract";
import { UsageError } from "@anyevent/backends/contract";
import { globalOf } from "@anyevent/global";
import { NODE, Node, port, type PortContext, type PortId, SELF } from "@anyevent/mp";
import { rcvAsync, syncal } from "@anyevent/mp/coro";
import { Mesh } from "../support/mesh.ts";

const SEED = "127.0.0.1:4040";
const SEED_ADDRESS = { transport: "tcp", host: "127.0.0.1", port: 4040 } as const;

async function pair(mesh: Mesh, a = {}, b = {}): Promise<[Node, Node]> {
  const first = await mesh.node("a", { binds: [SEED], ...a });
  const second = await mesh.node("b", { seeds: [SEED], ...b });
  await mesh.until(() => first.nodeIsUp("b") === true && second.nodeIsUp("a") === true);
  return [first, second];
}

Deno.test("a queued message is checked in bytes, so that none is lost silently at connect", async () => {
  await using mesh = new Mesh();
  const limit = { maxFrameBytes: 1000 };
  const a = await mesh.node("a", { binds: [SEED], ...limit });
  const got: unknown[] = [];
  const sink = a.port((text: string) => void got.push(text));
  const b = await mesh.node("b", { seeds: [SEED], ...limit });
  b.snd(sink, "one");
  assert.throws(() => b.snd(sink, "é".repeat(700)), UsageError);
  b.snd(sink, "three");
  await mesh.until(() => got.length === 2);
  assert.deepEqual(got, ["one", "three"]);
});

Deno.test("a queued message is what it was when it was sent", async () => {
  await using mesh = new Mesh();
  const a = await mesh.node("a", { binds: [SEED] });
  const got: unknown[] = [];
  const sink = a.port((value: unknown) => void got.push(value));
  const b = await mesh.node("b", { seeds: [SEED] });
  const value: Record<string, unknown> = { n: 1 };
  b.snd(sink, value);
  value.n = 2;
  b.snd(sink, value);
  value.n = () => "no data any more";
  await mesh.until(() => got.length === 2);
  assert.deepEqual(got, [{ n: 1 }, { n: 2 }]);
});

Deno.test("a monitor whose own request exceeds the queue limit fires", async () => {
  await using mesh = new Mesh();
  const b = await mesh.node("b", { sendQueueLimit: 100 });
  const told: unknown[] = [];
  b.snd("zz#p", "x".repeat(60));
  b.mon(`zz#${"q".repeat(80)}`, (...reason) => void told.push(reason[0]));
  await mesh.env.backend.settle();
  assert.deepEqual(told, ["transport_error"]);
});

Deno.test("monitors never fire inside the call that found the loss, nor in the sender's context", async () => {
  await using mesh = new Mesh();
  const [, b] = await pair(mesh, {}, { sendQueueLimit: 10_000 });
  const seen: unknown[] = [];
  let inside = false;
  let rounds = 0;
  const again = (): void =>
    void b.mon("a#sink", () => {
      seen.push([inside, SELF()]);
      if (rounds++ < 5) {
        again();
        flood();
      }
    });
  const flood = (): void => {
    inside = true;
    for (let i = 0; i < 20; i++) b.snd("a#sink", "x".repeat(1000));
    inside = false;
  };
  const sender = b.port(() => flood());
  again();
  b.snd(sender);
  await mesh.until(() => seen.length >= 1);
  await mesh.env.backend.settle();
  assert.ok(seen.every((entry) => JSON.stringify(entry) === "[false,null]"), JSON.stringify(seen));
});

Deno.test("a certificate without a secret does not break what accepts connections", async () => {
  await using mesh = new Mesh();
  const a = mesh.make("a");
  await mesh.run(a.configure({ nodeid: "a", binds: [SEED], cert: "not really a certificate" }));
  let stream: ByteStream | undefined;
  mesh.net.connect(SEED_ADDRESS, (_error, made) => void (stream = made));
  await mesh.env.backend.settle();
  assert.equal(a.stats().handshakes, 1);
  stream!.close();
  await mesh.until(() => a.stats().handshakes === 0);
});

Deno.test("configure() refuses what no connection could be made with, and can be tried again", async () => {
  await using mesh = new Mesh();
  const bad = [
    { nodeid: "nodé" },
    { nodeid: "x".repeat(5000) },
    { framingFormat: ["storable"] },
    { framingFormat: "" },
    { authOffer: ["bogus"] },
    { authAccept: [] },
  ];
  const node = mesh.make("n");
  for (const config of bad) {
    const attempt = node.configure({ nodeid: "n", binds: [], secret: "s", ...config });
    await assert.rejects(mesh.run(attempt), UsageError, JSON.stringify(config));
  }
  await mesh.run(node.configure({ nodeid: "n", binds: [], secret: "s" }));
  assert.equal(node.id, "n");
});

Deno.test("whatever a callback throws kills its port only, and the monitor fires", async () => {
  await using mesh = new Mesh();
  const node = await mesh.node("n");
  const circular: Record<string, unknown> = {};
  circular.self = circular;
  class Nasty extends Error {
    override get message(): string {
      throw new Error("even its message throws");
    }
  }
  const thrown = [10n, circular, Symbol("s"), () => 1, undefined, null, new Nasty()];
  const told: unknown[][] = [];
  for (const value of thrown) {
    const p = node.port(() => {
      throw value;
    });
    node.mon(p, (...reason) => void told.push(reason));
    node.snd(p);
    node.snd(node.port(() => {
      throw value; // unmonitored: its reason is logged
    }));
  }
  await mesh.env.backend.settle();
  assert.equal(told.length, thrown.length);
  assert.ok(told.every(([what]) => what === "die"));
  assert.deepEqual(mesh.env.backend.thrown, []);
});

Deno.test("only strings and numbers are tags", async () => {
  await using mesh = new Mesh();
  const node = await mesh.node("n");
  const got: unknown[][] = [];
  const p = node.port((...message: unknown[]) => void got.push(message));
  node.rcv(p, "1", () => void got.push(["by tag"]));
  node.snd(p, { toString: 1, valueOf: 1 });
  node.snd(p, 1);
  node.snd(p, null);
  await mesh.env.backend.settle();
  assert.deepEqual(got, [[{ toString: 1, valueOf: 1 }], ["by tag"], [null]]);
});

Deno.test("log lines hold no control characters of a reason", async () => {
  await using mesh = new Mesh();
  const node = await mesh.node("n");
  node.kil(node.port(), "bell \x07 and \x1b[31m and\nnewline");
  await mesh.env.backend.settle();
  const line = mesh.logged.find((text) => text.includes("unmonitored"))!;
  assert.match(line, /bell \\x07 and \\x1b\[31m and\\x0anewline/);
});

Deno.test("who claims a node's id without proof keeps nobody out", async () => {
  await using mesh = new Mesh();
  const a = await mesh.node("a", { binds: [SEED] });
  for (const id of ["z", "A"]) {
    mesh.net.connect(SEED_ADDRESS, (_error, stream) => {
      const line = `aemp;1;${id};tls_hmac_sha256;jsonl;provider=deno-AE-0;xtls=1\nnonce-${id}\n`;
      stream!.tryWrite(new TextEncoder().encode(line));
    });
    await mesh.env.backend.settle();
    const real = await mesh.node(id, { seeds: [SEED] });
    await mesh.until(() => real.nodeIsUp("a") === true && a.nodeIsUp(id) === true, 5);
  }
});

Deno.test("a peer that drips bytes has no more time than others", async () => {
  await using mesh = new Mesh();
  const a = await mesh.node("a", { binds: [SEED], monitorTimeout: 3 });
  let stream: ByteStream | undefined;
  mesh.net.connect(SEED_ADDRESS, (_error, made) => void (stream = made));
  await mesh.env.backend.settle();
  const begun = mesh.loop.now();
  const drip = mesh.loop.timer({
    after: 0.5,
    interval: 0.5,
    cb: () => {
      if (a.stats().handshakes > 0) stream!.tryWrite(new Uint8Array([120]));
    },
  });
  await mesh.until(() => a.stats().handshakes === 0);
  assert.ok(mesh.loop.now() - begun < 4);
  drip.cancel();
  stream!.close();
});

Deno.test("a node that was started anew replaces its old link, once it has proved itself", async () => {
  await using mesh = new Mesh();
  for (const [seedId, id] of [["a", "z"], ["y", "b"]]) {
    const at = seedId === "a" ? SEED : "127.0.0.1:4141";
    const a = await mesh.node(seedId, { binds: [at] });
    const old = await mesh.node(id, { seeds: [at] });
    await mesh.until(() => a.nodeIsUp(id) === true && old.nodeIsUp(seedId) === true);
    const told: unknown[] = [];
    a.mon(id, (...reason) => void told.push(reason[2]));
    // The old one still holds its side, and does nothing more: as if its machine had lost power.
    globalOf(old).seeds.stop();
    const anew = await mesh.node(id, { seeds: [at] });
    await mesh.until(() => anew.nodeIsUp(seedId) === true, 10);
    assert.deepEqual(told, ["node restarted"]);
    await mesh.run(old.stop());
  }
});

Deno.test("stop() resolves when all is gone, also for those who call it on the way", async () => {
  await using mesh = new Mesh();
  const [a, b] = await pair(mesh);
  const p = b.port();
  let up: string[] | undefined;
  b.mon(p, async () => {
    await b.stop();
    up = b.upNodes();
  });
  b.mon(a.port(), () => b.snd("a#x", "again"));
  await mesh.run(b.stop());
  await mesh.env.backend.settle();
  assert.deepEqual(up, []);
  await mesh.run(a.stop());
  assert.deepEqual(mesh.loop.stats().held, 0);
});

Deno.test("stop() during configure() leaves no listener", async () => {
  await using mesh = new Mesh();
  const node = mesh.make("n");
  const configured = node.configure({ nodeid: "n", binds: [SEED], secret: "s" });
  const refused = assert.rejects(configured, /stopped/);
  await mesh.run(node.stop());
  await refused;
  assert.equal(mesh.net.stats().listeners, 0);
  assert.equal(mesh.loop.stats().held, 0);
});

Deno.test("configure() after port() is an error that harms nothing", async () => {
  await using mesh = new Mesh();
  const node = mesh.make("n");
  const got: unknown[] = [];
  const p = node.port((value: unknown) => void got.push(value));
  await assert.rejects(node.configure({ nodeid: "n", binds: [] }), /has ports already/);
  node.snd(p, "alive");
  await mesh.env.backend.settle();
  assert.deepEqual(got, ["alive"]);
});

Deno.test("cal() answers when its reply port dies, the node stops, and never after it threw", async () => {
  await using mesh = new Mesh();
  const node = await mesh.node("n");
  const silent = node.port(() => undefined);
  const got: unknown[] = [];
  const reply = node.cal(
    silent,
    "x",
    (...values: unknown[]) => void got.push(["killed", ...values]),
    60,
  );
  node.kil(reply, "away");
  assert.throws(() => node.cal("other#x", () => 1, () => void got.push("never"), 1), UsageError);
  await mesh.env.backend.run(2);
  assert.deepEqual(got, [["killed"]]);
  node.cal(silent, "x", () => void got.push(["stopped"]), 60);
  let answered = false;
  node.snd(node.port(() => {
    const call = syncal(60, silent, "x");
    mesh.loop.env.backend.post(() => void call.then(() => void (answered = true)));
  }));
  await mesh.env.backend.settle();
  await mesh.run(node.stop());
  await mesh.env.backend.settle();
  assert.deepEqual(got, [["killed"], ["stopped"]]);
  assert.equal(answered, true);
});

Deno.test("the free functions act on the node whose code runs, in every kind of callback", async () => {
  await using mesh = new Mesh();
  const [a, b] = await pair(mesh);
  const seen: Record<string, string> = {};
  a.after(0, () => void (seen.after = NODE()));
  a.mon("a#gone", () => void (seen.mon = NODE()));
  a.cal("a#gone", "x", () => void (seen.cal = NODE()));
  a.monNodes(() => void (seen.monNodes = NODE()));
  globalOf(a).groups.monitor("g", () => void (seen.grpMon = NODE()));
  a.register("t::plain", () => void (seen.plain = NODE()));
  b.sndToFunc("a", "t::plain");
  const p = a.port(async function (this: PortContext) {
    await Promise.resolve();
    seen.async = this.node.id;
    globalOf(this.node).groups.register("g", this.self);
  });
  a.snd(p);
  await mesh.run(b.stop());
  await mesh.until(() => Object.keys(seen).length === 7);
  assert.deepEqual(new Set(Object.values(seen)), new Set(["a"]));
});

Deno.test("generator functions run where there is a port, and are refused elsewhere", async () => {
  await using mesh = new Mesh();
  const node = await mesh.node("n");
  const p = node.port(() => undefined);
  function* thread(): Generator<never, void, never> {}
  async function* stream(): AsyncGenerator<never, void, never> {}
  const generator = thread as unknown as () => void;
  const refused: (() => unknown)[] = [
    () => node.mon(p, generator),
    () => node.after(1, generator),
    () => node.cal(p, generator),
    () => node.monNodes(generator),
    () => globalOf(node).groups.monitor("g", generator),
    () => node.port(stream as unknown as () => void),
    () => rcvAsync(undefined as unknown as PortId, thread),
  ];
  for (const call of refused) assert.throws(call, UsageError, String(call));
  const told: unknown[][] = [];
  node.snd(node.port(() => {
    node.mon(rcvAsync(port(), (() => 5) as never), (...reason) => void told.push(reason));
  }));
  await mesh.until(() => told.length === 1);
  assert.match(String(told[0][1]), /not a generator function/);
});

Deno.test("the send queue limit counts all that waits, and tries to send first", async () => {
  await using mesh = new Mesh();
  const [a, b] = await pair(mesh, {}, { sendQueueLimit: 1000 });
  const got: unknown[] = [];
  const sink = a.port((text: string) => void got.push(text.length));
  const told: unknown[] = [];
  b.mon(sink, (...reason) => void told.push(reason[2]));
  await mesh.env.backend.settle();
  // More than the limit, but an idle stream takes it at once.
  for (let i = 0; i < 40; i++) b.snd(sink, "x".repeat(100));
  await mesh.until(() => got.length === 40);
  assert.deepEqual(told, []);
  for (let i = 0; i < 3000; i++) b.snd(sink, "x".repeat(100));
  await mesh.until(() => told.length === 1);
  assert.match(String(told[0]), /send queue limit of 1000 bytes/);
});

Deno.test("a peer cannot take the names this node gives its ports", async () => {
  await using mesh = new Mesh();
  const [a, b] = await pair(mesh);
  a.register("t::squat", () => void a.rcv(SELF()!, () => undefined));
  const mine = a.port();
  const next = mine.replace(/[^.]+$/, (count) => String.fromCharCode(count.charCodeAt(0) + 1));
  b.sndToFunc("a", "AnyEvent::MP::_spawn", next.split("#")[1], "t::squat");
  await mesh.env.backend.settle();
  assert.equal(a.localPort(next), undefined);
});

Deno.test("bad arguments of the less used functions are UsageErrors too", async () => {
  await using mesh = new Mesh();
  const node = await mesh.node("n");
  const bad = undefined as never;
  const calls: (() => unknown)[] = [
    () => new Node({ loop: {} as never }),
    () => new Node({ loop: mesh.loop, log: 5 as never }),
    () => node.monGuard("n#p", 5 as never),
    () => node.sndToFunc("n", bad),
    () => node.evalOn("n", bad),
    () => node.snd<unknown>(""),
    () => node.mon("", () => 1),
    () => node.spawn("", "a::b"),
    () => node.mon("n#p", ""),
  ];
  for (const call of calls) assert.throws(call, UsageError, String(call));
  node.rcv(node.port(), { a: null as never });
});
