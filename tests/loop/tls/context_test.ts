/** TLS contexts: what they take and refuse, and where they read from; in memory, with certificates that are not. */
import assert from "node:assert/strict";
import { memoryEnv } from "@anyevent/backends/memory";
import {
  type Env,
  Handle,
  type HandleOptions,
  Loop,
  PeerError,
  streamPair,
  TLS,
  type TLSConfig,
  UsageError,
} from "@anyevent/loop";
import { manualEnv } from "../../support/manual_env.ts";

/** A made-up certificate, as the sockets in memory take it. */
function pem(name: string): string {
  return `-----BEGIN CERTIFICATE-----\n${name}\n-----END CERTIFICATE-----\n`;
}

const KEY = "-----BEGIN PRIVATE KEY-----\nkey\n-----END PRIVATE KEY-----\n";
const SERVER: TLSConfig = { key: KEY, cert: pem("server") + pem("ca") };

Deno.test("TLS refuses what it does not know, what is gone, and what cannot be had, by name", () => {
  const wrong: readonly [object, RegExp][] = [
    [{ caCrt: "x" }, /option "caCrt" is unknown, there are only certificate, verify/],
    [{ verifyCb: () => true }, /verifyCb is not supported: the host verifies chains by itself/],
    [{ verifyClientOnce: true }, /verifyClientOnce is not supported: there is no renegotiation/],
    [{ checkCrl: true }, /checkCrl is not supported/],
    [{ dhFile: "x" }, /dhFile is not supported/],
    [{ dh: "ffdhe2048" }, /dh is not supported/],
    [{ dhSingleUse: false }, /dhSingleUse is not supported/],
    [{ cipherList: "ALL" }, /cipherList is not supported/],
    [{ sessionTicket: true }, /sessionTicket is not supported/],
    [{ prepare: () => {} }, /prepare is not supported/],
    [{ sslv3: true }, /sslv3 is not supported: versions of TLS before 1\.2 are broken/],
    [{ tlsv1_2: false }, /tlsv1_2 is not supported: say minVersion/],
    [{ method: "TLSv1" }, /method "TLSv1" is not supported/],
    [{ verify: 1 }, /verify 1 is not true or false/],
    [{ verifyPeername: "htpp" }, /scheme "htpp" is neither one of none, ldap/],
    [{ verifyPeername: [1] }, /scheme .* is neither/],
    [{ caFile: "" }, /caFile "" is not a text/],
    [{ caCert: "x" }, /caCert has no certificate in PEM/],
    [{ cert: pem("a"), key: "x" }, /key has no private key in PEM/],
    [{ cert: pem("a"), certFile: "x" }, /cert and certFile exclude each other/],
    [{ cert: pem("a"), key: KEY, keyFile: "x" }, /key and keyFile exclude each other/],
    [{ key: KEY }, /key is of no use without cert/],
    [{ certPassword: "x" }, /certPassword is of no use without cert/],
    [{ cert: pem("a"), certPassword: 1 }, /certPassword is neither/],
    [{ certificate: pem("a"), verify: false }, /certificate and verify exclude each other/],
    [{ certificate: pem("a"), cert: pem("b") }, /certificate and cert exclude each other/],
  ];
  for (const [config, why] of wrong) {
    assert.throws(
      () => new TLS(config as TLSConfig),
      (error) => error instanceof UsageError && why.test(error.message),
      String(why),
    );
  }
  assert.throws(() => new TLS(null as never), /options null are not an object/);
  new TLS({ method: "any", sslv2: false, sslv3: false, tlsv1: false } as TLSConfig);
});

Deno.test("TLS verifies when any part of it is asked for, unless told not to", () => {
  const cases: readonly [TLSConfig, boolean][] = [
    [{}, false],
    [{ verify: true }, true],
    [{ caCert: pem("ca") }, true],
    [{ caFile: "x" }, true],
    [{ caPath: "x" }, true],
    [{ verifyPeername: "http" }, true],
    [{ verifyRequireClientCert: true }, true],
    [{ verifyRequireClientCert: false }, false],
    [{ verify: false, caCert: pem("ca"), verifyPeername: "http" }, false],
    [{ certificate: pem("a") }, true],
    [SERVER, false],
  ];
  for (const [config, verify] of cases) assert.equal(new TLS(config).verify, verify);
});

