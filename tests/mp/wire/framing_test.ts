import assert from "node:assert/strict";
import fc from "fast-check";
import {
  codecFraming,
  type Framing,
  framingNamed,
  jsonFraming,
  jsonlFraming,
  MAX_FRAME_BYTES,
  registerFraming,
} from "../../../mp/wire/mod.ts";
import { concat, feedBytewise, feedCut, utf8 } from "./recorder.ts";

const codec = codecFraming("codec", {
  encode: (value) => utf8.encode(JSON.stringify(value)),
  decode: (bytes) => JSON.parse(new TextDecoder().decode(bytes)),
});
const framings = [jsonFraming, jsonlFraming, codec];

function bytesOf(frame: string | Uint8Array): Uint8Array {
  return typeof frame === "string" ? utf8.encode(frame) : frame;
}

type Feed = (bytes: Uint8Array, feed: (part: Uint8Array) => void) => void;
const whole: Feed = (bytes, feed) => feed(bytes);

/** What is delivered before the input ends, or the error that ended it. */
function decode(
  framing: Framing,
  input: string | Uint8Array,
  feed: Feed = whole,
  max = MAX_FRAME_BYTES,
): { messages: unknown[][]; error?: string } {
  const messages: unknown[][] = [];
  const decoder = framing.decoder(max);
  try {
    feed(bytesOf(input), (part) => decoder.push(part, (message) => messages.push(message) > 0));
  } catch (error) {
    assert.equal((error as Error).name, "PeerError");
    return { messages, error: (error as Error).message };
  }
  return { messages };
}

/** The same result however the input is cut. */
function decodeAll(
  framing: Framing,
  input: string | Uint8Array,
  max?: number,
): ReturnType<typeof decode> {
  const result = decode(framing, input, whole, max);
  const { messages, error } = decode(framing, input, feedBytewise, max);
  assert.deepEqual(messages, result.messages);
  assert.equal(error === undefined, result.error === undefined);
  return result;
}

const json = fc.jsonValue({ maxDepth: 5 }).map((value) => JSON.parse(JSON.stringify(value)));
const message = fc.array(json, { maxLength: 5 });
const sizes = fc.array(fc.integer({ min: 1, max: 40 }));

for (const framing of framings) {
  Deno.test(`decoder() of ${framing.name} gives back the messages when the input is cut anywhere`, () => {
    fc.assert(fc.property(fc.array(message), sizes, (messages, cuts) => {
      const input = concat(messages.map((each) => bytesOf(framing.encode(each))));
      assert.deepEqual(decode(framing, input, (b, f) => feedCut(b, cuts, f)), { messages });
      assert.deepEqual(decode(framing, input, feedBytewise), { messages });
      assert.deepEqual(decode(framing, input), { messages });
    }));
  });

  Deno.test(`decoder() of ${framing.name} delivers no more when deliver returns false`, () => {
    const one = bytesOf(framing.encode(["x"]));
    const cuts: Feed[] = [whole, feedBytewise];
    for (const feed of cuts) {
      const decoder = framing.decoder(100);
      const delivered: unknown[] = [];
      let isOver = false;
      feed(concat([one, one, one]), (part) => {
        if (isOver) return;
        decoder.push(part, (each) => {
          delivered.push(each);
          isOver = delivered.length === 2;
          return !isOver;
        });
      });
      assert.deepEqual(delivered, [["x"], ["x"]]);
    }
  });

  Deno.test(`decoder() of ${framing.name} throws PeerError when a frame is above the limit`, () => {
    const small = framing.encode(["abc"]);
    const body = JSON.stringify(["abc"]).length;
    const input = concat([bytesOf(small), bytesOf(small)]);
    assert.deepEqual(decodeAll(framing, input, body), { messages: [["abc"], ["abc"]] });
    const large = concat([bytesOf(small), bytesOf(framing.encode(["abcd"]))]);
    const { messages, error } = decode(framing, large, feedBytewise, body);
    assert.deepEqual(messages, [["abc"]]);
    assert.match(error!, /^message larger than 7 bytes$/);
    assert.match(decode(framing, large, whole, body).error!, /^message larger than 7 bytes$/);
  });

  Deno.test(`decoder() of ${framing.name} throws nothing but PeerError when given garbage`, () => {
    const token = fc.constantFrom(
      "[",
      "]",
      "{",
      "}",
      '"',
      "\\",
      ",",
      ":",
      "1",
      "nan",
      "null",
      "\n",
      "é",
      " ",
    );
    const garbage = fc.oneof(
      fc.uint8Array(),
      fc.array(token).map((all) => utf8.encode(all.join(""))),
    );
    fc.assert(
      fc.property(garbage, sizes, (bytes, cuts) => {
        const result = decode(framing, bytes, whole, 1000);
        const again = decode(framing, bytes, (b, f) => feedCut(b, cuts, f), 1000);
        assert.equal(again.error === undefined, result.error === undefined);
      }),
      { numRuns: 500 },
    );
  });
}

