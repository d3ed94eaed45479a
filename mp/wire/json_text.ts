/**
 * Messages as JSON text, as Perl's JSON::XS speaks and understands it.
 *
 * @module
 */

import { PeerError, show, UsageError } from "@anyevent/backends/contract";
import { MAX_DEPTH } from "./framing.ts";
import { Need, needOf, refusal } from "./json_value.ts";
import { seen } from "./seen.ts";

/**
 * One message as JSON text without line breaks.
 *
 * `undefined` is sent as null, a lone surrogate as U+FFFD (Perl's decoder would stop for ever at
 * a `\ud800`), NaN and infinities as null.
 *
 * @param message destination port name, then the payload
 * @returns JSON
 * @throws {UsageError} when it is not an array, or holds what JSON cannot carry
 */
export function encodeJson(message: readonly unknown[]): string {
  if (!Array.isArray(message)) {
    throw new UsageError(`Cannot encode message ${show(message)}: it is not an array`);
  }
  const need = needOf(message, 1);
  if (need === Need.Refusal) throw refusal(message);
  let text: string;
  try {
    text = need === Need.Nulls
      ? JSON.stringify(message, (_key, value) => value === undefined ? null : value)
      : JSON.stringify(message);
  } catch (error) { // only a toJSON can still throw, or hide a cycle or a bigint
    throw new UsageError(`Cannot encode message: a toJSON failed`, { cause: error });
  }
  return text.includes("\\ud") ? withoutSurrogates(text) : text;
}

/** The output of JSON.stringify has \ud... escapes for lone surrogates only. */
function withoutSurrogates(text: string): string {
  return text.replace(
    /\\(?:ud[89a-f][0-9a-f]{2}|.)/g,
    (escape) => escape.length === 6 ? "\ufffd" : escape,
  );
}

/**
 * Parses one JSON text, with Perl's bare `nan` and `inf`.
 *
 * @param text one value; its size is the caller's concern
 * @returns the value
 * @throws {PeerError} when it is not JSON, or nested deeper than {@linkcode MAX_DEPTH}
 */
export function decodeJson(text: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    value = parseWithNan(text, error);
  }
  // A text this short cannot be nested too deeply.
  if (text.length >= 2 * MAX_DEPTH && isDeep(value, 1)) {
    throw new PeerError(`message nested deeper than ${MAX_DEPTH} levels`, "EBADMSG");
  }
  return value;
}

function isDeep(value: unknown, depth: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (depth > MAX_DEPTH) return true;
  for (const key in value) {
    if (isDeep((value as Record<string, unknown>)[key], depth + 1)) return true;
  }
  return false;
}

const STRING_OR_WORD = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\b(?:nan|inf(?:inity)?)\b/gis;

function parseWithNan(text: string, cause: unknown): unknown {
  // NaN is marked by a spelling of a number that the text has not, recognised by its source:
  // no value of the peer's can be taken for it.
  let nan = "0e-1";
  while (text.includes(nan)) nan += "1";
  const repaired = text.replace(STRING_OR_WORD, (part) => {
    if (part.startsWith('"')) return part;
    if (/nan/i.test(part)) return nan;
    return part.startsWith("-") ? "-1e999" : "1e999";
  });
  try {
    if (repaired === text) throw cause;
    return JSON.parse(
      repaired,
      (_key: string, value: unknown, context?: { source?: string }) =>
        context?.source === nan ? NaN : value,
    );
  } catch (error) {
    throw new PeerError(`undecodable message ${seen(text)}`, "EBADMSG", { cause: error });
  }
}
