import assert from "node:assert/strict";
import fc from "fast-check";
import { decodeJson } from "../../../mp/wire/json_text.ts";
import { parsePerlJson } from "../../../mp/wire/json_perl.ts";

type Outcome = { readonly value: unknown } | "refused";

function outcome(parse: (text: string) => unknown, text: string): Outcome {
  try {
    return { value: parse(text) };
  } catch {
    return "refused";
  }
}

/** The obvious way, which takes quadratic time: words become numbers that JSON.parse understands. */
function byRepair(text: string): unknown {
  let nan = "0e-1";
  while (text.includes(nan)) nan += "1";
  const repaired = text.replace(
    /"[^"\\]*(?:\\.[^"\\]*)*"|-?\b(?:nan|inf(?:inity)?)\b/gis,
    (part) => {
      if (part.startsWith('"')) return part;
      if (/nan/i.test(part)) return nan;
      return part.startsWith("-") ? "-1e999" : "1e999";
    },
  );
  return JSON.parse(
    repaired,
    (_key: string, value: unknown, context?: { source?: string }) =>
      context?.source === nan ? NaN : value,
  );
}

/** By repair a word may complete a number before it: `1-nan` would be `10e-1`. */
const GLUED = /[\w.+-]-?(?:nan|inf)/i;

const tokens = fc.array(
  fc.constantFrom(
    ...'[]{},:"\\-+.0159eEn \n\tu_é\0'.split(""),
    ...["nan", "inf", "NaN", "-nan", "-inf", "Infinity", "INF", "infi", "true", "false", "null"],
    ...[
      '"a"',
      '"__proto__":',
      '"\\u0041"',
      '"nan"',
      "1e5",
      "-0",
      "0.5",
      "[nan,",
      "]",
      '{"a":',
      "}",
    ],
  ),
  { maxLength: 12 },
).map((all) => all.join(""));

/** JSON in which some numbers became words of Perl's, and sometimes a character went missing. */
const perlish = fc.tuple(
  fc.json({ maxDepth: 4 }),
  fc.array(fc.constantFrom("nan", "inf", "-inf", "NaN", "0e-1", "-nan"), { minLength: 1 }),
  fc.option(fc.nat(200)),
).map(([text, words, cut]) => {
  let next = 0;
  const out = text.replace(
    /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|true|null/gs,
    (part) => part.startsWith('"') ? part : words[next++ % words.length],
  );
  return cut === null || cut >= out.length ? out : out.slice(0, cut) + out.slice(cut + 1);
});

Deno.test("decodeJson() gives what a repair of nan and inf gives when the text is small", () => {
  let accepted = 0;
  fc.assert(
    fc.property(fc.oneof(tokens, perlish), (text) => {
      const result = outcome(decodeJson, text);
      const expected = outcome(byRepair, text);
      if (result === "refused" && GLUED.test(text)) return;
      if (result !== "refused") accepted++;
      assert.deepEqual(result, expected);
    }),
    { numRuns: 5000 },
  );
  assert.ok(accepted > 500, `${accepted} accepted`);
});

Deno.test("parsePerlJson() gives what JSON.parse gives when there is neither nan nor inf", () => {
  const json = fc.oneof(
    fc.json(),
    fc.json().map((text) => JSON.stringify(JSON.parse(text), null, 2)),
  );
  fc.assert(
    fc.property(fc.oneof(json, tokens, fc.string()), (text) => {
      if (/nan|inf/i.test(text)) return;
      assert.deepEqual(outcome(parsePerlJson, text), outcome(JSON.parse, text));
    }),
    { numRuns: 5000 },
  );
});

Deno.test("decodeJson() makes no prototype of a key __proto__ beside a nan", () => {
  const value = decodeJson('[{"__proto__":{"x":1},"n":nan}]') as Record<string, unknown>[];
  assert.deepEqual(Object.keys(value[0]), ["__proto__", "n"]);
  assert.equal((value[0] as { x?: unknown }).x, undefined);
});

Deno.test("decodeJson() throws PeerError when a word only completes a number, or is too long", () => {
  for (
    const text of ["[1-nan]", "[1.nan]", "[--nan]", "[-]", "[nan1]", "[infinit]", "[infinityy]"]
  ) {
    assert.throws(() => decodeJson(text), { name: "PeerError", message: /^undecodable message/ });
  }
});

Deno.test("decodeJson() throws PeerError when nested too deeply around a nan", () => {
  const nested = (depth: number): string => "[".repeat(depth) + "nan" + "]".repeat(depth);
  assert.doesNotThrow(() => decodeJson(nested(512)));
  for (const depth of [513, 100_000]) {
    assert.throws(() => decodeJson(nested(depth)), { message: /deeper than 512 levels/ });
  }
});

// What took time by the square of the length would not end within a day here.
const hostile: readonly (readonly [name: string, text: string, refused: boolean])[] = [
  ["escaped quotes without an end", '"\\'.repeat(2_000_000), true],
  ["escaped quotes without an end, and a nan", "[nan," + '"\\'.repeat(2_000_000), true],
  ["quotes", '"'.repeat(4_000_001) + "nan", true],
  ["minus signs", "[" + "-".repeat(4_000_000) + "nan]", true],
  ["words that are none", "[" + "nan".repeat(1_000_000) + "]", true],
  ["numbers that are longer and longer", `[${growing(4_000_000)},nan]`, false],
  ["a number of a million digits", `[nan,${"1".repeat(1_000_000)}]`, false],
];

function growing(characters: number): string {
  const all: string[] = [];
  for (let one = "0e-1", size = 0; size < characters; size += one.length, one += "1") all.push(one);
  return all.join(",");
}

for (const [name, text, refused] of hostile) {
  Deno.test(`decodeJson() takes linear time for ${name}`, () => {
    assert.equal(outcome(decodeJson, text) === "refused", refused);
  });
}
