import assert from "node:assert/strict";
import fc from "fast-check";
import { Handle, loadMsgpack, UsageError } from "@anyevent/loop";
import { bytes, text, World } from "./support.ts";

type Read = (h: Handle, got: (...values: unknown[]) => void) => void;

/** Feeds pieces, reads `reads` one after the other, and tells what came. */
function play(pieces: readonly Uint8Array[], reads: readonly Read[]): unknown[][] {
  using world = new World();
  const got: unknown[][] = [];
  const [h, peer] = world.pair({
    onError: (_h, _fatal, _message, error) => got.push([error.code]),
  }, 1 << 20);
  for (const read of reads) {
    read(h, (...values) =>
      got.push(
        values.map((value) => value instanceof Uint8Array ? `bytes:${text(value)}` : value),
      ));
  }
  for (const piece of pieces) {
    peer.tryWrite(piece);
    world.run();
  }
  return got;
}

function split(input: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const at = [...new Set([0, ...cuts.map((cut) => cut % (input.length + 1)), input.length])];
  at.sort((a, b) => a - b);
  return at.slice(1).map((end, i) => input.subarray(at[i], end));
}

/** Asserts what is read, and that it is the same however the input is cut into pieces. */
function check(input: Uint8Array | string, reads: readonly Read[], expected: unknown[][]): void {
  const data = typeof input === "string" ? bytes(input) : input;
  assert.deepEqual(play([data], reads), expected);
  assert.deepEqual(play(Array.from(data, (byte) => Uint8Array.of(byte)), reads), expected);
  fc.assert(
    fc.property(fc.array(fc.nat(), { maxLength: 6 }), (cuts) => {
      assert.deepEqual(play(split(data, cuts), reads), expected);
    }),
    { numRuns: 30 },
  );
}

const chunk = (length: number): Read => (h, got) =>
  h.pushRead("chunk", length, (_h, data) => got(data));
const line: Read = (h, got) => h.pushRead("line", (_h, ...values) => got(...values));
const lineBy = (eol: string | RegExp): Read => (h, got) =>
  h.pushRead("line", eol, (_h, ...values) => got(...values));
const netstring: Read = (h, got) => h.pushRead("netstring", (_h, data) => got(data));
const json: Read = (h, got) => h.pushRead("json", (_h, value) => got(value));
const msgpack: Read = (h, got) => h.pushRead("msgpack", (_h, value) => got(value));
const packstring = (format: string): Read => (h, got) =>
  h.pushRead("packstring", format, (_h, data) => got(data));
const regex = (accept: RegExp, reject?: RegExp, skip?: RegExp): Read => (h, got) =>
  h.pushRead("regex", accept, reject, skip, (_h, found, raw) => {
    assert.equal(text(raw), found);
    got(found);
  });

Deno.test('pushRead("chunk") gives exactly so many bytes, and none at once', () => {
  check("abcdef", [chunk(2), chunk(0), chunk(3)], [["bytes:ab"], ["bytes:"], ["bytes:cde"]]);
  using world = new World();
  const [h] = world.pair();
  h.pushRead("chunk", 0, world.log("none"));
  assert.deepEqual(world.take(), ["none "]);
});

Deno.test('pushRead("line") gives lines with their ends and never a partial last one', () => {
  check("a\nbc\r\n\nü\nrest", [line, line, line, line, line], [
    ["a", "\n"],
    ["bc", "\r\n"],
    ["", "\n"],
    ["ü", "\n"],
  ]);
});

Deno.test('pushRead("line", eol) takes a string or an expression', () => {
  check("a--b---c--", [lineBy("--"), lineBy("--"), lineBy("--")], [["a", "--"], ["b", "--"], [
    "-c",
    "--",
  ]]);
  check("one;two,x", [lineBy(/[;,]/g), lineBy(/[;,]/)], [["one", ";"], ["two", ","]]);
  check("abcabd", [lineBy("abd")], [["abc", "abd"]]);
});

