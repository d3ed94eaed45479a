import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Address, type ByteStream, PeerError, UsageError } from "@anyevent/backends/contract";
import { fdStream, type FfiEnv, ffiEnv } from "@anyevent/backends/ffi";
import {
  close,
  dup,
  here,
  openDescriptors,
  pipe,
  waitsOver,
  withFewDescriptors,
} from "./ffi_support.ts";

const LOOPBACK: Address = { transport: "tcp", host: "127.0.0.1", port: 0 };

/** A test on an Env of its own, after which nothing may be open. */
function test(name: string, body: (env: FfiEnv) => Promise<void> | void): void {
  Deno.test({
    name,
    ignore: !here,
    async fn() {
      const env = ffiEnv();
      const before = openDescriptors();
      env.backend.hold(true);
      await body(env);
      env.backend.hold(false);
      await new Promise<void>((resolve) => env.backend.post(resolve));
      assert.deepEqual(env.net.stats(), { streams: 0, listeners: 0, attempts: 0 });
      assert.equal(env.backend.stats().ios, 0);
      await waitsOver();
      assert.equal(openDescriptors(), before, "descriptors");
    },
  });
}

function dial({ net }: FfiEnv, to: Address): Promise<ByteStream> {
  return new Promise((resolve, reject) => {
    net.connect(to, (error, stream) => stream === undefined ? reject(error) : resolve(stream));
  });
}

/** All bytes until the end, as text. */
function readAll({ backend }: FfiEnv, stream: ByteStream): Promise<string> {
  let text = "";
  return new Promise((resolve, reject) => {
    const undo = backend.io(stream, "r", () => {
      try {
        const bytes = new Uint8Array(1000);
        const count = stream.tryRead(bytes);
        if (count !== null) text += new TextDecoder().decode(bytes.subarray(0, count));
        else {
          undo();
          resolve(text);
        }
      } catch (thrown) {
        undo();
        reject(thrown);
      }
    });
  });
}

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

