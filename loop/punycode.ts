import { show, UsageError } from "@anyevent/backends/contract";

// The parameters of RFC 3492, section 5.
const BASE = 36;
const TMIN = 1;
const TMAX = 26;
const SKEW = 38;
const DAMP = 700;
const FIRST_BIAS = 72;
const FIRST_CODE = 0x80;
const LAST_CODE = 0x10ffff;
const DIGITS = "abcdefghijklmnopqrstuvwxyz0123456789";

/** Bounds the work: both directions take time quadratic in the length. */
const MOST = 4096;

function adapt(delta: number, count: number, first: boolean): number {
  let scaled = Math.floor(delta / (first ? DAMP : 2));
  scaled += Math.floor(scaled / count);
  let bias = 0;
  while (scaled > ((BASE - TMIN) * TMAX) >> 1) {
    scaled = Math.floor(scaled / (BASE - TMIN));
    bias += BASE;
  }
  return bias + Math.floor((BASE - TMIN + 1) * scaled / (scaled + SKEW));
}

function threshold(position: number, bias: number): number {
  return Math.min(TMAX, Math.max(TMIN, position - bias));
}

/** A number in digits of varying weight, which end by themselves. */
function digitsOf(value: number, bias: number): string {
  let out = "";
  for (let position = BASE;; position += BASE) {
    const least = threshold(position, bias);
    if (value < least) return out + DIGITS[value];
    const rest = value - least;
    out += DIGITS[least + rest % (BASE - least)];
    value = Math.floor(rest / (BASE - least));
  }
}

/**
 * A text in Punycode (RFC 3492), without the `xn--` of domain names.
 *
 * Upper case is not folded. Follows AnyEvent::Util's `punycode_encode`; but texts of ASCII characters only
 * end in `-`, as the RFC wants it, so that every text can be decoded again.
 *
 * @param text at most 4096 characters
 * @throws {UsageError} when it is no well-formed text
 * @example
 * ```ts
 * import { punycodeDecode, punycodeEncode } from "@anyevent/loop";
 *
 * console.log(punycodeEncode("bücher")); // bcher-kva
 * console.log(punycodeDecode("bcher-kva")); // bücher
 * ```
 */
export function punycodeEncode(text: string): string {
  if (typeof text !== "string" || text.length > MOST || !text.isWellFormed()) {
    throw new UsageError(`Cannot encode ${show(text)} in punycode: it is not a well-formed text`);
  }
  const codes = Array.from(text, (char) => char.codePointAt(0)!);
  const basic = codes.filter((code) => code < FIRST_CODE);
  let out = String.fromCharCode(...basic);
  if (basic.length > 0) out += "-";
  let done = basic.length;
  let next = FIRST_CODE;
  let delta = 0;
  let bias = FIRST_BIAS;
  while (done < codes.length) {
    const code = codes.reduce((least, it) => it >= next && it < least ? it : least, Infinity);
    delta += (code - next) * (done + 1);
    next = code;
    for (const each of codes) {
      if (each < next) delta++;
      if (each !== next) continue;
      out += digitsOf(delta, bias);
      bias = adapt(delta, done + 1, done === basic.length);
      delta = 0;
      done++;
    }
    delta++;
    next++;
  }
  return out;
}

/**
 * The text that was encoded in Punycode (RFC 3492), without the `xn--` of domain names.
 *
 * Upper case is not folded, but means the same in the digits behind the last `-`. Follows AnyEvent::Util's
 * `punycode_decode`.
 *
 * @param text at most 4096 characters
 * @throws {UsageError} when it is not Punycode
 * @example
 * ```ts
 * import { punycodeDecode } from "@anyevent/loop";
 *
 * console.log(punycodeDecode("bcher-kva")); // bücher
 * ```
 */
export function punycodeDecode(text: string): string {
  const bad = (why: string): UsageError =>
    new UsageError(`Cannot decode punycode ${show(text)}: ${why}`);
  if (typeof text !== "string") throw bad("it is not a text");
  if (text.length > MOST) throw bad("it is too long");
  const delimiter = text.lastIndexOf("-");
  const out = Array.from(text.slice(0, Math.max(0, delimiter)), (char) => char.codePointAt(0)!);
  if (out.some((code) => code >= FIRST_CODE)) throw bad("it has characters beyond ASCII");
  const digits = text.slice(delimiter + 1).toLowerCase();
  let code = FIRST_CODE;
  let index = 0;
  let bias = FIRST_BIAS;
  for (let at = 0; at < digits.length;) {
    const before = index;
    let weight = 1;
    for (let position = BASE;; position += BASE) {
      const digit = at < digits.length ? DIGITS.indexOf(digits[at++]) : -1;
      if (digit < 0) throw bad("its digits are malformed");
      index += digit * weight;
      // Far below where numbers become inexact, far above what a text can need.
      if (index > 0xffffffff) throw bad("its digits are too large");
      const least = threshold(position, bias);
      if (digit < least) break;
      weight *= BASE - least;
    }
    const count = out.length + 1;
    bias = adapt(index - before, count, before === 0);
    code += Math.floor(index / count);
    index %= count;
    if (code > LAST_CODE || (code >= 0xd800 && code < 0xe000)) {
      throw bad("a character is out of range");
    }
    out.splice(index++, 0, code);
  }
  return String.fromCodePoint(...out);
}
