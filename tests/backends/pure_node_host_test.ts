import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  type Address,
  type ByteStream,
  type ChildStatus,
  type Env,
  type PeerError,
  type Secured,
  UsageError,
} from "@anyevent/backends/contract";
import { generate } from "npm:selfsigned@5.5.0";
import { nodeHost, nodeStream, pureEnv } from "@anyevent/backends/pure";

const HERE: Address = { transport: "tcp", host: "127.0.0.1", port: 0 };

/** Runs `body` on a fresh Env that holds the process, and checks that nothing is left. */
async function withEnv(body: (env: Env) => Promise<void>): Promise<void> {
  const env = pureEnv({ host: nodeHost() });
  env.backend.hold(true);
  try {
    await body(env);
    // Node tells of a closed server or socket a turn later.
    while (env.backend.stats().posted > 0) await turn(env);
    assert.deepEqual(env.net.stats(), { streams: 0, listeners: 0, attempts: 0 });
    assert.deepEqual(env.backend.stats(), {
      timers: 0,
      ios: 0,
      posted: 0,
      signals: 0,
      children: 0,
      idles: 0,
    });
  } finally {
    env.backend.dispose();
  }
}

function turn(env: Env): Promise<void> {
  return new Promise((resolve) => env.backend.post(resolve));
}

/** Connects through a listener that is closed afterwards. */
async function connected(env: Env): Promise<[ByteStream, ByteStream]> {
  const accepted = Promise.withResolvers<ByteStream>();
  const listener = env.net.listen(HERE, accepted.resolve, accepted.reject);
  const client = await new Promise<ByteStream>((resolve, reject) =>
    env.net.connect(listener.address, (error, stream) => stream ? resolve(stream) : reject(error))
  );
  const server = await accepted.promise;
  listener.close();
  return [client, server];
}

/** Reads until end of file. */
function readAll(env: Env, stream: ByteStream): Promise<Uint8Array> {
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
  let all: Uint8Array = new Uint8Array();
  const undo = env.backend.io(stream, "r", () => {
    const into = new Uint8Array(50000);
    try {
      const count = stream.tryRead(into);
      if (count === null) {
        undo();
        resolve(all);
      } else all = new Uint8Array([...all, ...into.subarray(0, count)]);
    } catch (error) {
      undo();
      reject(error);
    }
  });
  return promise;
}

/** Writes all, as the peer takes it, then an end of file. */
function writeAll(env: Env, stream: ByteStream, bytes: Uint8Array): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let left = bytes;
  const undo = env.backend.io(stream, "w", () => {
    left = left.subarray(stream.tryWrite(left));
    if (left.length > 0) return;
    undo();
    stream.shutdown();
    resolve();
  });
  return promise;
}

function pattern(count: number): Uint8Array {
  return Uint8Array.from({ length: count }, (_, i) => (i * 7 + (i >> 8)) & 255);
}

Deno.test("nodeHost() net carries bytes both ways, with half-close", async () => {
  await withEnv(async (env) => {
    const [client, server] = await connected(env);
    assert.match(client.remote, /^127\.0\.0\.1:\d+$/);
    assert.equal(client.local, server.remote);
    client.setNoDelay(true);
    client.setKeepAlive(true);
    const there = pattern(300_000);
    const got = readAll(env, server);
    await writeAll(env, client, there);
    assert.deepEqual(await got, there);
    // This direction is still open.
    const back = readAll(env, client);
    await writeAll(env, server, pattern(1000));
    assert.deepEqual(await back, pattern(1000));
    client.close();
    server.close();
    server.close();
    assert.throws(() => client.tryRead(new Uint8Array(1)), /closed/);
  });
});

Deno.test("nodeHost() net stops taking bytes when the peer does not read", async () => {
  await withEnv(async (env) => {
    const [client, server] = await connected(env);
    const chunk = new Uint8Array(65536);
    let taken = 0;
    for (let full = 0; full < 3;) {
      const count = client.tryWrite(chunk);
      taken += count;
      full = count === 0 ? full + 1 : 0;
      await turn(env);
    }
    assert(taken >= chunk.length && client.unsent > 0);
    const writable = new Promise<void>((resolve) => {
      const undo = env.backend.io(client, "w", () => {
        undo();
        resolve();
      });
    });
    let read = 0;
    const undo = env.backend.io(server, "r", () => {
      read += server.tryRead(new Uint8Array(1 << 20)) ?? 0;
    });
    await writable;
    assert(read > 0);
    undo();
    client.close();
    server.close();
  });
});

