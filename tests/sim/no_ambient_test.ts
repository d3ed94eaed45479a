/**
 * The layers above the backends take time, chance and scheduling from their Env only: they work when all
 * others throw.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { async, cede, Channel, Scheduler } from "@anyevent/coro";
import { globalOf } from "@anyevent/global";
import "@anyevent/mp/coro";
import { Mesh } from "../support/mesh.ts";

type Place = Record<string, unknown>;

const BANNED: readonly (readonly [place: object, names: readonly string[]])[] = [
  [Date, ["now"]],
  [performance, ["now"]],
  [Temporal.Now, ["instant", "zonedDateTimeISO", "plainDateTimeISO"]],
  [globalThis, ["setTimeout", "setInterval", "setImmediate", "queueMicrotask"]],
  [AbortSignal, ["timeout"]],
  [Math, ["random"]],
  [crypto, ["getRandomValues", "randomUUID"]],
];

/** Replaces them all by throwers. */
function ban(used: string[]): Disposable {
  const undo: (() => void)[] = [];
  for (const [place, names] of BANNED) {
    for (const name of names) {
      const own = Object.getOwnPropertyDescriptor(place, name);
      const thrower = (): never => {
        used.push(name);
        throw new Error(`${name} is ambient`);
      };
      Object.defineProperty(place, name, { value: thrower, configurable: true, writable: true });
      undo.push(() => {
        if (own === undefined) delete (place as Place)[name];
        else Object.defineProperty(place, name, own);
      });
    }
  }
  const RealDate = globalThis.Date;
  globalThis.Date = new Proxy(RealDate, {
    construct(target, args) {
      if (args.length === 0) {
        used.push("new Date()");
        throw new Error("new Date() is ambient");
      }
      return Reflect.construct(target, args);
    },
  });
  undo.push(() => void (globalThis.Date = RealDate));
  return { [Symbol.dispose]: () => undo.reverse().forEach((action) => action()) };
}

Deno.test("ban() does ban: what is ambient throws, and works again afterwards", () => {
  const used: string[] = [];
  {
    using _banned = ban(used);
    assert.throws(() => Date.now());
    assert.throws(() => new Date());
    assert.throws(() => Math.random());
    assert.throws(() => globalThis.setTimeout(() => undefined, 0));
  }
  assert.deepEqual(used, ["now", "new Date()", "random", "setTimeout"]);
  assert.equal(typeof Date.now(), "number");
  assert.equal(randomBytes(3).length, 3);
});

Deno.test("a mesh comes together, talks, breaks and recovers without anything ambient", async () => {
  const used: string[] = [];
  using _banned = ban(used);
  await using mesh = new Mesh({ seed: 7 });
  const a = await mesh.node("a", { binds: ["127.0.0.1:4040"] });
  const b = await mesh.node("b", { binds: ["127.0.0.1:4041"], seeds: ["127.0.0.1:4040"] });
  const c = await mesh.node("c", { seeds: ["127.0.0.1:4040"] });
  await mesh.until(() => [a, b, c].every((node) => node.upNodes().length === 2));
  const got: unknown[] = [];
  const p = a.port(function* (n: number) {
    yield* mesh.loop.sleep(0.1);
    got.push(n);
  });
  globalOf(a).groups.register("g", p);
  await mesh.until(() => globalOf(c).groups.get("g") !== undefined);
  c.snd(p, 1);
  await mesh.until(() => got.length === 1);
  mesh.net.sever();
  await mesh.until(() => c.nodeIsUp("a") === true && globalOf(c).groups.get("g") !== undefined);
  c.snd(p, 2);
  await mesh.until(() => got.length === 2);
  assert.deepEqual([got, used], [[1, 2], []]);
});

Deno.test("threads run without anything ambient", async () => {
  const used: string[] = [];
  using _banned = ban(used);
  await using mesh = new Mesh();
  const threads = new Scheduler(mesh.loop);
  const got: unknown[] = [];
  threads.async(function* () {
    const channel = new Channel<number>(1);
    async(function* () {
      for (let i = 0; i < 3; i++) yield* channel.put(i);
    });
    for (let i = 0; i < 3; i++) got.push(yield* channel.get());
    yield* cede();
    yield* mesh.loop.sleep(1);
    got.push("slept");
  });
  await mesh.until(() => got.length === 4);
  assert.deepEqual([got, used], [[0, 1, 2, "slept"], []]);
});
