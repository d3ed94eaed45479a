import assert from "node:assert/strict";
import fc from "fast-check";
import { async, cede, type CoroHandle, CoroSocket, poll, sleep, unblock } from "@anyevent/coro";
import { Handle, PeerError } from "@anyevent/loop";
import { bytes, inSim, onEach, Place, quiet, text } from "./support.ts";

onEach("readline() reads lines, paragraphs, patterns and the rest", function* () {
  using server = CoroSocket.listen({ host: "127.0.0.1", port: 0 });
  async(function* () {
    using peer = (yield* server.accept())!;
    yield* peer.print("one\ntwo\r\nthr", "ee;four;\n\n\n\npara\ngraph\n\n\nlast\nwörds", "!");
  });
  using h = yield* CoroSocket.connect({ host: "127.0.0.1", port: server.port });
  assert.equal(yield* h.readline(), "one\n");
  assert.equal(yield* h.readline(/\r?\n/, { chomp: true }), "two");
  assert.equal(yield* h.readline(";"), "three;");
  assert.equal(yield* h.readline(";", { chomp: true }), "four");
  assert.equal(yield* h.readline(""), "para\ngraph\n\n");
  assert.equal(yield* h.readline("", { chomp: true }), "last\nwörds!");
  assert.equal(yield* h.readline(), undefined);
  assert.equal(yield* h.readline(undefined), undefined);
  assert.equal(h.timedOut, false);
  assert.equal(yield* h.eof(), true);
});

onEach("read() waits for all of it, readPartial() for something", function* () {
  using server = CoroSocket.listen("127.0.0.1:0");
  using client = yield* CoroSocket.connect(`127.0.0.1:${server.port}`);
  using peer = (yield* server.accept())!;
  assert.deepEqual(
    [client.peerHost, client.peerPort, client.sockPort],
    ["127.0.0.1", server.port, peer.peerPort],
  );
  assert.equal(client.peername, `127.0.0.1:${server.port}`);
  yield* peer.write("abc");
  assert.equal(text(yield* client.readPartial()), "abc");
  async(function* () {
    yield* peer.write("12");
    yield* poll();
    yield* peer.write(bytes("345"));
    peer.shutdown();
  });
  assert.equal(text(yield* client.read(4)), "1234");
  assert.equal(yield* client.eof(), false);
  assert.equal(text(yield* client.read(4)), "5");
  assert.equal(text(yield* client.read(4)), "");
  assert.equal(yield* client.eof(), true);
  assert.equal(yield* client.print("still ", 1, " way"), 11);
  assert.equal(text(yield* peer.read(11)), "still 1 way");
  assert.equal(text(yield* client.read(0)), "");
});

onEach("print() waits while the peer does not read, and nothing is lost", function* () {
  using server = CoroSocket.listen({ host: "127.0.0.1", port: 0 });
  const size = 8 * 2 ** 20;
  let written = 0;
  async(function* () {
    using peer = (yield* server.accept())!;
    written = yield* peer.print("x".repeat(size));
  });
  using client = yield* CoroSocket.connect({ host: "127.0.0.1", port: server.port });
  yield* client.readable();
  for (let n = 0; n < 5; n++) yield* poll();
  assert.equal(written, 0);
  const all = yield* client.read(size + 1);
  assert.equal(all?.length, size);
  assert.equal(written, size);
});

function* later(seconds: number, act: () => unknown) {
  yield* sleep(seconds);
  act();
}

