import { BadMessage, type Parse } from "./parse.ts";

const COLON = 0x3a;
const COMMA = 0x2c;
/** Digits of the greatest length that a number holds exactly. */
const MOST_DIGITS = 15;

/** `length:bytes,` */
export function netstring(): Parse {
  return (buffer) => {
    const { bytes } = buffer;
    let length = 0;
    let at = 0;
    for (; at < bytes.length && bytes[at] !== COLON; at++) {
      const digit = bytes[at] - 0x30;
      if (!(digit >= 0 && digit <= 9) || at >= MOST_DIGITS || (at === 1 && length === 0)) {
        throw new BadMessage("a netstring begins with its length");
      }
      length = 10 * length + digit;
    }
    if (at === bytes.length) return undefined;
    if (at === 0) throw new BadMessage("a netstring begins with its length");
    const end = at + 1 + length;
    if (bytes.length <= end) return undefined;
    if (bytes[end] !== COMMA) {
      throw new BadMessage("a netstring ends with a comma", end + 1);
    }
    return { values: [bytes.slice(at + 1, end)], length: end + 1 };
  };
}
