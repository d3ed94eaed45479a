import assert from "node:assert/strict";
import { UsageError } from "@anyevent/backends/contract";
import { enterContext } from "../../mp/context.ts";
import { NODE, Node, nodeOf, type PortContext, type PortId, SELF } from "@anyevent/mp";
import { Mesh } from "../support/mesh.ts";

function collect(): { readonly got: unknown[][]; readonly take: (...message: unknown[]) => void } {
  const got: unknown[][] = [];
  return { got, take: (...message) => void got.push(message) };
}

Deno.test("snd() delivers in order, never inside the call", async () => {
  await using mesh = new Mesh();
  const node = await mesh.node("n");
  const { got, take } = collect();
  const p = node.port(take);
  for (let i = 0; i < 3; i++) node.snd(p, "m", i);
  assert.deepEqual(got, []);
  await mesh.env.backend.settle();
  assert.deepEqual(got, [["m", 0], ["m", 1], ["m", 2]]);
});

Deno.test("snd() of a callback to its own port is delivered in a later turn, so nothing starves", async () => {
  await using mesh = new Mesh();
  const node = await mesh.node("n");
  let count = 0;
  let fired = false;
  const p = node.port(() => {
    count++;
    if (!fired) node.snd(p);
  });
  node.after(0, () => void (fired = true));
  node.snd(p);
  await mesh.until(() => fired);
  assert.ok(count > 0);
});

Deno.test("rcv() matches tags without the tag, the rest goes to the default callback whole", async () => {
  await using mesh = new Mesh();
  const node = await mesh.node("n");
  const { got, take } = collect();
  const p = node.port();
  node.rcv(
    p,
    "add",
    (a: number, b: number) => take("sum", a + b),
    (...rest: unknown[]) => take(...rest),
  );
  node.snd(p, "add", 1, 2);
  node.snd(p, "other", 3);
  node.snd(p);
  node.snd(p, 7);
  await mesh.env.backend.settle();
  assert.deepEqual(got, [["sum", 3], ["other", 3], [], [7]]);
});

Deno.test("rcv() takes an object of tags, replaces and removes callbacks", async () => {
  await using mesh = new Mesh();
  const node = await mesh.node("n");
  const { got, take } = collect();
  const p = node.port((...m: unknown[]) => take("default", ...m));
  node.rcv(p, { a: () => take("a1"), b: () => take("b") });
  node.rcv(p, "a", () => take("a2"));
  node.rcv(p, { b: undefined });
  node.snd(p, "a");
  node.snd(p, "b", 1);
  await mesh.env.backend.settle();
  assert.deepEqual(got, [["a2"], ["default", "b", 1]]);
});

Deno.test("port() without callback dies of its first message", async () => {
  await using mesh = new Mesh();
  const node = await mesh.node("n");
  const { got, take } = collect();
  const p = node.port();
  node.mon(p, take);
  node.snd(p, "x");
  await mesh.env.backend.settle();
  assert.deepEqual(got, [["die", "received message on port without callback"]]);
});

Deno.test("rcv() on an unknown local id makes a port that ignores what matches nothing", async () => {
  await using mesh = new Mesh();
  const node = await mesh.node("n");
  const { got, take } = collect();
  const p: PortId = "n#well-known";
  assert.equal(node.rcv(p, "t", take), p);
  node.snd(p, "other");
  node.snd(p, "t", 1);
  await mesh.env.backend.settle();
  assert.deepEqual(got, [[1]]);
});

Deno.test("SELF() and this.self are the port in its callbacks, and SELF() is undefined elsewhere", async () => {
  await using mesh = new Mesh();
  const node = await mesh.node("n");
  const seen: unknown[] = [];
  const p = node.port(function (this: PortContext) {
    seen.push(SELF(), this.self, NODE());
  });
  node.snd(p);
  node.after(0, () => void seen.push(SELF()));
  await mesh.env.backend.settle();
  await mesh.until(() => seen.length === 4);
  assert.deepEqual(seen, [p, p, "n", undefined]);
  assert.equal(SELF(), undefined);
});

Deno.test("an async callback keeps this.self after its await, and its rejection kills the port", async () => {
  await using mesh = new Mesh();
  const node = await mesh.node("n");
  const { got, take } = collect();
  const p = node.port(async function (this: PortContext) {
    await Promise.resolve();
    take(this.self, SELF());
    throw new Error("late oops\n");
  });
  node.mon(p, take);
  node.snd(p);
  await mesh.until(() => got.length === 2);
  assert.deepEqual(got, [[p, undefined], ["die", "late oops"]]);
});

Deno.test("a callback that throws kills its port: later messages are lost, other ports go on", async () => {
  await using mesh = new Mesh();
  const node = await mesh.node("n");
  const { got, take } = collect();
  const bad = node.port(() => {
    take("called");
    throw new Error("oops");
  });
  const good = node.port(take);
  node.mon(bad, take);
  node.snd(bad);
  node.snd(bad);
  node.snd(good, "still here");
  await mesh.env.backend.settle();
  assert.deepEqual(got, [["called"], ["still here"], ["die", "oops"]]);
});

