// Longer than most files here: it is a list of cases on one simulated network of name servers.
import assert from "node:assert/strict";
import fc from "fast-check";
import {
  ClosedError,
  dnsPack,
  type DnsPacket,
  type DnsRecord,
  dnsUnpack,
  Loop,
  parseResolvConf,
  Resolver,
  type ResolverOptions,
  UsageError,
} from "@anyevent/loop";
import { type Answer, DnsServer, reply, zone } from "../../support/dns_server.ts";
import { type World, world } from "./world.ts";

const A: DnsRecord = ["h.example", "a", "in", 60, "10.0.0.1"];

function resolverOf(
  { loop }: World,
  servers: readonly DnsServer[],
  options: ResolverOptions = {},
): Resolver {
  return new Resolver({ loop, server: servers.map((one) => one.address), ...options });
}

function assertClean({ loop, env, backend }: World, servers = 0): void {
  const { timers, ios, held } = loop.stats();
  assert.deepEqual({ timers, ios, held }, { timers: 0, ios: 0, held: 0 });
  assert.deepEqual(env.net.stats(), { streams: servers, listeners: servers, attempts: 0 });
  assert.deepEqual(backend.thrown, []);
}

Deno.test("resolve() gives records as [name, type, class, ttl, ...data]", async () => {
  const w = world();
  using server = await startIn(w, zone([A, ["h.example", "mx", "in", 5, 10, "m.example"]]));
  const resolver = resolverOf(w, [server]);
  assert.deepEqual(await w.run(resolver.resolve("H.Example", "a")), [A]);
  assert.deepEqual(await w.run(resolver.resolve("h.example", "MX")), [
    ["h.example", "mx", "in", 5, 10, "m.example"],
  ]);
  assert.equal((await w.run(resolver.resolve("h.example", "*"))).length, 2);
  assert.deepEqual(await w.run(resolver.resolve("nobody.example", "a")), []);
  assertClean(w, 1);
});

/** Starting takes turns, which here are taken by hand. */
async function startIn(
  w: World,
  answering: (query: DnsPacket, via: "udp" | "tcp") => Answer,
  options: { readonly latency?: number; readonly host?: string } = {},
): Promise<DnsServer> {
  const started = DnsServer.start(w.env, answering, options);
  await w.backend.settle();
  return await started;
}

Deno.test("resolve() with a callback calls it later, once, and not after cancel()", async () => {
  const w = world();
  using server = await startIn(w, zone([A]));
  const resolver = resolverOf(w, [server]);
  const got: unknown[] = [];
  resolver.resolve("h.example", "a", (records) => got.push(records));
  resolver.resolve("h.example", "a", undefined, { send: (records) => got.push(records) });
  resolver.resolve("h.example", "a", (records) => got.push(records)).cancel();
  assert.deepEqual(got, []);
  assert.equal(w.loop.stats().held > 0, true);
  await w.backend.run(30);
  assert.deepEqual(got, [[A], [A]]);
  assertClean(w, 1);
});

Deno.test("request() tries each server for each timeout in turn, then gives up", async () => {
  const w = world();
  using one = await startIn(w, () => undefined);
  using two = await startIn(w, () => undefined, { host: "127.0.0.2" });
  const times: string[] = [];
  const began = w.loop.now();
  for (const [name, server] of [["one", one], ["two", two]] as const) {
    server.answering = () => {
      times.push(`${name} ${w.loop.now() - began}`);
      return undefined;
    };
  }
  const resolver = resolverOf(w, [one, two], { timeout: [2, 5, 5] });
  let over: number | undefined;
  resolver.request({ rd: true, qd: [["h.example", "a"]] }, (res) => {
    assert.equal(res, undefined);
    over = w.loop.now() - began;
  });
  await w.backend.run(60);
  assert.deepEqual(times, ["one 0", "two 2", "one 4", "two 9", "one 14", "two 19"]);
  assert.equal(over, 24);
  assertClean(w, 2);
});

