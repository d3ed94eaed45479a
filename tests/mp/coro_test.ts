import assert from "node:assert/strict";
import { UsageError } from "@anyevent/backends/contract";
import { sleep } from "@anyevent/coro";
import type { Loop } from "@anyevent/loop";
import {
  get,
  getCond,
  kil,
  type Node,
  pevalAsync,
  portAsync,
  type PortContext,
  type PortId,
  rcvAsync,
  register,
  SELF,
  snd,
  syncal,
} from "@anyevent/mp/coro";
import { Mesh } from "../support/mesh.ts";

/** Runs code as the node would, so that the free functions act on it. */
async function within(mesh: Mesh, node: Node, body: () => void): Promise<void> {
  node.snd(node.port(() => body()), "go");
  await mesh.env.backend.settle();
}

Deno.test("portAsync() receives selectively, keeping the order of the rest", async () => {
  await using mesh = new Mesh();
  const node = await mesh.node("n");
  const got: unknown[] = [];
  let port: PortId = "";
  await within(mesh, node, () => {
    port = portAsync(function* () {
      got.push(SELF());
      got.push(yield* get("b"));
      got.push(yield* getCond());
      got.push(yield* getCond((tag) => tag === "d"));
      got.push(yield* get("a", 0));
    });
    snd(port, "a", 1);
    snd(port, "c", 2);
    snd(port, "b", 3);
    snd(port, "d", 4);
  });
  node.mon(port, (...reason) => void got.push(["dead", ...reason]));
  await mesh.env.backend.settle();
  assert.deepEqual(got.slice(0, 5), [port, [3], ["a", 1], ["d", 4], undefined]);
  assert.equal((got[5] as unknown[])[0], "dead");
});

Deno.test("a thread that returns kills its port normally; an error kills it with die", async () => {
  await using mesh = new Mesh();
  const node = await mesh.node("n");
  const got: unknown[] = [];
  await within(mesh, node, () => {
    const a = portAsync(function* () {
      yield* get("end");
      return "ignored";
    });
    const b = portAsync(function* () {
      yield* get("end");
      throw new Error("oops");
    });
    node.mon(a, (...reason) => void got.push(["a", ...reason]));
    node.mon(b, (...reason) => void got.push(["b", ...reason]));
    snd(a, "end");
    snd(b, "end");
  });
  await mesh.until(() => got.length === 2);
  assert.deepEqual(got, [["a"], ["b", "die", "oops"]]);
});

Deno.test("the death of the port cancels its thread, running finally", async () => {
  await using mesh = new Mesh();
  const node = await mesh.node("n");
  const got: unknown[] = [];
  await within(mesh, node, () => {
    const p = portAsync(function* () {
      try {
        yield* get("never");
      } finally {
        got.push("finally", SELF());
      }
    });
    kil(p, "killed");
    node.mon(p, () => 1);
    got.push(p);
  });
  await mesh.until(() => got.length === 3);
  assert.deepEqual(got, [got[0], "finally", got[0]]);
});

Deno.test("SELF() stays with the thread across switches of threads", async () => {
  await using mesh = new Mesh();
  const node = await mesh.node("n");
  const seen: [unknown, unknown][] = [];
  const ports: PortId[] = [];
  await within(mesh, node, () => {
    for (let i = 0; i < 3; i++) {
      ports.push(portAsync(function* (this: PortContext) {
        for (let k = 0; k < 3; k++) {
          yield* get("tick");
          seen.push([SELF(), this.self]);
        }
      }));
    }
    for (let k = 0; k < 3; k++) for (const p of ports) snd(p, "tick");
  });
  await mesh.until(() => seen.length === 9);
  for (const [self, context] of seen) assert.equal(self, context);
  assert.equal(new Set(seen.map(([self]) => self)).size, 3);
  assert.equal(SELF(), undefined);
});

Deno.test("get() times out with undefined, and does not lose what comes later", async () => {
  await using mesh = new Mesh();
  const node = await mesh.node("n");
  const got: unknown[] = [];
  await within(mesh, node, () => {
    const p = portAsync(function* () {
      got.push(yield* get("x", 0.5));
      got.push(yield* get("x", 5));
    });
    node.after(1, p, "x", "late");
  });
  await mesh.until(() => got.length === 2);
  assert.deepEqual(got, [undefined, ["late"]]);
});

