/**
 * IP addresses as text and as bytes.
 *
 * @module
 */
import { show, UsageError } from "@anyevent/backends/contract";

/** The first twelve bytes of an IPv4 address mapped into IPv6. */
const MAPPED: readonly number[] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255];

/** Largest value of the last part of an IPv4 address, by the number of parts. */
const LAST_PART: readonly number[] = [0xffffffff, 0xffffff, 0xffff, 0xff];

function ipv4Part(text: string): number {
  if (/^0[xX][0-9a-fA-F]+$/.test(text)) return Number(text);
  if (/^0[0-7]*$/.test(text)) return parseInt(text, 8);
  return /^[1-9][0-9]*$/.test(text) ? Number(text) : Infinity;
}

/**
 * The four bytes of an IPv4 address, in any form that POSIX knows: one to four parts, each decimal, octal
 * (`010`) or hexadecimal (`0x10`), the last one filling all the bytes that are left.
 *
 * Follows AnyEvent::Socket's `parse_ipv4`.
 *
 * @param text as in `"10.0.0.1"`, `"10.1"`, `"0x7f000001"`
 * @returns `undefined` for anything else
 * @example
 * ```ts
 * import { parseIpv4 } from "@anyevent/loop";
 *
 * console.log(parseIpv4("10.0x020304")); // Uint8Array [ 10, 2, 3, 4 ]
 * console.log(parseIpv4("localhost")); // undefined
 * ```
 */
export function parseIpv4(text: string): Uint8Array | undefined {
  checkText(text, "parse IPv4 address");
  if (text.length > 100) return undefined;
  const parts = text.split(".").map(ipv4Part);
  if (parts.length > 4) return undefined;
  const last = parts.pop()!;
  if (last > LAST_PART[parts.length] || parts.some((part) => part > 255)) return undefined;
  const out = new Uint8Array(4);
  new DataView(out.buffer).setUint32(0, last);
  out.set(parts);
  return out;
}

/** Numbers of 16 bits with `:` in between; `undefined` when one of them is none. */
function ipv6Groups(text: string): number[] | undefined {
  if (text === "") return [];
  const parts = text.split(":");
  if (!parts.every((part) => /^[0-9a-fA-F]{1,4}$/.test(part))) return undefined;
  return parts.map((part) => parseInt(part, 16));
}

/**
 * The sixteen bytes of an IPv6 address: any form of RFC 4291, with an IPv4 address as its tail too; a plain
 * IPv4 address is mapped (`::ffff:1.2.3.4`). Scope ids (`%eth0`) are not supported.
 *
 * Follows AnyEvent::Socket's `parse_ipv6`.
 *
 * @param text as in `"2002:5345::10.0.0.1"`
 * @returns `undefined` for anything else
 * @example
 * ```ts
 * import { formatIpv6, parseIpv6 } from "@anyevent/loop";
 *
 * console.log(formatIpv6(parseIpv6("0:0:0:0:0:0:0:1")!)); // ::1
 * ```
 */
export function parseIpv6(text: string): Uint8Array | undefined {
  checkText(text, "parse IPv6 address");
  if (text.length > 100) return undefined;
  if (!text.includes(":")) {
    const ipv4 = parseIpv4(text);
    return ipv4 === undefined ? undefined : Uint8Array.of(...MAPPED, ...ipv4);
  }
  let groups = text;
  const tailAt = text.lastIndexOf(":") + 1;
  if (text.includes(".", tailAt)) {
    const tail = parseIpv4(text.slice(tailAt));
    if (tail === undefined) return undefined;
    const [a, b, c, d] = tail;
    groups = `${text.slice(0, tailAt)}${(a << 8 | b).toString(16)}:${(c << 8 | d).toString(16)}`;
  }
  const halves = groups.split("::");
  if (halves.length > 2) return undefined;
  const left = ipv6Groups(halves[0]);
  const right = ipv6Groups(halves[1] ?? "");
  if (left === undefined || right === undefined) return undefined;
  const given = left.length + right.length;
  // The `::` stands for one group at least.
  if (halves.length === 1 ? given !== 8 : given > 7) return undefined;
  const out = new Uint8Array(16);
  const view = new DataView(out.buffer);
  left.forEach((group, i) => view.setUint16(2 * i, group));
  right.forEach((group, i) => view.setUint16(2 * (8 - right.length + i), group));
  return out;
}

/**
 * An IPv4 address as text.
 *
 * Follows AnyEvent::Socket's `format_ipv4`.
 *
 * @param ipn network form
 * @throws {UsageError} when it does not have four bytes
 * @example
 * ```ts
 * import { formatIpv4 } from "@anyevent/loop";
 *
 * console.log(formatIpv4(Uint8Array.of(10, 0, 0, 1))); // 10.0.0.1
 * ```
 */
export function formatIpv4(ipn: Uint8Array): string {
  checkBytes(ipn, 4, "format IPv4 address");
  return ipn.join(".");
}

/**
 * An IPv6 address as text: lower case; the longest run of two or more zero groups, the first of equal
 * ones, becomes `::`; addresses that hold an IPv4 one (mapped, compatible, translated) end in it.
 *
 * Follows AnyEvent::Socket's `format_ipv6`.
 *
 * @param ipn network form
 * @throws {UsageError} when it does not have sixteen bytes
 * @example
 * ```ts
 * import { formatIpv6, parseIpv6 } from "@anyevent/loop";
 *
 * console.log(formatIpv6(parseIpv6("2001:DB8::0:1")!)); // 2001:db8::1
 * ```
 */
export function formatIpv6(ipn: Uint8Array): string {
  checkBytes(ipn, 16, "format IPv6 address");
  const view = new DataView(ipn.buffer, ipn.byteOffset, 16);
  const groups = Array.from({ length: 8 }, (_, i) => view.getUint16(2 * i));
  const head = groups.slice(0, 6).map((group) => group.toString(16)).join(":");
  const tail = formatIpv4(ipn.subarray(12));
  if (head === "0:0:0:0:0:0" && (groups[6] !== 0 || groups[7] > 1)) return `::${tail}`;
  if (head === "0:0:0:0:0:ffff") return `::ffff:${tail}`;
  if (head === "0:0:0:0:ffff:0") return `::ffff:0:${tail}`;
  let begin = -1;
  let length = 1;
  for (let i = 0; i < 8; i++) {
    let end = i;
    while (end < 8 && groups[end] === 0) end++;
    if (end - i > length) [begin, length] = [i, end - i];
    if (end > i) i = end;
  }
  const hex = groups.map((group) => group.toString(16));
  if (begin < 0) return hex.join(":");
  return `${hex.slice(0, begin).join(":")}::${hex.slice(begin + length).join(":")}`;
}

/** Whether an address in network form is an IPv4 one mapped into IPv6. */
export function isMapped(ipn: Uint8Array): boolean {
  return ipn.length === 16 && MAPPED.every((byte, i) => byte === ipn[i]);
}

/** @throws {UsageError} when it is no string */
export function checkText(text: unknown, what: string): asserts text is string {
  if (typeof text !== "string") {
    throw new UsageError(`Cannot ${what} ${show(text)}: it is not a string`);
  }
}

function checkBytes(ipn: unknown, length: number, what: string): void {
  if (!(ipn instanceof Uint8Array) || ipn.length !== length) {
    throw new UsageError(`Cannot ${what} ${show(ipn)}: it is not ${length} bytes`);
  }
}