inSim("timeout: a read gives what it has, then undefined, and says so", function* (place) {
  const [h, peer] = place.pair({ timeout: 2 });
  const begin = place.loop.now();
  const passed = (): number => Math.round((place.loop.now() - begin) * 1000) / 1000;
  assert.equal(yield* h.readline(), undefined);
  assert.deepEqual([h.timedOut, passed()], [true, 2]);
  // Each byte that comes lengthens it.
  async(later, 1.5, () => peer.tryWrite(bytes("par")));
  async(later, 3, () => peer.tryWrite(bytes("tial")));
  assert.equal(yield* h.readline(), "partial");
  assert.deepEqual([h.timedOut, passed(), h.rbuf.length], [true, 7, 0]);
  assert.equal(yield* h.read(3), undefined);
  assert.deepEqual([h.timedOut, passed()], [true, 9]);
  peer.tryWrite(bytes("12"));
  assert.equal(text(yield* h.read(3)), "12");
  assert.equal(h.timedOut, true);
  assert.equal(yield* h.eof(), false);
  assert.equal(h.timedOut, true);
  assert.equal(yield* h.readable(), false);
  assert.equal(h.timedOut, true);
  assert.equal(yield* h.readable(0.5), false);
  assert.equal(yield* h.writable(), true);
  assert.equal(h.timedOut, false);
  h.timeout = 0;
  assert.equal(yield* h.readline(), undefined);
  assert.equal(h.timedOut, true);
  peer.tryWrite(bytes("now\n"));
  assert.equal(yield* h.readline(), "now\n");
  assert.equal(h.timedOut, false);
  h.timeout = undefined;
  assert.equal(h.timeout, undefined);
  async(later, 1e6, () => peer.tryWrite(bytes("late\n")));
  assert.equal(yield* h.readline(), "late\n");
  h.close();
});

inSim("timeout: a write gives up and says how much was written", function* (place) {
  const [h, peer] = place.pair({ timeout: 1 }, 4);
  assert.equal(yield* h.print("123456"), 4);
  assert.equal(h.timedOut, true);
  assert.equal(h.wbufSize, 0);
  const read = new Uint8Array(10);
  assert.equal(peer.tryRead(read), 4);
  // Progress counts for all who wait.
  const reader = async(function* () {
    for (let n = 0; n < 4; n++) {
      yield* sleep(0.9);
      peer.tryRead(read);
    }
  });
  const second = async(() => h.print("zz"));
  assert.equal(yield* h.print("0123456789ab"), 12);
  assert.equal(h.timedOut, false);
  assert.deepEqual(yield* second.join(), [2]);
  yield* reader.join();
  h.close();
});

inSim("limits of a call throw, and take nothing", function* (place) {
  const [h, peer] = place.pair();
  peer.tryWrite(bytes("par"));
  let failed: unknown;
  try {
    yield* h.readline("\n", { timeout: 1 });
  } catch (error) {
    failed = error;
  }
  assert.equal((failed as Error).name, "TimeoutError");
  assert.equal(text(h.rbuf), "par");
  const abort = new AbortController();
  async(later, 1, () => abort.abort(new Error("enough")));
  try {
    yield* h.read(100, { signal: abort.signal });
  } catch (error) {
    failed = error;
  }
  assert.equal((failed as Error).message, "enough");
  peer.tryWrite(bytes("t\n"));
  assert.equal(yield* h.readline(), "part\n");
  h.close();
});

inSim("one thread reads at a time, any number write, each in one piece", function* (place) {
  const [h, peer] = place.pair({}, 3);
  const first = async(() => h.readline());
  yield* cede();
  for (const op of [h.readline(), h.read(1), h.eof()]) {
    let failed: unknown;
    try {
      yield* op;
    } catch (error) {
      failed = error;
    }
    assert.equal((failed as Error).name, "UsageError");
    assert.match((failed as Error).message, /another thread is in readline\(\)/);
  }
  const writers = ["aaaa", "bbbb", "cccc"].map((word) => async(() => h.print(word)));
  yield* cede();
  using other = unblock(peer);
  assert.equal(text(yield* other.read(12)), "aaaabbbbcccc");
  for (const writer of writers) assert.deepEqual(yield* writer.join(), [4]);
  yield* other.print("line\n");
  assert.deepEqual(yield* first.join(), ["line\n"]);
  h.close();
});

inSim("what write() takes is written also when nobody waits, up to wbufMax", function* (place) {
  const [h, peer] = place.pair({ wbufMax: 6 }, 4);
  h.print("1234");
  h.print("5678");
  assert.equal(h.wbufSize, 4);
  let failed: unknown;
  try {
    yield* h.print("9ab");
  } catch (error) {
    failed = error;
  }
  assert.ok(failed instanceof PeerError);
  assert.equal(failed.code, "ENOSPC");
  h.shutdown();
  try {
    yield* h.print("x");
  } catch (error) {
    failed = error;
  }
  assert.equal((failed as Error).name, "ClosedError");
  using other = unblock(peer);
  assert.equal(yield* other.readline(undefined), "12345678");
  h.close();
});

