import { show, UsageError } from "@anyevent/backends/contract";
import type { DnsCodec } from "./codecs.ts";
import { codecs } from "./codecs.ts";

/**
 * Names of the numbers of one field of the DNS, in lower case; more can be added.
 *
 * A number without a name is written with a prefix, as in `type65280` (RFC 3597).
 *
 * @example
 * ```ts
 * import { dnsTables } from "@anyevent/loop";
 *
 * console.log(dnsTables.type.name(28), dnsTables.type.id("aaaa")); // aaaa 28
 * ```
 */
export class DnsNames {
  readonly #prefix: string;
  readonly #ids = new Map<string, number>();
  readonly #names = new Map<number, string>();

  /**
   * Begins with some names.
   *
   * @param prefix of numbers without a name; also says what it is about in errors
   * @param names name to number
   * @throws {UsageError} when they are not
   */
  constructor(prefix: string, names: Readonly<Record<string, number>>) {
    if (typeof prefix !== "string" || typeof names !== "object" || names === null) {
      const [name, wrong] = typeof prefix === "string" ? ["names", names] : ["prefix", prefix];
      throw new UsageError(`Cannot make table of DNS names: ${name} ${show(wrong)} makes no sense`);
    }
    this.#prefix = prefix;
    for (const [name, id] of Object.entries(names)) this.add(name, id);
  }

  /**
   * Names a number, in place of an earlier name.
   *
   * @param name lower case, without spaces
   * @param id 0 to 65535
   * @throws {UsageError} when either is not
   */
  add(name: string, id: number): void {
    if (typeof name !== "string" || !/^[a-z0-9_*-]+$/.test(name)) {
      throw new UsageError(`Cannot name ${this.#prefix} ${show(id)}: ${show(name)} is not a name`);
    }
    if (!Number.isInteger(id) || id < 0 || id > 65535) {
      throw new UsageError(`Cannot name ${this.#prefix} ${show(name)}: ${show(id)} is no number`);
    }
    this.#ids.set(name, id);
    this.#names.set(id, name);
  }

  /**
   * The number of a name.
   *
   * @param name in any case; also with the prefix, or the number itself
   * @throws {UsageError} when there is none
   */
  id(name: string | number): number {
    if (typeof name === "number" && Number.isInteger(name) && name >= 0 && name <= 65535) {
      return name;
    }
    if (typeof name === "string") {
      const lower = name.toLowerCase();
      const id = this.#ids.get(lower);
      if (id !== undefined) return id;
      const digits = lower.startsWith(this.#prefix) ? lower.slice(this.#prefix.length) : "";
      if (/^\d{1,5}$/.test(digits) && Number(digits) <= 65535) return Number(digits);
    }
    throw new UsageError(`Cannot use ${show(name)} as DNS ${this.#prefix}: there is none`);
  }

  /**
   * The name of a number.
   *
   * @throws {UsageError} when it is none
   */
  name(id: number): string {
    const name = this.#names.get(id);
    if (name !== undefined) return name;
    if (!Number.isInteger(id)) {
      throw new UsageError(`Cannot name ${this.#prefix} ${show(id)}: it is no number`);
    }
    return `${this.#prefix}${id}`;
  }
}

/** The names and codecs of the DNS that {@linkcode dnsPack} and {@linkcode dnsUnpack} use. */
export interface DnsTables {
  /** Operations: `query`, … */
  readonly opcode: DnsNames;
  /** Outcomes: `noerror`, `nxdomain`, … */
  readonly rcode: DnsNames;
  /** Types of records: `a`, `mx`, …, `*` for any. */
  readonly type: DnsNames;
  /** Classes of records: `in`, … */
  readonly class: DnsNames;
  /** What a record of a type holds, by the type's number; without an entry its bytes. */
  readonly codecs: Map<number, DnsCodec>;
}

/**
 * The extension tables: add names, or a codec for a type of records of your own.
 *
 * Follows `%opcode_id`, `%rcode_id`, `%type_id`, `%class_id` and `%dec_rr` of AnyEvent::DNS.
 *
 * @example
 * ```ts
 * import { dnsTables } from "@anyevent/loop";
 *
 * dnsTables.type.add("weather", 65280);
 * dnsTables.codecs.set(65280, {
 *   decode: (message, start, end) => [new TextDecoder().decode(message.subarray(start, end))],
 * });
 * ```
 */
export const dnsTables: DnsTables = {
  opcode: new DnsNames("opcode", { query: 0, iquery: 1, status: 2, notify: 4, update: 5 }),
  rcode: new DnsNames("rcode", {
    noerror: 0,
    formerr: 1,
    servfail: 2,
    nxdomain: 3,
    notimp: 4,
    refused: 5,
    yxdomain: 6,
    yxrrset: 7,
    nxrrset: 8,
    notauth: 9,
    notzone: 10,
  }),
  type: new DnsNames("type", {
    ...{ a: 1, ns: 2, md: 3, mf: 4, cname: 5, soa: 6, mb: 7, mg: 8, mr: 9, null: 10, wks: 11 },
    ...{ ptr: 12, hinfo: 13, minfo: 14, mx: 15, txt: 16, sig: 24, key: 25, gpos: 27, aaaa: 28 },
    ...{ loc: 29, srv: 33, naptr: 35, dname: 39, opt: 41, ds: 43, sshfp: 44, rrsig: 46, nsec: 47 },
    ...{ dnskey: 48, tlsa: 52, smimea: 53, cds: 59, cdnskey: 60, openpgpkey: 61, csync: 62 },
    ...{ svcb: 64, https: 65, spf: 99, tkey: 249, tsig: 250, ixfr: 251, axfr: 252, mailb: 253 },
    // The last name of a number is the one it is shown with.
    ...{ any: 255, "*": 255, uri: 256, caa: 257 },
  }),
  class: new DnsNames("class", { in: 1, ch: 3, hs: 4, none: 254, any: 255, "*": 255 }),
  codecs: new Map(Object.entries(codecs).map(([id, codec]) => [Number(id), codec])),
};