Deno.test("thrown objects that are no errors go into the reason as they are", async () => {
  await using mesh = new Mesh();
  const node = await mesh.node("n");
  const { got, take } = collect();
  const p = node.port(() => {
    throw { code: 7 };
  });
  node.mon(p, take);
  node.snd(p);
  await mesh.env.backend.settle();
  assert.deepEqual(got, [["die", { code: 7 }]]);
});

Deno.test("kil() takes its turn among messages: what was sent before arrives, what after is lost", async () => {
  await using mesh = new Mesh();
  const node = await mesh.node("n");
  const { got, take } = collect();
  const p = node.port(take);
  node.mon(p, (...reason) => take("dead", ...reason));
  node.snd(p, 1);
  node.kil(p, "why", 2);
  node.snd(p, 3);
  assert.deepEqual(got, []);
  await mesh.env.backend.settle();
  assert.deepEqual(got, [[1], ["dead", "why", 2]]);
});

Deno.test("kil() of a nonexistent port does nothing, of a node port it is a UsageError", async () => {
  await using mesh = new Mesh();
  const node = await mesh.node("n");
  node.kil("n#nothing", "x");
  await mesh.env.backend.settle();
  assert.throws(() => node.kil("n"), UsageError);
});

Deno.test("an unmonitored death with a reason is logged, a normal one is not", async () => {
  await using mesh = new Mesh();
  const node = await mesh.node("n");
  const a = node.port();
  const b = node.port();
  node.kil(a, "because");
  node.kil(b);
  await mesh.env.backend.settle();
  const lines = mesh.logged.filter((line) => line.includes("unmonitored"));
  assert.deepEqual(lines, [`n 2 unmonitored local port ${a} died with reason: because`]);
});

Deno.test("psub() runs later code as the port, and kills it when that throws", async () => {
  await using mesh = new Mesh();
  const node = await mesh.node("n");
  const { got, take } = collect();
  let bound: ((n: number) => number | undefined) | undefined;
  const p = node.port(() => {
    bound = node.psub((n: number) => {
      take(SELF(), n);
      if (n === 2) throw new Error("in psub");
      return n * 10;
    });
  });
  node.mon(p, take);
  node.snd(p);
  await mesh.env.backend.settle();
  assert.equal(bound!(1), 10);
  assert.equal(SELF(), undefined);
  assert.equal(bound!(2), undefined);
  await mesh.env.backend.settle();
  assert.deepEqual(got, [[p, 1], [p, 2], ["die", "in psub"]]);
  assert.throws(() => node.psub(() => 1), UsageError);
});

Deno.test("peval() runs code as the port, gives its value, and kills the port when it throws", async () => {
  await using mesh = new Mesh();
  const node = await mesh.node("n");
  const { got, take } = collect();
  const p = node.port(take);
  node.mon(p, take);
  assert.equal(node.peval(p, (a: number, b: number) => (take(SELF()), a + b), 1, 2), 3);
  assert.equal(
    node.peval(p, () => {
      throw new Error("no");
    }),
    undefined,
  );
  await mesh.env.backend.settle();
  assert.deepEqual(got, [[p], ["die", "no"]]);
});

Deno.test("after() calls back or sends, outside of any port, and can be cancelled", async () => {
  await using mesh = new Mesh();
  const node = await mesh.node("n");
  const { got, take } = collect();
  const p = node.port(take);
  node.after(1, p, "late", 1);
  node.after(0.5, () => take("cb", SELF()));
  node.after(0.2, () => take("never")).cancel();
  await mesh.until(() => got.length === 2);
  assert.deepEqual(got, [["cb", undefined], ["late", 1]]);
});

Deno.test("bad arguments are UsageErrors that name argument and value", async () => {
  await using mesh = new Mesh();
  const node = await mesh.node("n");
  const bad = undefined as unknown as string;
  const p = node.port();
  assert.throws(() => node.snd<unknown>(bad), /Cannot use port undefined/);
  assert.throws(() => node.kil(bad), UsageError);
  assert.throws(() => node.mon(bad, () => 1), UsageError);
  assert.throws(() => node.mon(p, 7 as unknown as string), /Cannot monitor with 7/);
  assert.throws(() => node.mon(p), /no port is running/);
  assert.throws(() => node.rcv(bad, () => 1), UsageError);
  assert.throws(() => node.rcv("other#x", () => 1), /not a port of node n/);
  assert.throws(() => node.rcv(p, 3 as unknown as string, undefined), UsageError);
  assert.throws(() => node.port("x" as unknown as () => void), UsageError);
  assert.throws(() => node.cal(p, "x" as unknown as () => void), UsageError);
  assert.throws(() => node.spawn("n", "unqualified"), /must be qualified/);
  assert.throws(() => new Node({} as never), UsageError);
  assert.throws(() => nodeOf(bad), UsageError);
  assert.throws(() => node.snd("other#p", () => 1), UsageError);
  assert.equal(enterContext(undefined), undefined);
});

