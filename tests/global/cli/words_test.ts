import assert from "node:assert/strict";
import fc from "fast-check";
import { UsageError } from "@anyevent/backends/contract";
import { decodeWord, joinParts, parseWords } from "../../../global/cli/words.ts";

Deno.test("decodeWord() reads JSON when an argument starts like JSON, else keeps the text", () => {
  assert.deepEqual(decodeWord("[1,2]"), [1, 2]);
  assert.deepEqual(decodeWord('{"a":null}'), { a: null });
  assert.equal(decodeWord('"7"'), "7");
  for (const word of ["7", "true", "null", "", " [1]", "-x"]) assert.equal(decodeWord(word), word);
  assert.throws(() => decodeWord("[1"), UsageError);
});

Deno.test("decodeWord() takes back what JSON.stringify made of arrays, objects and strings", () => {
  const value = fc.oneof(
    fc.array(fc.jsonValue()),
    fc.dictionary(fc.string(), fc.jsonValue()),
    fc.string(),
  );
  fc.assert(fc.property(value, (value) => {
    const text = JSON.stringify(value);
    assert.deepEqual(decodeWord(text), JSON.parse(text));
  }));
});

Deno.test("parseWords() takes the first for the profile when their number is odd", () => {
  assert.deepEqual(parseWords([]), { profile: undefined, config: {} });
  assert.deepEqual(parseWords(["seed"]), { profile: "seed", config: {} });
  assert.deepEqual(parseWords(["nodeid", "n1"]), { profile: undefined, config: { nodeid: "n1" } });
  assert.deepEqual(parseWords(["seed", "binds", '["*:4040"]', "monitor_timeout", "7"]), {
    profile: "seed",
    config: { binds: ["*:4040"], monitorTimeout: "7" },
  });
});

Deno.test("parseWords() knows yes and no when the setting is one of those", () => {
  assert.deepEqual(parseWords(["nodelay", "false", "eval", "true", "nodeid", "true"]).config, {
    nodelay: false,
    eval: true,
    nodeid: "true",
  });
});

Deno.test("joinParts() keeps strings and writes JSON for the rest", () => {
  assert.equal(
    joinParts(["die", "oops now", 7, null, { a: [1] }]),
    'die oops now 7 null {"a":[1]}',
  );
  assert.equal(joinParts([]), "");
});