Deno.test('pushRead("regex") gives all up to the end of the match', () => {
  check("GET / x\r\n\r\nbody", [regex(/\r\n\r\n/), chunk(4)], [["GET / x\r\n\r\n"], [
    "bytes:body",
  ]]);
  check("aü!", [regex(/!/y)], [["aü!"]]);
  check("xxxxy.", [regex(/\./, undefined, /^.*[^.]/s)], [["xxxxy."]]);
});

Deno.test('pushRead("regex") reports what is rejected, without ending', () => {
  assert.deepEqual(play([bytes("ab9"), bytes("!")], [regex(/!/, /[0-9]$/)]), [["EBADMSG"], [
    "ab9!",
  ]]);
});

Deno.test('pushRead("netstring") reads what pushWrite("netstring") writes', () => {
  check("2:hi,0:,3:a,b,x", [netstring, netstring, netstring], [["bytes:hi"], ["bytes:"], [
    "bytes:a,b",
  ]]);
});

Deno.test('pushRead("netstring") reports a bad length and a bad end', () => {
  assert.deepEqual(play([bytes("x")], [netstring]), [["EBADMSG"]]);
  assert.deepEqual(play([bytes("01:a,")], [netstring]), [["EBADMSG"]]);
  assert.deepEqual(play([bytes(":a,")], [netstring]), [["EBADMSG"]]);
  assert.deepEqual(play([bytes("9999999999999999:")], [netstring]), [["EBADMSG"]]);
  assert.deepEqual(play([bytes("1:aX1:b,")], [netstring]), [["EBADMSG"], ["bytes:b"]]);
});

Deno.test('pushRead("packstring") understands every format that pushWrite does', () => {
  const formats = "c C s S l L q Q i I n N v V j J w s> s< L> Q< l! L!> i< I!".split(" ");
  for (const format of formats) {
    using world = new World();
    const [h, peer] = world.pair();
    h.pushWrite("packstring", format, "hällo");
    const sent = bytes(world.received(peer));
    check(sent, [packstring(format)], [["bytes:hällo"]]);
  }
  check("\0\x02hi\x03\0abc", [packstring("n"), packstring("v")], [["bytes:hi"], ["bytes:abc"]]);
  const long = new Uint8Array(300).fill(65);
  check(Uint8Array.of(0x82, 0x2c, ...long), [packstring("w")], [[`bytes:${"A".repeat(300)}`]]);
});

Deno.test('pushRead("packstring") reports lengths that cannot be', () => {
  assert.deepEqual(play([Uint8Array.of(0xff)], [packstring("c")]), [["EBADMSG"]]);
  assert.deepEqual(play([new Uint8Array(8).fill(255)], [packstring("Q")]), [["EBADMSG"]]);
  assert.deepEqual(play([new Uint8Array(20).fill(255)], [packstring("w")]), [["EBADMSG"]]);
});

Deno.test('pushRead("json") gives objects and arrays, and leaves what follows', () => {
  const input = ' \n{"a":[1,{"b":"}\\"]\\\\"}]}["ü"]  [] x';
  check(input, [json, json, json], [[{ a: [1, { b: '}"]\\' }] }], [["ü"]], [[]]]);
});

Deno.test('pushRead("json") reports what is none and goes on behind it', () => {
  assert.deepEqual(play([bytes("[1,]{}")], [json]), [["EBADMSG"], [{}]]);
  assert.deepEqual(play([bytes("42 "), bytes("[2]")], [json]), [["EBADMSG"], [[2]]]);
});

