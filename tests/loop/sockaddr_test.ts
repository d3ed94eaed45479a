import assert from "node:assert/strict";
import {
  type Env,
  formatAddress,
  Loop,
  type NameRecord,
  type NameResolver,
  type Sockets,
  socketsOf,
  type SocketTarget,
  UsageError,
} from "@anyevent/loop";
import { type ManualEnv, manualEnv, type ManualOptions } from "../support/manual_env.ts";

type Zone = Readonly<Record<string, readonly (readonly unknown[])[]>>;

/** Answers from a table of `name/type`, in a later turn; keeps the questions. */
class ZoneResolver implements NameResolver {
  readonly asked: string[] = [];
  readonly hosts?: (name: string, cb: (addresses: readonly string[]) => void) => void;

  constructor(
    readonly loop: Loop,
    readonly zone: Zone,
    hosts?: Readonly<Record<string, readonly string[]>>,
  ) {
    if (hosts !== undefined) {
      this.hosts = (name, cb) => {
        this.asked.push(`${name}/hosts`);
        loop.postpone(() => cb(hosts[name] ?? []));
      };
    }
  }

  resolve(name: string, type: string, cb: (records: readonly NameRecord[]) => void): void {
    const question = `${name}/${type}`;
    this.asked.push(question);
    const found = this.zone[question] ?? [];
    this.loop.postpone(() => cb(found.map((data) => [name, type, "in", 60, ...data])));
  }
}

interface World {
  readonly env: ManualEnv;
  readonly loop: Loop;
  readonly sockets: Sockets;
  readonly resolver: ZoneResolver;
}

function world(
  zone: Zone = {},
  options: ManualOptions = {},
  hosts?: Readonly<Record<string, readonly string[]>>,
): World {
  const env = manualEnv({ ...options, env: { ANYEVENT_VERBOSE: "9", ...options.env } });
  const loop = new Loop(env);
  const sockets = socketsOf(loop);
  const resolver = new ZoneResolver(loop, zone, hosts);
  sockets.resolver = resolver;
  return { env, loop, sockets, resolver };
}

type Arguments = [
  node: string,
  service: string | number,
  proto?: string | 0,
  family?: 0 | 4 | 6,
];

/** What is found, as text; the turns it needs are taken. */
function find(it: World, [node, service, proto, family]: Arguments): string {
  let found: readonly SocketTarget[] | undefined;
  it.sockets.resolveSockaddr(node, service, proto, family, undefined, (all) => void (found = all));
  it.env.backend.advance(0);
  assert.ok(found !== undefined, "nothing came back");
  assert.equal(it.loop.stats().held, 0);
  return found.map((target) =>
    `${target.proto} ${target.type} ${target.family} ${formatAddress(target.address)}`
  ).join(", ");
}

/** Arguments and result, as AnyEvent 7.17 has them. */
const LITERALS: readonly (readonly [Arguments, string])[] = [
  [["127.0.0.1", 80], "tcp stream 4 127.0.0.1:80"],
  [["127.0.0.1", "80", 0, 0], "tcp stream 4 127.0.0.1:80"],
  [["127.0.0.1", "http", "TCP"], "tcp stream 4 127.0.0.1:80"],
  [["127.0.0.1", "nope=8080"], "tcp stream 4 127.0.0.1:8080"],
  [["127.0.0.1", "http=8080"], "tcp stream 4 127.0.0.1:8080"],
  [["127.0.0.1", "domain", "udp"], "udp dgram 4 127.0.0.1:53"],
  [["127.0.0.1", 0], "tcp stream 4 127.0.0.1:0"],
  [["10.1", 80], "tcp stream 4 10.0.0.1:80"],
  [["::ffff:1.2.3.4", 80], "tcp stream 4 1.2.3.4:80"],
  [["::1", 80], "tcp stream 6 [::1]:80"],
  [["::1", 80, "tcp", 6], "tcp stream 6 [::1]:80"],
  [["::1", 80, "tcp", 4], ""],
  [["127.0.0.1", 80, "tcp", 6], ""],
  [["localhost", 80], "tcp stream 4 127.0.0.1:80, tcp stream 6 [::1]:80"],
  [["LOCALHOST", "http"], "tcp stream 4 127.0.0.1:80, tcp stream 6 [::1]:80"],
  [["localhost", 80, "tcp", 6], "tcp stream 6 [::1]:80"],
  [["unix/", "/x"], "undefined stream unix unix/:/x"],
  [["unix/", "x"], ""],
  [["", 80], ""],
];

