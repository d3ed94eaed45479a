import { checkOptions, messageOf, PeerError, show, UsageError } from "@anyevent/backends/contract";
import { type DnsValue, readable, readName, writeName } from "./codecs.ts";
import { dnsTables } from "./tables.ts";

/** A question; without class it is `in`. */
export type DnsQuestion = readonly [name: string, type: string | number, klass?: string | number];

/**
 * A resource record: name, type and class in lower case, time to live in seconds, then what its type holds.
 *
 * `a`, `aaaa`: an address. `ns`, `cname`, `ptr`, `dname`: a name. `mx`: preference, name. `txt`, `spf`:
 * strings. `srv`: priority, weight, port, name. `soa`: name, mailbox, serial, refresh, retry, expire,
 * minimum. `naptr`: order, preference, flags, service, regular expression, name. `hinfo`: CPU, system.
 * `caa`: flags, tag, value. `wks`: address, protocol, bits. All others: their bytes.
 */
export type DnsRecord = readonly [
  name: string,
  type: string,
  klass: string,
  ttl: number,
  ...data: readonly DnsValue[],
];

/** What {@linkcode dnsPack} takes; all is optional, and false, 0 or empty when absent. */
export interface DnsPackInput {
  /** Number of the request. */
  readonly id?: number;
  /** Is it a reply. */
  readonly qr?: boolean;
  /** Operation, default `query`. */
  readonly op?: string | number;
  /** From an authority. */
  readonly aa?: boolean;
  /** Truncated. */
  readonly tc?: boolean;
  /** Recursion desired. */
  readonly rd?: boolean;
  /** Recursion available. */
  readonly ra?: boolean;
  /** Authentic data. */
  readonly ad?: boolean;
  /** Checking disabled. */
  readonly cd?: boolean;
  /** Outcome, default `noerror`. */
  readonly rc?: string | number;
  /** Questions. */
  readonly qd?: readonly DnsQuestion[];
  /** Answers. */
  readonly an?: readonly DnsRecord[];
  /** Authority records. */
  readonly ns?: readonly DnsRecord[];
  /** Additional records. */
  readonly ar?: readonly DnsRecord[];
}

/** What {@linkcode dnsUnpack} gives; see {@linkcode DnsPackInput}. */
export interface DnsPacket extends Required<Omit<DnsPackInput, "op" | "rc" | "qd">> {
  /** Operation. */
  readonly op: string;
  /** Outcome. */
  readonly rc: string;
  /** Questions. */
  readonly qd: readonly (readonly [name: string, type: string, klass: string])[];
  /** The bytes it was made of. */
  readonly bytes: Uint8Array;
}

/**
 * Bytes of the largest reply over UDP that EDNS0 asks for: no network has to cut it up.
 *
 * @example
 * ```ts
 * import { dnsPack, dnsUnpack, EDNS0_SIZE } from "@anyevent/loop";
 *
 * const query = dnsPack({ qd: [["host.domain", "a"]] }, { edns0: true });
 * console.log(dnsUnpack(query).ar[0][2], EDNS0_SIZE); // 1232 1232
 * ```
 */
export const EDNS0_SIZE = 1232;

/** The most bytes a message can have. */
const LARGEST = 65535;

const HEADER = 12;

class Writer {
  #bytes = new Uint8Array(512);
  #length = 0;

