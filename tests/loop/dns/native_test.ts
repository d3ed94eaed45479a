/** The resolver on real sockets. */
import assert from "node:assert/strict";
import { nativeEnv } from "@anyevent/backends/native";
import { nodeHost, pureEnv } from "@anyevent/backends/pure";
import { Dns, type DnsRecord, type Env, Loop, Resolver } from "@anyevent/loop";
import { DnsServer, reply, zone } from "../../support/dns_server.ts";

const A: DnsRecord = ["h.example", "a", "in", 1, "10.0.0.1"];
const BIG = Array.from({ length: 400 }, (_, i): DnsRecord => [
  ...["big.example", "txt", "in", 1] as const,
  `${i} ${"x".repeat(100)}`,
]);

const MAKERS: readonly [name: string, make: () => Env][] = [
  ["native", nativeEnv],
  ["pure", () => pureEnv({ host: nodeHost() })],
];

for (const [name, make] of MAKERS) {
  Deno.test(`${name}: look-ups by real UDP and TCP, many at a time, leave nothing open`, async () => {
    const env = make();
    const loop = new Loop(env);
    {
      using server = await DnsServer.start(env, (query, via) => {
        const [asked] = query.qd[0];
        if (asked !== "big.example") return zone([A])(query, via);
        return via === "udp" ? reply(query, { tc: true }) : reply(query, { an: BIG });
      });
      const resolver = new Resolver({ loop, server: [server.address], maxOutstanding: 20 });
      const dns = new Dns(resolver);
      assert.deepEqual(await dns.a("h.example"), ["10.0.0.1"]);
      assert.equal((await dns.txt("big.example")).length, 400);
      const all = await Promise.all(
        Array.from(
          { length: 100 },
          async (_, i) => await dns.a(i % 2 ? "h.example" : "no.example"),
        ),
      );
      assert.equal(all.filter((list) => list.length === 1).length, 50);
      assert.equal(new Set(server.queries.map(({ from }) => from)).size > 90, true);
    }
    assert.deepEqual(env.net.stats(), { streams: 0, listeners: 0, attempts: 0 });
    const { timers, ios, held } = loop.stats();
    assert.deepEqual({ timers, ios, held }, { timers: 0, ios: 0, held: 0 });
    env.backend.dispose();
  });

  Deno.test(`${name}: goes on to the next server when one is silent, by IPv6 too`, async () => {
    const env = make();
    const loop = new Loop(env);
    {
      using silent = await DnsServer.start(env, () => undefined);
      using server = await DnsServer.start(env, zone([A]), { host: "::1" });
      const resolver = new Resolver({
        loop,
        server: [silent.address, server.address],
        timeout: [0.02, 5],
      });
      assert.deepEqual(await resolver.resolve("h.example", "a"), [A]);
      assert.equal(silent.queries.length > 0, true);
    }
    assert.deepEqual(env.net.stats(), { streams: 0, listeners: 0, attempts: 0 });
    env.backend.dispose();
  });
}

Deno.test({
  name: "a missing permission is an empty list, and is told once",
  permissions: { net: ["127.0.0.1"] },
  async fn() {
    const logged: string[] = [];
    const env = nativeEnv({ log: (level, message) => level <= 4 && logged.push(message) });
    const resolver = new Resolver({
      loop: new Loop(env),
      server: ["192.0.2.1"],
      timeout: [1, 1],
    });
    assert.deepEqual(await resolver.resolve("h.example.", "a"), []);
    assert.deepEqual(await resolver.resolve("h.example.", "a"), []);
    assert.equal(logged.length, 1);
    assert.match(logged[0], /Cannot open UDP socket on 0\.0\.0\.0:\d+: .*--allow-net/);
    assert.deepEqual(env.net.stats(), { streams: 0, listeners: 0, attempts: 0 });
    env.backend.dispose();
  },
});
