import { show, UsageError } from "@anyevent/backends/contract";
import { punycodeDecode, punycodeEncode } from "./punycode.ts";

/** Bounds the work; a domain name has 255 bytes at most. */
const MOST = 1024;

/** Each of these ends a label. */
const DOTS = /[.\u3002\uff0e\uff61]/;

const HEAD = "xn--";

function isAscii(text: string): boolean {
  // deno-lint-ignore no-control-regex
  return /^[\x00-\x7f]*$/.test(text);
}

/**
 * Mapping and normalisation of UTS #46, with its checks for characters, joiners and direction: the part of
 * the URL standard that makes a host ASCII.
 */
function toAscii(label: string): string {
  // Not what URLs take from a host before it is one: percent-encoding, delimiters, blanks, tabs.
  if (!/^[0-9A-Za-z\-\u0080-\u{10ffff}]*$/u.test(label)) throw new Error("disallowed characters");
  // The label behind it keeps it from being an IPv4 address.
  const url = `http://${label}.x/`;
  if (!URL.canParse(url)) throw new Error("disallowed characters");
  return new URL(url).hostname.slice(0, -2);
}

function prepareLabel(label: string): string {
  let out = isAscii(label) ? label.toLowerCase() : toAscii(label);
  if (out.startsWith(HEAD)) {
    const decoded = punycodeDecode(out.slice(HEAD.length));
    // Only what encoding makes: not everything that can be decoded, and nothing that mapping would change.
    if (isAscii(decoded) || toAscii(decoded) !== out) throw new Error("invalid xn-- label");
    out = decoded;
  }
  if (!/^[0-9a-z\-\u0080-\u{10ffff}]*$/u.test(out)) throw new Error("disallowed characters");
  if (out.endsWith("-")) throw new Error("invalid hyphens");
  if (out.startsWith("--", 2)) throw new Error("hyphens in 3rd/4th position");
  return out;
}

/**
 * Prepares a domain name for look-up or display: maps it as UTS #46 says (lower case, compatibility
 * characters, full-width dots), normalises it, and decodes `xn--` labels. Idempotent.
 *
 * Letters, digits, hyphens and what Unicode allows in names is accepted, so neither `_` nor `*` is; labels may
 * be empty. Characters and rules are those of the host's URL standard, of its Unicode version.
 *
 * Follows AnyEvent::Util's `idn_nameprep`, whose two purposes (look-up, display) give the same.
 *
 * @param name a whole domain name, at most 1024 characters
 * @throws {UsageError} for disallowed characters, hyphens at the end or in third and fourth position of a
 * label, and `xn--` labels that encode nothing valid
 * @example
 * ```ts
 * import { idnNameprep } from "@anyevent/loop";
 *
 * console.log(idnNameprep("日本語。ＪＰ")); // 日本語.jp
 * console.log(idnNameprep("www.xn--l-0ga.de")); // www.öl.de
 * ```
 */
export function idnNameprep(name: string): string {
  checkName(name, "prepare name");
  try {
    if (name.length > MOST) throw new Error("it is too long");
    return name.split(DOTS).map(prepareLabel).join(".");
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new UsageError(`Cannot prepare name ${show(name)}: ${why}`, { cause });
  }
}

/**
 * A domain name as the DNS has it: labels beyond ASCII become `xn--…`.
 *
 * Idempotent, and never fails: what is ASCII already, or cannot be converted, is returned unchanged.
 * Follows AnyEvent::Util's `idn_to_ascii`.
 *
 * @param name a whole domain name
 * @throws {UsageError} when it is no string
 * @example
 * ```ts
 * import { idnToAscii } from "@anyevent/loop";
 *
 * console.log(idnToAscii("日本語。ＪＰ")); // xn--wgv71a119e.jp
 * ```
 */
export function idnToAscii(name: string): string {
  checkName(name, "convert name");
  if (isAscii(name)) return name;
  try {
    return idnNameprep(name).split(".")
      .map((label) => isAscii(label) ? label : HEAD + punycodeEncode(label)).join(".");
  } catch (error) {
    if (error instanceof UsageError) return name;
    throw error;
  }
}

/**
 * A domain name for people: `xn--…` labels are decoded.
 *
 * Idempotent, and never fails: what cannot be converted is returned unchanged. Follows AnyEvent::Util's
 * `idn_to_unicode`.
 *
 * @param name a whole domain name
 * @throws {UsageError} when it is no string
 * @example
 * ```ts
 * import { idnToUnicode } from "@anyevent/loop";
 *
 * console.log(idnToUnicode("www.xn--l-0ga.de")); // www.öl.de
 * ```
 */
export function idnToUnicode(name: string): string {
  checkName(name, "convert name");
  try {
    return idnNameprep(name);
  } catch (error) {
    if (error instanceof UsageError) return name;
    throw error;
  }
}

function checkName(name: unknown, what: string): void {
  if (typeof name !== "string") {
    throw new UsageError(`Cannot ${what} ${show(name)}: it is not a string`);
  }
}
