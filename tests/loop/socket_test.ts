import assert from "node:assert/strict";
import { memoryEnv } from "@anyevent/backends/memory";
import { nativeEnv } from "@anyevent/backends/native";
import { nodeHost, pureEnv } from "@anyevent/backends/pure";
import { async } from "@anyevent/coro";
import {
  type Address,
  type ByteStream,
  ClosedError,
  type CondVar,
  type ConnectOutcome,
  connectTcp,
  driving,
  type Env,
  formatAddress,
  inetAton,
  Loop,
  type Net,
  PeerError,
  resolveSockaddr,
  type Sockets,
  socketsOf,
  streamPair,
  type Suspension,
  tcpBind,
  tcpConnect,
  tcpNodelay,
  tcpServer,
  UsageError,
} from "@anyevent/loop";
import { manualEnv } from "../support/manual_env.ts";
import { runDeno } from "../support/run_deno.ts";

interface World {
  readonly env: Env;
  readonly loop: Loop;
  readonly sockets: Sockets;
}

function world(env: Env): World {
  const loop = new Loop(env);
  return { env, loop, sockets: socketsOf(loop) };
}

const WORLDS: Readonly<Record<string, () => World>> = {
  native: () => world(nativeEnv()),
  pure: () => world(pureEnv({ host: nodeHost() })),
  memory: () => world(memoryEnv(nativeEnv())),
};

function testOnAll(name: string, run: (it: World) => Promise<void>): void {
  for (const [kind, make] of Object.entries(WORLDS)) {
    Deno.test(`${name} (${kind})`, async () => {
      const it = make();
      await run(it);
      // Streams count until the host is done with them.
      while (it.env.net.stats().streams > 0) await it.loop.sleep(0.001);
      assert.deepEqual(it.env.net.stats(), { streams: 0, listeners: 0, attempts: 0 });
      assert.equal(it.loop.stats().held, 0);
      it.loop.dispose();
    });
  }
}

function outcome(it: World): CondVar<ConnectOutcome> {
  return it.loop.condvar<ConnectOutcome>();
}

/** All bytes up to the end of file, as text. */
function readAll(it: World, stream: ByteStream): CondVar<[string]> {
  const done = it.loop.condvar<[string]>();
  let text = "";
  const into = new Uint8Array(100);
  const watcher = it.loop.io({
    fh: stream,
    poll: "r",
    cb: () => {
      const count = stream.tryRead(into);
      if (count === null) {
        watcher.cancel();
        stream.close();
        done.send(text);
      } else text += new TextDecoder().decode(into.subarray(0, count));
    },
  });
  return done;
}

/** A port of the loopback address at which nobody listens. (One just closed may still be reset.) */
const DEAD_PORT = 1;

testOnAll("tcpServer() and tcpConnect() bring streams together", async (it) => {
  const { sockets, loop } = it;
  const served = loop.condvar<[string, string | number]>();
  let prepared: unknown[] = [];
  const server = sockets.tcpServer("127.1", undefined, (fh, host, port) => {
    fh.tryWrite(new TextEncoder().encode(`hello ${host}`));
    fh.shutdown();
    served.send(host, port);
    readAll(it, fh);
  }, (...args) => void (prepared = args));
  assert.ok(Number(server.port) > 0);
  assert.deepEqual(prepared, [server, "127.0.0.1", server.port]);
  assert.equal(server.describe(), `tcpServer(127.0.0.1:${server.port})`);
  assert.deepEqual(server.address, { transport: "tcp", host: "127.0.0.1", port: server.port });
  const cv = outcome(it);
  const attempt = sockets.tcpConnect("127.0.0.1", server.port, cv);
  assert.equal(cv.ready, false);
  assert.ok(attempt.active);
  assert.equal(attempt.describe(), `tcpConnect(127.0.0.1:${server.port})`);
  const [fh, host, port, , error] = await cv.recvAll();
  assert.deepEqual([host, port, error], ["127.0.0.1", server.port, undefined]);
  assert.equal(attempt.active, false);
  assert.equal(await readAll(it, fh!).recv(), "hello 127.0.0.1");
  const [peer, peerPort] = await served.recvAll();
  assert.equal(peer, "127.0.0.1");
  assert.equal(typeof peerPort, "number");
  server.cancel();
  server.cancel();
  assert.equal(server.active, false);
});

