/**
 * What JSON can say: the check before a message is encoded.
 *
 * `JSON.stringify` drops functions, turns a Map into `{}` and bytes into `{"0":1}` without a
 * word, and overflows the stack on deep values; a message must rather be refused by name.
 *
 * @module
 */

import { show, UsageError } from "@anyevent/backends/contract";
import { MAX_DEPTH } from "./framing.ts";

// One less than what is accepted: Perl's decoder is at its very limit with MAX_DEPTH.
const MAX_SENT_DEPTH = MAX_DEPTH - 1;

/** What a value needs to be encoded. */
export enum Need {
  /** Nothing: plain `JSON.stringify` does. */
  Nothing,
  /** It has an object property that is `undefined`, to be sent as null. */
  Nulls,
  /** It cannot be sent at all. */
  Refusal,
}

/**
 * Whether JSON can say a value.
 *
 * This runs for every message sent, so it only decides; {@linkcode refusal} explains.
 *
 * @param value any value
 * @param depth how many arrays and objects are around it, with itself
 * @returns what it needs
 */
export function needOf(value: unknown, depth: number): Need {
  switch (typeof value) {
    case "string":
    case "number":
    case "boolean":
    case "undefined":
      return Need.Nothing;
    case "object":
      break;
    default:
      return Need.Refusal;
  }
  if (value === null) return Need.Nothing;
  if (depth > MAX_SENT_DEPTH) return Need.Refusal;
  let need = Need.Nothing;
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) {
      const item = value[i];
      if (typeof item === "string" || typeof item === "number") continue;
      const its = needOf(item, depth + 1);
      if (its === Need.Refusal) return its;
      if (its > need) need = its;
    }
    return need;
  }
  const object = value as Record<string, unknown>;
  if (typeof object.toJSON === "function") return Need.Nothing;
  if (!isPlain(object)) return Need.Refusal;
  for (const key in object) {
    const item = object[key];
    const its = item === undefined ? Need.Nulls : needOf(item, depth + 1);
    if (its === Need.Refusal) return its;
    if (its > need) need = its;
  }
  return need;
}

function isPlain(object: object): boolean {
  const prototype = Object.getPrototypeOf(object);
  return prototype === Object.prototype || prototype === null ||
    Object.prototype.toString.call(object) === "[object Object]";
}

/**
 * Says which value of a message cannot be sent, and where it is.
 *
 * @param message one for which {@linkcode needOf} said {@linkcode Need.Refusal}
 * @returns the error to throw
 */
export function refusal(message: readonly unknown[]): UsageError {
  return new UsageError(`Cannot encode message: ${find(message, "message", []) ?? "not JSON"}`);
}

function find(value: unknown, path: string, around: object[]): string | undefined {
  if (typeof value === "function" || typeof value === "symbol" || typeof value === "bigint") {
    return `${path} is a ${typeof value}, which JSON cannot carry`;
  }
  if (typeof value !== "object" || value === null) return undefined;
  if (around.includes(value)) return `${path} is cyclic`;
  if (around.length >= MAX_SENT_DEPTH) return `nested deeper than ${MAX_SENT_DEPTH} levels`;
  if (!Array.isArray(value)) {
    if (typeof (value as { toJSON?: unknown }).toJSON === "function") return undefined;
    if (!isPlain(value)) return `${path} is ${show(value)}, which JSON cannot carry`;
  }
  around.push(value);
  for (const key in value) {
    const step = Array.isArray(value) ? `[${key}]` : `.${key}`;
    const where = path.length > 60 ? path : path + step;
    const found = find((value as Record<string, unknown>)[key], where, around);
    if (found !== undefined) return found;
  }
  around.pop();
  return undefined;
}