Deno.test("resolveSockaddr() answers addresses and localhost without asking", () => {
  const it = world();
  for (const [args, expected] of LITERALS) assert.equal(find(it, args), expected, args.join());
  assert.deepEqual(it.resolver.asked, []);
});

Deno.test("resolveSockaddr() answers addresses inside the call, names in a later turn", () => {
  const it = world({ "a.example/a": [["10.0.0.1"]] });
  const order: string[] = [];
  it.sockets.resolveSockaddr("10.0.0.2", 1, 0, 0, undefined, () => void order.push("literal"));
  it.sockets.resolveSockaddr("a.example", 1, 0, 0, undefined, () => void order.push("name"));
  order.push("returned");
  it.env.backend.advance(0);
  assert.deepEqual(order, ["literal", "returned", "name"]);
});

Deno.test("resolveSockaddr() asks for the families in use and sorts by preference", () => {
  const zone: Zone = {
    "a.example/a": [["10.0.0.2"], ["10.0.0.1"]],
    "a.example/aaaa": [["fe80::2"]],
  };
  const four = "tcp stream 4 10.0.0.2:80, tcp stream 4 10.0.0.1:80";
  const six = "tcp stream 6 [fe80::2]:80";
  const it = world(zone);
  assert.equal(find(it, ["a.example", 80]), `${four}, ${six}`);
  assert.equal(find(it, ["a.example", 80, "tcp", 6]), six);
  assert.deepEqual(it.resolver.asked, ["a.example/a", "a.example/aaaa", "a.example/aaaa"]);
  it.sockets.protocols = ["ipv6", "ipv4"];
  assert.equal(find(it, ["a.example", 80]), `${six}, ${four}`);
  it.sockets.protocols = ["ipv6"];
  assert.equal(find(it, ["a.example", 80]), six);
  assert.equal(find(it, ["127.0.0.1", 80]), "");
  assert.equal(find(it, ["a.example", 80, "tcp", 4]), four);
});

Deno.test("protocols are what ANYEVENT_PROTOCOLS says, in its order", () => {
  const protocols = (text: string) => world({}, { env: { ANYEVENT_PROTOCOLS: text } });
  assert.deepEqual(world().sockets.protocols, ["ipv4", "ipv6"]);
  assert.deepEqual(protocols("").sockets.protocols, ["ipv4", "ipv6"]);
  assert.deepEqual(protocols("ipv6,ipv4").sockets.protocols, ["ipv6", "ipv4"]);
  assert.deepEqual(protocols("ipv6").sockets.protocols, ["ipv6"]);
  assert.deepEqual(protocols(" ipv6 , ipv4 ").sockets.protocols, ["ipv6", "ipv4"]);
  const odd = protocols("ipx");
  assert.deepEqual(odd.sockets.protocols, ["ipv4", "ipv6"]);
  assert.deepEqual(odd.env.logged.map(({ level }) => level), [5]);
  for (const bad of [[], ["ipx"], "ipv4"]) {
    assert.throws(() => world().sockets.protocols = bad as never, UsageError);
  }
});

Deno.test("resolveSockaddr() converts international names", () => {
  const it = world({ "xn--bcher-kva.example/a": [["10.0.0.1"]] });
  assert.equal(find(it, ["Bücher.example", 80]), "tcp stream 4 10.0.0.1:80");
});

Deno.test("resolveSockaddr() follows SRV records when host and service are names", () => {
  const it = world({
    "_http._tcp.a.example/srv": [
      [20, 0, 8002, "third.example"],
      [10, 0, 8001, "second.example"],
      [5, 0, 8000, "first.example"],
    ],
    "first.example/aaaa": [["::a"]],
    "second.example/a": [["10.0.0.2"]],
    "second.example/aaaa": [["::b"]],
    "third.example/a": [["10.0.0.3"]],
    "a.example/a": [["10.0.0.9"]],
  });
  assert.equal(
    find(it, ["a.example", "http"]),
    "tcp stream 4 10.0.0.2:8001, tcp stream 4 10.0.0.3:8002, " +
      "tcp stream 6 [::0.0.0.10]:8000, tcp stream 6 [::0.0.0.11]:8001",
  );
  assert.equal(
    find(it, ["a.example", "http=81", 0, 4]).split(", ")[0],
    "tcp stream 4 10.0.0.2:8001",
  );
  assert.equal(find(it, ["a.example", 80]), "tcp stream 4 10.0.0.9:80");
});

Deno.test("resolveSockaddr() uses the host itself when it has no SRV records", () => {
  const it = world({ "a.example/a": [["10.0.0.1"]] });
  assert.equal(find(it, ["a.example", "http"]), "tcp stream 4 10.0.0.1:80");
  assert.equal(find(it, ["a.example", "own=1234"]), "tcp stream 4 10.0.0.1:1234");
  assert.deepEqual(it.resolver.asked.filter((each) => each.endsWith("srv")), [
    "_http._tcp.a.example/srv",
    "_own._tcp.a.example/srv",
  ]);
});