inSim("close() ends who waits, and sends what was written", function* (place) {
  const [h, peer] = place.pair({}, 4);
  const reader = async(() => h.readline());
  const looker = async(() => h.readable());
  const writer = async(function* () {
    try {
      yield* h.print("12345678");
    } catch (error) {
      return (error as Error).name;
    }
  });
  yield* cede();
  h.close();
  assert.deepEqual(yield* reader.join(), []);
  assert.deepEqual(yield* writer.join(), ["ClosedError"]);
  looker.cancel();
  assert.equal(yield* h.readline(), undefined);
  assert.equal(yield* h.read(5), undefined);
  assert.equal(yield* h.readable(), false);
  assert.deepEqual([h.closed, h.fh, h.rbuf.length], [true, undefined, 0]);
  using other = unblock(peer);
  assert.equal(yield* other.readline(undefined), "12345678");
  let failed: unknown;
  try {
    yield* h.print("more");
  } catch (error) {
    failed = error;
  }
  assert.equal((failed as Error).name, "ClosedError");
  h.close();
});

inSim("rbuf and unread() change what is read, also under who waits", function* (place) {
  const [h, peer] = place.pair();
  peer.tryWrite(bytes("abcdef"));
  assert.equal(text(yield* h.read(2)), "ab");
  assert.equal(text(h.rbuf), "cdef");
  h.unread("xy");
  assert.equal(text(yield* h.read(3)), "xyc");
  const reader = async(() => h.readline());
  yield* cede();
  h.rbuf = bytes("whole\nrest");
  assert.deepEqual(yield* reader.join(), ["whole\n"]);
  assert.equal(text(h.rbuf), "rest");
  h.close();
});

inSim("each(), lines() and for await give lines without their ends", function* (place) {
  const [h, peer] = place.pair();
  const lines: string[] = [];
  peer.tryWrite(bytes("1\n2\n3\nx"));
  peer.shutdown();
  yield* h.each(function* (line) {
    lines.push(line);
    yield* cede();
  });
  assert.deepEqual(lines, ["1", "2", "3", "x"]);
  h.close();
  const [late, other] = place.pair({ timeout: 1 });
  other.tryWrite(bytes("1\npart"));
  let failed: unknown;
  try {
    yield* late.each(function* (line) {
      lines.push(line);
    });
  } catch (error) {
    failed = error;
  }
  assert.equal((failed as Error).name, "TimeoutError");
  assert.deepEqual([lines.at(-1), text(late.rbuf)], ["1", "part"]);
  late.close();
});

Deno.test("for await over a handle reads its lines", async () => {
  const server = CoroSocket.listen({ host: "127.0.0.1", port: 0 });
  async(function* () {
    using peer = (yield* server.accept())!;
    yield* peer.printf("%s-%03d\n%.1f\n", "a", 7, 1.25);
  });
  const client = await CoroSocket.connect({ host: "127.0.0.1", port: server.port });
  const lines: string[] = [];
  for await (const line of client) lines.push(line);
  assert.deepEqual(lines, ["a-007", "1.3"]);
  client.close();
  server.close();
  await quiet();
});

inSim("a line longer than lineMax is an error, however it arrives", function* (place) {
  const [h, peer] = place.pair({ lineMax: 4 });
  peer.tryWrite(bytes("123\n1234\n"));
  assert.equal(yield* h.readline(), "123\n");
  for (const separator of ["\n", /\n/, "", "never"]) {
    let failed: unknown;
    try {
      yield* h.readline(separator);
    } catch (error) {
      failed = error;
    }
    assert.equal((failed as PeerError).code, "ENOSPC");
  }
  assert.equal(text(yield* h.read(100, { partial: true })), "1234\n");
  h.close();
});

