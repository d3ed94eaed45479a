import assert from "node:assert/strict";
import type { Handle, HandleError } from "@anyevent/loop";
import { bytes, text, World } from "./support.ts";

const onError =
  (world: World) => (_h: Handle, fatal: boolean, message: string, error: HandleError): void =>
    void world.events.push(`${fatal ? "fatal" : "error"} ${error.code} ${message}`);

Deno.test("pushRead() calls a reader at once, also with nothing to read, and again until it is through", () => {
  using world = new World();
  const [h, peer] = world.pair();
  const seen: number[] = [];
  h.pushRead((h) => {
    seen.push(h.rbuf.length);
    return h.rbuf.length >= 3;
  });
  assert.deepEqual(seen, [0]);
  for (const piece of ["a", "b", "c", "d"]) {
    peer.tryWrite(bytes(piece));
    world.run();
  }
  assert.deepEqual(seen, [0, 1, 2, 3]);
  assert.equal(text(h.rbuf), "abc");
});

Deno.test("unshiftRead() inside a callback goes before all that waits", () => {
  using world = new World();
  const [h, peer] = world.pair();
  h.pushRead("line", (h) => {
    h.pushRead("line", world.log("last"));
    h.unshiftRead("chunk", 2, world.log("chunk"));
    h.unshiftRead("chunk", 1, world.log("first"));
  });
  h.pushRead("line", world.log("line"));
  peer.tryWrite(bytes("x\nabbrest\nend\n"));
  world.run();
  assert.deepEqual(world.take(), ["first a", "chunk bb", "line rest \n", "last end \n"]);
});

Deno.test("onRead() is called for what no reader waits for, again while it takes some", () => {
  using world = new World();
  const [h, peer] = world.pair();
  h.pushRead("chunk", 1, world.log("chunk"));
  h.onRead((h) => {
    world.events.push(`read ${text(h.rbuf)}`);
    if (h.rbuf.length > 2) h.rbuf = h.rbuf.subarray(2);
  });
  peer.tryWrite(bytes("abcdef"));
  world.run();
  assert.deepEqual(world.take(), ["chunk a", "read bcdef", "read def", "read f"]);
  h.onRead(undefined);
  h.onRead(world.log("at once"));
  assert.deepEqual(world.take(), ["at once"]);
});

Deno.test("onRead() may push readers", () => {
  using world = new World();
  const [, peer] = world.pair({ onRead: (h) => h.pushRead("line", world.log("line")) });
  peer.tryWrite(bytes("a\nb\nc"));
  world.run();
  peer.tryWrite(bytes("d\n"));
  world.run();
  assert.deepEqual(world.take(), ["line a \n", "line b \n", "line cd \n"]);
});

Deno.test("the end of file is a fatal EPIPE for a reader that waits; the partial line stays in rbuf", () => {
  using world = new World();
  const [h, peer] = world.pair({
    onEof: world.log("eof"),
    onError: (h, fatal, message, error) =>
      void world.events.push(`${fatal} ${message} ${error.code} ${text(h.rbuf)} ${h.destroyed}`),
  });
  h.pushRead("line", world.log("line"));
  peer.tryWrite(bytes("a\npartial"));
  h.pushRead("line", world.log("line"));
  peer.shutdown();
  world.run();
  assert.deepEqual(world.take(), ["line a \n", "true Broken pipe EPIPE partial false"]);
  assert.equal(h.destroyed, true);
});

Deno.test("the end of file is a fatal EPIPE when onRead leaves data", () => {
  using world = new World();
  const [, peer] = world.pair({
    onRead: () => {},
    onEof: world.log("eof"),
    onError: onError(world),
  });
  peer.tryWrite(bytes("left"));
  peer.shutdown();
  world.run();
  assert.deepEqual(world.take(), ["fatal EPIPE Broken pipe"]);
});

Deno.test("onEof() is called once when nothing is left, and the handle can still write", () => {
  using world = new World();
  const [h, peer] = world.pair({
    onRead: (h) => h.rbuf = new Uint8Array(),
    onEof: world.log("eof"),
  });
  peer.tryWrite(bytes("data"));
  peer.shutdown();
  world.run();
  assert.deepEqual(world.take(), ["eof"]);
  assert.equal(h.destroyed, false);
  h.pushWrite("still here");
  world.run();
  assert.equal(world.received(peer), "still here");
  h.pushRead("chunk", 0, world.log("chunk"));
  assert.deepEqual(world.take(), ["chunk "]);
});

Deno.test("the end of file without onEof is a fatal error without a code", () => {
  using world = new World();
  const [h, peer] = world.pair({ onRead: () => {}, onError: onError(world) });
  peer.shutdown();
  world.run();
  assert.deepEqual(world.take(), ["fatal  Unexpected end-of-file"]);
  assert.equal(h.destroyed, true);
});

