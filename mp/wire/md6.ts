/**
 * The MD6 hash in its standard form: no key, tree mode (L = 64), r = 40 + d/4 rounds.
 *
 * MD6 works on 64-bit words. Each is kept as two 32-bit halves in parallel arrays, because
 * BigInt arithmetic is some fifty times slower and a greeting must not cost milliseconds.
 *
 * @module
 */

import { show, UsageError } from "@anyevent/backends/contract";

const WORDS = 89; // one compression input: Q 15, key 8, U, V, data 64
const LEAF_BYTES = 512;
const NODE_BYTES = 128;
const TREE_DEPTH = 64;
const FIRST_DATA_WORD = 25;

// The fractional part of the square root of 6: high and low half of each of the 15 words.
const Q_HIGH = Int32Array.of(
  0x7311c281,
  0x64322864,
  0xb60450e9,
  0xe8fb2390,
  0xdd2e76cb,
  0x0cd0d63b,
  0x1f8ccf68,
  0x54e5ed5b,
  0x4ad12aae,
  0x3e7f16bb,
  0x8af8671d,
  0x995ad117,
  0xc878c1dd,
  0x3b72066c,
  0x0d6f3522,
);
const Q_LOW = Int32Array.of(
  0x2425cfa0,
  0x34aac8e7,
  0xef68b7c1,
  0x8d9f06f1,
  0xa691e5bf,
  0x2c30bc41,
  0x23058f8a,
  0x88e3775d,
  0x0a6d6031,
  0x88222e0d,
  0x3fb50c2c,
  0x8bd25c31,
  0x04c4b633,
  0x7a1552ac,
  0x631effcb,
);
const RIGHT_SHIFT = [10, 5, 13, 10, 11, 12, 2, 7, 14, 15, 7, 13, 11, 7, 6, 12];
const LEFT_SHIFT = [11, 24, 9, 16, 15, 9, 27, 15, 6, 2, 29, 8, 15, 5, 31, 9];

interface Block {
  readonly bytes: Uint8Array; // LEAF_BYTES long, zero padded
  readonly padding: number; // in bits
}

/**
 * The MD6 digest of some bytes.
 *
 * @param data the message
 * @param bits length of the digest in bits: a multiple of 8 from 8 to 512
 * @returns the digest, `bits / 8` bytes
 * @throws {UsageError} when an argument is not as said above
 * @example
 * ```ts
 * import { md6 } from "@anyevent/mp/wire";
 * import assert from "node:assert/strict";
 *
 * assert.equal(
 *   md6(new TextEncoder().encode("a")).toHex(),
 *   "2b0a697a081c21269514640aab4d74ffafeb3c0212df68ce92922087c69b0a77",
 * );
 * ```
 *
 * Perl: `Digest::MD6::md6`.
 */
export function md6(data: Uint8Array, bits = 256): Uint8Array {
  if (!(data instanceof Uint8Array)) {
    throw new UsageError(`Cannot hash data ${show(data)}: it is not a Uint8Array`);
  }
  if (!Number.isInteger(bits) || bits < 8 || bits > 512 || bits % 8 !== 0) {
    throw new UsageError(`Cannot hash to bits ${show(bits)}: not a multiple of 8 from 8 to 512`);
  }
  const rounds = 40 + (bits >> 2);
  const high = new Int32Array(WORDS + 16 * rounds);
  const low = new Int32Array(WORDS + 16 * rounds);
  let blocks = split(data, LEAF_BYTES);
  for (let level = 1;; level++) {
    const isRoot = blocks.length === 1;
    const output = new Uint8Array(blocks.length * NODE_BYTES);
    blocks.forEach((block, index) => {
      load(high, low, block, { level, index, rounds, isRoot, bits });
      compress(high, low, rounds);
      store(high, low, output.subarray(index * NODE_BYTES, (index + 1) * NODE_BYTES));
    });
    if (isRoot) return output.slice(NODE_BYTES - bits / 8);
    blocks = split(output, LEAF_BYTES);
  }
}

/** Cuts bytes into blocks; no bytes make one block of padding. */
function split(data: Uint8Array, size: number): Block[] {
  const blocks: Block[] = [];
  let at = 0;
  do {
    const part = data.subarray(at, at + size);
    const padding = (size - part.length) * 8;
    let bytes = part;
    if (padding > 0) {
      bytes = new Uint8Array(size);
      bytes.set(part);
    }
    blocks.push({ bytes, padding });
    at += size;
  } while (at < data.length);
  return blocks;
}

/** Fills the first 89 words. */
function load(
  high: Int32Array,
  low: Int32Array,
  block: Block,
  node: { level: number; index: number; rounds: number; isRoot: boolean; bits: number },
): void {
  high.set(Q_HIGH);
  low.set(Q_LOW);
  high.fill(0, 15, 23);
  low.fill(0, 15, 23);
  high[23] = (node.level << 24) | Math.floor(node.index / 0x100000000);
  low[23] = node.index | 0;
  high[24] = (node.rounds << 16) | (TREE_DEPTH << 8) | (node.isRoot ? 0x10 : 0) |
    (block.padding >>> 12);
  low[24] = ((block.padding & 0xfff) << 20) | node.bits;
  const view = new DataView(block.bytes.buffer, block.bytes.byteOffset, LEAF_BYTES);
  for (let word = 0; word < 64; word++) {
    high[FIRST_DATA_WORD + word] = view.getInt32(word * 8);
    low[FIRST_DATA_WORD + word] = view.getInt32(word * 8 + 4);
  }
}

function compress(high: Int32Array, low: Int32Array, rounds: number): void {
  let saltHigh = 0x01234567;
  let saltLow = 0x89abcdef | 0;
  let i = WORDS;
  for (let round = 0; round < rounds; round++) {
    for (let step = 0; step < 16; step++, i++) {
      const right = RIGHT_SHIFT[step];
      const left = LEFT_SHIFT[step];
      let h = saltHigh ^ high[i - 89] ^ high[i - 17] ^ (high[i - 18] & high[i - 21]) ^
        (high[i - 31] & high[i - 67]);
      let l = saltLow ^ low[i - 89] ^ low[i - 17] ^ (low[i - 18] & low[i - 21]) ^
        (low[i - 31] & low[i - 67]);
      l ^= (l >>> right) | (h << (32 - right));
      h ^= h >>> right;
      high[i] = h ^ ((h << left) | (l >>> (32 - left)));
      low[i] = l ^ (l << left);
    }
    const h = (saltHigh << 1) | (saltLow >>> 31);
    const l = (saltLow << 1) | (saltHigh >>> 31);
    saltHigh = h ^ (saltHigh & 0x7311c281);
    saltLow = l ^ (saltLow & 0x2425cfa0);
  }
}

/** Writes the last 16 words. */
function store(high: Int32Array, low: Int32Array, target: Uint8Array): void {
  const view = new DataView(target.buffer, target.byteOffset, NODE_BYTES);
  const from = high.length - 16;
  for (let word = 0; word < 16; word++) {
    view.setInt32(word * 8, high[from + word]);
    view.setInt32(word * 8 + 4, low[from + word]);
  }
}