Deno.test("request() takes a late reply of a server that was asked before", async () => {
  const w = world();
  using slow = await startIn(w, zone([A]), { latency: 3 });
  using dead = await startIn(w, () => undefined);
  const resolver = resolverOf(w, [slow, dead], { timeout: [2, 5] });
  const began = w.loop.now();
  const res = await w.run(resolver.request({ qd: [["h.example", "a"]] }));
  assert.deepEqual(res?.an, [A]);
  assert.equal(w.loop.now() - began < 3.5, true);
  assert.equal(dead.queries.length, 1);
});

Deno.test("request() gives whatever a server replies, also an error", async () => {
  const w = world();
  using server = await startIn(w, (query) => reply(query, { rc: "servfail" }));
  const res = await w.run(resolverOf(w, [server]).request({ qd: [["h", "a"]] }));
  assert.equal(res?.rc, "servfail");
});

Deno.test("request() asks again by TCP when the reply is truncated", async () => {
  const w = world();
  const an = Array.from({ length: 300 }, (_, i): DnsRecord => [
    ...["h.example", "a", "in"] as const,
    1,
    `10.0.${i >> 8}.${i & 255}`,
  ]);
  using server = await startIn(
    w,
    (query, via) => via === "udp" ? reply(query, { tc: true }) : reply(query, { an }),
  );
  const records = await w.run(resolverOf(w, [server]).resolve("h.example", "a"));
  assert.deepEqual(records, an);
  assert.deepEqual(server.queries.map(({ via }) => via), ["udp", "tcp"]);
  w.backend.turn();
  assertClean(w, 1);
});

Deno.test("a server that breaks off, stalls or lies by TCP counts as one without a reply", async () => {
  const w = world();
  const bad: ((query: DnsPacket) => Answer)[] = [
    () => undefined,
    () => new Uint8Array(0),
    () => Uint8Array.of(1, 2, 3),
    (query) => ({ ...reply(query), id: query.id ^ 1 }),
  ];
  for (const answer of bad) {
    using liar = await startIn(
      w,
      (query, via) => via === "udp" ? reply(query, { tc: true }) : answer(query),
    );
    using good = await startIn(w, zone([A]));
    const resolver = resolverOf(w, [liar, good]);
    assert.deepEqual(await w.run(resolver.resolve("h.example", "a")), [A]);
    assert.equal(liar.queries.filter(({ via }) => via === "tcp").length, 1);
    w.backend.turn();
    assertClean(w, 2);
    await w.backend.settle();
  }
});

Deno.test("request() goes to TCP at once where there is no UDP", async () => {
  const w = world();
  using server = await startIn(w, zone([A]));
  const { connect, listen, secure, stats } = w.env.net;
  const { net } = w.env;
  const bound = {
    connect: connect.bind(net),
    listen: listen.bind(net),
    secure: secure.bind(net),
    stats: stats.bind(net),
  };
  const loop = new Loop({ ...w.env, net: bound });
  const resolver = new Resolver({ loop, server: [server.address] });
  assert.deepEqual(await w.run(resolver.resolve("h.example", "a")), [A]);
  assert.deepEqual(server.queries.map(({ via }) => via), ["tcp"]);
});

