import assert from "node:assert/strict";
import { PeerError, UsageError } from "@anyevent/backends/contract";
import type { ByteStream, Secured, TlsOptions, TlsRole } from "@anyevent/backends/contract";
import { nativeEnv } from "@anyevent/backends/native";
import { runDeno } from "../support/run_deno.ts";
import { generate } from "npm:selfsigned@5.5.0";

const { backend, net, host, random } = nativeEnv();

const loopbackAddress = { transport: "tcp", host: "127.0.0.1", port: 0 } as const;

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

Deno.test("stats() counts a secured stream until it is closed", async () => {
  backend.hold(true);
  const ends = await handshake({}, {});
  const streams = ends.map((end) => {
    if (end instanceof PeerError) throw end;
    return end.stream;
  });
  assert.equal(net.stats().streams, 2);
  await Promise.all(streams.map((stream) => {
    stream.shutdown();
    return new Promise<void>((resolve) => {
      const undo = backend.io(stream, "r", () => {
        if (stream.tryRead(new Uint8Array(10)) !== null) return;
        undo();
        resolve();
      });
    });
  }));
  // What lies under them closes by itself now.
  await new Promise<void>((resolve) => void backend.timer(0.01, resolve));
  assert.equal(net.stats().streams, 2);
  for (const stream of streams) stream.close();
  assert.equal(net.stats().streams, 0);
  backend.hold(false);
});

Deno.test("connect(), listen() and secure() refuse what is no callback, stream or options", async () => {
  backend.hold(true);
  const loopback = loopbackAddress;
  const [a, b] = await connected(loopback);
  const bad = undefined as never;
  const refused: [() => unknown, RegExp][] = [
    [() => net.connect(loopback, bad), /Cannot connect: callback undefined/],
    [() => net.listen(loopback, bad), /Cannot listen: callback undefined/],
    [() => net.listen(loopback, () => {}, 1 as never), /Cannot listen: callback 1/],
    [() => net.secure(a, "client", {}, bad), /Cannot secure stream: callback undefined/],
    [() => net.secure(a, "client", bad, () => {}), /Cannot secure stream: options undefined/],
    [
      () => net.secure({} as never, "client", {}, () => {}),
      /stream: object Object is not a stream/,
    ],
    [
      () => net.secure(a, "client", { certificate: 1 as never }, () => {}),
      /certificate 1 is not PEM/,
    ],
  ];
  for (const [call, message] of refused) {
    assert.throws(call, (error) => error instanceof UsageError && message.test(error.message));
  }
  assert.deepEqual(net.stats(), { streams: 2, listeners: 0, attempts: 0 });
  a.close();
  b.close();
  backend.hold(false);
});

Deno.test("an error under TLS is told in the grammar once", async () => {
  backend.hold(true);
  const [a, b] = await connected(loopbackAddress);
  const end = (stream: ByteStream, role: TlsRole) =>
    new Promise<ByteStream>((resolve, reject) => {
      net.secure(stream, role, {}, (error, secured) => {
        if (secured === undefined) reject(error);
        else resolve(secured.stream);
      });
    });
  const [server, client] = await Promise.all([end(a, "server"), end(b, "client")]);
  a.close();
  const error = await new Promise<unknown>((resolve) => {
    const undo = backend.io(client, "w", () => {
      try {
        client.tryWrite(new Uint8Array(1000));
      } catch (thrown) {
        undo();
        resolve(thrown);
      }
    });
  });
  assert.ok(error instanceof PeerError);
  assert.equal(error.message.match(/Cannot/g)?.length, 1, error.message);
  server.close();
  client.close();
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
