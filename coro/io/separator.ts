import { show, UsageError } from "@anyevent/backends/contract";

/** Where a line ended. */
export interface LineEnd {
  /** Bytes up to the end of its separator. */
  readonly length: number;
  /** Bytes of the separator. */
  readonly separator: number;
}

/** Finds the ends of lines. */
export interface Separator {
  /** Bytes a line may have, unless told otherwise. */
  readonly most: number;
  /** Bytes at the front that belong to no line. */
  lead(bytes: Uint8Array): number;
  /** The end of the first line. @param seen so many bytes at the front had none when looked at before */
  find(bytes: Uint8Array, seen: number): LineEnd | undefined;
  /** Bytes of a separator at the end of what the end of file cut off. */
  tail(bytes: Uint8Array): number;
}

const LF = 10;
const MOST = 16 * 2 ** 20;
/** Patterns see a line from its start each time some of it arrives: this bounds what a peer can make us do. */
const MOST_BY_PATTERN = 65536;

/** Text of one character a byte. */
function binaryText(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 8192) {
    text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  }
  return text;
}

function nothing(): number {
  return 0;
}

function bySequence(separator: Uint8Array): Separator {
  const [first] = separator;
  const find = (bytes: Uint8Array, seen: number): LineEnd | undefined => {
    const last = bytes.length - separator.length;
    let at = bytes.indexOf(first, Math.max(0, seen - separator.length + 1));
    while (at >= 0 && at <= last) {
      let same = 1;
      while (same < separator.length && bytes[at + same] === separator[same]) same++;
      if (same === separator.length) return { length: at + same, separator: same };
      at = bytes.indexOf(first, at + 1);
    }
    return undefined;
  };
  return { most: MOST, lead: nothing, find, tail: nothing };
}

const LINES = bySequence(Uint8Array.of(LF));

/** Perl's paragraph mode: empty lines end them; more of those, also in front of the first, are dropped. */
function paragraphs(): Separator {
  const end = bySequence(Uint8Array.of(LF, LF));
  return {
    most: MOST,
    lead(bytes) {
      let count = 0;
      while (bytes[count] === LF) count++;
      return count;
    },
    find: end.find,
    tail: (bytes) => bytes.at(-1) === LF ? 1 : 0,
  };
}

function byPattern(given: RegExp): Separator {
  const pattern = new RegExp(given.source, given.flags.replace(/[gy]/g, ""));
  const empty = (): UsageError =>
    new UsageError(`Cannot read line: separator ${given} matches the empty text`);
  if (pattern.test("")) throw empty();
  return {
    most: MOST_BY_PATTERN,
    lead: nothing,
    find(bytes) {
      const match = pattern.exec(binaryText(bytes));
      if (match === null) return undefined;
      const separator = match[0].length;
      if (separator === 0) throw empty();
      return { length: match.index + separator, separator };
    },
    tail: nothing,
  };
}

/**
 * What ends a line.
 *
 * @param separator text; `""`: empty lines; a pattern that sees bytes as characters `\x00` to `\xff`
 * @returns `undefined` for `undefined`: only the end of file does
 * @throws {UsageError} for anything else
 */
export function separatorOf(separator: unknown): Separator | undefined {
  if (separator === undefined) return undefined;
  if (separator === "\n") return LINES;
  if (separator === "") return paragraphs();
  if (typeof separator === "string") return bySequence(new TextEncoder().encode(separator));
  if (separator instanceof RegExp) return byPattern(separator);
  throw new UsageError(
    `Cannot read line: separator ${show(separator)} is neither a string nor a RegExp`,
  );
}