Deno.test('pushRead("msgpack") reads what pushWrite("msgpack") writes, and all kinds of headers', async () => {
  await loadMsgpack();
  const values = [
    { a: [1, -1, 1.5, null, true, "x".repeat(40)], n: 2n ** 63n, m: -(2n ** 63n) },
    "y".repeat(300),
    "z".repeat(70_000),
    Array.from({ length: 20 }, (_, i) => i * 1000),
    Array.from({ length: 70_000 }, () => 1),
    Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`k${i}`, i])),
    [[[[]]]],
    new Date(0),
    -40_000,
  ];
  for (const value of values) {
    using world = new World();
    const [h, peer] = world.pair({}, 1 << 20);
    h.pushWrite("msgpack", value);
    const sent = new Uint8Array(1 << 20);
    const data = sent.subarray(0, peer.tryRead(sent) ?? 0);
    assert.deepEqual(play([data, data], [msgpack, msgpack]), [[value], [value]]);
    if (data.length < 200) check(data, [msgpack], [[value]]);
    else {
      for (const cut of [1, 2, 3, 4, 5, 1000, data.length - 1]) {
        assert.deepEqual(play(split(data, [cut]), [msgpack]), [[value]]);
      }
    }
  }
  const blob = Uint8Array.of(0xc5, 0, 2, 7, 8, 0xc8, 0, 1, 5, 9, 0xd4, 5, 9, 0xca, 0, 0, 0, 0);
  for (let cut = 0; cut < blob.length; cut++) {
    const got = play(split(blob, [cut]), [msgpack, msgpack, msgpack, msgpack]);
    assert.equal(got.length, 4);
    assert.deepEqual([got[0], got[3]], [["bytes:\x07\x08"], [0]]);
  }
});

Deno.test('pushRead("msgpack") agrees with the codec on any value', async () => {
  const { encode, decode } = await loadMsgpack();
  fc.assert(
    fc.property(fc.jsonValue(), fc.array(fc.nat(), { maxLength: 4 }), (value, cuts) => {
      // The codec reads no such key, which could change what objects inherit.
      fc.pre(!JSON.stringify(value).includes("__proto__"));
      const data = encode(value);
      assert.deepEqual(play(split(data, cuts), [msgpack]), [[decode(data)]]);
    }),
    { numRuns: 60 },
  );
});

Deno.test('pushRead("msgpack") reports what is none', async () => {
  await loadMsgpack();
  assert.deepEqual(play([Uint8Array.of(0xc1, 5)], [msgpack]), [["EBADMSG"], [5]]);
  const evil = Uint8Array.of(0x81, 0xa9, ...bytes("__proto__"), 1, 7);
  assert.deepEqual(play([evil], [msgpack]), [["EBADMSG"], [7]]);
});

Deno.test("the option msgpack, and json, replace the codecs", () => {
  using world = new World();
  const codec = { encode: () => Uint8Array.of(1, 0xc0), decode: (data: Uint8Array) => data.length };
  const json = {
    parse: (data: string) => data.length,
    stringify: (value: unknown) => `<${typeof value}>`,
  };
  const [h, peer] = world.pair({ msgpack: codec, json });
  h.pushWrite("msgpack", "anything");
  h.pushWrite("json", {});
  assert.equal(world.received(peer).slice(2), "<object>");
  peer.tryWrite(Uint8Array.of(0x92, 1, 2));
  peer.tryWrite(bytes("[   ]"));
  h.pushRead("msgpack", world.log("msgpack"));
  h.pushRead("json", world.log("json"));
  world.run();
  assert.deepEqual(world.take(), ["msgpack 3", "json 5"]);
});

Deno.test('pushRead("tlsDetect") tells a TLS hello from anything else and takes nothing', () => {
  const detect: Read = (h, got) =>
    h.pushRead("tlsDetect", (_h, ...values) => got(...values, h.rbuf.length > 0));
  const hello = Uint8Array.of(0x16, 3, 1, 0x02, 0, 1);
  check(hello, [detect], [["accept", 3, 1, true]]);
  check("GET /", [detect], [[undefined, true]]);
  check(Uint8Array.of(0x16, 9, 1, 1), [detect], [[undefined, true]]);
  check(Uint8Array.of(0x16, 3, 1, 0x50), [detect], [[undefined, true]]);
  assert.deepEqual(play([hello.subarray(0, 3)], [detect]), []);
});

