import assert from "node:assert/strict";
import { async, cede, type Coro, CoroSocket, sleep, type ThreadSteps } from "@anyevent/coro";
import { type Operation, PeerError } from "@anyevent/loop";
import { inSim, onEach, quiet } from "./support.ts";

/** What an operation throws. */
function* thrownBy(op: Operation<unknown>): ThreadSteps<Error> {
  try {
    yield* op;
  } catch (error) {
    return error as Error;
  }
  throw new Error(`${op.describe()} did not throw`);
}

onEach("a server with a thread for each of 200 clients", function* (place) {
  const clients = 200;
  using server = CoroSocket.listen({ host: "127.0.0.1", port: 0 }, { backlog: clients });
  const serving: Coro[] = [];
  const acceptor = async(function* () {
    for (let socket; (socket = yield* server.accept()) !== undefined;) {
      const peer = socket;
      serving.push(async(function* () {
        using _peer = peer;
        for (let line; (line = yield* peer.readline()) !== undefined;) {
          yield* peer.print(line.toUpperCase());
        }
      }));
    }
  });
  const threads = Array.from({ length: clients }, (_, n) =>
    async(function* () {
      using socket = yield* CoroSocket.connect({ host: "127.0.0.1", port: server.port });
      for (let round = 0; round < 3; round++) {
        yield* socket.print(`client ${n} round ${round}\n`);
        assert.equal(yield* socket.readline(), `CLIENT ${n} ROUND ${round}\n`);
      }
      socket.shutdown();
      assert.equal(yield* socket.readline(), undefined);
      place.print(n);
    }));
  for (const thread of threads) yield* thread.join();
  server.close();
  yield* acceptor.join();
  for (const thread of serving) yield* thread.join();
  assert.equal(new Set(place.printed).size, clients);
});

onEach("connect() throws with the system's code when it is refused", function* () {
  const server = CoroSocket.listen({ host: "127.0.0.1", port: 0 });
  const { port } = server;
  server.close();
  const error = yield* thrownBy(CoroSocket.connect({ host: "127.0.0.1", port }));
  assert.ok(error instanceof PeerError);
  assert.equal(error.code, "ECONNREFUSED");
  assert.equal(yield* server.accept(), undefined);
});

onEach("listen() throws with the system's code when the port is taken", function* () {
  using server = CoroSocket.listen({ host: "127.0.0.1", port: 0 });
  assert.throws(() => CoroSocket.listen({ host: "127.0.0.1", port: server.port }), {
    name: "PeerError",
    code: "EADDRINUSE",
  });
  assert.equal(server.sockname, `127.0.0.1:${server.port}`);
});

onEach("Unix sockets are connected by path", function* (place) {
  let path = "/socket";
  if (place.name !== "sim") {
    Deno.mkdirSync("tests/.tmp", { recursive: true });
    path = Deno.makeTempDirSync({ dir: "tests/.tmp", prefix: "coro_" }) + "/s";
    if (!path.startsWith("/")) path = `${Deno.cwd()}/${path}`;
  }
  try {
    using server = CoroSocket.listen({ path });
    assert.deepEqual([server.host, server.port], ["unix/", path]);
    using client = yield* CoroSocket.connect({ path });
    using peer = (yield* server.accept())!;
    yield* peer.print("over a file\n");
    assert.equal(yield* client.readline(), "over a file\n");
    assert.equal(client.peerHost, "unix/");
    using other = yield* CoroSocket.connect(`unix/:${path}`);
    other.close();
    (yield* server.accept())!.close();
  } finally {
    if (place.name !== "sim") Deno.removeSync(path.slice(0, -2), { recursive: true });
  }
}, ["sim", "ffi"]);