testOnAll("tcpConnect() tries all targets in turn", async (it) => {
  const { sockets } = it;
  const accepted: ByteStream[] = [];
  using server = sockets.tcpServer("127.0.0.1", 0, (fh) => void accepted.push(fh));
  sockets.resolver = {
    resolve: (name, type, cb) =>
      it.loop.postpone(() =>
        cb(
          [[1, 0, DEAD_PORT, "127.0.0.1"], [2, 0, server.port, "127.0.0.1"]].map((data) =>
            [name, type, "in", 1, ...data] as const
          ),
        )
      ),
  };
  const tried: string[] = [];
  const cv = outcome(it);
  sockets.tcpConnect("service.example", "http", cv, (to) => {
    tried.push(formatAddress(to));
    return 100;
  });
  const [fh, , port] = await cv.recvAll();
  assert.equal(port, server.port);
  assert.deepEqual(tried, [`127.0.0.1:${DEAD_PORT}`, `127.0.0.1:${server.port}`]);
  fh!.close();
  while (accepted.length === 0) await it.loop.sleep(0.001);
  accepted[0].close();
});

testOnAll("tcpConnect() tells why the last target failed", async (it) => {
  const cv = outcome(it);
  it.sockets.tcpConnect("127.0.0.1", DEAD_PORT, cv);
  assert.equal(cv.ready, false);
  const [fh, host, port, retry, error] = await cv.recvAll();
  assert.deepEqual([fh, host, port], [undefined, "", 0]);
  assert.ok(error instanceof PeerError);
  assert.equal(error.code, "ECONNREFUSED");
  retry();
});

testOnAll("tcpConnect() says ENXIO when there is nothing to connect to", async (it) => {
  it.sockets.resolver = { resolve: (_name, _type, cb) => cb([]) };
  for (const [host, service] of [["nowhere.example", 80], ["", 1], ["unix/", "x"]] as const) {
    const cv = outcome(it);
    it.sockets.tcpConnect(host, service, cv);
    assert.equal(cv.ready, false);
    const [fh, , , , error] = await cv.recvAll();
    assert.equal(fh, undefined);
    assert.equal(error!.code, "ENXIO", host);
  }
});

testOnAll("retry closes the stream and goes on with the next target", async (it) => {
  const { sockets, loop } = it;
  const ended: CondVar<[string]>[] = [];
  const accept = (fh: ByteStream): void => void ended.push(readAll(it, fh));
  using one = sockets.tcpServer("127.0.0.1", 0, accept);
  using two = sockets.tcpServer("127.0.0.1", 0, accept);
  sockets.resolver = {
    resolve: (name, type, cb) =>
      cb([one, two].map((server, i) => [name, type, "in", 1, i, 0, server.port, "127.0.0.1"])),
  };
  const done = loop.condvar<[PeerError | undefined]>();
  const ports: unknown[] = [];
  const attempt = sockets.tcpConnect("service.example", "http", (fh, _host, port, retry, error) => {
    if (fh === undefined) return done.send(error);
    ports.push(port);
    assert.equal(attempt.active, false);
    retry();
    retry();
    assert.equal(attempt.active, true);
    assert.throws(() => fh.tryWrite(new Uint8Array(1)), ClosedError);
  });
  const error = await done.recv();
  assert.deepEqual(ports, [one.port, two.port]);
  // All were reached, and none was liked.
  assert.equal(error!.code, "ENXIO");
  while (ended.length < 2) await loop.sleep(0.001);
  for (const cv of ended) await cv.recv();
});