Deno.test("nobody notices the end of file while nobody reads", () => {
  using world = new World();
  const [h, peer] = world.pair({ onEof: world.log("eof"), onError: onError(world) });
  peer.shutdown();
  world.run();
  assert.deepEqual(world.take(), []);
  assert.equal(world.loop.stats().ios, 0);
  h.startRead();
  world.run();
  assert.deepEqual(world.take(), ["eof"]);
});

Deno.test("without onError an error destroys the handle and is thrown into the loop", () => {
  using world = new World();
  const [h, peer] = world.pair({ onRead: () => {} });
  peer.shutdown();
  world.run();
  assert.equal(h.destroyed, true);
  const [error] = world.thrown.splice(0) as HandleError[];
  assert.equal(error.message, "Cannot read from b: unexpected end-of-file");
  const [two, other] = world.pair();
  two.pushRead("netstring", world.log("never"));
  other.tryWrite(bytes("x"));
  world.run();
  assert.equal((world.thrown.splice(0) as HandleError[])[0].code, "EBADMSG");
  assert.equal(two.destroyed, true);
});

Deno.test("rbufMax() allows as many bytes and not one more; what readers take does not count", () => {
  using world = new World();
  const [h, peer] = world.pair({ rbufMax: 5, onRead: () => {}, onError: onError(world) });
  peer.tryWrite(bytes("12345"));
  world.run();
  assert.deepEqual(world.take(), []);
  h.pushRead("chunk", 5, world.log("chunk"));
  h.pushRead("line", world.log("line"));
  peer.tryWrite(bytes("1234567890\n12345"));
  world.run();
  assert.deepEqual(world.take(), ["chunk 12345", "line 1234567890 \n"]);
  peer.tryWrite(bytes("6"));
  world.run();
  assert.deepEqual(world.take(), ["fatal ENOSPC No space left on device"]);
});

Deno.test("rbuf can be set to anything, and what was got from it does not change", () => {
  using world = new World();
  const [h, peer] = world.pair({ onRead: () => {} });
  peer.tryWrite(bytes("abcdef"));
  world.run();
  const kept = h.rbuf;
  h.rbuf = kept.subarray(3);
  assert.equal(text(h.rbuf), "def");
  h.rbuf = kept.subarray(0, 2);
  assert.equal(text(h.rbuf), "ab");
  h.rbuf = bytes("something else");
  for (let i = 0; i < 50; i++) {
    peer.tryWrite(new Uint8Array(4000).fill(46));
    world.run();
    h.rbuf = h.rbuf.subarray(h.rbuf.length - 1);
  }
  assert.equal(text(h.rbuf), ".");
  assert.equal(text(kept), "abcdef");
  assert.throws(() => h.rbuf = "x" as never, /Cannot set rbuf: "x"/);
});

Deno.test("stopRead() pauses readers and onRead, startRead() and pushRead() go on", () => {
  using world = new World();
  const [h, peer] = world.pair({
    onRead: (h) => {
      world.events.push(`read ${text(h.rbuf)}`);
      h.rbuf = h.rbuf.subarray(1);
      h.stopRead();
    },
  });
  peer.tryWrite(bytes("abc"));
  world.run();
  world.run();
  assert.deepEqual(world.take(), ["read abc"]);
  assert.equal(world.loop.stats().ios, 0);
  h.startRead();
  assert.deepEqual(world.take(), ["read bc"]);
  h.pushRead("chunk", 1, world.log("chunk"));
  assert.deepEqual(world.take(), ["chunk c"]);
});

Deno.test("destroy() inside a callback stops the readers that follow, and is final", () => {
  using world = new World();
  const [h, peer] = world.pair({ onEof: world.log("eof"), onError: onError(world) });
  h.pushRead("line", (h) => {
    world.log("line")(h);
    h.destroy();
  });
  h.pushRead("line", world.log("never"));
  peer.tryWrite(bytes("a\nb\n"));
  world.run();
  assert.deepEqual(world.take(), ["line"]);
  assert.deepEqual([h.destroyed, h.fh, h.rbuf.length], [true, undefined, 0]);
  for (
    const call of [
      () => h.destroy(),
      () => h.pushWrite("x"),
      () => h.pushWrite("nonsense", 1),
      () => h.pushRead("line", () => {}),
      () => h.unshiftRead("line", () => {}),
      () => h.onRead(world.log("read")),
      () => h.onDrain(world.log("drain")),
      () => h.timeout(1),
      () => h.timeoutReset(),
      () => h.startRead(),
      () => h.stopRead(),
      () => h.pushShutdown(),
      () => h.starttls("connect"),
      () => h.stoptls(),
      () => h.noDelay(true),
      () => h.rbuf = bytes("x"),
    ]
  ) call();
  world.run();
  assert.deepEqual(world.take(), []);
});

