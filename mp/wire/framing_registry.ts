/**
 * The framings known by name, and the choice among them.
 *
 * @module
 */

import { show, UsageError } from "@anyevent/backends/contract";
import type { Framing } from "./framing.ts";
import { jsonFraming } from "./framing_json.ts";
import { jsonlFraming } from "./framing_jsonl.ts";

/** Undoes one {@linkcode registerFraming}. */
export interface FramingRegistration extends Disposable {
  /** Forgets the framing; connections that use it go on. Calling it again does nothing. */
  cancel(): void;
}

/** Framings announced by default: `jsonl` between two of ours, `json` with Perl. */
export const OUR_FRAMINGS: readonly string[] = ["jsonl", "json"];

/** Framings announced where Perl's AnyEvent::MP takes part. */
export const PERL_FRAMINGS: readonly string[] = ["json", "jsonl"];

const framings = new Map<string, Framing>([
  [jsonFraming.name, jsonFraming],
  [jsonlFraming.name, jsonlFraming],
]);

/**
 * Makes a framing known by its name, for every node of this process.
 *
 * A node uses it only when it lists the name.
 *
 * @param framing its name: letters, digits and `_ . + -`
 * @returns its undo
 * @throws {UsageError} when it has not the shape of a framing, or the name is taken
 * @example
 * ```ts
 * import { framingNamed, jsonlFraming, registerFraming } from "@anyevent/mp/wire";
 *
 * const registration = registerFraming({ ...jsonlFraming, name: "mine" });
 * console.log(framingNamed("mine")?.name); // mine
 * registration.cancel();
 * console.log(framingNamed("mine")); // undefined
 * ```
 *
 * Perl: `AnyEvent::Handle::register_read_type`.
 */
export function registerFraming(framing: Framing): FramingRegistration {
  if (
    typeof framing?.encode !== "function" || typeof framing.decoder !== "function" ||
    typeof framing.name !== "string" || !/^[\w.+-]+$/.test(framing.name)
  ) {
    throw new UsageError(
      `Cannot register framing ${show(framing)}: it needs a name, encode and decoder`,
    );
  }
  const { name } = framing;
  if (framings.has(name)) {
    throw new UsageError(`Cannot register framing ${show(name)}: the name is taken`);
  }
  framings.set(name, framing);
  const cancel = (): void => {
    if (framings.get(name) === framing) framings.delete(name);
  };
  return { cancel, [Symbol.dispose]: cancel };
}

/**
 * The framing of a name.
 *
 * @param name as on the wire
 * @returns the framing, or `undefined` when none is registered by this name
 * @example
 * ```ts
 * import { framingNamed, jsonFraming } from "@anyevent/mp/wire";
 *
 * console.log(framingNamed("json") === jsonFraming, framingNamed("storable")); // true undefined
 * ```
 */
export function framingNamed(name: string): Framing | undefined {
  return framings.get(name);
}

/**
 * The framing to send by: the first of the peer's list that this side has as well.
 *
 * @param peerFramings the FRAMINGS of the peer's greeting
 * @param own names of this side
 * @returns the framing, or `undefined` when there is no common one
 */
export function chooseFraming(
  peerFramings: readonly string[],
  own: readonly string[],
): Framing | undefined {
  const name = peerFramings.find((candidate) => own.includes(candidate) && framings.has(candidate));
  return name === undefined ? undefined : framings.get(name);
}
