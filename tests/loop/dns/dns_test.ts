import assert from "node:assert/strict";
import {
  Dns,
  dns,
  type DnsRecord,
  type NameResolver,
  parseHosts,
  Resolver,
  resolver,
  setResolver,
  type SrvRecord,
  UsageError,
} from "@anyevent/loop";
import { seededRandom } from "@anyevent/backends/contract";
import { Scheduler } from "@anyevent/coro";
import { srvOrder } from "../../../loop/dns/srv.ts";
import { type Answering, DnsServer, zone } from "../../support/dns_server.ts";
import { type World, world } from "./world.ts";

const ZONE: readonly DnsRecord[] = [
  ["h.example", "a", "in", 1, "10.0.0.1"],
  ["h.example", "a", "in", 1, "10.0.0.2"],
  ["h.example", "aaaa", "in", 1, "2001:db8::1"],
  ["h.example", "ns", "in", 1, "ns1.example"],
  ["h.example", "mx", "in", 1, 20, "second.example"],
  ["h.example", "mx", "in", 1, 10, "first.example"],
  ["h.example", "txt", "in", 1, "one", "not told"],
  ["h.example", "txt", "in", 1, "two"],
  ["_sip._udp.h.example", "srv", "in", 1, 2, 0, 5061, "late.example"],
  ["_sip._udp.h.example", "srv", "in", 1, 1, 0, 5060, "early.example"],
  ["1.0.0.10.in-addr.arpa", "ptr", "in", 1, "h.example"],
  ["1.0.0.10.in-addr.arpa", "ptr", "in", 1, "liar.example"],
  ["liar.example", "a", "in", 1, "10.9.9.9"],
  [
    "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa",
    "ptr",
    "in",
    1,
    "h.example",
  ],
];

async function start(w: World, answering: Answering = zone(ZONE)): Promise<[DnsServer, Dns]> {
  const started = DnsServer.start(w.env, answering);
  await w.backend.settle();
  const server = await started;
  const used = new Resolver({ loop: w.loop, server: [server.address], timeout: [1] });
  return [server, new Dns(used)];
}

Deno.test("a, aaaa, mx, ns, txt, srv, ptr and any give what their records say", async () => {
  const w = world();
  const [server, dns] = await start(w);
  using _server = server;
  assert.deepEqual(await w.run(dns.a("h.example")), ["10.0.0.1", "10.0.0.2"]);
  assert.deepEqual(await w.run(dns.aaaa("h.example")), ["2001:db8::1"]);
  assert.deepEqual(await w.run(dns.ns("h.example")), ["ns1.example"]);
  assert.deepEqual(await w.run(dns.mx("h.example")), ["first.example", "second.example"]);
  assert.deepEqual(await w.run(dns.txt("h.example")), ["one", "two"]);
  assert.deepEqual(await w.run(dns.srv("sip", "udp", "h.example")), [
    [1, 0, 5060, "early.example"],
    [2, 0, 5061, "late.example"],
  ]);
  assert.deepEqual(await w.run(dns.ptr("1.0.0.10.in-addr.arpa")), ["h.example", "liar.example"]);
  assert.equal((await w.run(dns.any("h.example"))).length, 8);
});

Deno.test("the same with callbacks: one list, later; condvars do too", async () => {
  const w = world();
  const [server, dns] = await start(w);
  using _server = server;
  const got: unknown[] = [];
  dns.a("h.example", (list) => got.push(list));
  dns.mx("h.example", (list) => got.push(list));
  dns.srv("sip", "udp", "h.example", (list) => got.push(list.length));
  dns.reverseLookup("10.0.0.1", (list) => got.push(list.length));
  dns.a("h.example", () => assert.fail("it was cancelled")).cancel();
  const cv = w.loop.condvar<[string[]]>();
  dns.aaaa("h.example", cv);
  assert.equal(got.length, 0);
  assert.deepEqual(await w.run(cv.recv()), ["2001:db8::1"]);
  assert.deepEqual(got, [["10.0.0.1", "10.0.0.2"], ["first.example", "second.example"], 2, 2]);
  assert.equal(w.loop.stats().held, 0);
});

