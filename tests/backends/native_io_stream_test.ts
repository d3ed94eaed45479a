import assert from "node:assert/strict";
import { Duplex, PassThrough } from "node:stream";
import { ClosedError, UsageError, WATCH } from "@anyevent/backends/contract";
import { type IoStream, ioStream, nativeEnv, registerChild } from "@anyevent/backends/native";
import { runDeno } from "../support/run_deno.ts";

const { backend } = nativeEnv();
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const bytes = (from: string): Uint8Array => new TextEncoder().encode(from);

/** Reads up to `limit` bytes or the end, as text. */
function read(stream: IoStream, limit = Infinity): Promise<string> {
  let got = "";
  return new Promise((resolve, reject) => {
    const undo = backend.io(stream, "r", () => {
      try {
        const into = new Uint8Array(Math.min(limit - got.length, 100));
        const count = stream.tryRead(into);
        if (count !== null) got += text(into.subarray(0, count));
        if (count !== null && got.length < limit) return;
        undo();
        resolve(got);
      } catch (thrown) {
        undo();
        reject(thrown);
      }
    });
  });
}

async function connPair(): Promise<[Deno.Conn, Deno.Conn]> {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const accepted = listener.accept();
  const mine = await Deno.connect({ hostname: "127.0.0.1", port: listener.addr.port });
  const theirs = await accepted;
  listener.close();
  return [mine, theirs];
}

Deno.test("ioStream() takes over a Deno.Conn, release() gives it back with nothing lost", async () => {
  backend.hold(true);
  const [mine, theirs] = await connPair();
  const stream = ioStream(mine);
  await theirs.write(bytes("hello world"));
  assert.equal(await read(stream, 5), "hello");
  const { unread, late } = stream.release();
  assert.equal(text(unread), " world");
  assert.throws(() => stream.tryRead(new Uint8Array(1)), ClosedError);
  assert.throws(() => stream.release(), ClosedError);
  // Nobody had asked for more, so the connection's own read gets what comes now.
  assert.equal(late, undefined);
  await theirs.write(bytes("more"));
  const into = new Uint8Array(10);
  assert.equal(text(into.subarray(0, await mine.read(into) ?? 0)), "more");
  mine.close();
  theirs.close();
  backend.hold(false);
});

Deno.test("release() gives the bytes of a read under way when they come", async () => {
  backend.hold(true);
  const [mine, theirs] = await connPair();
  const stream = ioStream(mine);
  assert.equal(stream.tryRead(new Uint8Array(1)), 0);
  const { unread, late } = stream.release();
  assert.equal(unread.length, 0);
  await theirs.write(bytes("late"));
  assert.equal(text((await late)!), "late");
  mine.close();
  theirs.close();
  backend.hold(false);
});

Deno.test("release() refuses while bytes are unsent", async () => {
  backend.hold(true);
  const [mine, theirs] = await connPair();
  const stream = ioStream(mine);
  assert.equal(stream.tryWrite(bytes("abc")), 3);
  assert.equal(stream.unsent, 3);
  assert.throws(() => stream.release(), UsageError);
  stream.shutdown();
  const other = ioStream(theirs);
  assert.equal(await read(other), "abc");
  assert.equal(stream.unsent, 0);
  stream.close();
  other.close();
  backend.hold(false);
});

Deno.test("release() right after shutdown() sends the end of file first", async () => {
  backend.hold(true);
  const [mine, theirs] = await connPair();
  const stream = ioStream(mine);
  stream.shutdown();
  stream.release();
  assert.equal(await theirs.read(new Uint8Array(1)), null);
  mine.close();
  theirs.close();
  backend.hold(false);
});

Deno.test("undo of the last watcher drops the turn that was queued for it, also without a backend", async () => {
  const [mine, theirs] = await connPair();
  const stream = ioStream(mine);
  const undo = stream[WATCH]("w", () => assert.fail("called after undo"));
  undo();
  // A watcher that comes later still gets its turn.
  await new Promise<void>((resolve) => {
    const again = stream[WATCH]("w", () => {
      again();
      resolve();
    });
  });
  stream[WATCH]("w", () => {})();
  stream.close();
  theirs.close();
});

