import assert from "node:assert/strict";
import {
  type ByteStream,
  ClosedError,
  type Datagram,
  type DatagramSocket,
  DeadlockError,
  PeerError,
  TimeoutError,
  UsageError,
} from "@anyevent/backends/contract";
import { type SimEnv, simEnv, simWorld, type World } from "@anyevent/backends/sim";
import { Loop } from "@anyevent/loop";

const BYTES = new TextEncoder().encode("hello, simulated world");

/** A connection between two hosts: [accepted, connected]. */
export async function connection(
  world: World,
  to: SimEnv,
  from: SimEnv,
): Promise<[ByteStream, ByteStream]> {
  const ends: (ByteStream | undefined)[] = [undefined, undefined];
  const listener = to.net.listen(
    { transport: "tcp", host: "0.0.0.0", port: 0 },
    (stream) => ends[0] = stream,
  );
  const { port } = listener.address as { readonly port: number };
  from.net.connect({ transport: "tcp", host: to.addresses[0], port }, (error, stream) => {
    if (error !== undefined) throw error;
    ends[1] = stream;
  });
  await world.until(() => ends[0] !== undefined && ends[1] !== undefined);
  listener.close();
  return ends as [ByteStream, ByteStream];
}

function read(stream: ByteStream, most = 1000): string | null {
  const into = new Uint8Array(most);
  const count = stream.tryRead(into);
  return count === null ? null : new TextDecoder().decode(into.subarray(0, count));
}

function codeOf(body: () => unknown): string {
  try {
    body();
  } catch (thrown) {
    assert(thrown instanceof PeerError, String(thrown));
    return thrown.code;
  }
  return "nothing";
}

Deno.test("simWorld() takes a day in no time, and all hosts share the clock", async () => {
  const world = simWorld({ start: 5000 });
  const [a, b] = [world.env("a"), world.env("b")];
  const log: string[] = [];
  a.backend.timer(86400, () => log.push(`a ${a.backend.now()}`));
  b.backend.timer(3600, () => log.push(`b ${b.backend.now()} ${a.backend.now()}`));
  await world.run(100000);
  assert.deepEqual(log, ["b 8600 8600", "a 91400"]);
  assert.equal(world.now, 105000);
});

Deno.test("run() lets promises go on before the clock moves", async () => {
  const world = simWorld({ start: 0 });
  const { backend } = world.env("a");
  const log: string[] = [];
  const chain = async (): Promise<void> => {
    for (let i = 0; i < 3; i++) {
      await new Promise<void>((resolve) => void backend.timer(1, resolve));
      for (let j = 0; j < 50; j++) await undefined;
      log.push(`chain ${backend.now()}`);
    }
  };
  const chained = chain();
  backend.timer(1.5, () => log.push("1.5"));
  backend.timer(10, () => log.push("10"));
  await world.run(20);
  await chained;
  assert.deepEqual(log, ["chain 1", "1.5", "chain 2", "chain 3", "10"]);
});

Deno.test("until(), finish() and settle() stop in time; limits and dead ends are told", async () => {
  const world = simWorld({ start: 0 });
  const { backend } = world.env("a");
  let posted = false;
  backend.post(() => posted = true);
  await world.settle();
  assert.deepEqual([posted, world.now], [true, 0]);
  let fired = false;
  backend.timer(7, () => fired = true);
  await world.until(() => fired);
  assert.equal(world.now, 7);
  await assert.rejects(world.until(() => false), DeadlockError);
  const undo = backend.timer(100, () => undefined);
  await assert.rejects(world.until(() => false, 10), TimeoutError);
  assert.equal(world.now, 17);
  undo();
  const slow = new Promise<string>((resolve) => void backend.timer(1, () => resolve("done")));
  assert.equal(await world.finish(slow), "done");
  const first = world.run(1);
  await assert.rejects(async () => await world.run(1), UsageError);
  await first;
});

Deno.test("an await that nothing can wake fails with DeadlockError in until()", async () => {
  const world = simWorld();
  using loop = new Loop(world.env("a"));
  const waited = Promise.resolve(loop.condvar().recv());
  const failed = assert.rejects(waited, DeadlockError);
  await world.finish(failed);
});