Deno.test("a callback that throws is reported, and the readers after it go on", () => {
  using world = new World();
  const [h, peer] = world.pair();
  h.pushRead("line", () => {
    throw new Error("first");
  });
  h.pushRead("line", world.log("second"));
  peer.tryWrite(bytes("a\nb\n"));
  world.run();
  assert.deepEqual(world.take(), ["second b \n"]);
  assert.deepEqual(world.thrown.splice(0).map(String), ["Error: first"]);
});

Deno.test("the rejection of an async callback is reported", async () => {
  using world = new World();
  const [h] = world.pair();
  h.pushRead("chunk", 0, () => Promise.reject(new Error("later")));
  await world.env.backend.settle();
  assert.deepEqual(world.thrown.splice(0).map(String), ["Error: later"]);
});

Deno.test("readSize doubles up to maxReadSize whenever it is filled", () => {
  using world = new World();
  const [h, peer] = world.pair({
    readSize: 4,
    maxReadSize: 10,
    onRead: (h) => h.rbuf = new Uint8Array(),
  });
  peer.tryWrite(new Uint8Array(3));
  world.run();
  assert.equal(h.readSize, 4);
  peer.tryWrite(new Uint8Array(4));
  world.run();
  assert.equal(h.readSize, 8);
  peer.tryWrite(new Uint8Array(100));
  world.run();
  assert.equal(h.readSize, 10);
});

Deno.test("a broken stream is a fatal error with its code", () => {
  using world = new World();
  const got: string[] = [];
  const listener = world.env.net.listen({ transport: "tcp", host: "127.0.0.1", port: 0 }, () => {});
  const port = listener.address.transport === "tcp" ? listener.address.port : 0;
  const h = world.handle({
    connect: ["127.0.0.1", port],
    onRead: () => {},
    onError: (_h, fatal, _message, error) => got.push(`${fatal} ${error.code}`),
  });
  world.run();
  (world.env.net as ReturnType<typeof import("@anyevent/backends/memory").memoryNet>).sever();
  world.run();
  assert.deepEqual(got, ["true ECONNRESET"]);
  assert.equal(h.destroyed, true);
  listener.close();
});

Deno.test("what a callback throws inside new Handle() is thrown there, and nothing is left", () => {
  using world = new World();
  const [, fh] = world.pair();
  const onDrain = (): never => {
    throw new Error("drain");
  };
  assert.throws(() => world.handle({ fh, timeout: 5, onDrain }), /drain/);
  assert.equal(world.loop.stats().timers, 0);
  assert.throws(() => fh.tryRead(new Uint8Array(1)), /closed/);
});

Deno.test("new Handle() names what makes no sense", () => {
  using world = new World();
  const { loop } = world;
  const make = (options: unknown): Handle => world.handle(options as never);
  assert.throws(() => make({}), /neither fh nor connect/);
  assert.throws(() => make({ fh: 3 }), /fh 3 is not a stream of bytes; wrap.*ioStream/);
  assert.throws(() => make({ fh: { tryReceive() {} } }), /is not a stream of bytes/);
  assert.throws(() => make({ connect: "host" }), /connect "host" is not \[host, service\]/);
  assert.throws(() => make({ connect: ["h", "no port"] }), /service "no port"/);
  const [, fh] = world.pair();
  assert.throws(() => make({ fh, loop: 5 }), /loop 5 is not a Loop/);
  assert.throws(() => make({ fh, timeout: -1 }), /Cannot set timeout: -1 is negative/);
  assert.throws(() => make({ fh, linger: -1 }), /Cannot set linger: -1 is negative/);
  assert.throws(() => make({ fh, rbufMax: "x" }), /Cannot set rbufMax: "x"/);
  assert.throws(() => make({ fh, readSize: 0 }), /Cannot set readSize/);
  assert.throws(() => make({ fh, onRead: 5 }), /Cannot set onRead: callback 5/);
  assert.throws(() => make({ fh, tls: "maybe" }), /mode "maybe"/);
  assert.equal(loop.stats().timers, 0);
});

Deno.test('pushRead("regex") keeps nothing of what skip has passed over', () => {
  using world = new World();
  const [h, peer] = world.pair();
  h.pushRead("regex", /\n/, undefined, /^x+/, world.log("regex"));
  const before = performance.now();
  const size = 250_000;
  for (let at = 0; at < size; at++) {
    peer.tryWrite(bytes("x"));
    world.run();
  }
  peer.tryWrite(bytes("y\nz"));
  world.run();
  const [all] = world.take();
  assert.ok(all.startsWith("regex xxxx") && all.includes("xy\n"));
  assert.equal(text(h.rbuf), "z");
  // Takes some half a second; when each byte costs as much as all before it, half a minute.
  assert.ok(performance.now() - before < 10_000);
});
