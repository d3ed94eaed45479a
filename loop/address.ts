/**
 * Host addresses as text and in network form, and `host:port` texts: pure functions, nothing is looked up.
 *
 * @module
 */
import { type Address, show, UsageError } from "@anyevent/backends/contract";
import { checkText, formatIpv4, formatIpv6, isMapped, parseIpv6 } from "./ip.ts";

/**
 * The host that stands for Unix sockets; the service is then their path.
 *
 * @example
 * ```ts
 * import { parseHostport, UNIX_HOST } from "@anyevent/loop";
 *
 * console.log(parseHostport("/tmp/x")?.[0] === UNIX_HOST); // true
 * ```
 */
export const UNIX_HOST = "unix/";

/** What {@linkcode parseUnix} gives; by its length it is no other address. */
const UNIX_TOKEN: readonly number[] = [1, 0];

/**
 * The token that stands for Unix sockets among host addresses.
 *
 * Follows AnyEvent::Socket's `parse_unix`.
 *
 * @returns `undefined` unless `text` is `"unix/"`
 * @example
 * ```ts
 * import { parseUnix } from "@anyevent/loop";
 *
 * console.log(parseUnix("unix/") !== undefined, parseUnix("localhost")); // true undefined
 * ```
 */
export function parseUnix(text: string): Uint8Array | undefined {
  checkText(text, "parse Unix host");
  return text === UNIX_HOST ? Uint8Array.from(UNIX_TOKEN) : undefined;
}

/**
 * A host address in network form: four bytes for IPv4, also for one mapped into IPv6, sixteen for IPv6, a
 * token for `"unix/"`.
 *
 * Follows AnyEvent::Socket's `parse_address`.
 *
 * @param text an address, not a name
 * @returns `undefined` for anything else
 * @example
 * ```ts
 * import { formatAddress, parseAddress } from "@anyevent/loop";
 *
 * const ipn = parseAddress("::ffff:10.1");
 * console.log(ipn && formatAddress(ipn)); // 10.0.0.1
 * ```
 */
export function parseAddress(text: string): Uint8Array | undefined {
  const ipn = parseUnix(text) ?? parseIpv6(text);
  return ipn !== undefined && isMapped(ipn) ? ipn.slice(12) : ipn;
}

/**
 * Same as {@linkcode parseAddress}.
 *
 * @example
 * ```ts
 * import { aton } from "@anyevent/loop";
 *
 * console.log(aton("127.1")); // Uint8Array [ 127, 0, 0, 1 ]
 * ```
 */
export const aton: typeof parseAddress = parseAddress;

/**
 * A host address in network form as text; an IPv4 address mapped into IPv6 as the IPv4 one.
 *
 * Follows AnyEvent::Socket's `format_address`.
 *
 * @param ipn four or sixteen bytes, or the token of {@linkcode parseUnix}
 * @returns `undefined` when it is none of these
 * @example
 * ```ts
 * import { formatAddress } from "@anyevent/loop";
 *
 * console.log(formatAddress(Uint8Array.of(10, 0, 0, 1))); // 10.0.0.1
 * ```
 */
export function formatAddress(ipn: Uint8Array): string | undefined;
/**
 * The address of a socket as text: `host:port`, `[v6]:port` or `unix/:path`.
 *
 * @param address as `Net` takes it
 */
export function formatAddress(address: Address): string;
export function formatAddress(address: Uint8Array | Address): string | undefined {
  if (!(address instanceof Uint8Array)) {
    if (address?.transport === "tcp") return formatHostport(address.host, address.port);
    if (address?.transport === "unix") return formatHostport(UNIX_HOST, address.path);
    throw new UsageError(
      `Cannot format address ${show(address)}: it is neither bytes nor an Address`,
    );
  }
  switch (addressFamily(address)) {
    case 4:
      return formatIpv4(address);
    case 6:
      return isMapped(address) ? formatIpv4(address.subarray(12)) : formatIpv6(address);
    case "unix":
      return UNIX_HOST;
    default:
      return undefined;
  }
}

/**
 * Same as {@linkcode formatAddress}.
 *
 * @example
 * ```ts
 * import { ntoa } from "@anyevent/loop";
 *
 * console.log(ntoa(Uint8Array.of(10, 0, 0, 1))); // 10.0.0.1
 * ```
 */
export const ntoa: typeof formatAddress = formatAddress;

/** Kind of a host address: IPv4, IPv6, or a Unix socket. */
export type AddressFamily = 4 | 6 | "unix";