Deno.test("runUntil() moves the clock inside the call, but not while an await waits", async () => {
  const world = simWorld({ start: 0 });
  using loop = new Loop(world.env("a"));
  const cv = loop.condvar<[string]>();
  loop.timer({ after: 3600, cb: () => cv.send("sent") });
  assert.equal(cv.recvSync(), "sent");
  assert.equal(world.now, 3600);
  assert.throws(() => loop.condvar().recvSync(), DeadlockError);

  const sleeping = Promise.resolve(loop.sleep(1));
  await world.settle();
  assert.throws(() => loop.condvar().recvSync(), (error) => {
    assert(error instanceof UsageError);
    assert.match(error.message, /an `await` is outstanding/);
    return true;
  });
  await world.finish(sleeping);
  const again = loop.condvar<[number]>();
  loop.timer({ after: 1, cb: () => again.send(2) });
  assert.equal(again.recvSync(), 2);
});

Deno.test("what keeps itself busy at one instant does not stop time", async () => {
  const world = simWorld({ start: 0 });
  const { backend } = world.env("a");
  let over = false;
  const again = (): void => {
    if (!over) backend.timer(0, again);
  };
  again();
  backend.timer(0.01, () => over = true);
  await world.until(() => over);
  backend.post(() => {
    const until = backend.time() + 0.05;
    while (backend.time() < until);
    over = false;
  });
  await world.until(() => !over);
  assert(world.now >= 0.06 && world.now < 0.1, `${world.now}`);
});

Deno.test("stepClock() moves the wall clock and no timer", async () => {
  const world = simWorld({ start: 1000 });
  const { backend } = world.env("a");
  let fired = 0;
  backend.timer(10, () => fired = backend.now());
  world.stepClock(-500);
  assert.deepEqual([backend.time(), backend.now()], [500, 1000]);
  // One that starts later shares the clock all the same.
  const later = world.env("later").backend;
  assert.deepEqual([later.time(), later.now()], [500, 1000]);
  await world.run(10);
  assert.equal(fired, 1010);
});

Deno.test("env() gives addresses, names, files and variables; mistakes are refused", async () => {
  const world = simWorld();
  const a = world.env("a", { variables: { X: "1" } });
  const b = world.env("b", { addresses: ["192.168.7.7"] });
  assert.equal(world.env("a"), a);
  assert.deepEqual(a.addresses, ["10.0.0.1", "fd00::1"]);
  assert.deepEqual(await a.host.resolve("b"), ["192.168.7.7"]);
  assert.deepEqual(await a.host.resolve("localhost"), ["127.0.0.1", "::1"]);
  await assert.rejects(a.host.resolve("c"), PeerError);
  assert.deepEqual([a.host.env("X"), b.host.env("X")], ["1", undefined]);
  assert.deepEqual([a.host.hostname(), b.host.hostname()], ["a", "b"]);
  assert.notEqual(a.host.pid, b.host.pid);
  await a.host.writeTextFile("/x", "text");
  assert.equal(await a.host.readTextFile("/x"), "text");
  await assert.rejects(b.host.readTextFile("/x"), { code: "ENOENT" });
  assert.deepEqual(b.host.interfaceAddresses().at(-1), { address: "192.168.7.7", internal: false });
  assert.throws(() => world.env("a", {}), UsageError);
  assert.throws(() => world.env(""), UsageError);
  for (const name of ["localhost", "A", "10.0.0.9"]) {
    assert.throws(() => world.env(name), UsageError);
  }
  assert.throws(() => world.env("c", { addresses: ["192.168.7.7"] }), UsageError);
  assert.throws(() => world.env("c", { addresses: ["127.0.0.1"] }), UsageError);
  assert.throws(() => world.env("c", { addresses: [] }), UsageError);
  assert.throws(() => simWorld({ seed: "x" as unknown as number }), UsageError);
  assert.throws(() => world.latency([2, 1]), UsageError);
  assert.throws(() => world.partition([["nobody"]]), UsageError);
  assert.throws(() => world.partition([["a"], ["a"]]), UsageError);
  assert.throws(() => world.chop({ reads: 0 }), UsageError);
  assert.throws(() => world.datagrams({ loss: 2 }), UsageError);
  assert.throws(() => world.run(-1), UsageError);
});