Deno.test("resolveSockaddr() gives up when the SRV record is a single root", () => {
  const it = world({
    "_http._tcp.a.example/srv": [[0, 0, 0, "."]],
    "a.example/a": [["10.0.0.1"]],
  });
  assert.equal(find(it, ["a.example", "http"]), "");
});

Deno.test("resolveSockaddr() spreads SRV records of one priority by weight", () => {
  const it = world({
    "_http._tcp.a.example/srv": [
      [1, 0, 1, "127.0.0.1"],
      [1, 90, 2, "127.0.0.1"],
      [1, 10, 3, "127.0.0.1"],
      [0, 5, 4, "127.0.0.1"],
    ],
  });
  const firsts = new Map<string, number>();
  for (let i = 0; i < 400; i++) {
    const ports = find(it, ["a.example", "http"]).split(", ").map((text) => text.split(":")[1]);
    assert.equal(ports[0], "4");
    assert.deepEqual(ports.toSorted(), ["1", "2", "3", "4"]);
    firsts.set(ports[1], (firsts.get(ports[1]) ?? 0) + 1);
  }
  assert.ok(firsts.get("2")! > 300, `${firsts.get("2")} of 400`);
  assert.ok(firsts.get("3")! > 10, `${firsts.get("3")} of 400`);
});

Deno.test("resolveSockaddr() asks the table of hosts only when the DNS had nothing", () => {
  const hosts = { "a.example": ["10.0.0.9"], "b.example": ["::2", "10.0.0.8", "junk"] };
  const it = world({ "a.example/a": [["10.0.0.1"]] }, {}, hosts);
  assert.equal(find(it, ["a.example", 80]), "tcp stream 4 10.0.0.1:80");
  assert.equal(
    find(it, ["b.example", 80]),
    "tcp stream 4 10.0.0.8:80, tcp stream 6 [::0.0.0.2]:80",
  );
  assert.deepEqual(it.resolver.asked.filter((each) => each.endsWith("hosts")), ["b.example/hosts"]);
});

Deno.test("resolveSockaddr() survives records and resolvers that make no sense", () => {
  const it = world({
    "_http._tcp.a.example/srv": [[0, 0, 70000, "b.example"], [], ["x", "y", "z", 3], [
      0,
      0,
      5,
      ".",
    ]],
    "b.example/a": [["nonsense"], [], [5]],
  });
  assert.equal(find(it, ["a.example", "http"]), "");
  assert.equal(find(it, ["b.example", 80]), "");
  it.sockets.resolver = {
    resolve: (_name, _type, cb) => {
      cb([]);
      cb([]);
      throw new Error("broken");
    },
  };
  assert.equal(find(it, ["b.example", 80]), "");
  it.sockets.resolver = {
    resolve: () => {
      throw new Error("broken");
    },
  };
  assert.equal(find(it, ["b.example", 80]), "");
  assert.match(it.env.logged.at(-1)!.message, /name resolver failed: broken/);
});

Deno.test("resolveSockaddr() says which argument is wrong", () => {
  const { sockets } = world();
  const cases: readonly (readonly [unknown[], RegExp])[] = [
    [[5, 80], /host 5/],
    [["a", "nope"], /service "nope" is unknown for tcp/],
    [["a", "ntp"], /service "ntp" is unknown for tcp/],
    [["a", "HTTP"], /"HTTP" is unknown/],
    [["a", ""], /service ""/],
    [["a", undefined], /service undefined/],
    [["a", "=80"], /"=80"/],
    [["a", 65536], /service 65536 is not one of 0 to 65535/],
    [["a", "-1"], /not one of 0 to 65535/],
    [["a", 1.5], /not one of 0 to 65535/],
    [["a", "http", "foo"], /protocol "foo" is unknown/],
    [["a", 80, "tcp", 5], /family 5/],
    [["a", 80, "tcp", 0, "raw"], /type "raw"/],
    [["unix/", 5], /path 5/],
  ];
  for (const [[node, service, proto, family, type], message] of cases) {
    const call = () =>
      sockets.resolveSockaddr(
        node as string,
        service as string,
        proto as string,
        family as 0,
        type as "stream",
        () => undefined,
      );
    assert.throws(call, UsageError);
    assert.throws(call, message);
  }
  assert.throws(
    () => sockets.resolveSockaddr("a", 80, 0, 0, undefined, 5 as never),
    /neither a function/,
  );
  assert.throws(() => sockets.resolver = {} as never, /has no resolve method/);
});