Deno.test("registerReadType() and registerWriteType() add types, until taken back", () => {
  using world = new World();
  const read = Handle.registerReadType("upto", (_h, cb, limit) => (h) => {
    const at = h.rbuf.indexOf(Number(limit));
    if (at < 0) return false;
    const found = h.rbuf.slice(0, at);
    h.rbuf = h.rbuf.subarray(at + 1);
    cb(h, found, "extra");
    return true;
  });
  const write = Handle.registerWriteType("shout", (_h, word) => String(word).toUpperCase());
  const [h, peer] = world.pair();
  h.pushRead("upto", 0x3b, world.log("upto"));
  h.pushRead("upto", 0x3b, world.log("upto"));
  for (const piece of ["a", "b;", "c;d"]) {
    peer.tryWrite(bytes(piece));
    world.run();
  }
  assert.deepEqual(world.take(), ["upto ab extra", "upto c extra"]);
  h.pushWrite("shout", "hello");
  assert.equal(world.received(peer), "HELLO");
  assert.throws(() => Handle.registerReadType("upto", () => () => true), /it exists/);
  assert.throws(() => Handle.registerReadType("line", () => () => true), /it exists/);
  assert.throws(() => Handle.registerWriteType("json", () => ""), /it exists/);
  read.cancel();
  write[Symbol.dispose]();
  assert.throws(() => h.pushRead("upto", 1, () => {}), UsageError);
  assert.throws(() => h.pushWrite("shout", "x"), UsageError);
});

Deno.test("pushRead() and pushWrite() name the argument that makes no sense", () => {
  using world = new World();
  const [h] = world.pair();
  const cb = (): void => {};
  assert.throws(() => h.pushRead("nonsense", cb), /read "nonsense": there is no such read type/);
  assert.throws(() => h.pushRead("toString", cb), UsageError);
  assert.throws(() => h.pushWrite("nonsense", 1), /write "nonsense": there is no such write type/);
  assert.throws(() => h.pushRead("chunk", -1, cb), /length -1/);
  assert.throws(() => h.pushRead("chunk", 1.5, cb), UsageError);
  assert.throws(() => h.pushRead("line", "", cb), /eol "" is empty/);
  assert.throws(() => h.pushRead("line", 5 as never, cb), /eol 5/);
  assert.throws(() => h.pushRead("regex", "x" as never, cb), /accept: "x" is not a RegExp/);
  assert.throws(() => h.pushRead("packstring", "Z", cb), /pack format "Z"/);
  assert.throws(() => h.pushRead("packstring", "n<", cb), UsageError);
  assert.throws(() => h.pushRead("line", 7 as never), /callback 7/);
  assert.throws(() => h.pushRead(function* () {} as never), /generator function/);
  assert.throws(() => h.pushWrite(5 as never), /write: 5 is neither/);
  assert.throws(() => h.pushWrite("netstring", 5 as never), /write netstring: 5/);
  assert.throws(() => h.pushWrite("json", 5), /json: 5 is neither an object nor an array/);
  const loop: unknown[] = [];
  loop.push(loop);
  assert.throws(() => h.pushWrite("json", loop), /has no JSON/);
  assert.throws(() => h.pushWrite("packstring", "C", new Uint8Array(256)), /256 bytes do not fit/);
  assert.throws(() => h.pushWrite("msgpack", 2n ** 64n), /more than 64 bits/);
  assert.throws(() => h.pushWrite("msgpack", { f() {} }), /is no data/);
  assert.throws(() => h.pushWrite("msgpack", loop), /nested deeper/);
  assert.throws(() => h.read("nonsense" as "json"), UsageError);
});