testOnAll("a cancelled attempt never calls back", async (it) => {
  const { sockets, loop } = it;
  const accepted: ByteStream[] = [];
  using server = sockets.tcpServer("127.0.0.1", 0, (fh) => void accepted.push(fh));
  const called: string[] = [];
  const early = sockets.tcpConnect("127.0.0.1", server.port, () => called.push("early"));
  early.cancel();
  assert.equal(early.active, false);
  const inPrepare = sockets.tcpConnect(
    "127.0.0.1",
    server.port,
    () => called.push("prepare"),
    () => {
      inPrepare.cancel();
    },
  );
  const underWay = sockets.tcpConnect(
    "127.0.0.1",
    server.port,
    () => called.push("under way"),
    () => {
      loop.env.backend.post(() => underWay.cancel());
    },
  );
  const cv = outcome(it);
  const last = sockets.tcpConnect("127.0.0.1", server.port, cv);
  const [fh, , , retry] = await cv.recvAll();
  // No effect on a stream handed out, but there is no next one.
  last.cancel();
  assert.equal(fh!.tryWrite(new Uint8Array(1)), 1);
  retry();
  // What comes after all of them has come.
  (await sockets.connectTcp("127.0.0.1", server.port)).close();
  assert.deepEqual(called, []);
  for (const stream of accepted) stream.close();
});

testOnAll("a callback that throws or rejects is reported to the loop", async (it) => {
  const { sockets, loop } = it;
  const done = loop.condvar();
  const seen: string[] = [];
  loop.onCallbackError = (error, what) => {
    seen.push(`${error} in ${what.describe()}`);
    if (seen.length === 2) done.send();
  };
  using server = sockets.tcpServer("127.0.0.1", 0, (fh) => {
    fh.close();
    return Promise.reject(new Error("accepting"));
  });
  sockets.tcpConnect("127.0.0.1", server.port, (fh) => {
    fh!.close();
    throw new Error("connecting");
  });
  await done.recv();
  assert.deepEqual(seen.toSorted(), [
    `Error: accepting in tcpServer(127.0.0.1:${server.port})`,
    `Error: connecting in tcpConnect(127.0.0.1:${server.port})`,
  ]);
});

testOnAll("a target whose prepare throws counts as failed", async (it) => {
  const cv = outcome(it);
  it.sockets.tcpConnect("127.0.0.1", 1, cv, () => {
    throw new Error("not this one");
  });
  const [fh, , , , error] = await cv.recvAll();
  assert.equal(fh, undefined);
  assert.match(error!.message, /Cannot connect to 127.0.0.1:1: not this one/);
});

testOnAll(
  "tcpBind() leaves it to its callback to accept, and keeps what came before",
  async (it) => {
    const { sockets, loop } = it;
    const order: string[] = [];
    const server = sockets.tcpBind(
      "127.0.0.1",
      0,
      (bound) => void order.push(`done ${bound.port === bound.port}`),
      (_server, host) => void order.push(`prepare ${host}`),
    );
    assert.deepEqual(order, ["prepare 127.0.0.1", "done true"]);
    const cv = outcome(it);
    sockets.tcpConnect("127.0.0.1", server.port, cv);
    const [fh] = await cv.recvAll();
    await loop.sleep(0.005);
    const accepted = loop.condvar<[ByteStream, string]>();
    server.accept(accepted);
    assert.equal(accepted.ready, false);
    const [stream, host] = await accepted.recvAll();
    assert.equal(host, "127.0.0.1");
    // Those nobody asked for end with the server.
    const unasked = sockets.tcpBind("127.0.0.1", 0, () => undefined);
    const other = await sockets.connectTcp("127.0.0.1", unasked.port);
    await loop.sleep(0.005);
    unasked.cancel();
    assert.equal(await readAll(it, other).recv(), "");
    fh!.close();
    stream.close();
    server.cancel();
  },
);

testOnAll("tcpServer() keeps the process alive unless unref() was called", async (it) => {
  await Promise.resolve();
  const server = it.sockets.tcpServer("127.0.0.1", 0, () => undefined);
  assert.equal(it.loop.stats().held, 1);
  server.unref();
  server.unref();
  assert.equal(it.loop.stats().held, 0);
  server.ref();
  assert.equal(it.loop.stats().held, 1);
  server.cancel();
  server.ref();
  assert.equal(it.loop.stats().held, 0);
});

