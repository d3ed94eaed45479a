import assert from "node:assert/strict";
import { UsageError } from "@anyevent/backends/contract";
import { type Node, type PortId, register, SELF } from "@anyevent/mp";
import { Mesh } from "../support/mesh.ts";

async function pair(mesh: Mesh, config = {}): Promise<[Node, Node]> {
  await import("@anyevent/global");
  const a = await mesh.node("a", { binds: ["127.0.0.1:4040"], ...config });
  const b = await mesh.node("b", { binds: [], seeds: ["127.0.0.1:4040"] });
  await mesh.until(() => b.nodeIsUp("a") === true);
  return [a, b];
}

Deno.test("spawn() on the own node runs the init function after it has returned", async () => {
  await using mesh = new Mesh();
  const node = await mesh.node("n");
  const got: unknown[] = [];
  node.register("t::init", (...args: unknown[]) => {
    got.push(["init", ...args]);
    node.rcv(SELF()!, (...message: unknown[]) => void got.push(message));
  });
  const p = node.spawn("n", "t::init", 1, 2);
  node.snd(p, "right after");
  assert.deepEqual(got, []);
  await mesh.env.backend.settle();
  assert.deepEqual(got, [["init", 1, 2], ["right after"]]);
});

Deno.test("spawn() on another node: messages and monitors sent right after it arrive", async () => {
  await using mesh = new Mesh();
  const [a, b] = await pair(mesh);
  const got: unknown[] = [];
  a.register("t::echo", (reply: PortId) => {
    a.rcv(SELF()!, "quit", () => a.kil(SELF()!), (...m: unknown[]) => a.snd(reply, "echo", ...m));
  });
  const me = b.port((...m: unknown[]) => void got.push(m));
  const p = b.spawn("a", "t::echo", me);
  b.mon(p, (...reason) => void got.push(["dead", ...reason]));
  b.snd(p, "x", { deep: [1] });
  b.snd(p, "quit");
  await mesh.env.backend.settle();
  assert.deepEqual(got, [["echo", "x", { deep: [1] }], ["dead"]]);
});

Deno.test("spawn() of an unknown, silent or failing function is told by the monitor as no_such_port", async () => {
  await using mesh = new Mesh();
  const [a, b] = await pair(mesh);
  a.register("t::silent", () => undefined);
  a.register("t::fails", () => {
    throw new Error("init failed");
  });
  for (const name of ["t::unknown", "t::silent", "t::fails"]) {
    for (const node of [a, b]) {
      const got: unknown[][] = [];
      const p = node.spawn("a", name);
      node.mon(p, (...reason) => void got.push(reason));
      await mesh.env.backend.settle();
      assert.deepEqual(got, [["no_such_port", "cannot monitor nonexistent port", p]], name);
    }
  }
});

Deno.test("spawn() of a function that throws after rcv dies with its message", async () => {
  await using mesh = new Mesh();
  const [a, b] = await pair(mesh);
  a.register("t::late", () => {
    a.rcv(SELF()!, () => undefined);
    throw new Error("after rcv");
  });
  const got: unknown[][] = [];
  b.mon(b.spawn("a", "t::late"), (...reason) => void got.push(reason));
  await mesh.env.backend.settle();
  assert.deepEqual(got, [["die", "after rcv"]]);
});

Deno.test("spawn() of an async function keeps messages until it has called rcv", async () => {
  await using mesh = new Mesh();
  const [a, b] = await pair(mesh);
  const got: unknown[][] = [];
  a.register("t::slow", async function () {
    const self = this.self;
    await Promise.resolve();
    a.rcv(self, (...m: unknown[]) => void got.push(m));
  });
  const p = b.spawn("a", "t::slow");
  b.snd(p, 1);
  b.snd(p, 2);
  await mesh.until(() => got.length === 2);
  assert.deepEqual(got, [[1], [2]]);
});

Deno.test("spawn() loads modules below configured prefixes only", async () => {
  await using mesh = new Mesh();
  const base = new URL("../support/spawnable/", import.meta.url).href;
  const [, b] = await pair(mesh, { modules: { "mymod::": base } });
  const got: unknown[][] = [];
  const me = b.port((...m: unknown[]) => void got.push(m));
  b.spawn("a", "mymod::greeter::greet", me, "you");
  await mesh.until(() => got.length === 1);
  assert.deepEqual(got, [["hello you"]]);
  for (const name of ["mymod::greeter::missing", "mymod::constructor", "other::greeter::greet"]) {
    const reasons: unknown[][] = [];
    b.mon(b.spawn("a", name), (...reason) => void reasons.push(reason));
    await mesh.until(() => reasons.length === 1);
    assert.match(String(reasons[0][0]), /^(no_such_port|die)$/, name);
  }
});

Deno.test("register() refuses bad names, things that are no functions, and taken names", () => {
  assert.throws(() => register("plain", () => 1), UsageError);
  assert.throws(() => register("a::b/../c", () => 1), UsageError);
  assert.throws(() => register("a::b", 1 as unknown as () => void), UsageError);
  const undo = register("taken::name", () => 1);
  assert.throws(() => register("taken::name", () => 2), /taken/);
  undo();
  register("taken::name", () => 3)();
});

Deno.test("a plain call reaches registered functions, and nothing else a peer names is run", async () => {
  await using mesh = new Mesh();
  const [a, b] = await pair(mesh);
  const got: unknown[][] = [];
  a.register("t::plain", (...args: unknown[]) => void got.push(args));
  b.sndToFunc("a", "t::plain", 1, "two");
  for (const name of ["constructor", "__proto__", "t::other", "eval::x", "toString"]) {
    b.sndToFunc("a", name, "x");
  }
  await mesh.env.backend.settle();
  assert.deepEqual(got, [[1, "two"]]);
  assert.equal(mesh.logged.filter((l) => l.includes("error processing node message")).length, 5);
});
