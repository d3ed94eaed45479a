import assert from "node:assert/strict";
import { hmacMd6, md6 } from "../../../mp/wire/mod.ts";
import { loadJson } from "../../golden/transcripts.ts";

type Digests = Readonly<Record<string, string>>;
interface Md6Vectors {
  literals: { ascii: string; md6: Digests }[];
  vectors: { pattern: string; length: number; md6: Digests }[];
}
interface HmacVectors {
  primitive: { hmac_key_hex: string; hmac_msg_hex: string; hmac_hex: string }[];
}

const patterns: Readonly<Record<string, (i: number) => number>> = {
  a: () => 0x61,
  i251: (i) => i % 251,
  p7: (i) => [0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77][i % 7],
  zero: () => 0,
};

Deno.test("md6() gives the reference digests when hashing literals of all lengths of digest", () => {
  const { literals } = loadJson("vectors/md6.json") as Md6Vectors;
  assert.equal(literals.length, 6);
  for (const { ascii, md6: digests } of literals) {
    for (const [bits, hex] of Object.entries(digests)) {
      assert.equal(md6(new TextEncoder().encode(ascii), Number(bits)).toHex(), hex);
    }
  }
});

Deno.test("md6() gives the reference digests when hashing patterns over many tree shapes", () => {
  const { vectors } = loadJson("vectors/md6.json") as Md6Vectors;
  assert.equal(vectors.length, 196);
  for (const { pattern, length, md6: digests } of vectors) {
    const data = Uint8Array.from({ length }, (_, i) => patterns[pattern](i));
    for (const [bits, hex] of Object.entries(digests)) {
      assert.equal(md6(data, Number(bits)).toHex(), hex, `${pattern} ${length} ${bits}`);
    }
  }
});

Deno.test("md6() reads a view at its offset when it is part of a larger buffer", () => {
  const data = Uint8Array.from({ length: 700 }, (_, i) => i % 251);
  const larger = new Uint8Array(1000);
  larger.set(data, 13);
  assert.deepEqual(md6(larger.subarray(13, 713)), md6(data));
});

Deno.test("md6() throws UsageError when an argument is not usable", () => {
  assert.throws(() => md6("x" as unknown as Uint8Array), { name: "UsageError", message: /"x"/ });
  for (const bits of [0, 7, 520, 12.5, NaN]) {
    assert.throws(() => md6(new Uint8Array(1), bits), { name: "UsageError" });
  }
});

Deno.test("hmacMd6() gives the reference values when keys are shorter and longer than a block", () => {
  const { primitive } = loadJson("vectors/hmac.json") as HmacVectors;
  assert.equal(primitive.length, 13);
  for (const { hmac_key_hex, hmac_msg_hex, hmac_hex } of primitive) {
    const [key, message] = [Uint8Array.fromHex(hmac_key_hex), Uint8Array.fromHex(hmac_msg_hex)];
    assert.equal(hmacMd6(key, message).toHex(), hmac_hex);
  }
});

Deno.test("hmacMd6() throws UsageError when an argument is no Uint8Array", () => {
  const bytes = new Uint8Array(1);
  const text = "text" as unknown as Uint8Array;
  assert.throws(() => hmacMd6(text, bytes), { name: "UsageError", message: /key "text"/ });
  assert.throws(() => hmacMd6(bytes, text), { name: "UsageError", message: /message "text"/ });
});
