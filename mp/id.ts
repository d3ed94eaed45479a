import { type Random, show, UsageError } from "@anyevent/backends/contract";
import type { NodeId, PortId } from "./types.ts";

/**
 * The node id of a port id: the part before the first `#`. Works for node ids too.
 *
 * Follows AnyEvent::MP's `node_of`.
 *
 * @param id a port or node id
 * @throws {UsageError} when it is not a string
 * @example
 * ```ts
 * import { nodeOf } from "@anyevent/mp";
 *
 * console.log(nodeOf("n1#abc")); // n1
 * ```
 */
export function nodeOf(id: PortId): NodeId {
  checkId(id, "id");
  const hash = id.indexOf("#");
  return hash < 0 ? id : id.slice(0, hash);
}

/**
 * The name of a port on its node: the part after the first `#`.
 *
 * @param id a port or node id
 * @returns `""` for a node id, which stands for the node port
 * @throws {UsageError} when it is not a string
 * @example
 * ```ts
 * import { portNameOf } from "@anyevent/mp";
 *
 * console.log(portNameOf("n1#abc"), portNameOf("n1") === ""); // abc true
 * ```
 */
export function portNameOf(id: PortId): string {
  if (typeof id !== "string") checkId(id, "id");
  const hash = id.indexOf("#");
  return hash < 0 ? "" : id.slice(hash + 1);
}

/** @throws {UsageError} unless `id` is a string */
export function checkId(id: unknown, what: string): asserts id is string {
  if (typeof id !== "string" || id === "") {
    throw new UsageError(
      `Cannot use ${what} ${show(id)}: it is not a port or node id (a non-empty string)`,
    );
  }
}

/**
 * Whether a string can name a node: 1 to 255 characters of printable ASCII, without `#`, `;` and blanks,
 * and not `0`, which Perl takes for false.
 *
 * @param id any value
 * @returns false for what is no string, too
 * @example
 * ```ts
 * import { isNodeId } from "@anyevent/mp";
 *
 * console.log(isNodeId("db1.example"), isNodeId("db1#port"), isNodeId("")); // true false false
 * ```
 */
export function isNodeId(id: unknown): id is string {
  return typeof id === "string" && id !== "0" && /^[!-~]{1,255}$/.test(id) && !/[#;]/.test(id);
}

/** @throws {UsageError} unless `id` can name a node */
export function checkNodeId(id: unknown): asserts id is string {
  if (!isNodeId(id)) {
    throw new UsageError(
      `Cannot use node id ${
        show(id)
      }: it must be 1 to 255 printable ASCII characters without "#" and ";"`,
    );
  }
}

/** Chance as letters and digits: base64 without padding, with `x`, `/` and `+` escaped by `x`. */
export function uniqueString(random: Random, bytes: number): string {
  return escapeUnique(base64(random.bytes(bytes)));
}

/**
 * Base64 without padding.
 *
 * @param bytes any number
 * @returns letters, digits, `+` and `/`
 * @throws {UsageError} when they are not a `Uint8Array`
 * @example
 * ```ts
 * import { base64 } from "@anyevent/mp";
 *
 * console.log(base64(Uint8Array.of(251, 255, 1, 2))); // +/8BAg
 * ```
 */
export function base64(bytes: Uint8Array): string {
  if (!(bytes instanceof Uint8Array)) {
    throw new UsageError(`Cannot encode ${show(bytes)} as base64: it is not a Uint8Array`);
  }
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text).replace(/=+$/, "");
}

/**
 * The escapes by which AEMP makes base64 safe in ids: `x0` for `x`, `x1` for `/`, `x2` for `+`.
 *
 * @param text base64
 * @returns letters and digits only, different for different texts
 * @throws {UsageError} when it is not a string
 * @example
 * ```ts
 * import { base64, escapeUnique } from "@anyevent/mp";
 *
 * console.log(escapeUnique(base64(Uint8Array.of(251, 255, 1, 2)))); // x2x18BAg
 * ```
 */
export function escapeUnique(text: string): string {
  if (typeof text !== "string") {
    throw new UsageError(`Cannot escape ${show(text)}: it is not a string`);
  }
  return text.replace(/[x/+]/g, (c) => (c === "x" ? "x0" : c === "/" ? "x1" : "x2"));
}

/**
 * What makes the ports of one run of a node unique.
 *
 * One counter serves all ports: `a`, `b`, … `z`, `aa`, … and is never reset.
 */
export class Identity {
  /** Prefix of the names of local ports. */
  readonly uniq: string;
  /** Prefix of the names of ports this node spawns elsewhere. */
  readonly runiq: string;
  #count: number;

  /** @param given fixes parts of it, for tests; `count` is how many names were given out before */
  constructor(
    random: Random,
    given: { readonly uniq?: string; readonly runiq?: string; readonly count?: number } = {},
  ) {
    this.uniq = given.uniq ?? uniqueString(random, 6);
    this.runiq = given.runiq ?? uniqueString(random, 12);
    this.#count = given.count ?? 0;
  }

  /** The next counter value. */
  next(): string {
    let n = ++this.#count;
    let text = "";
    while (n > 0) {
      n--;
      text = String.fromCharCode(97 + (n % 26)) + text;
      n = Math.floor(n / 26);
    }
    return text;
  }
}