Deno.test("close() and release() tell the watchers", async () => {
  const told: string[] = [];
  const [mine, theirs] = await connPair();
  const [one, two] = [ioStream(mine), ioStream(theirs)];
  backend.io(one, "r", () => {}, () => told.push("r"));
  backend.io(one, "w", () => {}, () => told.push("w"));
  backend.io(one, "w", () => {}, () => told.push("undone"))();
  backend.io(two, "w", () => {}, () => told.push("released"));
  assert.equal(backend.stats().ios, 3);
  one.close();
  one.close();
  two.release();
  assert.deepEqual(told, ["r", "w", "released"]);
  assert.equal(backend.stats().ios, 0);
  theirs.close();
});

Deno.test("ioStream() takes over a child's pipes", async () => {
  backend.hold(true);
  const child = registerChild(
    new Deno.Command("deno", {
      args: ["eval", "--no-config", "await Deno.stdin.readable.pipeTo(Deno.stdout.writable)"],
      stdin: "piped",
      stdout: "piped",
    }).spawn(),
  );
  const input = ioStream(child.stdin);
  const output = ioStream(child.stdout);
  input.tryWrite(bytes("through "));
  assert.equal(await read(output, 8), "through ");
  input.tryWrite(bytes("a child"));
  input.shutdown();
  assert.equal(await read(output), "a child");
  input.close();
  output.close();
  const status = await new Promise<number>((resolve) => {
    backend.child(child.pid, (ended) => resolve(ended.status));
  });
  assert.equal(status, 0);
  backend.hold(false);
});

Deno.test("ioStream() leaves what comes after unwatching in a web stream for its next reader", async () => {
  backend.hold(true);
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const stream = ioStream(readable);
  const undo = backend.io(stream, "r", () => assert.fail("called after undo"));
  undo();
  stream.release();
  const writer = writable.getWriter();
  const reader = readable.getReader();
  const next = reader.read();
  await writer.write(bytes("kept"));
  assert.equal(text((await next).value!), "kept");
  const end = reader.read();
  await writer.close();
  assert.equal((await end).done, true);
  backend.hold(false);
});

Deno.test("ioStream() takes over a node Duplex", async () => {
  backend.hold(true);
  const up = new PassThrough();
  const down = new PassThrough();
  const stream = ioStream(Duplex.from({ readable: down, writable: up }));
  down.write("ping");
  assert.equal(await read(stream, 4), "ping");
  stream.tryWrite(bytes("pong"));
  const [answer] = await new Promise<[Uint8Array]>((resolve) => {
    up.once("data", (chunk: Uint8Array) => resolve([chunk]));
  });
  assert.equal(text(answer), "pong");
  down.end();
  assert.equal(await read(stream), "");
  stream.close();
  backend.hold(false);
});

Deno.test("ioStream() refuses what is no stream, and streams that are locked", () => {
  for (const bad of [undefined, 3, "x", {}, { fd: -1 }]) {
    assert.throws(() => ioStream(bad as never), UsageError);
  }
  const locked = new ReadableStream<Uint8Array>();
  locked.getReader();
  assert.throws(() => ioStream(locked), UsageError);
});

Deno.test("ioStream(Deno.stdin) reads a pipe to its end", async () => {
  const { code, out, err } = await runDeno("tests/support/stdin_child.ts", [], {
    stdin: "x".repeat(100_000),
  });
  assert.deepEqual([code, out, err], [0, "100000\n", ""]);
});

Deno.test("ioStream(Deno.stdin) reads a file to its end", async () => {
  const child = new Deno.Command("deno", {
    args: ["run", "--no-prompt", new URL("../support/stdin_child.ts", import.meta.url).pathname],
    stdin: "null",
    stdout: "piped",
  });
  const { code, stdout } = await child.output();
  assert.deepEqual([code, text(stdout)], [0, "0\n"]);
});

Deno.test("a connection closed by its former owner is told as a broken stream", async () => {
  const { backend } = nativeEnv();
  backend.hold(true);
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const [mine, theirs] = await Promise.all([
    Deno.connect({ hostname: "127.0.0.1", port: listener.addr.port }),
    listener.accept(),
  ]);
  listener.close();
  const stream = ioStream(mine);
  const broken = new Promise<unknown>((resolve) => {
    const undo = backend.io(stream, "r", () => {
      try {
        stream.tryRead(new Uint8Array(8));
      } catch (thrown) {
        undo();
        resolve(thrown);
      }
    });
  });
  mine.close();
  assert.equal((await broken as Error).name, "PeerError");
  assert.throws(() => stream.tryWrite(new Uint8Array(1)), { name: "PeerError" });
  stream.close();
  theirs.close();
  assert.equal(backend.stats().ios, 0);
  backend.hold(false);
});
