/**
 * DNS: look-ups, a stub resolver, and messages.
 *
 * @module
 */
export type { DnsCodec, DnsValue } from "./codecs.ts";
export { Dns, dns, type DnsCallback, resolver, setResolver } from "./dns.ts";
export { parseHosts } from "./hosts.ts";
export {
  dnsPack,
  type DnsPacket,
  type DnsPackInput,
  type DnsQuestion,
  type DnsRecord,
  dnsUnpack,
  EDNS0_SIZE,
} from "./packet.ts";
export { parseResolvConf, type ResolvConf } from "./resolv_conf.ts";
export {
  DNS_FALLBACK,
  type RecordsCallback,
  type ResolveOptions,
  Resolver,
  type ResolverOptions,
} from "./resolver.ts";
export type { SrvRecord } from "./srv.ts";
export { DnsNames, type DnsTables, dnsTables } from "./tables.ts";