Deno.test("getCond() calls what the condition returns with the message, which has left the queue", async () => {
  await using mesh = new Mesh();
  const node = await mesh.node("n");
  const got: unknown[] = [];
  await within(mesh, node, () => {
    const p = portAsync(function* () {
      yield* getCond((tag) => tag === "log" && ((_: unknown, text: unknown) => got.push(text)));
      got.push(yield* getCond(undefined, 0));
      yield* getCond(() => {
        throw new Error("bad message");
      });
    });
    node.mon(p, (...reason) => void got.push(reason));
    snd(p, "log", "text");
    node.after(1, p, "x");
  });
  await mesh.until(() => got.length === 3);
  assert.deepEqual(got, ["text", undefined, ["die", "bad message"]]);
});

Deno.test("tag callbacks take their messages before the thread's queue", async () => {
  await using mesh = new Mesh();
  const node = await mesh.node("n");
  const got: unknown[] = [];
  await within(mesh, node, () => {
    const p = portAsync(function* () {
      got.push(yield* getCond());
    });
    node.rcv(p, "tagged", (n: number) => void got.push(n));
    snd(p, "tagged", 1);
    snd(p, "queued", 2);
  });
  await mesh.until(() => got.length === 2);
  assert.deepEqual(new Set(got.map(String)), new Set(["1", "queued,2"]));
});

Deno.test("rcvAsync() makes spawned ports threads, and is allowed once a port", async () => {
  await using mesh = new Mesh();
  const node = await mesh.node("n");
  const got: unknown[] = [];
  const undo = register("coro::worker", (reply: PortId) => {
    rcvAsync(SELF()!, function* () {
      const job = yield* get("job");
      snd(reply, "done", ...job!);
    });
    assert.throws(() => rcvAsync(SELF()!, function* () {}), UsageError);
  });
  const me = node.port((...m: unknown[]) => void got.push(m));
  node.snd(node.spawn("n", "coro::worker", me), "job", 7);
  await mesh.until(() => got.length === 1);
  undo();
  assert.deepEqual(got, [["done", 7]]);
});

Deno.test("get() outside of an attached thread is a UsageError", async () => {
  await using mesh = new Mesh();
  const node = await mesh.node("n");
  assert.throws(() => get("x"), UsageError);
  const got: unknown[] = [];
  await within(mesh, node, () => {
    const p = node.port(function* () {
      yield* get("x");
    });
    node.mon(p, (...reason) => void got.push(reason));
    snd(p, "run");
  });
  await mesh.until(() => got.length === 1);
  assert.match(String((got[0] as unknown[])[1]), /not attached to any port/);
});

Deno.test("generator callbacks run as threads with SELF() throughout, each message its own", async () => {
  await using mesh = new Mesh();
  const node = await mesh.node("n");
  const got: unknown[] = [];
  const loop: Loop = mesh.loop;
  const p = node.port(function* (this: PortContext, n: number) {
    yield* loop.sleep(1 / n);
    got.push([n, SELF() === this.self && SELF() === p]);
    if (n === 1) throw new Error("late");
  });
  node.mon(p, (...reason) => void got.push(reason));
  node.snd(p, 1);
  node.snd(p, 2);
  await mesh.until(() => got.length === 3);
  assert.deepEqual(got, [[2, true], [1, true], ["die", "late"]]);
  assert.equal(typeof sleep, "function");
});

Deno.test("syncal() gives the reply, and undefined on timeout or a dead target", async () => {
  await using mesh = new Mesh();
  const node = await mesh.node("n");
  const got: unknown[] = [];
  const doubler = node.port();
  node.rcv(doubler, "double", (n: number, reply: PortId) => node.snd(reply, 2 * n));
  const silent = node.port(() => undefined);
  await within(mesh, node, () => {
    portAsync(function* () {
      got.push(yield* syncal(1, doubler, "double", 4));
      got.push(yield* syncal(0.2, silent, "x"));
      got.push(yield* syncal(undefined, "n#gone", "x"));
    });
  });
  await mesh.until(() => got.length === 3);
  assert.deepEqual(got, [[8], undefined, undefined]);
});

Deno.test("pevalAsync() runs in port context: errors kill the port, its end does not, the port's does", async () => {
  await using mesh = new Mesh();
  const node = await mesh.node("n");
  const got: unknown[] = [];
  const p = node.port(() => undefined);
  node.mon(p, (...reason) => void got.push(reason));
  await within(mesh, node, () => {
    pevalAsync(p, function* () {
      got.push(SELF() === p);
    });
  });
  await mesh.until(() => got.length === 1);
  await within(mesh, node, () => {
    pevalAsync(p, function* () {
      try {
        yield* mesh.loop.sleep(100);
      } finally {
        got.push("cancelled");
      }
    });
    pevalAsync(p, function* () {
      yield* mesh.loop.sleep(0.1);
      throw new Error("from thread");
    });
  });
  await mesh.until(() => got.length === 3);
  assert.deepEqual(got, [true, "cancelled", ["die", "from thread"]]);
});