Deno.test("replies count only with the right number, question and source", async () => {
  const w = world();
  using server = await startIn(w, (query) => {
    const right = dnsPack(reply(query, { an: [A] }));
    const [name, type] = query.qd[0];
    const wrong: Answer[] = [
      { ...reply(query, { an: [["h.example", "a", "in", 1, "6.6.6.6"]] }), id: query.id ^ 1 },
      reply(query, { qr: false, an: [["h.example", "a", "in", 1, "6.6.6.6"]] }),
      reply(query, { qd: [["evil.example", type]], an: [["h.example", "a", "in", 1, "6.6.6.6"]] }),
      reply(query, { qd: [[name, "ns"]], an: [["h.example", "a", "in", 1, "6.6.6.6"]] }),
      reply(query, { qd: [], an: [["h.example", "a", "in", 1, "6.6.6.6"]] }),
    ];
    return [
      ...wrong.map((one) => dnsPack(one as Parameters<typeof dnsPack>[0])),
      new Uint8Array(3),
      right,
    ];
  });
  // Somebody else who knows everything, but does not sit at the server's address.
  const spoofer = await new Promise<{ trySend: (b: Uint8Array, to: never) => boolean }>((yes) => {
    w.env.net.udp!({ transport: "tcp", host: "127.0.0.1", port: 0 }, (_e, s) => yes(s as never));
    w.backend.turn();
  });
  const first = server.answering;
  server.answering = (query, via) => {
    const forged = dnsPack(reply(query, { an: [["h.example", "a", "in", 1, "6.6.6.6"]] }));
    const port = Number(server.queries.at(-1)!.from);
    spoofer.trySend(forged, { transport: "tcp", host: "127.0.0.1", port } as never);
    return first(query, via);
  };
  assert.deepEqual(await w.run(resolverOf(w, [server]).resolve("h.example", "a")), [A]);
});

Deno.test("numbers and ports of requests are taken by chance", async () => {
  const w = world({ seed: 7 });
  using server = await startIn(w, zone([A]));
  const resolver = resolverOf(w, [server]);
  for (let i = 0; i < 20; i++) await w.run(resolver.resolve("h.example", "a"));
  assert.equal(new Set(server.queries.map(({ query }) => query.id)).size, 20);
  assert.equal(new Set(server.queries.map(({ from }) => from)).size, 20);
  assert(server.queries.every(({ from }) => Number(from) >= 1024));
});

Deno.test("the number of a request without a reply is kept back for `reuse` seconds", async () => {
  // Chance that always says the same: each next number is the first one after it that is free.
  const w = world();
  const random = { bytes: (count: number) => new Uint8Array(count), float: () => 0 };
  const loop = new Loop({ ...w.env, random });
  using server = await startIn(w, () => undefined);
  const resolver = new Resolver({ loop, server: [server.address], timeout: [1], reuse: 100 });
  const ids = async (): Promise<number[]> => {
    server.queries.length = 0;
    await w.run(resolver.request({ qd: [["h", "a"]] }));
    return server.queries.map(({ query }) => query.id);
  };
  assert.deepEqual(await ids(), [0]);
  assert.deepEqual(await ids(), [1]);
  await w.backend.run(100);
  assert.deepEqual(await ids(), [0]);
  server.answering = (query) => reply(query);
  const again = await ids();
  assert.deepEqual(await ids(), again);
});