Deno.test("connect() finds hosts by name and address, and says what is wrong", async () => {
  const world = simWorld();
  const [a, b] = [world.env("a"), world.env("b")];
  const listener = b.net.listen({ transport: "tcp", host: "b", port: 80 }, (one) => one.close());
  assert.deepEqual(listener.address, { transport: "tcp", host: "10.0.0.2", port: 80 });
  const outcome = async (host: string, port: number): Promise<string> => {
    const done = new Promise<string>((resolve) => {
      a.net.connect({ transport: "tcp", host, port }, (error, stream) => {
        stream?.close();
        resolve(error?.code ?? `${stream?.remote}`);
      });
    });
    return await world.finish(done);
  };
  assert.equal(await outcome("b", 80), "10.0.0.2:80");
  assert.equal(await outcome("10.0.0.2", 80), "10.0.0.2:80");
  assert.equal(await outcome("b", 81), "ECONNREFUSED");
  assert.equal(await outcome("fd00::2", 80), "ECONNREFUSED");
  assert.equal(await outcome("127.0.0.1", 80), "ECONNREFUSED");
  assert.equal(await outcome("10.9.9.9", 80), "EHOSTUNREACH");
  assert.equal(await outcome("nobody", 80), "ENOTFOUND");
  world.partition([["a"], ["b"]]);
  const begun = world.now;
  assert.equal(await outcome("b", 80), "ETIMEDOUT");
  assert(world.now - begun >= 60);
  const foreign = (): unknown =>
    a.net.listen({ transport: "tcp", host: "10.0.0.2", port: 1 }, () => undefined);
  assert.equal(codeOf(foreign), "EADDRNOTAVAIL");
  listener.close();
  assert.deepEqual(a.net.stats(), { streams: 0, listeners: 0, attempts: 0 });
});

Deno.test("latency() delays both ways by what was drawn, and is taken back", async () => {
  const world = simWorld({ start: 0 });
  const [a, b] = [world.env("a"), world.env("b")];
  const undo = world.latency(0.25);
  const [server, client] = await connection(world, b, a);
  const begun = world.now;
  client.tryWrite(BYTES);
  let got = "";
  const unwatch = b.backend.io(server, "r", () => got += read(server));
  await world.until(() => got !== "");
  assert(Math.abs(world.now - begun - 0.25) < 1e-6, `${world.now - begun}`);
  undo();
  got = "";
  client.tryWrite(BYTES);
  await world.until(() => got !== "");
  assert(world.now - begun < 0.26);
  unwatch();
  server.close();
  client.close();
});

Deno.test("cut() resets connections: what had arrived is read first", async () => {
  const world = simWorld();
  const [a, b] = [world.env("a"), world.env("b")];
  const [server, client] = await connection(world, b, a);
  client.tryWrite(BYTES);
  await world.run(0.1);
  client.tryWrite(BYTES);
  assert.equal(world.cut(({ hosts }) => hosts.includes("nobody")), 0);
  assert.equal(world.cut(({ hosts }) => hosts.includes("b")), 1);
  assert.equal(read(server), "hello, simulated world");
  assert.equal(codeOf(() => read(server)), "ECONNRESET");
  assert.equal(codeOf(() => client.tryWrite(BYTES)), "ECONNRESET");
  server.close();
  client.close();
  assert.throws(() => client.tryWrite(BYTES), ClosedError);
  assert.equal(world.cut(), 0);
});

Deno.test("a partition holds data back, heal() delivers it; one that lasts breaks", async () => {
  const world = simWorld({ tcpTimeout: 30 });
  const [a, b] = [world.env("a"), world.env("b")];
  const [server, client] = await connection(world, b, a);
  const [idleServer, idle] = await connection(world, b, a);
  const [probedServer, probed] = await connection(world, b, a);
  probed.setKeepAlive(true);
  world.partition([["a"], ["b"]]);
  client.tryWrite(BYTES);
  await world.run(20);
  assert.equal(read(server), "");
  world.heal();
  await world.run(1);
  assert.equal(read(server), "hello, simulated world");
  // One way is enough to stop a connection.
  const unblock = world.block((from, to) => from === "b" && to === "a");
  client.tryWrite(BYTES);
  await world.run(31);
  assert.equal(codeOf(() => client.tryWrite(BYTES)), "ETIMEDOUT");
  assert.equal(codeOf(() => read(probed)), "ETIMEDOUT");
  unblock();
  await world.run(1);
  // Nobody has told this end, as without keep-alive nobody does.
  assert.equal(read(server), "");
  idle.tryWrite(BYTES);
  await world.run(1);
  assert.equal(read(idleServer), "hello, simulated world");
  // Writing finds out.
  server.tryWrite(BYTES);
  await world.run(1);
  assert.equal(codeOf(() => read(server)), "ECONNRESET");
  for (const end of [server, client, idle, idleServer, probed, probedServer]) end.close();
  assert.equal(a.net.stats().streams + b.net.stats().streams, 0);
});

