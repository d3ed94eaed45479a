/** Connecting and TLS: in memory in virtual time, and over real sockets. */
import assert from "node:assert/strict";
import { nativeEnv } from "@anyevent/backends/native";
import {
  type Address,
  type ByteStream,
  Handle,
  type HandleOptions,
  type Listener,
  Loop,
  type PeerError,
} from "@anyevent/loop";
import { generate } from "npm:selfsigned@5.5.0";
import { bytes, text, World } from "./support.ts";

const ANY: Address = { transport: "tcp", host: "127.0.0.1", port: 0 };

function portOf(listener: Listener): number {
  return listener.address.transport === "tcp" ? listener.address.port : 0;
}

/** Real sockets. */
class Real implements AsyncDisposable {
  readonly env = nativeEnv();
  readonly thrown: unknown[] = [];
  readonly loop = new Loop(this.env, {
    onCallbackError: (error) => {
      this.thrown.push(error);
      this.check();
    },
  });
  readonly events: string[] = [];
  readonly #waits = new Set<() => void>();
  readonly #handles: Handle[] = [];
  readonly #listeners: Listener[] = [];

  /** Resolves when something holds; looked at after each event. */
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

  check(): void {
    for (const wait of [...this.#waits]) wait();
  }

  note(event: string): void {
    this.events.push(event);
    this.check();
  }

  handle(options: HandleOptions): Handle {
    const handle = new Handle({
      loop: this.loop,
      onError: (_h, fatal, message, error) => this.note(`${fatal} ${error.code} ${message}`),
      ...options,
    });
    this.#handles.push(handle);
    return handle;
  }

  listen(accepted: (stream: ByteStream) => void): Listener {
    const listener = this.env.net.listen(ANY, accepted);
    this.#listeners.push(listener);
    return listener;
  }

  /** Two connected handles. */
  async pair(client: HandleOptions = {}, server: HandleOptions = {}): Promise<[Handle, Handle]> {
    const { promise, resolve } = Promise.withResolvers<Handle>();
    const listener = this.listen((fh) => resolve(this.handle({ fh, ...server })));
    const one = this.handle({ connect: ["localhost", portOf(listener)], ...client });
    return [one, await promise];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const handle of this.#handles) handle.destroy();
    for (const listener of this.#listeners) listener.close();
    while (this.env.net.stats().streams > 0 || this.loop.stats().timers > 0) {
      await this.loop.sleep(0.001);
    }
    assert.deepEqual(this.thrown, []);
    assert.equal(this.loop.stats().held, 0);
    assert.equal(this.loop.stats().ios, 0);
    this.loop.dispose();
  }
}

Deno.test("connect queues what is written and read, flushes it, and then calls onConnect", () => {
  using world = new World();
  let server: ByteStream | undefined;
  const listener = world.env.net.listen(ANY, (stream) => server = stream);
  const h = world.handle({
    connect: ["127.0.0.1", portOf(listener)],
    onPrepare: world.log("prepare"),
    onDrain: world.log("drain"),
    onConnect: (_h, host, port) => world.log("connect")(h, host, port === portOf(listener)),
  });
  assert.equal(h.peername, "127.0.0.1");
  assert.equal(h.fh, undefined);
  h.pushWrite("hello");
  h.pushRead("line", world.log("line"));
  assert.deepEqual(world.take(), []);
  assert.equal(world.env.backend.held, true);
  world.run();
  assert.deepEqual(world.take(), ["prepare", "drain", "connect 127.0.0.1 true"]);
  assert.equal(world.received(server!), "hello");
  server!.tryWrite(bytes("yes\n"));
  world.run();
  assert.deepEqual(world.take(), ["line yes \n"]);
  listener.close();
});

Deno.test("a failed connect tells onConnectError and destroys the handle, else it is a fatal error", () => {
  using world = new World();
  const h = world.handle({
    connect: ["127.0.0.1", 1],
    onConnectError: (h, message, error) =>
      world.log("failed")(h, /connection refused/.test(message), error.code, h.destroyed),
  });
  world.run();
  assert.deepEqual(world.take(), ["failed true ECONNREFUSED false"]);
  assert.equal(h.destroyed, true);
  const two = world.handle({
    connect: ["127.0.0.1", "name=1"],
    onError: (_h, fatal, _message, error) => void world.events.push(`${fatal} ${error.code}`),
  });
  world.run();
  assert.deepEqual(world.take(), ["true ECONNREFUSED"]);
  assert.equal(two.destroyed, true);
  world.handle({ connect: ["unix/", "/nowhere"] });
  world.run();
  assert.equal((world.thrown.splice(0)[0] as PeerError).code, "ENOENT");
});

Deno.test("destroy() aborts a connect; onPrepare may limit it", () => {
  using world = new World();
  const listener = world.env.net.listen(ANY, () => {});
  const h = world.handle({ connect: ["127.0.0.1", portOf(listener)], onConnect: world.log("no") });
  h.destroy();
  world.run();
  assert.deepEqual(world.take(), []);
  // Nobody ever answers here.
  let undone = 0;
  const env = {
    ...world.env,
    net: {
      ...world.env.net,
      connect: () => () => undone++,
      stats: () => ({ streams: 0, listeners: 0, attempts: 0 }),
    },
  };
  const loop = new Loop(env);
  new Handle({
    loop,
    connect: ["localhost", 9],
    onPrepare: () => 3,
    onConnectError: (h, _message, error) => world.log("failed")(h, error.code),
  });
  world.run(5.9);
  assert.deepEqual(world.take(), []);
  world.run(0.2);
  assert.deepEqual(world.take(), ["failed ETIMEDOUT"]);
  assert.equal(undone, 2);
  assert.equal(loop.stats().held, 0);
  loop.dispose();
  listener.close();
});

Deno.test("a name without an address is an error with code ENXIO", async () => {
  using world = new World();
  world.handle({
    connect: ["nowhere.example", 1],
    onConnectError: (h, _message, error) => world.log("failed")(h, error.code),
  });
  await world.env.backend.settle();
  assert.deepEqual(world.take(), ["failed ENXIO"]);
});

Deno.test("retry goes on with the next target, or with the error", () => {
  using world = new World();
  const ends: ByteStream[] = [];
  const listeners = ["127.0.0.1", "::1"].map((host) =>
    world.env.net.listen({ transport: "tcp", host, port: 7777 }, (stream) => ends.push(stream))
  );
  const h = world.handle({
    connect: ["localhost", 7777],
    tls: "connect",
    onConnect: (h, host, _port, retry) => {
      world.log("connect")(h, host);
      retry();
    },
    onConnectError: world.log("failed"),
  });
  h.pushWrite("secret");
  world.run();
  const [one, two, failed] = world.take();
  assert.deepEqual([one, two], ["connect 127.0.0.1", "connect ::1"]);
  assert.match(failed, /^failed /);
  for (const end of ends) {
    assert.ok(!world.received(end).includes("secret"));
    end.close();
  }
  for (const listener of listeners) listener.close();
});

Deno.test("starttls() sends what was written before in plain text and nothing afterwards", () => {
  using world = new World();
  const { net } = world.env;
  let end: ByteStream | undefined;
  const listener = net.listen(ANY, (stream) => end = stream);
  const h = world.handle({ connect: ["127.0.0.1", portOf(listener)] });
  h.pushWrite("STARTTLS\n");
  h.starttls("connect");
  h.pushWrite("secret");
  world.run();
  const seen = world.received(end!);
  assert.ok(seen.startsWith("STARTTLS\nmemtls1"));
  assert.ok(!seen.includes("secret"));
  assert.throws(() => h.starttls("connect"), /it was started before/);
  // Also not when it lingers.
  h.destroy();
  world.run(5000);
  assert.ok(!world.received(end!).includes("secret"));
  end!.close();
  listener.close();
});

Deno.test("what is destroyed before TLS begins never writes in plain text what was meant for it", () => {
  using world = new World();
  const [h, peer] = world.pair({}, 4);
  h.pushWrite("12345678");
  h.starttls("connect");
  h.pushWrite("secret");
  h.destroy();
  let out = "";
  for (let i = 0; i < 8; i++) {
    out += world.received(peer);
    world.run(1);
  }
  assert.equal(out, "12345678");
});

Deno.test("both ends change to TLS in the middle: what came with the agreement belongs to it", () => {
  using world = new World();
  let server: Handle | undefined;
  const listener = world.env.net.listen(ANY, (fh) => {
    server = world.handle({ fh, onStarttls: world.log("server"), onStoptls: world.log("stopped") });
    server.pushRead("line", (h, line) => {
      world.log("line")(h, line);
      h.starttls("accept");
      h.pushRead("line", world.log("secret"));
    });
  });
  const client = world.handle({
    connect: ["127.0.0.1", portOf(listener)],
    onStarttls: world.log("client"),
  });
  client.pushWrite("STARTTLS\n");
  client.starttls("connect");
  client.pushWrite("hidden\n");
  world.run();
  assert.deepEqual(world.take().sort(), [
    "client true TLS connection established",
    "line STARTTLS",
    "secret hidden \n",
    "server true TLS connection established",
  ]);
  assert.deepEqual(client.secured!.binding, server!.secured!.binding);
  client.stoptls();
  world.run();
  assert.deepEqual(world.take(), ["stopped"]);
  assert.equal(server!.destroyed, false);
  listener.close();
});

Deno.test("the peer's end of TLS without onStoptls is the end of file", () => {
  using world = new World();
  const listener = world.env.net.listen(ANY, (fh) => {
    world.handle({ fh, tls: "accept", onRead: () => {}, onEof: world.log("eof") });
  });
  const client = world.handle({ connect: ["127.0.0.1", portOf(listener)], tls: "connect" });
  client.pushShutdown();
  world.run();
  assert.deepEqual(world.take(), ["eof"]);
  listener.close();
});

Deno.test('pushRead("tlsAutostart") serves both', () => {
  using world = new World();
  const [h, peer] = world.pair();
  h.pushRead("tlsAutostart", "accept");
  h.pushRead("line", world.log("line"));
  peer.tryWrite(bytes("plain\n"));
  world.run();
  assert.deepEqual(world.take(), ["line plain \n"]);
  const [two, other] = world.pair({
    onError: (_h, fatal, _message, error) => void world.events.push(`${fatal} ${error.code}`),
  });
  two.pushRead("tlsAutostart", "accept");
  two.pushRead("line", world.log("line"));
  // The start of a real one, which is none for the handshake of the test's net.
  other.tryWrite(Uint8Array.of(0x16, 3, 1, 0, 200, 1));
  world.run();
  assert.deepEqual(world.take(), ["true EPROTO"]);
});

Deno.test("a failed handshake tells onStarttls and destroys the handle, else it is a fatal EPROTO", () => {
  using world = new World();
  const [h, peer] = world.pair({ tls: "connect", onStarttls: world.log("tls") });
  peer.tryWrite(bytes("what is this?"));
  world.run();
  assert.match(world.take()[0], /^tls false .*no handshake/);
  assert.equal(h.destroyed, true);
});

Deno.test("native: lines, big data, backpressure, the end of file, and nothing left", async () => {
  await using real = new Real();
  const [client, server] = await real.pair({}, { readSize: 65536 });
  client.noDelay(true);
  client.keepalive(true);
  client.oobinline(true);
  const big = "x".repeat(3_000_000);
  client.pushWrite(`hello\n`);
  client.pushWrite("netstring", big);
  assert.equal(await server.read("line"), "hello");
  assert.equal(text((await server.read("netstring"))!), big);
  await client.drained();
  server.pushWrite("json", { ok: true });
  assert.deepEqual(await client.read("json"), { ok: true });
  client.pushShutdown();
  assert.equal(await server.read("line"), undefined);
  server.pushWrite("bye\n");
  assert.equal(await client.read("line"), "bye");
});

Deno.test("native: destroy() right after a big write loses nothing", async () => {
  await using real = new Real();
  const [client, server] = await real.pair();
  client.pushWrite(new Uint8Array(2_000_000).fill(1));
  client.destroy();
  assert.equal((await server.read("chunk", 2_000_000))!.length, 2_000_000);
  assert.equal(await server.read("chunk", 1), undefined);
});

Deno.test("native: a refused connect is told with its code", async () => {
  await using real = new Real();
  // Nobody listens on the port of the multiplexer.
  real.handle({
    connect: ["127.0.0.1", 1],
    onConnectError: (_h, _message, error) => real.note(error.code),
  });
  await real.until(() => real.events.length > 0);
  assert.deepEqual(real.events, ["ECONNREFUSED"]);
});

Deno.test("native: TLS from the start, and the end of it", async () => {
  await using real = new Real();
  const [client, server] = await real.pair({ tls: "connect" }, {
    tls: "accept",
    onStoptls: () => real.note("stopped"),
  });
  client.pushWrite("hello\n");
  const big = "y".repeat(1_000_000);
  server.pushWrite("netstring", big);
  assert.equal(await server.read("line"), "hello");
  assert.equal(text((await client.read("netstring"))!), big);
  assert.deepEqual(client.secured!.binding, server.secured!.binding);
  client.stoptls();
  await real.until(() => real.events.length > 0);
  assert.deepEqual(real.events, ["stopped"]);
});

Deno.test("native: STARTTLS in the middle with certificates, and a lingering end", async () => {
  const made = await generate([{ name: "commonName", value: "test" }], {
    keyType: "ec",
    curve: "P-256",
    extensions: [
      { name: "basicConstraints", cA: true, critical: true },
      { name: "keyUsage", keyCertSign: true, digitalSignature: true },
    ],
  });
  const certificate = `${made.private}\n${made.cert}\n`;
  await using real = new Real();
  const [client, server] = await real.pair();
  client.pushWrite("STARTTLS\n");
  client.starttls("connect", { certificate });
  client.pushWrite("hidden\n");
  assert.equal(await server.read("line"), "STARTTLS");
  server.starttls("accept", { certificate });
  assert.equal(await server.read("line"), "hidden");
  assert.match(server.secured!.peerCertificate!, /BEGIN CERTIFICATE/);
  server.pushWrite(new Uint8Array(500_000));
  server.destroy();
  assert.equal((await client.read("chunk", 500_000))!.length, 500_000);
});

Deno.test("native: a handshake that fails is a fatal EPROTO", async () => {
  await using real = new Real();
  const [, server] = await real.pair({ tls: "connect" });
  server.pushWrite("this is no TLS\n");
  await real.until(() => real.events.length > 0);
  assert.match(real.events[0], /^true EPROTO /);
});

Deno.test("what onDrain throws once connected keeps neither onConnect nor the readers from going on", () => {
  using world = new World();
  let server: ByteStream | undefined;
  const listener = world.env.net.listen(ANY, (stream) => server = stream);
  let first = true;
  const h = world.handle({
    connect: ["127.0.0.1", portOf(listener)],
    lowWaterMark: 10,
    onDrain: () => {
      if (first) {
        first = false;
        throw new Error("drain");
      }
    },
    onConnect: world.log("connect"),
    onRead: (h) => {
      world.events.push(text(h.rbuf));
      h.rbuf = new Uint8Array(0);
    },
  });
  h.pushWrite("hello");
  world.run();
  assert.equal(world.take().length, 1);
  assert.deepEqual(world.thrown.splice(0).map(String), ["Error: drain"]);
  assert.equal(world.received(server!), "hello");
  server!.tryWrite(bytes("yes"));
  world.run();
  assert.deepEqual(world.take(), ["yes"]);
  server!.close();
  listener.close();
});

Deno.test("wbufMax counts while connecting, too", () => {
  using world = new World();
  const listener = world.env.net.listen(ANY, (stream) => stream.close());
  const h = world.handle({
    connect: ["127.0.0.1", portOf(listener)],
    wbufMax: 5,
    onError: (_h, fatal, message) => void world.events.push(`${fatal} ${message}`),
  });
  h.pushWrite("12345");
  assert.deepEqual(world.take(), []);
  h.pushWrite("6");
  assert.deepEqual(world.take(), ["true No space left on device"]);
  assert.equal(h.destroyed, true);
  world.run(1);
  listener.close();
});