Deno.test("nodeHost() net listen throws inside the call when it cannot bind", async () => {
  await withEnv((env) => {
    const listener = env.net.listen(HERE, () => undefined);
    assert(listener.address.transport === "tcp" && listener.address.port > 0);
    assert.throws(
      () => env.net.listen(listener.address, () => undefined),
      (error: PeerError) => error.name === "PeerError" && error.code === "EADDRINUSE",
    );
    listener.close();
    listener.close();
    const bad = { transport: "tcp", host: "127.0.0.1", port: -1 } as const;
    assert.throws(() => env.net.listen(bad, () => undefined), UsageError);
    return Promise.resolve();
  });
});

Deno.test("nodeHost() net connect gives the code when refused, and nothing when undone", async () => {
  await withEnv(async (env) => {
    const listener = env.net.listen(HERE, () => undefined);
    const { address } = listener;
    listener.close();
    const code = await new Promise((resolve) =>
      env.net.connect(address, (error) => resolve(error?.code))
    );
    assert.equal(code, "ECONNREFUSED");
    const undo = env.net.connect(address, () => assert.fail("called"));
    undo();
    undo();
    await turn(env);
  });
});

Deno.test("nodeHost() net breaks the stream when the peer resets it", async () => {
  await withEnv(async (env) => {
    const [client, server] = await connected(env);
    // Unread bytes make the close a reset.
    client.tryWrite(pattern(100));
    await new Promise<void>((resolve) => {
      const undo = env.backend.io(server, "r", () => {
        undo();
        resolve();
      });
    });
    server.close();
    const outcome = await new Promise<unknown>((resolve) => {
      const undo = env.backend.io(client, "r", () => {
        undo();
        try {
          resolve(client.tryRead(new Uint8Array(10)));
        } catch (error) {
          resolve((error as PeerError).code);
        }
      });
    });
    assert(outcome === null || outcome === "ECONNRESET", String(outcome));
    client.close();
  });
});

function secure(
  env: Env,
  stream: ByteStream,
  role: "client" | "server",
  certificate?: string,
): Promise<Secured> {
  return new Promise((resolve, reject) =>
    env.net.secure(
      stream,
      role,
      { certificate },
      (error, secured) => secured ? resolve(secured) : reject(error),
    )
  );
}

Deno.test("nodeHost() net secure encrypts, with one binding at both ends", async () => {
  await withEnv(async (env) => {
    const [client, server] = await connected(env);
    const [a, b] = await Promise.all([
      secure(env, client, "client"),
      secure(env, server, "server"),
    ]);
    assert.deepEqual(a.binding, b.binding);
    assert(a.binding.clientFinished.length >= 32);
    assert.notDeepEqual(a.binding.clientFinished, a.binding.serverFinished);
    const got = readAll(env, b.stream);
    await writeAll(env, a.stream, pattern(100_000));
    assert.deepEqual(await got, pattern(100_000));
    a.stream.close();
    b.stream.close();
  });
});

/** A self-signed certificate with its key: own certificate and only authority at once. */
async function certificate(name: string): Promise<string> {
  const pem = await generate([{ name: "commonName", value: name }], {
    keyType: "ec",
    curve: "P-256",
    algorithm: "sha256",
  });
  return pem.private + pem.cert;
}

Deno.test("nodeHost() net secure with certificates verifies both ends", async () => {
  const [one, two] = [await certificate("one"), await certificate("two")];
  await withEnv(async (env) => {
    const handshake = async (
      ...certificates: [string?, string?]
    ): Promise<PromiseSettledResult<Secured>[]> => {
      const [client, server] = await connected(env);
      const ends = await Promise.allSettled([
        secure(env, client, "client", certificates[0]),
        secure(env, server, "server", certificates[1]),
      ]);
      for (const end of ends) if (end.status === "fulfilled") end.value.stream.close();
      return ends;
    };
    const same = await handshake(one, one);
    for (const end of same) {
      assert(end.status === "fulfilled");
      const body = end.value.peerCertificate?.replace(/-----[A-Z ]+-----|\s/g, "");
      assert(body && one.replace(/\s/g, "").includes(body));
    }
    assert.equal((await handshake(two, one))[0].status, "rejected");
    assert.equal((await handshake(two, one))[1].status, "rejected");
    assert.equal((await handshake(undefined, one))[1].status, "rejected");
    assert.equal((await handshake(one, undefined))[0].status, "rejected");
  });
});

Deno.test("nodeHost() net secure fails when the peer speaks something else", async () => {
  await withEnv(async (env) => {
    const [client, server] = await connected(env);
    server.tryWrite(new TextEncoder().encode("HTTP/1.0 400 Bad Request\r\n\r\n"));
    await assert.rejects(secure(env, client, "client"), (error: PeerError) => error.code !== "");
    server.close();
  });
});