testOnAll("tcpServer() throws at once when it cannot bind", async (it) => {
  await Promise.resolve();
  const { sockets } = it;
  using server = sockets.tcpServer("127.0.0.1", 0, () => undefined);
  const fails = (host: string | undefined, service: unknown): unknown => {
    try {
      sockets.tcpServer(host, service as string, () => undefined).cancel();
    } catch (error) {
      return error;
    }
  };
  const used = fails("127.0.0.1", server.port);
  assert.ok(used instanceof PeerError);
  assert.equal(used.code, "EADDRINUSE");
  const usage: readonly (readonly [string, unknown, RegExp])[] = [
    ["localhost", 0, /host "localhost" is not an address/],
    ["", 0, /host "" is not an address/],
    ["127.0.0.1", "nope", /service "nope" is unknown/],
    ["127.0.0.1", 65536, /65536/],
    ["unix/", "relative", /path "relative" is not absolute/],
    ["unix/", 5, /path 5/],
    [5 as never, 0, /host 5 is not a string/],
  ];
  for (const [host, service, message] of usage) {
    const error = fails(host, service);
    assert.ok(error instanceof UsageError, String(error));
    assert.match(error.message, message);
  }
  assert.throws(() => sockets.tcpServer("127.0.0.1", 0, 5 as never), /neither a function/);
  assert.throws(() => sockets.tcpServer("127.0.0.1", 0, () => undefined, 5 as never), UsageError);
  assert.throws(() => sockets.tcpBind("127.0.0.1", 0, 5 as never), UsageError);
  const bad = (): never => {
    throw new Error("no");
  };
  assert.throws(() => sockets.tcpServer("127.0.0.1", 0, () => undefined, bad), /no/);
  assert.throws(() => sockets.tcpBind("127.0.0.1", 0, bad), /no/);
});

testOnAll("connectTcp() gives the stream, or throws, to await and to threads", async (it) => {
  const { sockets } = it;
  using server = sockets.tcpServer("127.0.0.1", 0, (fh) => void readAll(it, fh));
  const operation = sockets.connectTcp("localhost", server.port, { timeout: 5 });
  assert.equal(operation.describe(), `connectTcp(localhost:${server.port})`);
  const stream = await operation;
  assert.equal(stream.remote, `127.0.0.1:${server.port}`);
  stream.close();
  const thread = async(function* () {
    const stream = yield* sockets.connectTcp("127.0.0.1", server.port);
    stream.close();
    return stream.remote;
  });
  assert.deepEqual(await thread.join(), [`127.0.0.1:${server.port}`]);
  await assert.rejects(async () => await sockets.connectTcp("127.0.0.1", DEAD_PORT), {
    code: "ECONNREFUSED",
  });
});

testOnAll("cancelling a thread in connectTcp() ends the attempt", async (it) => {
  const { sockets, loop } = it;
  using server = sockets.tcpServer("127.0.0.1", 0, (fh) => void readAll(it, fh));
  const begun = loop.condvar();
  const thread = async(function* () {
    yield* sockets.connectTcp("127.0.0.1", server.port, { prepare: () => void begun.send() });
  });
  await begun.recv();
  assert.deepEqual([loop.stats().held, it.env.net.stats().attempts], [2, 1]);
  thread.cancel();
  assert.deepEqual([loop.stats().held, it.env.net.stats().attempts], [1, 0]);
});

