import { messageOf, show, UsageError } from "@anyevent/backends/contract";
import { camelKey } from "@anyevent/mp";

/** Settings that are yes or no, for which "true" and "false" may be typed. */
const FLAGS: ReadonlySet<string> = new Set(["encrypt", "nodelay", "autocork", "eval"]);

/**
 * An argument as a value: JSON when it starts with `[`, `{` or `"`, else the text itself.
 *
 * @throws {UsageError} for bad JSON
 */
export function decodeWord(word: string): unknown {
  if (!/^[[{"]/.test(word)) return word;
  try {
    return JSON.parse(word);
  } catch (error) {
    throw new UsageError(`Cannot read argument ${show(word)} as JSON: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/** What `aemp run` and `aemp showconfig` are told to use. */
export interface Words {
  /** Name of a profile. */
  readonly profile: string | undefined;
  /** Settings, not checked yet. */
  readonly config: Readonly<Record<string, unknown>>;
}

/**
 * Arguments as for `configure`: a profile if their number is odd, then keys and values.
 *
 * @throws {UsageError} for bad JSON, and for a key that is given twice
 */
export function parseWords(words: readonly string[]): Words {
  const odd = words.length % 2;
  const profile = odd === 1 ? words[0] : undefined;
  const config = new Map<string, unknown>();
  for (let i = odd; i < words.length; i += 2) {
    const key = camelKey(words[i]);
    const word = words[i + 1];
    if (config.has(key)) throw new UsageError(`Cannot configure ${show(words[i])}: given twice`);
    const flag = FLAGS.has(key) && (word === "true" || word === "false");
    config.set(key, flag ? word === "true" : decodeWord(word));
  }
  return { profile, config: Object.fromEntries(config) };
}

/**
 * Parts of a message or reason as text, joined by blanks: strings as they are, the rest as JSON.
 */
export function joinParts(parts: readonly unknown[]): string {
  return parts.map((part) => typeof part === "string" ? part : JSON.stringify(part)).join(" ");
}
