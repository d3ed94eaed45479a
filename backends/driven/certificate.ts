import { UsageError } from "../contract/errors.ts";
import type { AltName, PeerNames } from "../contract/net.ts";

/** What is read from an X.509 certificate. */
export interface CertificateFacts {
  /** The subject's distinguished name, in DER. */
  readonly subject: Uint8Array;
  /** The issuer's. */
  readonly issuer: Uint8Array;
  /** From and until when it is valid, epoch seconds. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** Whom it names. */
  readonly names: PeerNames;
}

/** No names. */
export const NO_NAMES: PeerNames = { commonName: undefined, altNames: [] };

interface Item {
  readonly tag: number;
  /** With tag and length. */
  readonly whole: Uint8Array;
  readonly body: Uint8Array;
  readonly rest: Uint8Array;
}

/** The first item of DER. @throws {UsageError} when it is cut off */
function take(der: Uint8Array): Item {
  let length = der[1];
  let head = 2;
  if (length > 0x80 && length < 0x85) {
    const count = length & 0x7f;
    length = 0;
    for (let i = 0; i < count; i++) length = length * 256 + der[head++];
  }
  // Also where a byte was missing, which makes it NaN.
  if (!(head + length <= der.length) || length === 0x80) {
    throw new UsageError("Cannot read certificate: it is not DER");
  }
  return {
    tag: der[0],
    whole: der.subarray(0, head + length),
    body: der.subarray(head, head + length),
    rest: der.subarray(head + length),
  };
}

function* items(der: Uint8Array): Generator<Item, void, undefined> {
  while (der.length > 0) {
    const item = take(der);
    yield item;
    der = item.rest;
  }
}

function isOid(item: Item, ...body: readonly number[]): boolean {
  return item.tag === 0x06 && item.body.length === body.length &&
    item.body.every((byte, at) => byte === body[at]);
}

function latin1(bytes: Uint8Array): string {
  return new TextDecoder("latin1").decode(bytes);
}

/** A string of one of the types that names are written in. */
function textOf({ tag, body }: Item): string | undefined {
  // UTF8String, PrintableString, TeletexString, IA5String, BMPString
  if (tag === 12) return new TextDecoder().decode(body);
  if (tag === 19 || tag === 20 || tag === 22) return latin1(body);
  if (tag === 30) return new TextDecoder("utf-16be").decode(body);
  return undefined;
}

function commonName(name: Uint8Array): string | undefined {
  for (const set of items(name)) {
    for (const pair of items(set.body)) {
      const type = take(pair.body);
      if (isOid(type, 0x55, 4, 3)) return textOf(take(type.rest));
    }
  }
  return undefined;
}

function address(bytes: Uint8Array): string | undefined {
  if (bytes.length === 4) return bytes.join(".");
  if (bytes.length !== 16) return undefined;
  const groups = Array.from({ length: 8 }, (_, at) => bytes[2 * at] * 256 + bytes[2 * at + 1]);
  return new URL(`http://[${groups.map((group) => group.toString(16)).join(":")}]`).hostname
    .slice(1, -1);
}

const ALT_TYPES: Readonly<Record<number, AltName["type"]>> = {
  0x81: "email",
  0x82: "dns",
  0x86: "uri",
  0x87: "ip",
};

function altNames(extensions: Uint8Array): AltName[] {
  const names: AltName[] = [];
  for (const extension of items(extensions)) {
    const id = take(extension.body);
    if (!isOid(id, 0x55, 0x1d, 0x11)) continue;
    // It may be marked critical before its value.
    const first = take(id.rest);
    const value = first.tag === 0x01 ? take(first.rest) : first;
    for (const { tag, body } of items(take(value.body).body)) {
      const type = ALT_TYPES[tag];
      const text = type === "ip" ? address(body) : latin1(body);
      if (type !== undefined && text !== undefined) names.push({ type, value: text });
    }
  }
  return names;
}

function seconds({ tag, body }: Item): number {
  const text = latin1(body);
  // A year of two digits is one from 1950 to 2049.
  const full = tag === 0x17 ? `${Number(text.slice(0, 2)) < 50 ? 20 : 19}${text}` : text;
  const [, year, month, day, hour, minute, second] =
    /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(full)?.map(Number) ?? [];
  return Date.UTC(year, month - 1, day, hour, minute, second) / 1000;
}

/**
 * Reads what a certificate says; nothing of it is verified.
 *
 * Its names are read here, and not from the text that a host's `getPeerCertificate` makes of them: there a
 * name with a comma in it can look like two.
 *
 * @throws {UsageError} when it is not a certificate in DER
 */
export function readCertificate(der: Uint8Array): CertificateFacts {
  let item = take(take(take(der).body).body);
  // The version may be missing; the serial number and the algorithm follow.
  if (item.tag === 0xa0) item = take(item.rest);
  const issuer = take(take(item.rest).rest);
  const validity = take(issuer.rest);
  const notBefore = take(validity.body);
  const subject = take(validity.rest);
  const alternatives: AltName[] = [];
  for (const { tag, body } of items(subject.rest)) {
    if (tag === 0xa3) alternatives.push(...altNames(take(body).body));
  }
  return {
    subject: subject.whole,
    issuer: issuer.whole,
    notBefore: seconds(notBefore),
    notAfter: seconds(take(notBefore.rest)),
    names: { commonName: commonName(subject.body), altNames: alternatives },
  };
}

/** As {@linkcode readCertificate}, but `undefined` for what is none. */
export function certificateFacts(der: Uint8Array): CertificateFacts | undefined {
  try {
    return readCertificate(der);
  } catch (error) {
    if (error instanceof UsageError) return undefined;
    throw error;
  }
}

/** The blocks of a PEM text. */
export function pemBlocks(pem: string): string[] {
  return pem.match(/-----BEGIN ([A-Z0-9 ]+)-----[\s\S]+?-----END \1-----/g) ?? [];
}

/** The certificates of a PEM text, each in PEM. */
export function pemCertificates(pem: string): string[] {
  return pemBlocks(pem).filter((block) => block.startsWith("-----BEGIN CERTIFICATE-"));
}

/** The first private key of a PEM text, in PEM. */
export function pemKey(pem: string): string | undefined {
  return pemBlocks(pem).find((block) => /^-----BEGIN [A-Z0-9 ]*PRIVATE KEY-/.test(block));
}

/** The bytes of a block; `undefined` when it is not base64. */
export function pemBytes(block: string): Uint8Array | undefined {
  const body = block.replace(/-----[^-]+-----|\s/g, "");
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(body) || body.length % 4 !== 0) return undefined;
  return Uint8Array.from(atob(body), (char) => char.charCodeAt(0));
}

/** A certificate in PEM. */
export function toPem(der: Uint8Array): string {
  let binary = "";
  for (const byte of der) binary += String.fromCharCode(byte);
  const text = btoa(binary).replace(/.{64}/g, "$&\n").trimEnd();
  return `-----BEGIN CERTIFICATE-----\n${text}\n-----END CERTIFICATE-----\n`;
}