inSim("accept() gives undefined when its time is over, and throws past a call's limit", function* (
  { loop },
) {
  using server = CoroSocket.listen({ host: "127.0.0.1", port: 0 }, { timeout: 2 });
  const begin = loop.now();
  assert.equal(yield* server.accept(), undefined);
  assert.equal(Math.round(loop.now() - begin), 2);
  assert.equal((yield* thrownBy(server.accept({ timeout: 1 }))).name, "TimeoutError");
  server.timeout = undefined;
  const waiting = ["first", "second"].map((name) =>
    async(function* () {
      const socket = yield* server.accept();
      const word = yield* socket!.readline("\n", { chomp: true });
      socket!.close();
      return `${name} ${word}`;
    })
  );
  yield* cede();
  for (const word of ["1", "2"]) {
    using client = yield* CoroSocket.connect({ host: "127.0.0.1", port: server.port });
    yield* client.print(word, "\n");
  }
  assert.deepEqual(yield* waiting[0].join(), ["first 1"]);
  assert.deepEqual(yield* waiting[1].join(), ["second 2"]);
  const last = async(() => server.accept());
  yield* cede();
  server.close();
  assert.deepEqual(yield* last.join(), []);
});

inSim("more connections than the backlog are closed", function* () {
  using server = CoroSocket.listen({ host: "127.0.0.1", port: 0 }, { backlog: 1 });
  using one = yield* CoroSocket.connect({ host: "127.0.0.1", port: server.port });
  using two = yield* CoroSocket.connect({ host: "127.0.0.1", port: server.port });
  assert.equal(yield* two.readline(), undefined);
  assert.equal(server.pending, 1);
  server.close();
  assert.equal(yield* one.readline(), undefined);
});

inSim("the timeout of connect() is one of the socket too", function* ({ loop }) {
  using server = CoroSocket.listen({ host: "127.0.0.1", port: 0 });
  const to = { host: "127.0.0.1", port: server.port };
  using client = yield* CoroSocket.connect(to, { timeout: 3 });
  const begin = loop.now();
  assert.equal(yield* client.readline(), undefined);
  assert.deepEqual([client.timedOut, Math.round(loop.now() - begin)], [true, 3]);
  const abort = new AbortController();
  const connecting = async(() => CoroSocket.connect(to, { signal: abort.signal }));
  yield* cede();
  abort.abort(new Error("no more"));
  assert.equal((yield* thrownBy(connecting.join())).message, "no more");
  // Nobody answers there.
  const error = yield* thrownBy(CoroSocket.connect("10.9.8.7:1", { timeout: 1 }));
  assert.match((error as PeerError).code, /ETIMEDOUT|EHOSTUNREACH|ECONNREFUSED|ENETUNREACH/);
  yield* sleep(0);
});

Deno.test("for await over a listener gives sockets until it is closed", async () => {
  const server = CoroSocket.listen({ host: "127.0.0.1", port: 0 });
  const client = async(function* () {
    using socket = yield* CoroSocket.connect({ host: "127.0.0.1", port: server.port });
    yield* socket.print("hello\n");
    yield* socket.readline();
  });
  for await (const socket of server) {
    assert.equal(await socket.readline(), "hello\n");
    socket.close();
    server.close();
  }
  await client.join();
  await quiet();
});

Deno.test("connect() and listen() refuse what makes no sense at once", () => {
  for (
    const wrong of [
      () => CoroSocket.connect("127.0.0.1"),
      () => CoroSocket.connect({ host: "127.0.0.1" }),
      () => CoroSocket.connect({ path: "/a", port: 1 }),
      () => CoroSocket.connect(5 as never),
      () => CoroSocket.connect({ host: "127.0.0.1", port: "no such service" }),
      () => CoroSocket.connect("127.0.0.1:1", 5 as never),
      () => CoroSocket.connect("127.0.0.1:1", { timeout: "x" as never }),
      () => CoroSocket.connect("127.0.0.1:1", { signal: 5 as never }),
      () => CoroSocket.listen({ host: "a name", port: 0 }),
      () => CoroSocket.listen({ host: "127.0.0.1", port: 0 }, { backlog: 0 }),
      () => CoroSocket.listen({ host: "127.0.0.1", port: 0 }, { timeout: -1 }),
    ]
  ) assert.throws(wrong, { name: "UsageError" }, String(wrong));
});