Deno.test("monitors of one port fire in order of registration, once, also when one throws", async () => {
  await using mesh = new Mesh();
  const node = await mesh.node("n");
  const { got, take } = collect();
  const p = node.port();
  node.mon(p, () => take(1));
  node.mon(p, () => {
    throw new Error("bad monitor");
  });
  const gone = node.mon(p, () => take(2));
  node.mon(p, () => take(3));
  gone.cancel();
  node.kil(p);
  node.kil(p);
  await mesh.env.backend.settle();
  assert.deepEqual(got, [[1], [3]]);
  assert.ok(mesh.logged.some((line) => line.includes("bad monitor")));
});

Deno.test("mon() of a port that does not exist fires later with no_such_port", async () => {
  await using mesh = new Mesh();
  const node = await mesh.node("n");
  const { got, take } = collect();
  node.mon("n#gone", take);
  const p = node.port();
  node.kil(p, "first");
  node.mon(p, take);
  assert.deepEqual(got, []);
  await mesh.env.backend.settle();
  assert.deepEqual(got, [
    ["no_such_port", "cannot monitor nonexistent port", "n#gone"],
    ["no_such_port", "cannot monitor nonexistent port", p],
  ]);
});

Deno.test("mon(port, other) kills the other with the reason unless it is empty; with a message it sends", async () => {
  await using mesh = new Mesh();
  const node = await mesh.node("n");
  const { got, take } = collect();
  const a = node.port();
  const b = node.port();
  const linked = node.port();
  const told = node.port(take);
  node.mon(linked, (...reason) => take("linked", ...reason));
  node.mon(a, linked);
  node.mon(b, linked);
  node.mon(a, told, "a died");
  node.mon(b, told, "b died");
  node.kil(a);
  await mesh.env.backend.settle();
  node.kil(b, "crash", 1);
  await mesh.env.backend.settle();
  assert.deepEqual(got, [["a died"], ["linked", "crash", 1], ["b died", "crash", 1]]);
});

Deno.test("mon(port) links the running port", async () => {
  await using mesh = new Mesh();
  const node = await mesh.node("n");
  const { got, take } = collect();
  const target = node.port();
  const linked = node.port(() => void node.mon(target));
  node.mon(linked, take);
  node.snd(linked);
  await mesh.env.backend.settle();
  node.kil(target, "down");
  await mesh.env.backend.settle();
  assert.deepEqual(got, [["down"]]);
});

Deno.test("monGuard() disposes of values when the port dies", async () => {
  await using mesh = new Mesh();
  const node = await mesh.node("n");
  const disposed: string[] = [];
  const p = node.port();
  node.monGuard(p, { [Symbol.dispose]: () => void disposed.push("a") });
  const kept = node.monGuard(p, { [Symbol.dispose]: () => void disposed.push("b") });
  kept.cancel();
  node.kil(p);
  await mesh.env.backend.settle();
  assert.deepEqual(disposed, ["a"]);
});

Deno.test("cal() gives the reply once, and forgets the target", async () => {
  await using mesh = new Mesh();
  const node = await mesh.node("n");
  const { got, take } = collect();
  const p = node.port();
  node.rcv(p, "double", (n: number, reply: PortId) => {
    node.snd(reply, 2 * n);
    node.snd(reply, "again");
  });
  const ports = node.stats().ports;
  node.cal(p, "double", 21, (...reply: unknown[]) => take(...reply));
  await mesh.env.backend.settle();
  assert.equal(node.stats().ports, ports);
  node.kil(p, "later");
  await mesh.env.backend.settle();
  assert.deepEqual(got, [[42]]);
});

Deno.test("cal() calls back without arguments when the target is dead, dies, or time is up", async () => {
  await using mesh = new Mesh();
  const node = await mesh.node("n");
  const { got, take } = collect();
  const silent = node.port(() => undefined);
  const dies = node.port();
  node.cal("n#gone", "x", (...reply: unknown[]) => take("dead", ...reply));
  node.cal(dies, "x", (...reply: unknown[]) => take("dies", ...reply));
  node.cal(silent, "x", (...reply: unknown[]) => take("timeout", ...reply), 0.5);
  await mesh.until(() => got.length === 3);
  assert.deepEqual(new Set(got.map(String)), new Set(["dead", "dies", "timeout"]));
  assert.equal(node.stats().ports, 1);
});

Deno.test("times may be a Temporal.Duration, and are checked", async () => {
  await using mesh = new Mesh();
  const node = await mesh.node("n", { monitorTimeout: Temporal.Duration.from({ seconds: 7 }) });
  assert.equal(node.settings.monitorTimeout, 7);
  const { got, take } = collect();
  const silent = node.port(() => undefined);
  const begun = mesh.loop.now();
  node.after(Temporal.Duration.from({ milliseconds: 500 }), () => take("after"));
  node.cal(silent, "x", () => take("cal"), Temporal.Duration.from({ seconds: 1 }));
  await mesh.until(() => got.length === 2);
  assert.deepEqual(got, [["after"], ["cal"]]);
  assert.ok(mesh.loop.now() - begun >= 1);
  assert.throws(() => node.after(NaN, () => 1), UsageError);
  assert.throws(() => node.cal(silent, () => 1, -1), UsageError);
});
