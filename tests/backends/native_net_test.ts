import assert from "node:assert/strict";
import { PeerError, UsageError } from "@anyevent/backends/contract";
import type { ByteStream, Secured, TlsOptions, TlsRole } from "@anyevent/backends/contract";
import { nativeEnv } from "@anyevent/backends/native";
import { runDeno } from "../support/run_deno.ts";
import { generate } from "npm:selfsigned@5.5.0";

const { backend, net, host, random } = nativeEnv();

async function temporary(): Promise<string> {
  await Deno.mkdir("tests/.tmp", { recursive: true });
  return await Deno.makeTempDir({ dir: "tests/.tmp" });
}

function connected(
  listening: Parameters<typeof net.connect>[0],
): Promise<[ByteStream, ByteStream]> {
  return new Promise((resolve, reject) => {
    let server: ByteStream | undefined;
    let client: ByteStream | undefined;
    const both = (): void => {
      if (server === undefined || client === undefined) return;
      listener.close();
      resolve([server, client]);
    };
    const listener = net.listen(listening, (stream) => {
      server = stream;
      both();
    });
    net.connect(listener.address, (error, stream) => {
      if (stream === undefined) return reject(error);
      client = stream;
      both();
    });
  });
}

async function handshake(server: TlsOptions, client: TlsOptions): Promise<(Secured | PeerError)[]> {
  const [a, b] = await connected({ transport: "tcp", host: "127.0.0.1", port: 0 });
  const end = (stream: ByteStream, role: TlsRole, options: TlsOptions) =>
    new Promise<Secured | PeerError>((resolve) => {
      net.secure(stream, role, options, (error, secured) => resolve((secured ?? error)!));
    });
  return await Promise.all([end(a, "server", server), end(b, "client", client)]);
}

async function certificate(name: string): Promise<string> {
  const made = await generate([{ name: "commonName", value: name }], {
    keyType: "ec",
    curve: "P-256",
    // As `openssl req -x509` makes it: only an authority can vouch for itself.
    extensions: [
      { name: "basicConstraints", cA: true, critical: true },
      { name: "keyUsage", keyCertSign: true, digitalSignature: true },
    ],
  });
  return `${made.private}\n${made.cert}\n`;
}

Deno.test("listen() and connect() work over a Unix socket and remove its name", async () => {
  const folder = await temporary();
  const path = `${Deno.cwd()}/${folder}/socket`;
  const allow = [`--allow-net=unix:${path}`, `--allow-read=${path}`, `--allow-write=${path}`];
  const { code, out, err } = await runDeno("tests/support/unix_child.ts", [path], { allow });
  assert.deepEqual([code, out, err], [0, "true 3 true\n", ""]);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("secure() with one certificate on both ends verifies and shows it", async () => {
  backend.hold(true);
  const pem = await certificate("one");
  const ends = await handshake({ certificate: pem }, { certificate: pem });
  for (const end of ends) {
    if (end instanceof PeerError) throw end;
    const body = end.peerCertificate?.replace(/-----[A-Z ]+-----|\s/g, "");
    assert.ok(body && pem.replace(/\s/g, "").includes(body));
    end.stream.close();
  }
  assert.deepEqual(net.stats(), { streams: 0, listeners: 0, attempts: 0 });
  backend.hold(false);
});

Deno.test("secure() with certificates refuses a client without one, or with another's", async () => {
  backend.hold(true);
  const pem = await certificate("one");
  for (const client of [{}, { certificate: await certificate("two") }]) {
    const [server, other] = await handshake({ certificate: pem }, client);
    assert.ok(server instanceof PeerError, "the server accepted it");
    // A TLS 1.3 client without a trust store learns of it only with the first bytes.
    if (!(other instanceof PeerError)) other.stream.close();
  }
  assert.deepEqual(net.stats(), { streams: 0, listeners: 0, attempts: 0 });
  backend.hold(false);
});

Deno.test("secure() with a certificate refuses a server with an ephemeral one", async () => {
  backend.hold(true);
  const ends = await handshake({}, { certificate: await certificate("one") });
  assert.ok(ends[1] instanceof PeerError, "the client accepted it");
  if (!(ends[0] instanceof PeerError)) ends[0].stream.close();
  backend.hold(false);
});

Deno.test("secure() refuses options that make no sense", async () => {
  backend.hold(true);
  const [a, b] = await connected({ transport: "tcp", host: "127.0.0.1", port: 0 });
  assert.throws(() => net.secure(a, "both" as TlsRole, {}, () => {}), UsageError);
  assert.throws(() => net.secure(a, "client", { certificate: "x" }, () => {}), UsageError);
  assert.deepEqual(net.stats().attempts, 0);
  a.close();
  b.close();
  backend.hold(false);
});

Deno.test("host reads and replaces text files, mode 0600", async () => {
  const folder = await temporary();
  const path = `${folder}/file`;
  await assert.rejects(
    host.readTextFile(path),
    (e) => e instanceof PeerError && e.code === "ENOENT",
  );
  await host.writeTextFile(path, "one");
  await host.writeTextFile(path, "two");
  assert.equal(await host.readTextFile(path), "two");
  const { mode } = await Deno.stat(path);
  assert.equal((mode ?? 0) & 0o777, 0o600);
  assert.deepEqual([...Deno.readDirSync(folder)].map((e) => e.name), ["file"]);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("host resolves literals to themselves and localhost to a loopback address", async () => {
  assert.deepEqual(await host.resolve("127.0.0.1"), ["127.0.0.1"]);
  assert.deepEqual(await host.resolve("::1"), ["::1"]);
  const found = await host.resolve("localhost");
  assert.ok(found.includes("127.0.0.1") || found.includes("::1"), String(found));
});

Deno.test("random gives as many bytes as asked for", () => {
  assert.equal(random.bytes(0).length, 0);
  assert.equal(random.bytes(100_000).length, 100_000);
  assert.throws(() => random.bytes(-1), UsageError);
  const one = random.float();
  assert.ok(one >= 0 && one < 1);
});