Deno.test("nodeHost() watches signals of the process", async () => {
  await withEnv(async (env) => {
    let extra = 0;
    const received = new Promise<void>((resolve) => {
      const undo = env.backend.signal!("USR2", () => {
        undo();
        resolve();
      });
    });
    const undo = env.backend.signal!("USR2", () => extra++);
    undo();
    process.kill(process.pid, "SIGUSR2");
    await received;
    assert.equal(extra, 0);
    for (const wrong of ["SIGINT", "NOSUCH", "", "int"]) {
      assert.throws(() => env.backend.signal!(wrong, () => undefined), UsageError);
    }
  });
});

Deno.test("nodeHost() watches children, ended or not, by exit code or signal", async () => {
  await withEnv(async (env) => {
    const watch = (child: unknown): Promise<ChildStatus> =>
      new Promise((resolve) => env.backend.child!(child, resolve));
    const eight = spawn("deno", ["eval", "--no-lock", "Deno.exit(8)"], { stdio: "ignore" });
    assert.deepEqual(await watch(eight), { pid: eight.pid, status: 8 << 8 });
    assert.deepEqual(await watch(eight), { pid: eight.pid, status: 8 << 8 });
    const idle = "setInterval(() => {}, 1000)";
    const killed = spawn("deno", ["eval", "--no-lock", idle], { stdio: "ignore" });
    killed.once("spawn", () => killed.kill("SIGKILL"));
    assert.equal((await watch(killed)).status, 9);
    assert.throws(() => env.backend.child!({}, () => undefined), UsageError);
  });
});

Deno.test("nodeHost() reads names and files", async () => {
  const parent = fileURLToPath(new URL("../.tmp", import.meta.url));
  await mkdir(parent, { recursive: true });
  const folder = await mkdtemp(join(parent, "pure_"));
  try {
    const { host } = pureEnv({ host: nodeHost() });
    const path = join(folder, "f");
    await host.writeTextFile(path, "one");
    await host.writeTextFile(path, "two");
    assert.equal(await host.readTextFile(path), "two");
    await assert.rejects(
      host.readTextFile(join(folder, "none")),
      (error: PeerError) => error.code === "ENOENT",
    );
    assert.deepEqual(await host.resolve("127.0.0.1"), ["127.0.0.1"]);
    assert((await host.resolve("localhost")).length > 0);
    assert.equal(host.pid, process.pid);
    assert.equal(host.env("ANYEVENT_SURELY_UNSET"), undefined);
    assert.equal(host.hostname(), hostname());
    assert(host.interfaceAddresses().some(({ internal }) => internal));
  } finally {
    await rm(folder, { recursive: true });
  }
});

Deno.test("nodeStream() refuses what is no Node stream", () => {
  const { backend } = pureEnv({ host: nodeHost() });
  assert.throws(() => nodeStream(backend, {} as Parameters<typeof nodeStream>[1]), UsageError);
});

Deno.test("net of nodeHost() refuses what is no callback, stream or options", () =>
  withEnv(async (env) => {
    const { net } = env;
    const [a, b] = await connected(env);
    const bad = undefined as never;
    const refused: [() => unknown, RegExp][] = [
      [() => net.connect(HERE, bad), /Cannot connect: callback undefined/],
      [() => net.listen(HERE, bad), /Cannot listen: callback undefined/],
      [() => net.secure(a, "client", {}, bad), /Cannot secure stream: callback undefined/],
      [() => net.secure(a, "client", bad, () => {}), /options undefined are not an object/],
      [() => net.secure({} as never, "client", {}, () => {}), /Object is not a stream/],
    ];
    for (const [call, message] of refused) {
      assert.throws(call, (error) => error instanceof UsageError && message.test(error.message));
    }
    a.close();
    b.close();
  }));

Deno.test("net of nodeHost() counts a secured stream until it is closed", () =>
  withEnv(async (env) => {
    const [a, b] = await connected(env);
    const secured = (stream: ByteStream, role: "client" | "server"): Promise<ByteStream> =>
      new Promise((resolve, reject) => {
        env.net.secure(
          stream,
          role,
          {},
          (error, made) => made ? resolve(made.stream) : reject(error),
        );
      });
    const ends = await Promise.all([secured(a, "client"), secured(b, "server")]);
    assert.equal(env.net.stats().streams, 2);
    for (const end of ends) end.shutdown();
    await Promise.all(ends.map((end) => readAll(env, end)));
    // What lies under them closes by itself now.
    await new Promise<void>((resolve) => void env.backend.timer(0.01, resolve));
    assert.equal(env.net.stats().streams, 2);
    for (const end of ends) end.close();
    assert.equal(env.net.stats().streams, 0);
  }));
