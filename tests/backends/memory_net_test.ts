import assert from "node:assert/strict";
import {
  type Backend,
  type ByteStream,
  PeerError,
  type Secured,
  seededRandom,
  UsageError,
  WATCH,
} from "@anyevent/backends/contract";
import { memoryEnv, type MemoryNet, memoryNet } from "@anyevent/backends/memory";

/** A backend of which only `post` works, run by hand. */
function byHand(): { backend: Backend; run: () => void } {
  const queue: (() => void)[] = [];
  const backend = { name: "hand", post: (cb: () => void) => void queue.push(cb) };
  return {
    backend: backend as unknown as Backend,
    run(): void {
      for (let cb = queue.shift(); cb !== undefined; cb = queue.shift()) cb();
    },
  };
}

const HERE = { transport: "tcp", host: "127.0.0.1", port: 0 } as const;

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function readAll(stream: ByteStream): string | null {
  const into = new Uint8Array(4096);
  const count = stream.tryRead(into);
  return count === null ? null : new TextDecoder().decode(into.subarray(0, count));
}

function connected(net: MemoryNet, run: () => void): [ByteStream, ByteStream] {
  let server: ByteStream | undefined;
  let client: ByteStream | undefined;
  const listener = net.listen(HERE, (stream) => server = stream);
  net.connect(listener.address, (_error, stream) => client = stream);
  run();
  listener.close();
  assert(client !== undefined && server !== undefined);
  return [client, server];
}

Deno.test("memoryNet() connects in a later turn when somebody listens", () => {
  const { backend, run } = byHand();
  const net = memoryNet(backend);
  const seen: string[] = [];
  let server: ByteStream | undefined;
  const listener = net.listen(HERE, (stream) => {
    seen.push("accepted");
    server = stream;
  });
  assert(listener.address.transport === "tcp" && listener.address.port > 1023);
  let client: ByteStream | undefined;
  net.connect({ ...listener.address, host: "localhost" }, (error, stream) => {
    seen.push(`connected ${error}`);
    client = stream;
  });
  assert.deepEqual(net.stats(), { streams: 0, listeners: 1, attempts: 1 });
  assert.deepEqual(seen, []);
  run();
  assert.deepEqual(seen, ["accepted", "connected undefined"]);
  assert(client && server);
  assert.equal(client.remote, `127.0.0.1:${listener.address.port}`);
  assert.equal(client.local, server.remote);
  const got: (string | null)[] = [];
  server[WATCH]("r", () => got.push(readAll(server!)));
  client.tryWrite(bytes("ping"));
  assert.deepEqual(got, []);
  run();
  assert.deepEqual(got, ["ping"]);
  assert.deepEqual(net.stats(), { streams: 2, listeners: 1, attempts: 0 });
  client.close();
  assert.equal(readAll(server), null);
  server.close();
  listener.close();
  assert.deepEqual(net.stats(), { streams: 0, listeners: 0, attempts: 0 });
});

Deno.test("memoryNet() refuses when nobody listens, or no longer does", () => {
  const { backend, run } = byHand();
  const net = memoryNet(backend);
  const codes: (string | undefined)[] = [];
  net.connect({ transport: "tcp", host: "127.0.0.1", port: 9 }, (error) => codes.push(error?.code));
  net.connect({ transport: "unix", path: "/none" }, (error) => codes.push(error?.code));
  const listener = net.listen(HERE, () => codes.push("accepted"));
  net.connect(listener.address, (error) => codes.push(error?.code));
  listener.close();
  run();
  assert.deepEqual(codes, ["ECONNREFUSED", "ENOENT", "ECONNREFUSED"]);
});

Deno.test("memoryNet() listen throws EADDRINUSE when the address is taken", () => {
  const net = memoryNet(byHand().backend);
  const { address } = net.listen(HERE, () => undefined);
  assert.throws(
    () => net.listen(address, () => undefined),
    (error) => error instanceof PeerError && error.code === "EADDRINUSE",
  );
  assert(address.transport === "tcp");
  assert.throws(() => net.listen({ ...address, host: "0.0.0.0" }, () => undefined), PeerError);
  net.listen({ ...address, host: "10.0.0.1" }, () => undefined);
  assert.throws(() => net.listen({ ...address, port: 70000 }, () => undefined), UsageError);
});

Deno.test("memoryNet() connect is not called back when undone at any point", () => {
  for (const when of ["at once", "in accept"]) {
    const { backend, run } = byHand();
    const net = memoryNet(backend);
    let server: ByteStream | undefined;
    const listener = net.listen(HERE, (stream) => {
      server = stream;
      undo();
    });
    const undo = net.connect(listener.address, () => assert.fail("called"));
    if (when === "at once") undo();
    run();
    if (when === "in accept") assert.equal(server && readAll(server), null);
    else assert.equal(server, undefined);
    assert.equal(net.stats().attempts, 0);
    undo();
    assert.equal(net.stats().attempts, 0);
  }
});

Deno.test("MemoryNet.sever() gives what had arrived, then ECONNRESET", () => {
  const { backend, run } = byHand();
  const net = memoryNet(backend);
  const [client, server] = connected(net, run);
  const reset = (error: unknown): boolean =>
    error instanceof PeerError && error.code === "ECONNRESET";
  client.tryWrite(bytes("last words"));
  let woken = 0;
  server[WATCH]("r", () => {
    woken++;
    server.close();
  });
  assert.equal(net.sever((ends) => ends.local === "nobody"), 0);
  assert.equal(net.sever(), 1);
  assert.throws(() => client.tryWrite(bytes("x")), reset);
  assert.equal(readAll(server), "last words");
  assert.throws(() => readAll(server), reset);
  run();
  assert.equal(woken, 1);
});