  bytes(part: Uint8Array): void {
    const length = this.#length + part.length;
    if (length > LARGEST) throw new UsageError("Cannot pack DNS message: it exceeds 65535 bytes");
    if (length > this.#bytes.length) {
      const bigger = new Uint8Array(Math.max(length, 2 * this.#bytes.length));
      bigger.set(this.#bytes);
      this.#bytes = bigger;
    }
    this.#bytes.set(part, this.#length);
    this.#length = length;
  }

  uint16(value: number): void {
    this.bytes(Uint8Array.of(value >> 8, value));
  }

  uint32(value: number): void {
    this.uint16(value >>> 16);
    this.uint16(value & 0xffff);
  }

  take(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }
}

/**
 * Packs a DNS message. Names are not compressed.
 *
 * Follows AnyEvent::DNS's `dns_pack`, but packs records too.
 *
 * @param dns what it shall say
 * @param options `edns0`: adds the record that allows replies over UDP of {@linkcode EDNS0_SIZE} bytes
 * @throws {UsageError} when a part cannot be packed: a name of more than 255 bytes, an unknown type
 * @example
 * ```ts
 * import { dnsPack, dnsUnpack } from "@anyevent/loop";
 *
 * const query = dnsPack({ id: 7, rd: true, qd: [["host.domain", "a"]] });
 * console.log(dnsUnpack(query).qd); // [ [ "host.domain", "a", "in" ] ]
 * ```
 */
export function dnsPack(dns: DnsPackInput, options: { readonly edns0?: boolean } = {}): Uint8Array {
  if (typeof dns !== "object" || dns === null) {
    throw new UsageError(`Cannot pack DNS message: ${show(dns)} is not an object`);
  }
  checkOptions(options, "pack DNS message");
  const { id = 0, qd = [], an = [], ns = [], ar = [] } = dns;
  if (!Number.isInteger(id) || id < 0 || id > 65535) {
    throw new UsageError(`Cannot pack DNS message: id ${show(id)} is not within 0..65535`);
  }
  for (const section of [qd, an, ns, ar]) {
    if (!Array.isArray(section)) {
      throw new UsageError(`Cannot pack DNS message: section ${show(section)} is not an array`);
    }
  }
  const out = new Writer();
  out.uint16(id);
  const op = dnsTables.opcode.id(dns.op ?? 0) & 15;
  const rc = dnsTables.rcode.id(dns.rc ?? 0) & 15;
  const flags = [dns.aa, dns.tc, dns.rd, dns.ra, false, dns.ad, dns.cd];
  let bits = (dns.qr ? 1 << 15 : 0) | op << 11 | rc;
  flags.forEach((flag, i) => bits |= flag ? 1 << 10 - i : 0);
  out.uint16(bits);
  const extra = options.edns0 === true ? 1 : 0;
  for (const count of [qd.length, an.length, ns.length, ar.length + extra]) out.uint16(count);
  for (const [name, type, klass = "in"] of qd) {
    out.bytes(writeName(name));
    out.uint16(dnsTables.type.id(type));
    out.uint16(dnsTables.class.id(klass));
  }
  for (const record of [...an, ...ns, ...ar]) packRecord(out, record);
  if (extra > 0) {
    out.bytes(Uint8Array.of(0, 0, 41, EDNS0_SIZE >> 8, EDNS0_SIZE & 255, 0, 0, 0, 0, 0, 0));
  }
  return out.take();
}

function packRecord(out: Writer, record: DnsRecord): void {
  if (!Array.isArray(record)) {
    throw new UsageError(`Cannot pack DNS record: ${show(record)} is not an array`);
  }
  const [name, type, klass, ttl, ...data] = record as DnsRecord;
  const id = dnsTables.type.id(type);
  if (!Number.isInteger(ttl) || ttl < 0 || ttl > 0xffffffff) {
    throw new UsageError(`Cannot pack DNS record of ${show(name)}: ttl ${show(ttl)} is no time`);
  }
  const bytes = recordData(id, type, data);
  out.bytes(writeName(name));
  out.uint16(id);
  out.uint16(dnsTables.class.id(klass));
  out.uint32(ttl);
  out.uint16(bytes.length);
  out.bytes(bytes);
}

function recordData(id: number, type: string, data: readonly DnsValue[]): Uint8Array {
  const encode = dnsTables.codecs.get(id)?.encode;
  if (encode === undefined) {
    const [bytes] = data;
    if (bytes instanceof Uint8Array) return bytes;
    throw new UsageError(`Cannot pack DNS record: data ${show(bytes)} of type ${type} is no bytes`);
  }
  try {
    return encode(data);
  } catch (thrown) {
    if (thrown instanceof UsageError) throw thrown;
    throw new UsageError(
      `Cannot pack DNS record of type ${type}: ${messageOf(thrown)}`,
      { cause: thrown },
    );
  }
}

/**
 * Unpacks a DNS message from the network.
 *
 * Compressed names may only point back, and no name is longer than 255 bytes, so no message takes long.
 * Follows AnyEvent::DNS's `dns_unpack`, but refuses what is malformed.
 *
 * @param bytes one message
 * @throws {PeerError} with code `EBADMSG` when it is malformed
 * @throws {UsageError} when it is no bytes
 * @example
 * ```ts
 * import { dnsPack, dnsUnpack } from "@anyevent/loop";
 *
 * const { id, qd } = dnsUnpack(dnsPack({ id: 7, qd: [["host.domain", "mx"]] }));
 * console.log(id, qd); // 7 [ [ "host.domain", "mx", "in" ] ]
 * ```
 */
export function dnsUnpack(bytes: Uint8Array): DnsPacket {
  if (!(bytes instanceof Uint8Array)) {
    throw new UsageError(`Cannot unpack DNS message: ${show(bytes)} is not a Uint8Array`);
  }
  try {
    return unpack(bytes);
  } catch (thrown) {
    throw new PeerError(`Cannot unpack DNS message: ${messageOf(thrown)}`, "EBADMSG", {
      cause: thrown,
    });
  }
}

function unpack(bytes: Uint8Array): DnsPacket {
  if (bytes.length < HEADER) throw new RangeError(`its header has ${bytes.length} bytes of 12`);
  const message = readable(bytes);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const bits = view.getUint16(2);
  const flag = (bit: number): boolean => (bits >> bit & 1) === 1;
  let at = HEADER;
  const name = (): string => {
    const [found, end] = readName(message, at);
    at = end;
    return found;
  };
  const question = (): readonly [string, string, string] => {
    const found = name();
    const type = dnsTables.type.name(view.getUint16(at));
    const klass = dnsTables.class.name(view.getUint16(at + 2));
    at += 4;
    return [found, type, klass];
  };
  const record = (): DnsRecord => {
    const found = name();
    const type = view.getUint16(at);
    const klass = view.getUint16(at + 2);
    const ttl = view.getUint32(at + 4);
    const start = at + 10;
    at = start + view.getUint16(at + 8);
    if (at > bytes.length) throw new RangeError("a record goes beyond its end");
    const codec = dnsTables.codecs.get(type);
    const data = codec?.decode(message, start, at) ?? [bytes.slice(start, at)];
    return [found, dnsTables.type.name(type), dnsTables.class.name(klass), ttl, ...data];
  };
  const many = <T>(offset: number, one: () => T): T[] => {
    const all: T[] = [];
    for (let count = view.getUint16(offset); count > 0; count--) all.push(one());
    return all;
  };
  return {
    id: view.getUint16(0),
    qr: flag(15),
    op: dnsTables.opcode.name(bits >> 11 & 15),
    aa: flag(10),
    tc: flag(9),
    rd: flag(8),
    ra: flag(7),
    ad: flag(5),
    cd: flag(4),
    rc: dnsTables.rcode.name(bits & 15),
    qd: many(4, question),
    an: many(6, record),
    ns: many(8, record),
    ar: many(10, record),
    bytes,
  };
}
