/** Real sockets and real TLS in one process: what virtual time cannot show. */
import assert from "node:assert/strict";
import { nativeEnv } from "@anyevent/backends/native";
import { globalOf } from "@anyevent/global";
import { Loop } from "@anyevent/loop";
import { Node, type NodeConfig } from "@anyevent/mp";
import { interpose } from "../support/relay.ts";

class World implements AsyncDisposable {
  readonly env = nativeEnv();
  readonly loop = new Loop(this.env);
  readonly nodes: Node[] = [];
  readonly logged: string[] = [];
  readonly #waits = new Set<() => void>();

  async node(nodeid: string, config: NodeConfig = {}): Promise<Node> {
    const node = new Node({
      loop: this.loop,
      configFile: {},
      log: (level, message) => {
        this.logged.push(`${nodeid} ${level} ${message}`);
        this.check();
      },
    });
    this.nodes.push(node);
    await node.configure({ nodeid, binds: [], secret: "geheim", ...config });
    return node;
  }

  check(): void {
    for (const wait of this.#waits) wait();
  }

  /** Resolves when a condition holds, looked at each time something is logged or `check` is called. */
  until(condition: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (!condition()) return;
        this.#waits.delete(look);
        resolve();
      };
      this.#waits.add(look);
      look();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.stop()));
    const { streams, listeners, attempts } = this.env.net.stats();
    assert.deepEqual({ streams, listeners, attempts }, { streams: 0, listeners: 0, attempts: 0 });
    const { timers, ios } = this.env.backend.stats();
    assert.deepEqual({ timers, ios }, { timers: 0, ios: 0 });
    this.loop.dispose();
  }
}

Deno.test("three nodes over real TCP: encrypted links, groups, messages in order, monitors on loss", async () => {
  await using world = new World();
  const a = await world.node("a", { binds: ["127.0.0.1:0"] });
  const seeds = a.listeners;
  const b = await world.node("b", { binds: ["127.0.0.1:0"], seeds });
  const c = await world.node("c", { seeds });
  await world.until(() => [a, b, c].every((node) => node.upNodes().length === 2));
  const got: unknown[][] = [];
  const sink = a.port((...message: unknown[]) => {
    got.push(message);
    world.check();
  });
  globalOf(a).groups.register("sinks", sink);
  globalOf(c).groups.monitor("sinks", () => world.check());
  await world.until(() => globalOf(c).groups.get("sinks") !== undefined);
  const big = "x".repeat(300_000);
  for (let i = 0; i < 50; i++) c.snd(globalOf(c).groups.get("sinks")![0], i, big);
  await world.until(() => got.length === 50);
  assert.deepEqual(got.map(([i]) => i), Array.from({ length: 50 }, (_, i) => i));
  assert.ok(got.every(([, text]) => text === big));
  const told: unknown[][] = [];
  c.mon(sink, (...reason) => {
    told.push(reason);
    world.check();
  });
  // An echo through a: the monitor has arrived there.
  let echoed = false;
  const echo = c.port(() => {
    echoed = true;
    world.check();
  });
  c.sndOn("a", echo);
  await world.until(() => echoed);
  await a.stop();
  await world.until(() => told.length === 1);
  assert.deepEqual(told, [["shutdown"]]);
});

Deno.test("an interposed proxy that terminates TLS without the secret is refused", async () => {
  await using world = new World();
  const a = await world.node("a", { binds: ["127.0.0.1:0"] });
  const relay = interpose(world.loop, world.env.net, a.listeners[0], "127.0.0.1:0");
  const b = await world.node("b", { seeds: [`127.0.0.1:${relay.port}`] });
  await world.until(() => world.logged.some((line) => /secret mismatch/.test(line)));
  assert.ok(relay.secured >= 1, "both sides of the proxy were decrypted");
  assert.deepEqual([a.upNodes(), b.upNodes()], [[], []]);
  await b.stop();
  relay.close();
});

Deno.test("what runs over the wire is not readable: no message, no group name, no secret", async () => {
  await using world = new World();
  const a = await world.node("a", { binds: ["127.0.0.1:0"] });
  let seen = "";
  const net = world.env.net;
  const listener = net.listen({ transport: "tcp", host: "127.0.0.1", port: 0 }, (left) => {
    const [host, port] = a.listeners[0].split(":");
    net.connect({ transport: "tcp", host, port: Number(port) }, (_error, right) => {
      for (const [from, to] of [[left, right!], [right!, left]]) {
        const buffer = new Uint8Array(65536);
        const watcher = world.loop.io({
          fh: from,
          poll: "r",
          cb: () => {
            const count = from.tryRead(buffer);
            if (count === null) {
              watcher.cancel();
              to.shutdown();
            } else {
              seen += new TextDecoder("latin1").decode(buffer.subarray(0, count));
              to.tryWrite(buffer.subarray(0, count));
            }
          },
        });
        closers.push(() => {
          watcher.cancel();
          from.close();
        });
      }
    });
  });
  const closers: (() => void)[] = [() => listener.close()];
  const port = listener.address.transport === "tcp" ? listener.address.port : 0;
  const b = await world.node("b", { seeds: [`127.0.0.1:${port}`] });
  const got: unknown[][] = [];
  const sink = a.port((...message: unknown[]) => {
    got.push(message);
    world.check();
  });
  b.snd(sink, "a very private message");
  await world.until(() => got.length === 1);
  assert.match(seen, /^aemp;1;/);
  assert.ok(!seen.includes("private") && !seen.includes("Global") && !seen.includes("geheim"));
  await Promise.all([a.stop(), b.stop()]);
  for (const close of closers) close();
});