testOnAll("disposing of the loop ends servers, attempts and waits", async (it) => {
  const { env } = it;
  const loop = new Loop(env);
  const sockets = socketsOf(loop);
  const server = sockets.tcpServer("127.0.0.1", 0, () => assert.fail("accepted"));
  const attempt = sockets.tcpConnect("127.0.0.1", server.port, () => assert.fail("connected"));
  const waiting = (async () => await sockets.connectTcp("127.0.0.1", server.port))();
  await Promise.resolve();
  await Promise.resolve();
  loop.dispose();
  assert.deepEqual([server.active, attempt.active], [false, false]);
  await assert.rejects(waiting, ClosedError);
  assert.throws(() => sockets.tcpServer("127.0.0.1", 0, () => undefined), ClosedError);
  assert.throws(() => sockets.tcpConnect("127.0.0.1", 1, () => undefined), ClosedError);
});

testOnAll("tcpConnect() says at once what is wrong with an argument", async (it) => {
  await Promise.resolve();
  const { sockets } = it;
  const cb = (): void => undefined;
  assert.throws(() => sockets.tcpConnect(5 as never, 80, cb), /host 5/);
  assert.throws(() => sockets.tcpConnect("a", "nope", cb), /service "nope" is unknown/);
  assert.throws(() => sockets.tcpConnect("a", 80, undefined as never), /neither a function/);
  assert.throws(() => sockets.tcpConnect("a", 80, cb, 5 as never), /prepare: 5/);
  assert.throws(() => sockets.connectTcp("a", "nope"), UsageError);
  assert.throws(() => sockets.connectTcp("a", 80, { timeout: "x" as never }), UsageError);
  assert.throws(() => sockets.connectTcp("a", 80, { prepare: 5 as never }), UsageError);
});

for (const kind of ["native", "pure"]) {
  Deno.test(`tcpServer() replaces a stale Unix socket and cleans up (${kind})`, async () => {
    await Deno.mkdir("tests/.tmp", { recursive: true });
    const folder = await Deno.realPath(await Deno.makeTempDir({ dir: "tests/.tmp" }));
    const path = `${folder}/socket`;
    const allow = [
      `--allow-net=unix:${path}`,
      `--allow-read=${path}`,
      `--allow-write=${path}`,
      "--allow-env=ANYEVENT_PROTOCOLS",
    ];
    const program = "tests/loop/programs/unix_server.ts";
    assert.equal((await runDeno(program, ["leave", path], { allow })).code, 0);
    const { code, out, err } = await runDeno(program, [kind, path], { allow });
    assert.deepEqual([code, err, out.split("\n")], [0, "", [
      "stale true",
      "bound unix/ true true",
      "connected unix/ true",
      "accepted unix/",
      "end of file true",
      "left false",
      "ENOENT",
      "PeerError precious",
      "held 0",
      "",
    ]]);
    await Deno.remove(folder, { recursive: true });
  });
}

/** An Env whose connections never come about. */
function silentEnv(): {
  env: Env & { backend: ReturnType<typeof manualEnv>["backend"] };
  open: Set<Address>;
} {
  const manual = manualEnv();
  const open = new Set<Address>();
  const net = {
    ...manual.net,
    connect: (to: Address) => {
      open.add(to);
      return () => void open.delete(to);
    },
  };
  return { env: { ...manual, net }, open };
}

Deno.test("tcpConnect() gives up on a target after the time that prepare returned", () => {
  const { env, open } = silentEnv();
  const { sockets, loop } = world(env);
  const seen: (PeerError | undefined)[] = [];
  const limits = [5, 7];
  sockets.tcpConnect("localhost", 80, (...args) => void seen.push(args[4]), () => limits.shift());
  const opened: string[] = [];
  for (const [advance, count] of [[0, 0], [4.9, 0], [0.2, 0], [6.8, 0], [0.2, 1]]) {
    env.backend.advance(advance);
    assert.equal(seen.length, count);
    opened.push([...open].map(formatAddress).join());
  }
  assert.deepEqual(opened, ["127.0.0.1:80", "127.0.0.1:80", "[::1]:80", "[::1]:80", ""]);
  assert.equal(seen[0]!.code, "ETIMEDOUT");
  assert.match(seen[0]!.message, /Cannot connect to \[::1\]:80: not within 7 s/);
  assert.deepEqual([loop.stats().timers, loop.stats().held], [0, 0]);
});