/** A world in memory with an environment and files. */
class World implements Disposable {
  readonly base = manualEnv();
  readonly reads: string[] = [];
  readonly env: Env;
  readonly loop: Loop;
  readonly events: string[] = [];

  constructor(
    readonly variables: Record<string, string> = {},
    files: Record<string, string> = {},
  ) {
    const { net } = memoryEnv(this.base);
    const host: Env["host"] = {
      ...this.base.host,
      env: (name) => this.variables[name],
      readTextFile: (path) => {
        this.reads.push(path);
        return path in files
          ? Promise.resolve(files[path])
          : Promise.reject(new PeerError(`Cannot read ${path}: no such file`, "ENOENT"));
      },
      files: {
        readdir: (path: string) =>
          Promise.resolve(
            Object.keys(files).filter((name) => name.startsWith(`${path}/`)).map((name) =>
              name.slice(path.length + 1)
            ),
          ),
      } as unknown as Env["host"]["files"],
    };
    this.env = { ...this.base, net, host };
    this.loop = new Loop(this.env);
  }

  /** One handshake. @returns how both ends fared */
  async handshake(client: HandleOptions, server: HandleOptions): Promise<string[]> {
    const [a, b] = streamPair(this.env.backend);
    const end = (name: string, fh: typeof a, options: HandleOptions): Handle =>
      new Handle({
        loop: this.loop,
        fh,
        onError: (_h, _fatal, message) => void this.events.push(`${name}: ${message}`),
        onStarttls: (_h, success, message) =>
          void this.events.push(success ? `${name}: up` : `${name}: ${message}`),
        ...options,
      });
    const ends = [
      end("server", a, { tls: "accept", tlsCtx: SERVER, ...server }),
      end("client", b, { tls: "connect", ...client }),
    ];
    await this.base.backend.settle();
    for (const one of ends) one.destroy();
    this.base.backend.advance(1);
    return this.events.splice(0).sort();
  }

  [Symbol.dispose](): void {
    this.base.backend.advance(10);
    assert.equal(this.loop.stats().held, 0);
    assert.equal(this.loop.stats().timers, 0);
    assert.equal(this.env.net.stats().attempts, 0);
    this.loop.dispose();
  }
}

const BOTH_UP = ["client: up", "server: up"];

Deno.test("the authorities are those of caCert, caFile and caPath together", async () => {
  using world = new World({ ANYEVENT_CA_FILE: "env.pem" }, {
    "ca.pem": pem("x") + pem("ca"),
    "other.pem": pem("other"),
    "env.pem": pem("ca"),
    "dir/0123abcd.0": pem("y"),
    "dir/89abcdef.1": pem("ca"),
    "dir/README": pem("ca"),
    "empty/ca.pem": pem("ca"),
  });
  const go = (tlsCtx: TLSConfig): Promise<string[]> => world.handshake({ tlsCtx }, {});
  assert.deepEqual(await go({ caCert: pem("ca") }), BOTH_UP);
  assert.deepEqual(world.reads.splice(0), []);
  assert.deepEqual(await go({ caFile: "ca.pem" }), BOTH_UP);
  assert.deepEqual(await go({ caFile: "other.pem", caCert: pem("ca") }), BOTH_UP);
  assert.deepEqual(world.reads.splice(0), ["ca.pem", "other.pem"]);
  assert.deepEqual(await go({ caPath: "dir" }), BOTH_UP);
  assert.deepEqual(world.reads.splice(0), ["dir/0123abcd.0", "dir/89abcdef.1"]);
  // The environment does not add to what was given.
  assert.match((await go({ caFile: "other.pem" }))[0], /client: .*not trusted/);
  assert.match((await go({ caPath: "empty" }))[0], /client: .*caPath.*no file named by a hash/);
  assert.match(
    (await go({ caFile: "none.pem" }))[0],
    /client: Cannot load caFile for TLS: .*no such/,
  );
});