Deno.test("at most maxOutstanding requests are under way, the others wait in order", async () => {
  const w = world();
  using server = await startIn(w, zone([A]), { latency: 1 });
  const resolver = resolverOf(w, [server], { maxOutstanding: 3, timeout: [10] });
  const order: number[] = [];
  for (let i = 0; i < 10; i++) resolver.resolve(`h${i}.`, "a", () => order.push(i));
  await w.backend.run(1.5);
  assert.deepEqual(order, [0, 1, 2]);
  await w.backend.run(10);
  assert.deepEqual(order, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  assert.equal(server.most, 3);
  assert.deepEqual(server.asked.map((one) => one.split(" ")[0]), order.map((i) => `h${i}`));
  resolver.maxOutstanding(10);
  for (let i = 0; i < 10; i++) resolver.resolve(`h${i}.`, "a", () => order.push(i));
  await w.backend.run(5);
  assert.equal(server.most, 10);
  assertClean(w, 1);
});

Deno.test("waitForSlot() calls back in order, when nobody waits for a slot any more", async () => {
  const w = world();
  using server = await startIn(w, zone([A]), { latency: 1 });
  const resolver = resolverOf(w, [server], { maxOutstanding: 2, timeout: [10] });
  const log: string[] = [];
  resolver.waitForSlot((given) => log.push(`at once ${given === resolver}`));
  assert.equal(log.length, 0);
  await w.backend.settle();
  for (let i = 0; i < 4; i++) resolver.resolve(`h${i}.`, "a", () => log.push(`h${i}`));
  resolver.waitForSlot(() => {
    log.push("slot 1");
    for (let i = 4; i < 6; i++) resolver.resolve(`h${i}.`, "a", () => log.push(`h${i}`));
  });
  resolver.waitForSlot(() => log.push("never")).cancel();
  resolver.waitForSlot(() => log.push("slot 2"));
  const done = w.run(resolver.waitForSlot());
  await done;
  await w.backend.run(10);
  assert.deepEqual(log, [
    ...["at once true", "h0", "h1", "h2", "h3", "slot 1", "h4", "h5", "slot 2"],
  ]);
  assertClean(w, 1);
});

Deno.test("names with ndots dots are tried as they are first, others with suffixes first", async () => {
  const w = world();
  using server = await startIn(w, zone([]));
  const search = ["one.example", "two.example"];
  const ask = async (name: string, options: ResolverOptions = {}): Promise<string[]> => {
    server.queries.length = 0;
    await w.run(resolverOf(w, [server], { search, ...options }).resolve(name, "a"));
    return server.asked.map((one) => one.split(" ")[0]);
  };
  assert.deepEqual(await ask("host"), ["host.one.example", "host.two.example", "host"]);
  assert.deepEqual(await ask("host.x"), ["host.x", "host.x.one.example", "host.x.two.example"]);
  assert.deepEqual(
    await ask("host.x", { ndots: 2 }),
    ["host.x.one.example", "host.x.two.example", "host.x"],
  );
  assert.deepEqual(await ask("host."), ["host"]);
  assert.deepEqual(await ask("host.x."), ["host.x"]);
  assert.deepEqual(await ask("Host", { search: [] }), ["host"]);
});

Deno.test("resolve() stops at the first name that has records; options.search goes before", async () => {
  const w = world();
  using server = await startIn(w, zone([["h.two", "a", "in", 1, "10.0.0.2"]]));
  const resolver = resolverOf(w, [server], { search: ["one", "two", "three"] });
  assert.deepEqual((await w.run(resolver.resolve("h", "a"))).map((rr) => rr[0]), ["h.two"]);
  assert.deepEqual(server.asked, ["h.one a", "h.two a"]);
  server.queries.length = 0;
  await w.run(resolver.resolve("h", "a", { search: ["", "x"] }));
  assert.deepEqual(server.asked, ["h a", "h.x a"]);
  server.queries.length = 0;
  assert.deepEqual(await w.run(resolver.resolve("h", "a", { search: [] })), []);
  assert.deepEqual(server.asked, []);
});

Deno.test("resolve() follows aliases inside one reply and by asking again", async () => {
  const w = world();
  using server = await startIn(w, (query) => {
    const [name] = query.qd[0];
    if (name === "one.example") {
      return reply(query, {
        an: [
          ["one.example", "cname", "in", 1, "Two.Example"],
          ["two.example", "cname", "in", 1, "three.example"],
        ],
      });
    }
    return zone([["three.example", "a", "in", 1, "10.0.0.3"]])(query, "udp");
  });
  const resolver = resolverOf(w, [server]);
  assert.deepEqual(await w.run(resolver.resolve("one.example", "a")), [
    ["three.example", "a", "in", 1, "10.0.0.3"],
  ]);
  assert.deepEqual(server.asked, ["one.example a", "three.example a"]);
});

Deno.test("resolve() follows 10 aliases, not 11, and gets out of a circle", async () => {
  const w = world();
  const chain = (length: number): DnsRecord[] => [
    ...Array.from({ length }, (_, i): DnsRecord => [`n${i}`, "cname", "in", 1, `n${i + 1}`]),
    [`n${length}`, "a", "in", 1, "10.0.0.1"],
  ];
  for (const all of [true, false]) {
    for (const [length, found] of [[10, 1], [11, 0]] as const) {
      using server = await startIn(w, (query) => {
        const [name] = query.qd[0];
        return reply(query, { an: chain(length).filter((rr) => all || rr[0] === name) });
      });
      const got = await w.run(resolverOf(w, [server]).resolve("n0.", "a"));
      assert.equal(got.length, found, `${length} aliases, ${all ? "in one reply" : "one by one"}`);
    }
  }
  using server = await startIn(w, (query) =>
    reply(query, {
      an: [["a.x", "cname", "in", 1, "b.x"], ["b.x", "cname", "in", 1, "a.x"]],
    }));
  assert.deepEqual(await w.run(resolverOf(w, [server]).resolve("a.x.", "a")), []);
});

Deno.test("resolve() with accept gives these types only; with cname it follows none", async () => {
  const w = world();
  const records: DnsRecord[] = [
    ["h", "a", "in", 1, "10.0.0.1"],
    ["h", "aaaa", "in", 1, "::1"],
    ["h", "txt", "in", 1, "x"],
    ["alias", "cname", "in", 1, "h"],
  ];
  using server = await startIn(w, (query) => {
    const [name] = query.qd[0];
    return reply(query, { an: records.filter((rr) => rr[0] === name) });
  });
  const resolver = resolverOf(w, [server]);
  const types = async (name: string, type: string, accept?: string[]): Promise<string[]> =>
    (await w.run(resolver.resolve(name, type, { accept }))).map((rr) => rr[1]);
  assert.deepEqual(await types("h.", "a"), ["a"]);
  assert.deepEqual(await types("h.", "*", ["a", "AAAA"]), ["a", "aaaa"]);
  assert.deepEqual(await types("alias.", "a"), ["a"]);
  assert.deepEqual(await types("alias.", "a", ["cname"]), ["cname"]);
  assert.deepEqual(await types("alias.", "cname"), ["cname"]);
});

Deno.test("resolve() asks in the given class, and with EDNS0 when that is on", async () => {
  const w = world({ env: { ANYEVENT_EDNS0: "1" } });
  using server = await startIn(w, (query) =>
    reply(query, {
      an: [["version.bind", "txt", "ch", 0, "none of your business"]],
    }));
  const resolver = resolverOf(w, [server]);
  const [record] = await w.run(resolver.resolve("version.bind", "txt", { class: "ch" }));
  assert.deepEqual(record.slice(1), ["txt", "ch", 0, "none of your business"]);
  const [{ query }] = server.queries;
  assert.deepEqual(query.qd, [["version.bind", "txt", "ch"]]);
  assert.equal(query.ar[0][1], "opt");
  await w.run(resolverOf(w, [server], { edns0: false }).resolve("version.bind", "txt"));
  assert.deepEqual(server.queries[1].query.ar, []);
});

Deno.test("a name that cannot be packed has no records, told later", async () => {
  const w = world();
  using server = await startIn(w, zone([]));
  const resolver = resolverOf(w, [server]);
  for (const name of ["x".repeat(256), `${"abc.".repeat(64)}x`, "a..b"]) {
    let got: unknown;
    resolver.request({ qd: [[name, "a"]] }, (res) => got = [res]);
    assert.equal(got, undefined);
    await w.backend.settle();
    assert.deepEqual(got, [undefined]);
    assert.deepEqual(await w.run(resolver.resolve(name, "a")), []);
  }
  assert.deepEqual(server.queries, []);
  assertClean(w, 1);
});

Deno.test("parseResolvConf() takes what it knows and skips the rest", () => {
  const conf = parseResolvConf(`
    # a comment
    ; another
    nameserver 10.0.0.1 # the first
    NameServer 2001:DB8::1
    nameserver not.an.address
    nameserver fe80::1%eth0
    domain early.example
    search one.example   two.example
    sortlist 130.155.160.0/255.255.240.0
    options timeout:3 attempts:2 ndots:4 rotate timeout:x
    nonsense
  `);
  assert.deepEqual(conf, {
    server: ["10.0.0.1", "2001:db8::1"],
    search: ["one.example", "two.example"],
    timeout: 3,
    attempts: 2,
    ndots: 4,
    invalid: ["not.an.address", "fe80::1%eth0"],
  });
  assert.deepEqual(parseResolvConf("search a b\ndomain c.example\n").search, ["c.example"]);
  fc.assert(fc.property(fc.string(), (text) => void parseResolvConf(text)));
});

Deno.test("resolver.parseResolvConf() sets servers, search, ndots and timeouts", async () => {
  const w = world();
  const resolver = new Resolver({ loop: w.loop });
  assert.deepEqual(resolver.server.slice(0, 1), ["127.0.0.1:53"]);
  resolver.parseResolvConf("nameserver 127.0.0.9\nnameserver x\nsearch a b a\noptions ndots:3\n");
  assert.deepEqual(resolver.server, ["127.0.0.9:53"]);
  assert.deepEqual([resolver.search, resolver.ndots], [["a", "b"], 3]);
  assert.deepEqual(w.logged.map((one) => one.message), [
    "nameserver x is no address and is ignored",
  ]);
  const tookWith = async (set: () => void): Promise<number> => {
    set();
    const began = w.loop.now();
    let over = 0;
    resolver.request({ qd: [["h", "a"]] }, () => over = w.loop.now() - began);
    await w.backend.run(100);
    return over;
  };
  assert.equal(await tookWith(() => {}), 12);
  assert.equal(await tookWith(() => resolver.timeout(1, 2)), 3);
  const options = (text: string) => () =>
    resolver.parseResolvConf(`nameserver 127.0.0.9\noptions ${text}\n`);
  assert.equal(await tookWith(options("timeout:4")), 4);
  assert.equal(await tookWith(options("timeout:3 attempts:4")), 12);
  assert.equal(await tookWith(options("attempts:2")), 6);
});

Deno.test("osConfig() reads the file, and requests wait for it", async () => {
  const files: Record<string, string> = {};
  const w = world({ files });
  using _server = await startIn(w, zone([A]));
  files["/etc/resolv.conf"] = "search example\n";
  const resolver = new Resolver({ loop: w.loop, server: ["127.0.0.99"], timeout: [1] });
  resolver.osConfig();
  const lookup = resolver.resolve("h", "a");
  const got = lookup.then((records) => records);
  assert.equal(w.loop.stats().held > 0, true);
  await w.backend.settle();
  // It had no name server: the defaults, of which nobody answers here.
  assert.deepEqual(resolver.search, ["example"]);
  assert.equal(resolver.server[0], "127.0.0.1:53");
  await w.backend.run(60);
  assert.deepEqual(await got, []);
  resolver.osConfig("/nowhere");
  await w.backend.settle();
  assert.match(w.logged.at(-1)!.message, /resolver configuration is not used: .*\/nowhere/);
  assertClean(w, 1);
});

Deno.test("cancel() and aborting at any moment leave nothing open", async () => {
  const w = world();
  using dead = await startIn(w, () => undefined);
  using cut = await startIn(
    w,
    (query, via) => via === "udp" ? reply(query, { tc: true }) : undefined,
  );
  const resolver = resolverOf(w, [dead, cut], { timeout: [1, 1], maxOutstanding: 2 });
  for (let step = 0; step < 40; step++) {
    const watchers = ["a", "b", "c"].map((name) =>
      resolver.resolve(name, "a", () => assert.fail("it was cancelled"))
    );
    await w.backend.run(step * 0.05);
    for (let turn = 0; turn < step % 4; turn++) w.backend.turn();
    for (const watcher of watchers) watcher.cancel();
    await w.backend.settle();
    w.backend.turn();
    // The server's end of a connection may close a turn later.
    await w.backend.settle();
    assertClean(w, 2);
  }
});

Deno.test("dispose() of the loop ends what waits with ClosedError, and closes sockets", async () => {
  const w = world();
  using dead = await startIn(w, () => undefined);
  const resolver = resolverOf(w, [dead]);
  const waiting = assert.rejects(
    Promise.resolve(resolver.resolve("h", "a")),
    (error: Error) => error instanceof ClosedError && error.message.includes('dns.resolve("h"'),
  );
  resolver.resolve("h", "a", () => assert.fail("the loop is gone"));
  await w.backend.settle();
  w.loop.dispose();
  await waiting;
  await w.backend.run(60);
  assert.deepEqual(w.env.net.stats(), { streams: 1, listeners: 1, attempts: 0 });
  assert.throws(() => resolver.resolve("h", "a", () => {}), ClosedError);
});

Deno.test("a callback that throws is reported, and the resolver goes on", async () => {
  const w = world();
  using server = await startIn(w, zone([A]));
  const errors: unknown[] = [];
  w.loop.onCallbackError = (error) => void errors.push(error);
  const resolver = resolverOf(w, [server], { maxOutstanding: 1 });
  resolver.resolve("h.example", "a", () => {
    throw new Error("mine");
  });
  resolver.resolve("h.example", "a", () => Promise.reject(new Error("later")));
  assert.deepEqual(await w.run(resolver.resolve("h.example", "a")), [A]);
  assert.deepEqual(errors.map((error) => (error as Error).message), ["mine", "later"]);
  assertClean(w, 1);
});

Deno.test("whatever a server sends, nothing is thrown into the loop", async () => {
  const w = world();
  let answer: (query: DnsPacket) => Answer = () => undefined;
  using server = await startIn(w, (query) => answer(query));
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.uint8Array({ maxLength: 80 }), { maxLength: 3 }),
      fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 6 }),
      async (junk, changes) => {
        answer = (query) => {
          const bytes = dnsPack(reply(query, { an: [A, ["h.example", "txt", "in", 1, "x"]] }));
          for (const [at, value] of changes) bytes[2 + at % (bytes.length - 2)] = value;
          return [
            ...junk.map((one) => Uint8Array.of(query.id >> 8, query.id & 255, ...one)),
            bytes,
          ];
        };
        const resolver = resolverOf(w, [server], { timeout: [0.5] });
        const records = await w.run(resolver.resolve("h.example.", "a"));
        assert(Array.isArray(records));
        assert.deepEqual(w.backend.thrown, []);
      },
    ),
    { numRuns: 60 },
  );
  await w.backend.settle();
});