for (const framing of [jsonFraming, jsonlFraming]) {
  const frame = (text: string): string => framing === jsonlFraming ? text + "\n" : text;

  Deno.test(`decoder() of ${framing.name} ignores white space between messages`, () => {
    assert.deepEqual(
      decodeAll(framing, " \t\r\n" + frame("[1]") + "\r\n\n" + frame(" [ 2 ]") + "\n"),
      {
        messages: [[1], [2]],
      },
    );
  });

  Deno.test(`decoder() of ${framing.name} accepts bare nan and inf as Perl sends them`, () => {
    const text = '["nan","inf",nan,inf,-inf,{"a":NaN,"inf":[Infinity]},-nan,0e-1,"a\\"nan",1e400]';
    const { messages: [value] } = decodeAll(framing, frame(text));
    const expected = [
      "nan",
      "inf",
      NaN,
      Infinity,
      -Infinity,
      { a: NaN, inf: [Infinity] },
      NaN,
      0,
      'a"nan',
      Infinity,
    ];
    assert.deepEqual(value, expected);
    assert.match(decode(framing, frame("[nano]")).error!, /^undecodable message "\[nano\]"$/);
  });

  Deno.test(`decoder() of ${framing.name} replaces bytes that are not UTF-8`, () => {
    const bytes = concat([
      utf8.encode('["'),
      Uint8Array.of(0xed, 0xa0, 0x80),
      utf8.encode(frame('"]')),
    ]);
    assert.deepEqual(decodeAll(framing, bytes), { messages: [["\ufffd\ufffd\ufffd"]] });
  });

  Deno.test(`decoder() of ${framing.name} accepts depth 512 and throws PeerError at 513`, () => {
    const nested = (depth: number): string => frame("[".repeat(depth) + "]".repeat(depth));
    assert.equal(decodeAll(framing, nested(512)).messages.length, 1);
    assert.equal(decodeAll(framing, nested(513)).error, "message nested deeper than 512 levels");
    const objects = "[" + '{"a":'.repeat(512) + "1" + "}".repeat(512) + "]";
    assert.equal(decodeAll(framing, frame(objects)).error, "message nested deeper than 512 levels");
  });

  Deno.test(`decoder() of ${framing.name} throws PeerError when a message is an object`, () => {
    const { messages, error } = decodeAll(framing, frame("[1]") + frame('{"a":1}'));
    assert.deepEqual(messages, [[1]]);
    assert.match(error!, /array/);
  });

  Deno.test(`encode() of ${framing.name} replaces lone surrogates and keeps text that looks alike`, () => {
    const text = String(framing.encode(["\ud800", "a\udfff\\ud800", { "\udc00": "\\" }, "😀"]));
    assert.doesNotMatch(text, /(?<!\\)\\ud/);
    assert.deepEqual(JSON.parse(text), ["\ufffd", "a\ufffd\\ud800", { "\ufffd": "\\" }, "😀"]);
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: fc.constantFrom("\ud83d", "\ude00", "\\", "u", "d8", "00") })),
        (all) => {
          assert.deepEqual(
            JSON.parse(String(framing.encode(all))),
            all.map((each) => each.toWellFormed()),
          );
        },
      ),
    );
  });

  Deno.test(`encode() of ${framing.name} sends null for undefined, NaN and infinities`, () => {
    assert.equal(
      framing.encode([undefined, NaN, Infinity, { a: undefined, b: [undefined] }]),
      frame('[null,null,null,{"a":null,"b":[null]}]'),
    );
  });

  Deno.test(`encode() of ${framing.name} throws UsageError that names what JSON cannot carry`, () => {
    const cycle: unknown[] = [1];
    cycle.push({ cycle });
    let deep: unknown = 1;
    for (let i = 0; i < 511; i++) deep = [deep];
    const cases: [unknown[], RegExp][] = [
      [[() => 1], /message\[0\] is a function/],
      [["a", { b: Symbol("s") }], /message\[1\]\.b is a symbol/],
      [[1, [2n]], /message\[1\]\[0\] is a bigint/],
      [cycle, /is cyclic/],
      [[deep], /deeper than 511 levels/],
      [[new Map()], /message\[0\] is object Map/],
      [[{ x: new Uint8Array(1) }], /message\[0\]\.x is object Uint8Array/],
      [[new Error("x")], /object Error/],
      [[{ toJSON: () => 1n }], /a toJSON failed/],
    ];
    for (const [value, pattern] of cases) {
      assert.throws(() => framing.encode(value), { name: "UsageError", message: pattern });
    }
    assert.throws(() => framing.encode("x" as unknown as unknown[]), { name: "UsageError" });
    assert.doesNotThrow(() => framing.encode([deep].slice(0, 0).concat([(deep as unknown[])[0]])));
  });

  Deno.test(`encode() of ${framing.name} sends class instances and dates as JSON.stringify does`, () => {
    class Point {
      x = 1;
    }
    const shared = { a: 1 };
    const text = framing.encode([new Point(), new Date(0), Object.create(null), shared, shared]);
    assert.equal(text, frame('[{"x":1},"1970-01-01T00:00:00.000Z",{},{"a":1},{"a":1}]'));
  });
}