onEach("a reset connection gives what arrived, then the error", function* () {
  using server = CoroSocket.listen({ host: "127.0.0.1", port: 0 });
  using client = yield* CoroSocket.connect({ host: "127.0.0.1", port: server.port });
  const peer = (yield* server.accept())!;
  yield* peer.print("one\ntwo");
  yield* client.readable();
  client.write("never read by the peer");
  yield* peer.readable();
  peer.fh!.close();
  peer.close();
  assert.equal(yield* client.readline(), "one\n");
  // A system may say end of file in place of a reset.
  let rest: string | undefined;
  let code = "";
  try {
    rest = yield* client.readline();
  } catch (error) {
    code = (error as PeerError).code;
    rest = text(client.rbuf);
  }
  assert.ok(rest === "two" || code !== "", `${rest} ${code}`);
});

inSim("unblock() takes over a Handle with what it has not read", function* (place) {
  const [spare, peer] = place.pair();
  const handle = new Handle({ fh: spare.fh!, loop: place.loop });
  peer.tryWrite(bytes("head\nfirst\nsecond\n"));
  assert.equal(yield* handle.read("line"), "head");
  using h = unblock(handle);
  assert.equal(yield* h.readline(), "first\n");
  assert.equal(yield* h.readline(), "second\n");
  spare.close();
  h.close();
  assert.equal(handle.destroyed, true);
});

Deno.test("arguments that make no sense are refused at once", async () => {
  assert.throws(() => unblock(5 as never), { name: "UsageError" });
  assert.equal(unblock(undefined), undefined);
  using server = CoroSocket.listen({ host: "127.0.0.1", port: 0 });
  using h = await CoroSocket.connect({ host: "127.0.0.1", port: server.port });
  for (
    const wrong of [
      () => h.readline(5 as never),
      () => h.readline(/x*/),
      () => h.read(-1),
      () => h.read(1.5),
      () => h.readPartial(0.5),
      () => h.readPartial(5, 5 as never),
      () => h.readPartial(5, null as never),
      () => h.write(5 as never),
      () => h.unread(null as never),
      () => h.printf(5 as never),
      () => h.each(5 as never),
      () => h.readline("\n", 5 as never),
      () => void (h.timeout = -1),
      () => void (h.rbuf = 5 as never),
      () => h.readable("soon" as never),
      () => unblock(h.fh!, { lineMax: 0 }),
      () => unblock(h.fh!, { loop: 5 as never }),
      () => unblock(h.fh!, { timeout: -1 }),
    ]
  ) assert.throws(wrong, { name: "UsageError" }, String(wrong));
});

/** What readline should give, computed from the whole text. */
function* plainLines(whole: string, separator: string): Generator<string> {
  let rest = whole;
  for (;;) {
    if (separator === "") rest = rest.replace(/^\n+/, "");
    if (rest === "") return;
    const mark = separator === "" ? "\n\n" : separator;
    const at = rest.indexOf(mark);
    const end = at < 0 ? rest.length : at + mark.length;
    yield rest.slice(0, end);
    rest = rest.slice(end);
  }
}

function* readAll(
  place: Place,
  parts: readonly Uint8Array[],
  separator: string | RegExp,
  out: string[],
) {
  const [h, peer] = place.pair({}, 1 << 16);
  const writer = async(function* () {
    for (const part of parts) {
      peer.tryWrite(part);
      yield* poll();
    }
    peer.shutdown();
  });
  for (let line; (line = yield* (h as CoroHandle).readline(separator)) !== undefined;) {
    out.push(line);
  }
  yield* writer.join();
  h.close();
}

Deno.test("readline() gives the same lines however the input is split", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom("a", "\n", "\n\n", "\r\n", "ab", "aab", "é", ";"), {
        maxLength: 40,
      }),
      fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 20 }),
      fc.constantFrom("\n", "", "ab", "aab", "é", "\r\n", ";"),
      fc.boolean(),
      async (words, sizes, separator, asPattern) => {
        const whole = words.join("");
        const data = bytes(whole);
        const parts: Uint8Array[] = [];
        for (let at = 0, n = 0; at < data.length; n++) {
          const size = sizes[n % sizes.length];
          parts.push(data.slice(at, at + size));
          at += size;
        }
        const pattern = asPattern && separator !== "" && separator !== "é";
        const found: string[] = [];
        await new Place("sim").run((it) =>
          readAll(it, parts, pattern ? new RegExp(separator) : separator, found)
        );
        assert.deepEqual(found, [...plainLines(whole, separator)]);
      },
    ),
    { numRuns: 150 },
  );
});