Deno.test("options that make no sense are a UsageError that names them", () => {
  const { loop } = world();
  const bad: [ResolverOptions, RegExp][] = [
    [{ server: ["host.example"] }, /name server "host\.example"/],
    [{ server: ["127.0.0.1:0"] }, /name server "127\.0\.0\.1:0"/],
    [{ server: "127.0.0.1" as never }, /server "127\.0\.0\.1"/],
    [{ timeout: [] }, /timeout/],
    [{ timeout: [-1] }, /timeout -1/],
    [{ ndots: -1 }, /ndots -1/],
    [{ maxOutstanding: 0 }, /maxOutstanding 0/],
    [{ search: [5] as never }, /search/],
  ];
  for (const [options, message] of bad) {
    assert.throws(
      () => new Resolver({ loop, ...options }),
      (error: Error) => error instanceof UsageError && message.test(error.message),
    );
  }
  const resolver = new Resolver({ loop });
  assert.throws(() => resolver.resolve("h", "nonsense"), /"nonsense"/);
  assert.throws(() => resolver.resolve(5 as never, "a"), /resolve 5/);
  assert.throws(() => resolver.resolve("h", "a", { class: "x" }), /DNS class/);
  assert.throws(() => resolver.request({}), /no question/);
  assert.throws(() => resolver.resolve("h", "a", {}, 5 as never), /callback 5/);
  assert.equal(dnsUnpack(dnsPack({})).id, 0);
});