Deno.test("every failure is an empty list", async () => {
  const w = world();
  const [server, dns] = await start(w);
  using _server = server;
  for (const list of [dns.a("nobody.example"), dns.a(""), dns.a("a..b"), dns.mx("x".repeat(300))]) {
    assert.deepEqual(await w.run(list), []);
  }
  server.answering = () => undefined;
  assert.deepEqual(await w.run(dns.txt("h.example")), []);
  assert.deepEqual(await w.run(dns.srv("sip", "udp", "h.example")), []);
  for (const ip of ["", "h.example", "10.0.0.256", "unix/", "::1::"]) {
    assert.deepEqual(await w.run(dns.reverseLookup(ip)), [], ip);
    assert.deepEqual(await w.run(dns.reverseVerify(ip)), [], ip);
  }
  assert.throws(() => dns.a(5 as never), UsageError);
  assert.throws(() => dns.srv("", "udp", "x"), /service ""/);
});

Deno.test("an operation of dns can be run by a thread", async () => {
  const w = world();
  const [server, dns] = await start(w);
  using _server = server;
  const threads = new Scheduler(w.loop);
  const thread = threads.async(function* () {
    return (yield* dns.a("h.example"))[0];
  });
  await w.backend.run(1);
  assert.equal(thread.isZombie, true);
  assert.deepEqual(await w.run(thread.join()), ["10.0.0.1"]);
});

Deno.test("reverseLookup() asks in-addr.arpa and ip6.arpa, mapped addresses as IPv4", async () => {
  const w = world();
  const [server, dns] = await start(w);
  using _server = server;
  for (const ip of ["10.0.0.1", "::ffff:10.0.0.1", "::10.0.0.1"]) {
    assert.deepEqual(await w.run(dns.reverseLookup(ip)), ["h.example", "liar.example"], ip);
  }
  assert.deepEqual(await w.run(dns.reverseLookup("2001:db8::1")), ["h.example"]);
  assert.deepEqual(await w.run(dns.reverseLookup("::1")), []);
  assert(server.asked.at(-1)!.startsWith("1.0.0."));
});

Deno.test("reverseVerify() keeps the names that lead back", async () => {
  const w = world();
  const [server, dns] = await start(w);
  using _server = server;
  assert.deepEqual(await w.run(dns.reverseVerify("10.0.0.1")), ["h.example"]);
  assert.deepEqual(await w.run(dns.reverseVerify("2001:DB8:0::1")), ["h.example"]);
  assert.deepEqual(await w.run(dns.reverseVerify("10.0.0.2")), []);
  const watcher = dns.reverseVerify("10.0.0.1", () => assert.fail("it was cancelled"));
  w.backend.turn();
  watcher.cancel();
  await w.backend.settle();
  assert.equal(w.loop.stats().held, 0);
});

Deno.test("srv records: lower priority first, among equal ones first as often as their weight", () => {
  const records = [[1, 0], [1, 30], [1, 70], [0, 5]].map(([priority, weight], i): DnsRecord => [
    ...["_s._tcp.x", "srv", "in", 1] as const,
    ...[priority, weight, 100 + i, `t${i}`],
  ]);
  const random = seededRandom(3);
  const second: Record<string, number> = {};
  for (let i = 0; i < 2000; i++) {
    const order: SrvRecord[] = srvOrder(records, random);
    assert.equal(order.length, 4);
    assert.equal(order[0][3], "t3");
    second[order[1][3]] = (second[order[1][3]] ?? 0) + 1;
  }
  // Of 101 chances: 1, 30 and 70.
  assert(second.t2 > 1250 && second.t2 < 1520, JSON.stringify(second));
  assert(second.t1 > 480 && second.t1 < 720, JSON.stringify(second));
  assert(second.t0 > 0 && second.t0 < 60, JSON.stringify(second));
});

Deno.test("resolver() is one for each loop, with the environment's settings, and can be replaced", async () => {
  const files: Record<string, string> = { "/my/resolv.conf": "nameserver 127.0.0.7\nsearch x\n" };
  const env = { ANYEVENT_RESOLV_CONF: "/my/resolv.conf", ANYEVENT_MAX_OUTSTANDING_DNS: "1" };
  const w = world({ files, env });
  const first = resolver(w.loop);
  assert.equal(resolver(w.loop), first);
  await w.backend.settle();
  assert.deepEqual(first.server, ["127.0.0.7:53"]);
  assert.notEqual(resolver(world().loop), first);
  const mine = new Resolver({ loop: w.loop });
  setResolver(mine);
  assert.equal(resolver(w.loop), mine);
  assert.equal(new Dns(() => resolver(w.loop)).resolver(), mine);
  setResolver(undefined, w.loop);
  assert.notEqual(resolver(w.loop), mine);
  await w.backend.settle();
  const bad = world({ env: { ANYEVENT_MAX_OUTSTANDING_DNS: "many" } });
  assert.throws(() => resolver(bad.loop), /maxOutstanding NaN/);
  assert.equal(dns instanceof Dns, true);
});