Deno.test("tcpConnect() has no time limit of its own", () => {
  const { env, open } = silentEnv();
  const { sockets, loop } = world(env);
  const attempt = sockets.tcpConnect("127.0.0.1", 80, () => assert.fail("called"));
  env.backend.advance(100_000);
  assert.equal(open.size, 1);
  assert.equal(loop.stats().held, 1);
  attempt.cancel();
  assert.deepEqual([open.size, loop.stats().held], [0, 0]);
});

Deno.test("connectTcp() takes its time limit from prepare, else from timeout", async () => {
  const { env } = silentEnv();
  const { sockets } = world(env);
  const prepare = (to: Address) => formatAddress(to) === "127.0.0.1:80" ? 1 : undefined;
  const failed = assert.rejects(
    async () => await sockets.connectTcp("localhost", 80, { timeout: 3, prepare }),
    /not within 3 s/,
  );
  const begun = env.backend.now();
  await env.backend.run(4.5);
  await failed;
  assert.equal(env.backend.now(), begun + 4.5);
});

Deno.test("connectTcp() closes a stream that came too late to be taken", () => {
  const manual = manualEnv();
  const [near, far] = streamPair(manual.backend);
  let connected: (error: undefined, stream: ByteStream) => void = () => assert.fail("too early");
  const connect: Net["connect"] = (_to, cb) => {
    connected = cb;
    return () => undefined;
  };
  const { sockets } = world({ ...manual, net: { ...manual.net, connect } });
  const steps = sockets.connectTcp("127.0.0.1", 80)[Symbol.iterator]();
  driving.depth++;
  const first = steps.next();
  driving.depth--;
  assert.equal(first.done, false);
  let woken = 0;
  const abort = (first.value as Suspension).start({ wake: () => void woken++ });
  manual.backend.advance(0);
  connected(undefined, near);
  assert.equal(woken, 1);
  abort();
  assert.equal(far.tryRead(new Uint8Array(1)), null);
});

Deno.test("the functions work on the default loop", async () => {
  const addresses: string[] = [];
  inetAton("127.1", (found) => void addresses.push(...found.map((ipn) => formatAddress(ipn)!)));
  resolveSockaddr("127.1", "http", 0, 0, undefined, (found) => {
    addresses.push(...found.map(({ address }) => formatAddress(address)));
  });
  assert.deepEqual(addresses, ["127.0.0.1", "127.0.0.1:80"]);
  const server = tcpServer("127.0.0.1", 0, (fh) => fh.close());
  const stream = await connectTcp("127.0.0.1", server.port);
  assert.equal(tcpNodelay(stream, true), true);
  stream.close();
  const failed = await new Promise((resolve) => {
    const bound = tcpBind("127.0.0.1", 0, () => undefined);
    bound.cancel();
    tcpConnect("127.0.0.1", bound.port, (...args) => resolve(args[4]));
  });
  assert.equal((failed as PeerError).code, "ECONNREFUSED");
  server.cancel();
});

Deno.test("tcpNodelay() refuses what is no stream", () => {
  const [a] = streamPair(manualEnv().backend);
  assert.equal(tcpNodelay(a, true), true);
  assert.throws(() => tcpNodelay({} as never, true), UsageError);
  assert.throws(() => tcpNodelay(a, 1 as never), UsageError);
  const broken = { setNoDelay: () => assert.fail("refused") } as never;
  assert.equal(tcpNodelay(broken, true), false);
});

testOnAll("a stream whose callback throws is closed: nobody has it", async ({ loop, sockets }) => {
  const errors: unknown[] = [];
  loop.onCallbackError = (error) => void errors.push(error);
  const server = sockets.tcpServer("127.0.0.1", 0, () => {
    throw new Error("accept");
  });
  sockets.tcpConnect("127.0.0.1", server.port, () => {
    throw new Error("connect");
  });
  while (errors.length < 2) await loop.sleep(0.001);
  assert.deepEqual(errors.map(String).toSorted(), ["Error: accept", "Error: connect"]);
  server.cancel();
});
