import assert from "node:assert/strict";
import type { ByteStream } from "@anyevent/backends/contract";
import type { Node, NodeConfig } from "@anyevent/mp";
import { Session, type SessionOptions } from "../../mp/wire/mod.ts";
import { Mesh } from "../support/mesh.ts";

const address = { transport: "tcp", host: "127.0.0.1", port: 4040 } as const;

/** A raw connection to the node under test. */
class Raw {
  readonly stream: ByteStream;
  text = "";
  eof = false;

  constructor(readonly mesh: Mesh, stream: ByteStream) {
    this.stream = stream;
    mesh.loop.io({ fh: stream, poll: "r", cb: () => this.#read() });
  }

  #read(): void {
    const buffer = new Uint8Array(4096);
    if (this.eof) return;
    const count = this.stream.tryRead(buffer);
    if (count === null) {
      this.eof = true;
      this.stream.close();
    } else this.text += new TextDecoder().decode(buffer.subarray(0, count));
  }

  write(text: string): void {
    this.stream.tryWrite(new TextEncoder().encode(text));
  }
}

async function connect(mesh: Mesh): Promise<Raw> {
  let raw: Raw | undefined;
  mesh.net.connect(address, (_error, stream) => void (raw = new Raw(mesh, stream!)));
  await mesh.env.backend.settle();
  return raw!;
}

async function server(mesh: Mesh, config: NodeConfig = {}): Promise<Node> {
  return await mesh.node("server", { binds: ["127.0.0.1:4040"], ...config });
}

const greeting = (fields: string) => `aemp;1;${fields}\nnonce-of-the-peer\n`;

const refusals: readonly (readonly [name: string, send: string, logged: RegExp])[] = [
  ["garbage", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", /unparsable greeting/],
  ["an over-long greeting", "aemp;1;" + "x".repeat(5000), /greeting|4096|space/i],
  ["an unknown version", "aemp;2;peer;tls_hmac_sha256;json\nnonce\n", /version mismatch/],
  ["its own node id", greeting("server;tls_hmac_sha256;json;xtls=1"), /talk to myself/],
  ["an empty node id", greeting(";tls_hmac_sha256;json;xtls=1"), /node id/i],
  ["no common authentication", greeting("peer;hmac_md6_64_256;json"), /no common auth/],
  ["no common framing", greeting("peer;tls_hmac_sha256;storable;xtls=1"), /framing/],
];

for (const [name, send, logged] of refusals) {
  Deno.test(`a node refuses ${name} with a logged reason, and nothing else is disturbed`, async () => {
    await using mesh = new Mesh();
    const node = await server(mesh);
    const got: unknown[] = [];
    const p = node.port((...m: unknown[]) => void got.push(m));
    const raw = await connect(mesh);
    raw.write(send);
    await mesh.until(() => raw.eof);
    assert.ok(mesh.logged.some((line) => logged.test(line)), mesh.logged.join("\n"));
    assert.equal(node.stats().handshakes, 0);
    node.snd(p, "still", "alive");
    await mesh.env.backend.settle();
    assert.deepEqual(got, [["still", "alive"]]);
    assert.ok(!mesh.logged.join("\n").includes("geheim"), "the secret is never logged");
  });
}

Deno.test("a node refuses its own greeting echoed back", async () => {
  await using mesh = new Mesh();
  await server(mesh);
  const raw = await connect(mesh);
  await mesh.until(() => raw.text.includes("\n"));
  raw.write(raw.text);
  await mesh.until(() => raw.eof);
  assert.ok(mesh.logged.some((line) => /echo attack|talk to myself/.test(line)));
});

Deno.test("two nodes with different secrets refuse each other, others go on", async () => {
  await using mesh = new Mesh();
  await import("@anyevent/global");
  const node = await server(mesh);
  const wrong = await mesh.node("wrong", { secret: "other", seeds: ["127.0.0.1:4040"] });
  const right = await mesh.node("right", { seeds: ["127.0.0.1:4040"] });
  await mesh.until(() => right.nodeIsUp("server") === true);
  await mesh.until(() => mesh.logged.some((line) => /secret mismatch/.test(line)));
  assert.deepEqual(node.upNodes(), ["right"]);
  assert.deepEqual(wrong.upNodes(), []);
});

Deno.test("a peer that sends nothing is dropped after monitorTimeout", async () => {
  await using mesh = new Mesh();
  const node = await server(mesh, { monitorTimeout: 3 });
  const raw = await connect(mesh);
  await mesh.until(() => node.stats().handshakes === 1);
  const since = mesh.loop.now();
  await mesh.until(() => raw.eof);
  assert.ok(mesh.loop.now() - since >= 2.9);
  assert.equal(node.stats().handshakes, 0);
});

Deno.test("connections under handshake are bounded by maxHandshakes", async () => {
  await using mesh = new Mesh();
  const node = await server(mesh, { maxHandshakes: 3 });
  const raws: Raw[] = [];
  for (let i = 0; i < 5; i++) raws.push(await connect(mesh));
  await mesh.until(() => raws.filter((raw) => raw.eof).length === 2);
  assert.equal(node.stats().handshakes, 3);
  // Once, however many come.
  assert.equal(
    mesh.logged.filter((line) => /more than 3 .*the oldest are dropped/.test(line)).length,
    1,
  );
});

function plainOptions(auth: string, secret: string): SessionOptions {
  return {
    nodeId: "perl",
    secret,
    nonce: "an-old-fashioned-nonce",
    authOffer: [auth],
    authAccept: [auth, "hmac_md6_64_256"],
    framings: ["json"],
    extra: [["provider", "AE-1.30"]],
  };
}

async function speak(mesh: Mesh, options: SessionOptions): Promise<{ opened: boolean; raw: Raw }> {
  const raw = await connect(mesh);
  const state = { opened: false, raw };
  const session = new Session(options, {
    send: (bytes) => void raw.stream.tryWrite(bytes),
    greeting: () => ({ go: "on" }),
    upgrade: () => assert.fail("no upgrade was announced"),
    open: () => void (state.opened = true),
    message: () => undefined,
    fail: () => raw.stream.close(),
  });
  session.start();
  let fed = 0;
  await mesh.until(() => {
    if (raw.text.length > fed) {
      const more = raw.text.slice(fed);
      fed = raw.text.length;
      session.receive(new TextEncoder().encode(more));
    }
    return raw.eof || state.opened || session.state === "failed";
  });
  return state;
}

Deno.test("hmac_md6 of Perl is refused by default, and accepted with compat perl", async () => {
  {
    await using mesh = new Mesh();
    await server(mesh);
    const { opened } = await speak(mesh, plainOptions("hmac_md6_64_256", "geheim"));
    assert.equal(opened, false);
  }
  await using mesh = new Mesh();
  const node = await server(mesh, { compat: "perl" });
  const { opened } = await speak(mesh, plainOptions("hmac_md6_64_256", "geheim"));
  assert.equal(opened, true);
  await mesh.until(() => node.nodeIsUp("perl") === true);
});

Deno.test("cleartext is refused also with compat perl, unless configured", async () => {
  {
    await using mesh = new Mesh();
    const node = await server(mesh, { compat: "perl" });
    const { opened } = await speak(mesh, plainOptions("cleartext", "geheim"));
    assert.equal(opened, false);
    assert.deepEqual(node.upNodes(), []);
  }
});

Deno.test("a peer that announced encryption and then authenticates by something weaker is refused", async () => {
  await using mesh = new Mesh();
  const node = await server(mesh, { compat: "perl" });
  const raw = await connect(mesh);
  // Says xtls=1, then does not upgrade but sends a plain line.
  raw.write("aemp;1;liar;hmac_md6_64_256;json;xtls=1\nsome-nonce\nhmac_md6_64_256;00;json\n");
  await mesh.until(() => raw.eof, 90);
  assert.deepEqual(node.upNodes(), []);
});

Deno.test("binding and dialling beyond loopback needs a secret or certificate", async () => {
  await using mesh = new Mesh();
  const node = mesh.make("n");
  await assert.rejects(
    mesh.run(node.configure({ nodeid: "n", binds: ["192.0.2.1:4040"] })),
    /Cannot bind to 192.0.2.1:4040: beyond loopback a secret/,
  );
  const other = mesh.make("m");
  await mesh.run(other.configure({ nodeid: "m", binds: [] }));
  let reason = "";
  other.dial({ transport: "tcp", host: "192.0.2.1", port: 1 }, undefined, {
    ended: (text) => void (reason = text),
  });
  await mesh.until(() => reason !== "");
  assert.match(reason, /Cannot connect to 192.0.2.1:1: beyond loopback/);
});
