import { parseIpv6 } from "../ip.ts";

/**
 * The name under which an address is looked up backwards; IPv6 addresses that are IPv4 ones (mapped,
 * compatible) give the IPv4 name.
 *
 * @returns `undefined` when it is no address
 */
export function reverseName(ip: string): string | undefined {
  // An IPv4 address comes as a mapped one.
  const bytes = parseIpv6(ip);
  if (bytes === undefined) return undefined;
  const head = bytes.subarray(0, 12);
  const zeros = head.subarray(0, 10).every((byte) => byte === 0);
  const mapped = zeros && head[10] === 255 && head[11] === 255;
  const compatible = zeros && head[10] === 0 && head[11] === 0 &&
    bytes.subarray(12, 15).some((byte) => byte !== 0);
  if (mapped || compatible) return `${[...bytes.subarray(12)].reverse().join(".")}.in-addr.arpa.`;
  const nibbles = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return `${[...nibbles].reverse().join(".")}.ip6.arpa.`;
}