/**
 * The kind of a host address, by its form; a mapped IPv4 address counts as IPv6.
 *
 * Follows AnyEvent::Socket's `address_family`, with names in place of the system's numbers.
 *
 * @param ipn network form
 * @returns `undefined` when it is no address
 * @example
 * ```ts
 * import { addressFamily, parseIpv6 } from "@anyevent/loop";
 *
 * console.log(addressFamily(Uint8Array.of(10, 0, 0, 1)), addressFamily(parseIpv6("::1")!)); // 4 6
 * ```
 */
export function addressFamily(ipn: Uint8Array): AddressFamily | undefined {
  if (!(ipn instanceof Uint8Array)) {
    throw new UsageError(`Cannot tell family of address ${show(ipn)}: it is not bytes`);
  }
  if (ipn.length === 4) return 4;
  if (ipn.length === 16) return 6;
  return ipn.length === 2 && UNIX_TOKEN.every((byte, i) => byte === ipn[i]) ? "unix" : undefined;
}

/** What may follow the host: a service after `:`, spaces or, where the host ends clearly, `#`. */
const AFTER_HOST = /^(?::|\s+)([^\s:]+)\s*$/;
const AFTER_LITERAL = /^(?::|\s+|#)([^\s:]+)\s*$/;

/**
 * Splits `host:service` and its relatives; the service may be a number, a name, or `name=number`.
 *
 * Understood are `host:port`, `host port`, `[host]:port`, `[host] port`, `[host]#port`, IPv6 addresses
 * with ` port` or `#port` behind them, `unix/:path`, and a path that begins with `/`. Hosts may be names
 * or addresses; nothing is looked up, nor is the service checked.
 *
 * Follows AnyEvent::Socket's `parse_hostport`.
 *
 * @param text what to split
 * @param defaultService for a text without one
 * @returns host and service; `undefined` when it cannot be split, or has no service and there is no default
 * @example
 * ```ts
 * import { parseHostport } from "@anyevent/loop";
 *
 * console.log(parseHostport("localhost:443")); // [ "localhost", "443" ]
 * console.log(parseHostport("[::1]", "https")); // [ "::1", "https" ]
 * console.log(parseHostport("/tmp/debug.sock")); // [ "unix/", "/tmp/debug.sock" ]
 * console.log(parseHostport("[::1]")); // undefined
 * ```
 */
export function parseHostport(
  text: string,
  defaultService?: string | number,
): [host: string, service: string] | undefined {
  checkText(text, "parse host and port");
  if (
    defaultService !== undefined && typeof defaultService !== "string" &&
    typeof defaultService !== "number"
  ) {
    throw new UsageError(
      `Cannot parse host and port: default ${show(defaultService)} is neither name nor number`,
    );
  }
  if (text.startsWith("/")) return [UNIX_HOST, text];
  // A path may hold anything, colons and spaces too.
  if (/^unix\/:./s.test(text)) return [UNIX_HOST, text.slice(UNIX_HOST.length + 1)];
  let host: string;
  let rest: string;
  let after = AFTER_LITERAL;
  const bracketed = /^\[([^\]]+)\]/.exec(text);
  const literal = /^[0-9a-fA-F:.]*/.exec(text)![0];
  if (bracketed !== null) {
    host = bracketed[1];
    rest = text.slice(bracketed[0].length);
    if (host.includes(":") && parseIpv6(host) === undefined) return undefined;
  } else if (literal.includes(":") && parseIpv6(literal) !== undefined) {
    host = literal;
    rest = text.slice(literal.length);
  } else {
    host = /^[^\s:[\]]*/.exec(text)![0];
    rest = text.slice(host.length);
    if (host === "") return undefined;
    after = AFTER_HOST;
  }
  const service = after.exec(rest)?.[1] ??
    (/^\s*$/.test(rest) ? String(defaultService ?? "") : "");
  return service === "" ? undefined : [host, service];
}

/**
 * A host and a service in one text that {@linkcode parseHostport} splits again: in brackets when the host
 * holds a `:`.
 *
 * Follows AnyEvent::Socket's `format_hostport`.
 *
 * @param host name or address
 * @param service absent or empty: the host only
 * @example
 * ```ts
 * import { formatHostport } from "@anyevent/loop";
 *
 * console.log(formatHostport("::1", 80), formatHostport("localhost", "http")); // [::1]:80 localhost:http
 * ```
 */
export function formatHostport(host: string, service?: string | number): string {
  checkText(host, "format host");
  const text = host.includes(":") ? `[${host}]` : host;
  if (service === undefined || service === "") return text;
  if (typeof service !== "string" && typeof service !== "number") {
    throw new UsageError(`Cannot format port ${show(service)}: it is neither name nor number`);
  }
  return `${text}:${service}`;
}