Deno.test("without authorities those of the environment count, under each of its names", async () => {
  const files = { "ca.pem": pem("ca"), "other.pem": pem("other"), "dir/0123abcd.0": pem("ca") };
  const cases: readonly [Record<string, string>, RegExp][] = [
    [{ ANYEVENT_CA_FILE: "ca.pem" }, /^client: up/],
    [{ PERL_ANYEVENT_CA_FILE: "ca.pem" }, /^client: up/],
    [{ AE_CA_PATH: "dir" }, /^client: up/],
    [{ ANYEVENT_CA_FILE: "other.pem", ANYEVENT_CA_PATH: "dir" }, /^client: up/],
    [{ ANYEVENT_CA_FILE: "other.pem" }, /not trusted/],
    [{ ANYEVENT_CA_FILE: "none.pem" }, /Cannot load ANYEVENT_CA_FILE for TLS/],
    [{ ANYEVENT_CA_PATH: "none" }, /Cannot load ANYEVENT_CA_PATH for TLS/],
    // Set to nothing: the host's own, and that in memory has none.
    [{ ANYEVENT_CA_FILE: "", AE_CA_FILE: "ca.pem" }, /not trusted/],
    [{}, /not trusted/],
  ];
  for (const [variables, expected] of cases) {
    using world = new World(variables, files);
    const [event] = await world.handshake({ tlsCtx: { verify: true } }, {});
    assert.match(event, expected, JSON.stringify(variables));
    world.reads.length = 0;
    assert.deepEqual(await world.handshake({}, {}), BOTH_UP);
    assert.deepEqual(world.reads, [], "nobody asked to verify");
  }
});

Deno.test("a context reads its files once, and again after a failure", async () => {
  const files: Record<string, string> = {};
  using world = new World({}, files);
  const tlsCtx = new TLS({ caFile: "ca.pem" });
  assert.match((await world.handshake({ tlsCtx }, {}))[0], /Cannot load caFile/);
  files["ca.pem"] = pem("ca");
  for (let i = 0; i < 3; i++) assert.deepEqual(await world.handshake({ tlsCtx }, {}), BOTH_UP);
  assert.deepEqual(world.reads, ["ca.pem", "ca.pem"]);
});

Deno.test("destroy() while files are read begins no handshake", async () => {
  using world = new World({}, { "ca.pem": pem("ca") });
  const [a, b] = streamPair(world.env.backend);
  const h = new Handle({
    loop: world.loop,
    fh: a,
    tls: "connect",
    tlsCtx: { caFile: "ca.pem" },
    onStarttls: () => assert.fail("called"),
  });
  h.pushWrite("secret");
  h.destroy();
  await world.base.backend.settle();
  assert.equal(b.tryRead(new Uint8Array(9)), null);
  b.close();
});

Deno.test("verifyPeername without a peername is an error for the client, and nothing for the server", async () => {
  using world = new World();
  const tlsCtx = { caCert: pem("ca"), verifyPeername: "http" } as const;
  const [fh, other] = streamPair(world.env.backend);
  const h = new Handle({ loop: world.loop, fh });
  assert.throws(() => h.starttls("connect", tlsCtx), /needs the peername of the handle/);
  assert.throws(() => h.starttls("connect", { nonsense: 1 } as never), UsageError);
  // Nothing has begun: it goes on in plain text.
  h.pushWrite("plain");
  assert.equal(other.tryRead(new Uint8Array(9)), 5);
  h.destroy();
  other.close();
  const server = { tlsCtx: { ...SERVER, ...tlsCtx } };
  assert.deepEqual(await world.handshake({}, server), BOTH_UP);
  // Made-up certificates name nobody.
  const named = await world.handshake({ tlsCtx, peername: "a.org" }, {});
  assert.match(named[0], /client: .*certificate is not for a\.org: it names nobody/);
});

Deno.test("the client says which host it means, unless that is an address", async () => {
  const cases = [
    ["example.org", {}, "example.org"],
    ["bücher.example.", {}, "xn--bcher-kva.example"],
    ["127.0.0.1", {}, undefined],
    ["::1", {}, undefined],
    ["unix/", {}, undefined],
    ["example.org", { serverName: "front.example.org" }, "front.example.org"],
  ] as const;
  for (const [peername, tlsCtx, expected] of cases) {
    using world = new World();
    let asked: string | undefined;
    const onStarttls = (h: Handle): void => void (asked = h.secured?.serverName);
    await world.handshake({ peername, tlsCtx }, { onStarttls });
    assert.equal(asked, expected, peername);
  }
});