Deno.test("cancelling a look-up keeps its callback from being called", () => {
  const it = world({ "a.example/a": [["10.0.0.1"]] });
  const seen: unknown[] = [];
  const one = it.sockets.inetAton("a.example", (found) => void seen.push(found));
  const two = it.sockets.resolveSockaddr("a.example", 80, 0, 0, undefined, () => void seen.push(2));
  assert.deepEqual([one.active, two.active, it.loop.stats().held], [true, true, 2]);
  assert.equal(one.describe(), 'inetAton("a.example")');
  one.cancel();
  two.cancel();
  it.env.backend.advance(0);
  assert.deepEqual([seen, it.loop.stats().held], [[], 0]);
});

Deno.test("inetAton() answers addresses and localhost inside the call", () => {
  const it = world();
  const table: readonly (readonly [string, readonly string[]])[] = [
    ["127.0.0.1", ["7f000001"]],
    ["10.1", ["0a000001"]],
    ["::1", ["00000000000000000000000000000001"]],
    ["::ffff:1.2.3.4", ["00000000000000000000ffff01020304"]],
    ["localhost", ["7f000001", "00000000000000000000000000000001"]],
  ];
  for (const [name, expected] of table) {
    let found: readonly string[] | undefined;
    it.sockets.inetAton(name, (list) => void (found = list.map((each) => each.toHex())));
    assert.deepEqual(found, expected, name);
  }
});

Deno.test("inetAton() asks in order of preference, and never the table of hosts", () => {
  const it = world(
    { "a.example/a": [["10.0.0.1"]], "a.example/aaaa": [["::1:0:0:1"]] },
    { env: { ANYEVENT_PROTOCOLS: "ipv6,ipv4" } },
    { "b.example": ["10.0.0.2"] },
  );
  const found: Record<string, readonly string[]> = {};
  for (const name of ["a.example", "b.example", "unix/", ""]) {
    it.sockets.inetAton(
      name,
      (list) => void (found[name] = list.map((ipn) => formatAddress(ipn)!)),
    );
    assert.equal(found[name], name === "" ? found[name] : undefined);
  }
  it.env.backend.advance(0);
  assert.deepEqual(found, {
    "a.example": ["::1:0:0:1", "10.0.0.1"],
    "b.example": [],
    "unix/": [],
    "": [],
  });
  assert.throws(() => it.sockets.inetAton(5 as never, () => undefined), UsageError);
});

Deno.test("without a resolver the host's own is asked, once for both families", async () => {
  const manual = manualEnv({ env: { ANYEVENT_VERBOSE: "9" } });
  const asked: string[] = [];
  const env: Env = {
    ...manual,
    host: {
      ...manual.host,
      resolve: (name) => {
        asked.push(name);
        if (name === "b.example") return Promise.reject(new Error("no such host"));
        return Promise.resolve(["::2", "10.0.0.1", "fe80::1%eth0"]);
      },
    },
  };
  const loop = new Loop(env);
  const results: string[] = [];
  const done = loop.condvar();
  done.begin();
  for (const name of ["a.example", "b.example"]) {
    done.begin();
    socketsOf(loop).resolveSockaddr(name, "http", 0, 0, undefined, (found) => {
      results.push(`${name}: ${found.map(({ address }) => formatAddress(address)).join(" ")}`);
      done.end();
    });
  }
  done.end();
  await done.recv();
  assert.deepEqual(results.toSorted(), [
    "a.example: 10.0.0.1:80 [::0.0.0.2]:80",
    "b.example: ",
  ]);
  assert.deepEqual(asked.toSorted(), ["a.example", "b.example"]);
  assert.match(manual.logged[0].message, /cannot resolve b.example: no such host/);
});

Deno.test("a permission that is missing to look up names is told once, not at debug level", async () => {
  const manual = manualEnv();
  const env = {
    ...manual,
    host: {
      ...manual.host,
      resolve: (name: string) =>
        Promise.reject(new UsageError(`Cannot resolve ${name}: it is not permitted`)),
    },
  };
  const loop = new Loop(env);
  for (const name of ["a.example", "b.example"]) {
    const done = loop.condvar<[unknown]>();
    socketsOf(loop).resolveSockaddr(name, "http", 0, 0, undefined, done);
    assert.deepEqual(await done.recv(), []);
  }
  assert.deepEqual(manual.logged.map(({ level, message }) => [level, message]), [
    [4, "cannot resolve a.example: Cannot resolve a.example: it is not permitted"],
  ]);
  loop.dispose();
});