Deno.test("decoder() of json ignores numbers, words and strings between arrays", () => {
  const input = '12[1] -1.5e3 "a]\\"[" [2]true null[3]"é"7';
  assert.deepEqual(decodeAll(jsonFraming, input), { messages: [[1], [2], [3]] });
});

Deno.test("decoder() of json throws PeerError when there is no JSON between arrays", () => {
  for (const bad of ["GET / ", "]", "}", ",[2]", "12x ", '"\n"', "x".repeat(100), "\ufeff[1]"]) {
    const { messages, error } = decodeAll(jsonFraming, "[1]" + bad);
    assert.deepEqual(messages, [[1]], bad);
    assert.match(error!, /^undecodable message/, bad);
  }
});

Deno.test("decoder() of jsonl reports exactly the line that is bad", () => {
  const { messages, error } = decodeAll(jsonlFraming, '["a"]\n[1],[2\n3]\n["b"]\n');
  assert.deepEqual(messages, [["a"]]);
  assert.equal(error, 'undecodable message "[1],[2"');
  assert.match(decodeAll(jsonlFraming, "12\n").error!, /no array: "12"/);
});

Deno.test("codecFraming() throws PeerError when the codec fails or gives no array", () => {
  const frame = (body: string): Uint8Array =>
    concat([Uint8Array.of(0, 0, 0, body.length), utf8.encode(body)]);
  assert.equal(decodeAll(codec, frame("{")).error, "undecodable message");
  assert.equal(decodeAll(codec, frame("{}")).error, "message is no array");
  assert.throws(() => codec.encode([1n]), { name: "UsageError", message: /codec refused/ });
});

Deno.test("codecFraming() throws UsageError when the codec has not its shape", () => {
  const bad = { encode: () => new Uint8Array(0) } as unknown as Parameters<typeof codecFraming>[1];
  assert.throws(() => codecFraming("x", bad), { name: "UsageError", message: /framing "x"/ });
});

Deno.test("registerFraming() makes a framing known until it is cancelled", () => {
  assert.equal(framingNamed("codec"), undefined);
  const registration = registerFraming(codec);
  assert.equal(framingNamed("codec"), codec);
  assert.throws(() => registerFraming(codec), { name: "UsageError", message: /taken/ });
  registration.cancel();
  assert.equal(framingNamed("codec"), undefined);
  {
    using _undo = registerFraming(codec);
    registration.cancel();
    registration[Symbol.dispose]();
  }
  assert.equal(framingNamed("codec"), undefined);
});

Deno.test("registerFraming() throws UsageError when it is given no framing", () => {
  for (const bad of [undefined, {}, { ...codec, name: "a,b" }]) {
    assert.throws(() => registerFraming(bad as Framing), { name: "UsageError" });
  }
  assert.throws(() => registerFraming(jsonFraming), {
    name: "UsageError",
    message: /"json".*taken/,
  });
});
