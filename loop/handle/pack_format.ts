import { show, UsageError } from "@anyevent/backends/contract";

/** How the length before a packstring is written. */
export interface PackFormat {
  /** Reads a length. @returns it and its own size; `undefined`: more bytes are needed; `null`: none at all */
  read(bytes: Uint8Array): { readonly value: number; readonly size: number } | undefined | null;
  /** Writes a length. @throws {UsageError} when it does not fit */
  write(value: number): Uint8Array;
}

const SIZES: Readonly<Record<string, number>> = { c: 1, s: 2, l: 4, q: 8, i: 4, n: 2, v: 2, j: 8 };
const BIG: Readonly<Record<string, number>> = { N: 4, V: 4 };

/**
 * Understands one format of Perl's `pack` for a whole number.
 *
 * What is of native size or order in Perl is that of a 64-bit little-endian system here: `i` has 4 bytes,
 * `j` and `l!` have 8.
 *
 * @param format one of `c C s S l L q Q i I n N v V j J w`, then `!`, `<` or `>` where Perl allows it
 * @throws {UsageError} for anything else
 */
export function packFormat(format: unknown): PackFormat {
  const parts = typeof format === "string"
    ? /^\s*(?:([sSlLiI])(!?)([<>]?)|([sSlLiI])([<>])(!?)|([qQjJ])([<>]?)|([cCnNvVw]))\s*$/.exec(
      format,
    )
    : null;
  if (parts === null) {
    throw new UsageError(
      `Cannot use pack format ${show(format)}: not one of cCsSlLqQiInNvVjJw with !, < or >`,
    );
  }
  const letter = (parts[1] ?? parts[4] ?? parts[7] ?? parts[9])!;
  const wide = (parts[2] ?? parts[6]) === "!" && letter.toLowerCase() === "l";
  if (letter === "w") return berFormat;
  const order = parts[3] || parts[5] || parts[8];
  const little = order === undefined || order === "" ? !/[nN]/.test(letter) : order === "<";
  const size = wide ? 8 : BIG[letter] ?? SIZES[letter.toLowerCase()];
  const signed = /[cslqij]/.test(letter);
  return fixedFormat(size, signed, little, String(format));
}

function fixedFormat(size: number, signed: boolean, little: boolean, format: string): PackFormat {
  const limit = 2 ** (8 * size - (signed ? 1 : 0));
  return {
    read(bytes) {
      if (bytes.length < size) return undefined;
      let value = 0;
      for (let i = 0; i < size; i++) value = 256 * value + bytes[little ? size - 1 - i : i];
      // Negative, or more than there can be.
      if (value >= limit || !Number.isSafeInteger(value)) return null;
      return { value, size };
    },
    write(value) {
      if (value >= limit) {
        throw new UsageError(`Cannot write packstring: ${value} bytes do not fit format ${format}`);
      }
      const bytes = new Uint8Array(size);
      for (let i = 0, rest = value; i < size; i++, rest = Math.floor(rest / 256)) {
        bytes[little ? i : size - 1 - i] = rest % 256;
      }
      return bytes;
    },
  };
}

/** Seven bits a byte, the highest first; all but the last have bit 7 set. */
const berFormat: PackFormat = {
  read(bytes) {
    let value = 0;
    for (let i = 0; i < bytes.length; i++) {
      value = 128 * value + (bytes[i] & 127);
      if (!Number.isSafeInteger(value) || i > 15) return null;
      if (bytes[i] < 128) return { value, size: i + 1 };
    }
    return undefined;
  },
  write(value) {
    const bytes = [value % 128];
    for (let rest = Math.floor(value / 128); rest > 0; rest = Math.floor(rest / 128)) {
      bytes.unshift(128 + rest % 128);
    }
    return new Uint8Array(bytes);
  },
};