function handshake(
  net: MemoryNet,
  run: () => void,
  client: ByteStream,
  server: ByteStream,
  certificates: [string?, string?] = [],
): [Secured | PeerError, Secured | PeerError] {
  const out: (Secured | PeerError | undefined)[] = [undefined, undefined];
  net.secure(client, "client", { certificate: certificates[0] }, (e, s) => out[0] = e ?? s);
  net.secure(server, "server", { certificate: certificates[1] }, (e, s) => out[1] = e ?? s);
  assert.deepEqual(out, [undefined, undefined]);
  run();
  assert(out[0] && out[1]);
  return [out[0], out[1]];
}

Deno.test("memoryNet() secure gives both ends one binding and carries bytes", () => {
  const { backend, run } = byHand();
  const net = memoryNet(backend, { random: seededRandom(1) });
  const [client, server] = connected(net, run);
  const [a, b] = handshake(net, run, client, server);
  assert("binding" in a && "binding" in b);
  assert.deepEqual(a.binding, b.binding);
  assert.notDeepEqual(a.binding.clientFinished, a.binding.serverFinished);
  assert.equal(a.binding.clientFinished.length, 32);
  a.stream.tryWrite(bytes("secret"));
  assert.equal(readAll(b.stream), "secret");
  assert.equal(net.stats().attempts, 0);
});

Deno.test("memoryNet() secure gives other bindings when a relay terminates it", () => {
  const { backend, run } = byHand();
  const net = memoryNet(backend);
  const [client, relayServer] = connected(net, run);
  const [relayClient, server] = connected(net, run);
  const [a] = handshake(net, run, client, relayServer);
  const [, b] = handshake(net, run, relayClient, server);
  assert("binding" in a && "binding" in b);
  assert.notDeepEqual(a.binding, b.binding);
});

Deno.test("memoryNet() secure uses rest, and works over a stream that takes one byte at a time", () => {
  const { backend, run } = byHand();
  const net = memoryNet(backend, { capacity: 1 });
  const [client, server] = connected(net, run);
  const out: Secured[] = [];
  net.secure(client, "client", {}, (_error, secured) => secured && out.push(secured));
  let rest: Uint8Array = new Uint8Array();
  const undo = server[WATCH]("r", () => {
    const into = new Uint8Array(8);
    const count = server.tryRead(into) ?? 0;
    rest = new Uint8Array([...rest, ...into.subarray(0, count)]);
    if (rest.length < 20) return;
    undo();
    net.secure(server, "server", { rest }, (_error, secured) => secured && out.push(secured));
  });
  run();
  assert.equal(out.length, 2);
  assert.deepEqual(out[0].binding, out[1].binding);
});

Deno.test("memoryNet() secure fails when the peer speaks no handshake, closes, or plays the same role", () => {
  const { backend, run } = byHand();
  const net = memoryNet(backend);
  const codes: string[] = [];
  const note = (error: PeerError | undefined): void => void codes.push(error?.code ?? "none");
  const [a, b] = connected(net, run);
  net.secure(a, "server", {}, note);
  b.tryWrite(bytes("GET / HTTP/1.0"));
  run();
  const [c, d] = connected(net, run);
  net.secure(c, "client", {}, note);
  d.close();
  run();
  const [e, f] = connected(net, run);
  net.secure(e, "client", {}, note);
  net.secure(f, "client", {}, note);
  run();
  assert.deepEqual(codes.slice(0, 1), ["EPROTO"]);
  assert(["EPIPE", "ECONNRESET"].includes(codes[1]));
  assert.equal(codes.length, 4);
  assert(codes.slice(2).includes("EPROTO"));
  assert.deepEqual(net.stats(), { streams: 1, listeners: 0, attempts: 0 });
  b.close();
});

Deno.test("memoryNet() secure verifies certificates when it has one", () => {
  const pem = (body: string): string =>
    `-----BEGIN CERTIFICATE-----\n${body}\n-----END CERTIFICATE-----\n`;
  const { backend, run } = byHand();
  const net = memoryNet(backend);
  const good = handshake(net, run, ...connected(net, run), [
    pem("a") + pem("ca"),
    pem("b") + pem("ca"),
  ]);
  assert("binding" in good[0] && "binding" in good[1]);
  assert.equal(good[0].peerCertificate, pem("b").trim());
  const bad = handshake(net, run, ...connected(net, run), [pem("a") + pem("ca"), pem("b")]);
  assert(bad[0] instanceof PeerError);
});

Deno.test("memoryNet() secure is not called back when undone", () => {
  const { backend, run } = byHand();
  const net = memoryNet(backend);
  const [client, server] = connected(net, run);
  const undo = net.secure(client, "client", {}, () => assert.fail("called"));
  undo();
  undo();
  run();
  assert.equal(readAll(server), null);
  assert.equal(net.stats().attempts, 0);
});

Deno.test("memoryEnv() shares a net when given one", () => {
  const { backend } = byHand();
  const env = { name: "hand", backend, random: seededRandom(1) } as unknown as Parameters<
    typeof memoryEnv
  >[0];
  const a = memoryEnv(env);
  const b = memoryEnv(env, a.net);
  assert.equal(a.net, b.net);
  assert.notEqual(memoryEnv(env).net, a.net);
  assert.equal(a.backend, backend);
});