Deno.test("kill() closes what a process had; env() starts another on the same host", async () => {
  const world = simWorld();
  const [a, b] = [world.env("a"), world.env("b")];
  const [server, client] = await connection(world, b, a);
  b.net.listen({ transport: "tcp", host: "0.0.0.0", port: 80 }, () => undefined);
  await b.host.writeTextFile("/kept", "yes");
  let called = false;
  b.backend.timer(1, () => called = true);
  world.kill("b");
  await world.run(5);
  assert.equal(called, false);
  assert.equal(read(client), null);
  assert.throws(() => read(server), ClosedError);
  const again = world.env("b");
  assert.notEqual(again, b);
  assert.equal(await again.host.readTextFile("/kept"), "yes");
  again.net.listen({ transport: "tcp", host: "0.0.0.0", port: 80 }, () => undefined);
  client.close();
  assert.throws(() => world.kill("nobody"), UsageError);
});

Deno.test("dropListeners() tells `failed` and leaves connections alone", async () => {
  const world = simWorld();
  const [a, b] = [world.env("a"), world.env("b")];
  const [server, client] = await connection(world, b, a);
  const failed: string[] = [];
  b.net.listen(
    { transport: "tcp", host: "0.0.0.0", port: 80 },
    () => undefined,
    (error) => failed.push(error.code),
  );
  assert.equal(world.dropListeners((host) => host === "a"), 0);
  assert.equal(world.dropListeners(), 1);
  await world.settle();
  assert.deepEqual([failed, b.net.stats().listeners], [["EIO"], 0]);
  client.tryWrite(BYTES);
  await world.run(1);
  assert.equal(read(server), "hello, simulated world");
  server.close();
  client.close();
});

function open(world: World, env: SimEnv, port = 0): Promise<DatagramSocket> {
  return world.finish(
    new Promise((resolve, reject) => {
      env.net.udp({ transport: "tcp", host: "0.0.0.0", port }, (error, socket) => {
        if (socket === undefined) reject(error);
        else resolve(socket);
      });
    }),
  );
}

Deno.test("udp() sends datagrams whole and in order; datagrams() loses, doubles, reorders", async () => {
  const world = simWorld({ seed: 11 });
  const [a, b] = [world.env("a"), world.env("b")];
  const [from, to] = [await open(world, a), await open(world, b, 53)];
  const target = { transport: "tcp", host: "10.0.0.2", port: 53 } as const;
  await assert.rejects(open(world, b, 53), { code: "EADDRINUSE" });
  const burst = async (): Promise<number[]> => {
    for (let i = 0; i < 100; i++) assert(from.trySend(new Uint8Array([i, 0, 0]), target));
    await world.run(1);
    const got: Datagram[] = [];
    for (let it = to.tryReceive(); it !== undefined; it = to.tryReceive()) got.push(it);
    assert(got.every(({ bytes }) => bytes.length === 3));
    assert(got.every((it) => it.from.transport === "tcp" && it.from.host === "10.0.0.1"));
    return got.map(({ bytes }) => bytes[0]);
  };
  const all = Array.from({ length: 100 }, (_, i) => i);
  const sorted = (list: readonly number[]): number[] => [...list].sort((x, y) => x - y);
  assert.deepEqual(await burst(), all);
  let undo = world.datagrams({ loss: 0.3 });
  const lossy = await burst();
  assert(lossy.length > 40 && lossy.length < 95, `${lossy.length}`);
  assert.deepEqual(lossy, sorted(lossy));
  undo();
  undo = world.datagrams({ duplicate: 0.3 });
  const doubled = await burst();
  assert(doubled.length > 105 && new Set(doubled).size === 100);
  undo();
  undo = world.datagrams({ reorder: 0.3 });
  const mixed = await burst();
  assert.notDeepEqual(mixed, all);
  assert.deepEqual(sorted(mixed), all);
  undo();
  world.partition([["a"], ["b"]]);
  assert.deepEqual(await burst(), []);
  world.heal();
  assert.equal(codeOf(() => from.trySend(new Uint8Array(70000), target)), "EMSGSIZE");
  let readable = 0;
  const unwatch = b.backend.io(to, "r", () => {
    readable++;
    to.tryReceive();
  });
  from.trySend(BYTES, target);
  await world.run(1);
  assert.equal(readable, 1);
  unwatch();
  from.close();
  to.close();
  assert.throws(() => to.tryReceive(), ClosedError);
  assert.equal(b.net.stats().streams, 0);
});