async function tempFolder<T>(body: (folder: string) => Promise<T>): Promise<T> {
  const parent = fileURLToPath(new URL("../.tmp", import.meta.url));
  await Deno.mkdir(parent, { recursive: true });
  const folder = await Deno.makeTempDir({ dir: parent, prefix: "f" });
  try {
    return await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

test("Unix sockets carry bytes, tell their path, and leave no file behind", async (env) => {
  await tempFolder(async (folder) => {
    const on: Address = { transport: "unix", path: join(folder, "s") };
    const accepted: ByteStream[] = [];
    const listener = env.net.listen(on, (stream) => {
      accepted.push(stream);
      stream.tryWrite(encode("from the server"));
      stream.shutdown();
    });
    const client = await dial(env, listener.address);
    assert.deepEqual([client.local, client.remote], ["", `unix/:${on.path}`]);
    assert.equal(await readAll(env, client), "from the server");
    assert.deepEqual([accepted[0].local, accepted[0].remote], [`unix/:${on.path}`, ""]);
    assert.throws(() => env.net.listen(on, () => {}), { code: "EADDRINUSE" });
    client.close();
    accepted[0].close();
    listener.close();
    assert.deepEqual([...Deno.readDirSync(folder)], []);
    await assert.rejects(dial(env, on), { name: "PeerError", code: "ENOENT" });
  });
  const path = "x".repeat(108);
  assert.throws(() => env.net.listen({ transport: "unix", path }, () => {}), {
    code: "ENAMETOOLONG",
  });
  await assert.rejects(dial(env, { transport: "unix", path }), { code: "ENAMETOOLONG" });
});

test("IPv6 addresses are told in brackets", async (env) => {
  let listener;
  try {
    listener = env.net.listen(
      { transport: "tcp", host: "::1", port: 0 },
      (stream) => stream.close(),
    );
  } catch (thrown) {
    // A machine without IPv6 says so.
    assert(thrown instanceof PeerError && /^E(ADDRNOTAVAIL|AFNOSUPPORT)$/.test(thrown.code));
    return;
  }
  const client = await dial(env, listener.address);
  assert.match(client.remote, /^\[::1\]:\d+$/);
  assert.equal(await readAll(env, client), "");
  client.close();
  listener.close();
});

test("connect() looks up names, and tries all their addresses", async (env) => {
  const listener = env.net.listen(LOOPBACK, (stream) => stream.close());
  const { port } = listener.address as { port: number };
  const client = await dial(env, { transport: "tcp", host: "localhost", port });
  assert.equal(client.remote, `127.0.0.1:${port}`);
  client.close();
  listener.close();
  const nowhere: Address = { transport: "tcp", host: "no.such.name.invalid", port: 1 };
  await assert.rejects(dial(env, nowhere), { name: "PeerError", code: "ENOTFOUND" });
  assert.throws(() => env.net.listen(nowhere, () => {}), { code: "ENOTFOUND" });
});

test("a listener out of descriptors says so, waits, and serves again", async (env) => {
  await withFewDescriptors(openDescriptors() + 40, async () => {
    let failures = 0;
    const spare: number[] = [];
    const accepted = new Promise<ByteStream>((resolve) => {
      const listener = env.net.listen(LOOPBACK, (stream) => {
        listener.close();
        resolve(stream);
      }, (error) => {
        failures++;
        assert.equal(error.code, "EMFILE");
        close(...spare.splice(0));
      });
      env.net.connect(listener.address, (_error, stream) => stream?.close());
      // Before the first turn, in which it would be accepted.
      const library = dup(0);
      spare.push(library);
      fill(spare);
    });
    (await accepted).close();
    assert.equal(failures, 1);
  });
});

/** Takes all descriptors there are. */
function fill(spare: number[]): void {
  const library = Deno.dlopen("libc.so.6", { dup: { parameters: ["i32"], result: "i32" } });
  for (let fd = library.symbols.dup(0); fd >= 0; fd = library.symbols.dup(0)) spare.push(fd);
  library.close();
}

test("UDP sockets refuse what is no literal", async (env) => {
  const socket = await new Promise<import("@anyevent/backends/contract").DatagramSocket>(
    (resolve, reject) => {
      env.net.udp!(LOOPBACK, (error, made) => made === undefined ? reject(error) : resolve(made));
    },
  );
  const name: Address = { transport: "tcp", host: "localhost", port: 9 };
  assert.throws(() => socket.trySend(encode("x"), name), UsageError);
  socket.close();
});

test("fdStream() makes a stream of a pipe's ends", async (env) => {
  const [from, to] = pipe();
  const reader = fdStream(env.backend, from);
  const writer = fdStream(env.backend, to);
  assert.equal(reader.tryRead(new Uint8Array(10)), 0);
  assert.equal(writer.tryWrite(encode("through the pipe")), 16);
  let taken = 0;
  for (let count = 1; count > 0; taken += count) count = writer.tryWrite(new Uint8Array(65536));
  assert(taken > 0);
  let read = 0;
  const end = new Promise<void>((resolve) => {
    const undo = env.backend.io(reader, "r", () => {
      const count = reader.tryRead(new Uint8Array(65536));
      if (count !== null) read += count;
      else {
        undo();
        resolve();
      }
    });
  });
  // The end of file of a pipe is its closing.
  writer.shutdown();
  await end;
  assert.equal(read, 16 + taken);
  reader.close();
  assert.throws(() => fdStream(env.backend, from), UsageError);
  assert.throws(() => fdStream(env.backend, -1), UsageError);
});

test("a pipe that nobody reads is EPIPE", async (env) => {
  const [from, to] = pipe();
  const writer = fdStream(env.backend, to);
  close(from);
  await new Promise<void>((resolve) => {
    const undo = env.backend.io(writer, "w", () => {
      undo();
      resolve();
    });
  });
  assert.throws(() => writer.tryWrite(encode("x")), { name: "PeerError", code: "EPIPE" });
  writer.close();
});

test("a whole conversation on a blocked thread", ({ backend, net }) => {
  let echoed = 0;
  const listener = net.listen(LOOPBACK, (stream) => {
    const bytes = new Uint8Array(100);
    const undo = backend.io(stream, "r", () => {
      const count = stream.tryRead(bytes);
      if (count !== null) return void stream.tryWrite(bytes.subarray(0, count));
      undo();
      stream.close();
      listener.close();
    });
  });
  net.connect(listener.address, (_error, stream) => {
    const undo = backend.io(stream, "r", () => {
      stream!.tryRead(new Uint8Array(100));
      if (++echoed < 1000) return void stream!.tryWrite(encode("ping"));
      undo();
      stream!.close();
    });
    stream!.tryWrite(encode("ping"));
  });
  backend.runUntil(() => echoed === 1000 && net.stats().listeners === 0);
});

test("removeSocket() removes a stale name, and nothing of another kind", async ({ net }) => {
  const removeSocket = (path: string): void => net.removeSocket!(path);
  await tempFolder(async (folder) => {
    const path = join(folder, "s");
    removeSocket(path);
    removeSocket(join(folder, "none", "s"));
    Deno.writeTextFileSync(path, "precious");
    removeSocket(path);
    removeSocket(folder);
    assert.equal(Deno.readTextFileSync(path), "precious");
    // A file under a socket's name is no socket either.
    assert.throws(
      () => removeSocket(join(path, "s")) ?? net.listen({ transport: "unix", path }, () => {}),
      {
        code: "EADDRINUSE",
      },
    );
    Deno.removeSync(path);
    // Left behind by a program that did not close it.
    const program = "Deno.listen({ transport: 'unix', path: Deno.args[0] }); Deno.exit()";
    const args = ["eval", "--no-config", program, "--", path];
    await new Deno.Command("deno", { args, stdin: "null" }).output();
    assert(Deno.lstatSync(path).isSocket);
    assert.throws(() => net.listen({ transport: "unix", path }, () => {}), { code: "EADDRINUSE" });
    removeSocket(path);
    net.listen({ transport: "unix", path }, () => {}).close();
  });
  for (const wrong of ["", "a\0b", 5]) {
    assert.throws(() => removeSocket(wrong as string), UsageError);
  }
});
