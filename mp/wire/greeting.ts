/**
 * The first line of an AEMP connection: `PROTO;VERSION;NODEID;AUTHS;FRAMINGS[;KEY=VALUE]...`.
 *
 * @module
 */

import { PeerError, show, UsageError } from "@anyevent/backends/contract";
import { seen } from "./seen.ts";

/** The longest line of the handshake, in bytes with its LF, that is sent or accepted. */
export const MAX_GREETING_BYTES = 4096;

/** The version of AEMP that is spoken. */
export const PROTOCOL_VERSION = "1";

/** A greeting line, taken apart. */
export interface Greeting {
  /** `aemp`, or `aemp-` and a name for a sub-protocol. */
  readonly protocol: string;
  /** As sent: `1`; `1.0` and `01` mean the same (see {@linkcode isVersionOne}). */
  readonly version: string;
  /** The sender's node id. */
  readonly nodeId: string;
  /** Authentication methods that the sender accepts, best first. */
  readonly auths: readonly string[];
  /** Framings that the sender can read, best first. */
  readonly framings: readonly string[];
  /** The `KEY=VALUE` fields; a key without `=` has the value `undefined`. */
  readonly extra: ReadonlyMap<string, string | undefined>;
  /** The line itself, without its end. */
  readonly line: string;
}

/** What {@linkcode formatGreeting} needs. */
export interface GreetingFields {
  /** The own node id: printable ASCII without blank, `;` and `#`. */
  readonly nodeId: string;
  /** Accepted authentication methods, best first. */
  readonly auths: readonly string[];
  /** Readable framings, best first. */
  readonly framings: readonly string[];
  /** `KEY=VALUE` fields, in this order. */
  readonly extra?: readonly (readonly [key: string, value: string])[];
  /** `aemp` when left out. */
  readonly protocol?: string;
}

/**
 * The greeting line, without its end.
 *
 * Nothing is escaped (AEMP never does), so what would need it is refused.
 *
 * @param fields what to announce; the order of each list is kept
 * @returns one line of printable ASCII, shorter than {@linkcode MAX_GREETING_BYTES}
 * @throws {UsageError} when a field holds a character that would break the line, or it is too long
 * @example
 * ```ts
 * import { formatGreeting } from "@anyevent/mp/wire";
 * import assert from "node:assert/strict";
 *
 * const line = formatGreeting({ nodeId: "a", auths: ["hmac_md6_64_256"], framings: ["json"] });
 * assert.equal(line, "aemp;1;a;hmac_md6_64_256;json");
 * ```
 */
export function formatGreeting(fields: GreetingFields): string {
  if (typeof fields !== "object" || fields === null) {
    throw new UsageError(`Cannot format greeting: fields ${show(fields)} are not an object`);
  }
  const { protocol = "aemp", extra = [] } = fields;
  const { auths, framings } = fields;
  for (const [name, list] of Object.entries({ auths, framings, extra })) {
    if (!Array.isArray(list)) {
      throw new UsageError(`Cannot format greeting: ${name} ${show(list)} is not an array`);
    }
  }
  check("protocol", protocol, /^aemp(-\w+)?$/);
  check("nodeId", fields.nodeId, /^[!-~]+$/, /[;#]/);
  for (const name of fields.auths) check("auths", name, /^\w+$/);
  for (const name of fields.framings) check("framings", name, /^[\w.+-]+$/);
  const parts = [
    protocol,
    PROTOCOL_VERSION,
    fields.nodeId,
    fields.auths.join(","),
    fields.framings.join(","),
  ];
  for (const [key, value] of extra) {
    check("extra key", key, /^[!-~]+$/, /[;=]/);
    check("extra value", value, /^[ -~]*$/, /;/);
    parts.push(`${key}=${value}`);
  }
  const line = parts.join(";");
  if (line.length >= MAX_GREETING_BYTES) {
    throw new UsageError(
      `Cannot format greeting: ${line.length} bytes, the limit is ${MAX_GREETING_BYTES - 1}`,
    );
  }
  return line;
}

function check(name: string, value: unknown, allowed: RegExp, forbidden?: RegExp): void {
  if (typeof value === "string" && allowed.test(value) && !forbidden?.test(value)) return;
  throw new UsageError(
    `Cannot format greeting: ${name} ${show(value)} is empty or has a character not allowed there`,
  );
}

/**
 * Takes a greeting line apart.
 *
 * Version, node id and lists are not judged here, only the shape.
 *
 * @param line without LF; one CR at its end is dropped
 * @returns its fields
 * @throws {PeerError} `unparsable greeting` when it is none
 * @throws {UsageError} when it is not a string
 * @example
 * ```ts
 * import { parseGreeting } from "@anyevent/mp/wire";
 *
 * const line = "aemp;1;node_a;hmac_md6_64_256,cleartext;json,storable;provider=AE-1.30";
 * const { nodeId, auths, framings, extra } = parseGreeting(line);
 * console.log(nodeId, auths[0], framings, extra.get("provider"));
 * // node_a hmac_md6_64_256 [ "json", "storable" ] AE-1.30
 * ```
 *
 * Perl: the greeting part of `AnyEvent::MP::Transport::new`.
 */
export function parseGreeting(line: string): Greeting {
  if (typeof line !== "string") {
    throw new UsageError(`Cannot parse greeting ${show(line)}: it is not a string`);
  }
  const text = line.endsWith("\r") ? line.slice(0, -1) : line;
  const [protocol = "", version, nodeId, auths, framings, ...rest] = text.split(";");
  if (
    !/^aemp(-\w+)?$/.test(protocol) || version === undefined || nodeId === undefined ||
    auths === undefined || framings === undefined
  ) {
    throw new PeerError(`unparsable greeting ${seen(text)}`, "EPROTO");
  }
  const extra = new Map<string, string | undefined>();
  for (const field of rest) {
    const equals = field.indexOf("=");
    const key = equals < 0 ? field : field.slice(0, equals);
    if (key !== "") extra.set(key, equals < 0 ? undefined : field.slice(equals + 1));
  }
  return {
    protocol,
    version,
    nodeId,
    auths: listOf(auths),
    framings: listOf(framings),
    extra,
    line: text,
  };
}

function listOf(field: string): readonly string[] {
  return field.split(",").filter((name) => name !== "");
}

/**
 * Whether a version field means version 1.
 *
 * @param version the field
 * @returns true for everything numerically equal to 1, as Perl compares it
 * @example
 * ```ts
 * import { isVersionOne } from "@anyevent/mp/wire";
 *
 * console.log(isVersionOne("1"), isVersionOne("01.0"), isVersionOne("1.1")); // true true false
 * ```
 */
export function isVersionOne(version: string): boolean {
  if (typeof version !== "string") {
    throw new UsageError(`Cannot compare version ${show(version)}: it is not a string`);
  }
  return /^0*1(\.0*)?$/.test(version);
}