Deno.test("raise() says whether anybody watches; children() follows those of its process", async () => {
  const world = simWorld();
  const [a, b] = [world.env("a"), world.env("b")];
  const log: string[] = [];
  const undo = a.backend.signal("TERM", () => log.push("TERM"));
  assert.deepEqual([a.raise("TERM"), b.raise("TERM"), a.raise("INT")], [true, false, false]);
  assert.throws(() => a.raise("SIGTERM"), UsageError);
  const unfollow = a.backend.children(
    ({ pid, status }) => log.push(`${pid === child.pid} ${status}`),
    (count) => log.push(`living ${count}`),
  );
  const child = a.spawn();
  assert.throws(() => b.backend.child(child, () => undefined), UsageError);
  assert.throws(() => child.exit(256), UsageError);
  child.kill("TERM");
  child.exit(3);
  await world.settle();
  assert.deepEqual(log, ["living 0", "living 1", "living 0", "TERM", "true 15"]);
  undo();
  unfollow();
  assert.equal(await child.ended, 15);
});

Deno.test("a world that moves by itself leaves nothing with the host once it has nothing to do", async () => {
  const env = simEnv();
  const { backend } = env;
  backend.hold(true);
  const begun = backend.now();
  await new Promise<void>((resolve) => void backend.timer(1e6, resolve));
  assert.equal(backend.now() - begun, 1e6);
  // Still held: the sanitizers see whether that costs the host anything.
  backend.timer(1, () => assert.fail("called after dispose"));
  backend.dispose();
  assert.equal(backend.stats().timers, 0);
});

Deno.test("closing a watched socket ends the watcher", async () => {
  const world = simWorld();
  const [a, b] = [world.env("a"), world.env("b")];
  const [server, client] = await connection(world, b, a);
  const log: string[] = [];
  b.backend.io(server, "r", () => log.push("readable"), () => log.push("closed"));
  client.tryWrite(BYTES);
  server.close();
  assert.deepEqual([log, b.backend.stats().ios], [["closed"], 0]);
  await world.run(1);
  assert.deepEqual(log, ["closed"]);
  client.close();
});

Deno.test("fake timers that are installed later do not stop a world", async () => {
  const world = simWorld();
  const { backend } = world.env("a");
  const { setTimeout, setImmediate } = globalThis;
  const thrower = (): never => {
    throw new Error("ambient");
  };
  Object.assign(globalThis, { setTimeout: thrower, setImmediate: thrower });
  try {
    let fired = false;
    backend.timer(5, () => fired = true);
    await world.until(() => fired);
  } finally {
    Object.assign(globalThis, { setTimeout, setImmediate });
  }
});

Deno.test("unix sockets are found by path on one host only", async () => {
  const world = simWorld();
  const [a, b] = [world.env("a"), world.env("b")];
  const at = { transport: "unix", path: "/run/it" } as const;
  const served: ByteStream[] = [];
  const listener = a.net.listen(at, (stream) => served.push(stream));
  assert.equal(codeOf(() => a.net.listen(at, () => undefined)), "EADDRINUSE");
  const outcome = (env: SimEnv): Promise<string> =>
    world.finish(
      new Promise((resolve) => {
        env.net.connect(at, (error, stream) => {
          resolve(error?.code ?? `${stream?.local} ${stream?.remote}`);
          stream?.close();
        });
      }),
    );
  assert.equal(await outcome(a), "unix/: unix/:/run/it");
  assert.equal(await outcome(b), "ENOENT");
  for (const stream of served) stream.close();
  listener.close();
  assert.deepEqual(a.net.stats(), { streams: 0, listeners: 0, attempts: 0 });
});