Deno.test("Dns uses a resolver's own resolve(), so that one may remember", async () => {
  const w = world();
  const [server] = await start(w);
  using _server = server;
  let asked = 0;
  class Counting extends Resolver {
    override resolve(...args: unknown[]): never {
      asked++;
      return (super.resolve as (...args: unknown[]) => unknown)(...args) as never;
    }
  }
  const dns = new Dns(new Counting({ loop: w.loop, server: [server.address] }));
  assert.equal((await w.run(dns.a("h.example"))).length, 2);
  assert.equal(asked, 1);
});

Deno.test("a Resolver is what sockets look up names with", async () => {
  const files = { "/etc/hosts": "10.1.1.1 here\n" };
  const w = world({ files });
  const [server, dns] = await start(w);
  using _server = server;
  const names: NameResolver = dns.resolver();
  const got: unknown[] = [];
  names.resolve("h.example", "aaaa", (records) => got.push(records[0][4]));
  names.hosts!("here", (addresses) => got.push(...addresses));
  await w.backend.run(1);
  assert.deepEqual(got.sort(), ["10.1.1.1", "2001:db8::1"]);
});

Deno.test("hosts() reads ANYEVENT_HOSTS or /etc/hosts, anew each time", async () => {
  const files: Record<string, string> = {
    "/my/hosts": "# mine\n127.0.0.5 me ME2 # and so on\n::1 me\n127.0.0.5 me\nbad me\n",
    "/etc/hosts": "127.0.0.1 localhost\r\n",
  };
  const w = world({ files, env: { ANYEVENT_HOSTS: "/my/hosts" } });
  const mine = new Resolver({ loop: w.loop });
  assert.deepEqual(await w.run(mine.hosts("Me")), ["127.0.0.5", "::1"]);
  assert.deepEqual(await w.run(mine.hosts("me2.")), ["127.0.0.5"]);
  assert.deepEqual(await w.run(mine.hosts("bad")), []);
  files["/my/hosts"] = "127.0.0.6 me\n";
  assert.deepEqual(await w.run(mine.hosts("me")), ["127.0.0.6"]);
  const other = world({ files });
  const plain = new Resolver({ loop: other.loop });
  assert.deepEqual(await other.run(plain.hosts("localhost")), ["127.0.0.1"]);
  delete files["/etc/hosts"];
  let got: string[] | undefined;
  plain.hosts("localhost", (addresses) => got = addresses);
  await other.backend.settle();
  assert.deepEqual(got, []);
  assert.equal(other.loop.stats().held, 0);
  assert.equal(parseHosts("").size, 0);
});

Deno.test("the environment is read by AnyEvent's own names, too", async () => {
  for (const prefix of ["ANYEVENT_", "PERL_ANYEVENT_", "AE_"]) {
    const { env, loop } = world({
      env: {
        [`${prefix}RESOLV_CONF`]: "/my/resolv.conf",
        [`${prefix}MAX_OUTSTANDING_DNS`]: "0",
        [`${prefix}HOSTS`]: "/my/hosts",
      },
      files: {
        "/my/resolv.conf": "nameserver 127.0.0.9\n",
        "/my/hosts": "10.1.2.3 me\n",
      },
    });
    assert.throws(() => resolver(loop), UsageError, prefix);
    loop.dispose();
    assert.equal(env.host.env(`${prefix}MAX_OUTSTANDING_DNS`), "0");
    const other = world({
      env: { [`${prefix}RESOLV_CONF`]: "/my/resolv.conf", [`${prefix}HOSTS`]: "/my/hosts" },
      files: {
        "/my/resolv.conf": "nameserver 127.0.0.9\n",
        "/my/hosts": "10.1.2.3 me\n",
      },
    });
    const used = resolver(other.loop);
    assert.deepEqual(await other.run(used.hosts("me")), ["10.1.2.3"], prefix);
    assert.deepEqual(used.server, ["127.0.0.9:53"], prefix);
    other.loop.dispose();
  }
});
