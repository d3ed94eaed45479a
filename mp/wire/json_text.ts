/**
 * Messages as JSON text, as Perl's JSON::XS speaks and understands it.
 *
 * @module
 */

import { PeerError, show, UsageError } from "@anyevent/backends/contract";
import { MAX_DEPTH } from "./framing.ts";
import { Need, needOf, refusal } from "./json_value.ts";
import { parsePerlJson, tooDeep } from "./json_perl.ts";
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
    value = parseAgain(text, error);
  }
  // A text this short cannot be nested too deeply.
  if (text.length >= 2 * MAX_DEPTH && isDeep(value, 1)) {
    throw tooDeep();
  }
  return value;
}

/** The runtime's parser is ten times as fast, so this is for what it refused. */
function parseAgain(text: string, cause: unknown): unknown {
  try {
    if (NAN_OR_INF.test(text)) return parsePerlJson(text);
  } catch (error) {
    throw error instanceof PeerError ? error : undecodable(text, error);
  }
  throw undecodable(text, cause);
}

const NAN_OR_INF = /nan|inf/i;

function undecodable(text: string, cause: unknown): PeerError {
  return new PeerError(`undecodable message ${seen(text)}`, "EBADMSG", { cause });
}

function isDeep(value: unknown, depth: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (depth > MAX_DEPTH) return true;
  // Not for..in, which makes a string of every index.
  if (Array.isArray(value)) return value.some((item) => isDeep(item, depth + 1));
  for (const key in value) {
    if (isDeep((value as Record<string, unknown>)[key], depth + 1)) return true;
  }
  return false;
}
