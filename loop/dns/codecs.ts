import packet from "dns-packet";
import { show, UsageError } from "@anyevent/backends/contract";
import { formatIpv6, parseIpv4, parseIpv6 } from "../ip.ts";

/** A part of what a record holds. */
export type DnsValue = string | number | Uint8Array;

/** How the data of one type of records is read and written. */
export interface DnsCodec {
  /**
   * Reads what is between `start` and `end`.
   *
   * @param message all of it, for compressed names
   * @returns the record's data; what it throws makes the message malformed
   */
  decode(message: Uint8Array, start: number, end: number): readonly DnsValue[];
  /** The bytes of some data. Absent: the data is bytes already. */
  encode?(data: readonly DnsValue[]): Uint8Array;
}

/** A codec of dns-packet: bytes with their length before them, one value. */
interface Library {
  decode: ((buffer: Uint8Array, offset: number) => unknown) & { bytes: number };
  encode(value: unknown): Uint8Array;
}

type LibraryName =
  | ("name" | "ns" | "cname" | "ptr" | "dname" | "soa" | "hinfo" | "mx" | "txt" | "srv")
  | ("naptr" | "caa");

const library = packet as unknown as Readonly<Record<LibraryName, Library>>;

interface BufferMaker {
  from(bytes: ArrayBufferLike, offset: number, length: number): Uint8Array;
}

let bufferMaker: BufferMaker | undefined;

/** The same bytes as the class that dns-packet reads from, which this package does not import itself. */
export function readable(message: Uint8Array): Uint8Array {
  bufferMaker ??= library.name.encode("x").constructor as unknown as BufferMaker;
  return bufferMaker.from(message.buffer, message.byteOffset, message.length);
}

/** Bytes a name takes at most, with the lengths of its labels. */
const LONGEST_NAME = 255;

/** Pointers in one name. A name has at most 127 labels, and needs no more pointers. */
const MOST_POINTERS = 127;

/**
 * Where the name at `offset` ends. The library refuses pointers that do not point back, but follows any number
 * of them, for each of thousands of records again.
 *
 * @throws {RangeError} when it has too many pointers
 */
function endOfName(message: Uint8Array, offset: number): number {
  let end: number | undefined;
  let pointers = 0;
  let length = 1;
  for (let at = offset;;) {
    const size = message[at];
    if (size === undefined) throw new RangeError("a name goes beyond its end");
    if (size === 0) return end ?? at + 1;
    if (size < 0xc0) {
      at += 1 + size;
      length += 1 + size;
      if (length > LONGEST_NAME) throw new RangeError(`a name has more than ${LONGEST_NAME} bytes`);
      continue;
    }
    if (++pointers > MOST_POINTERS) {
      throw new RangeError(`a name has more than ${MOST_POINTERS} pointers`);
    }
    end ??= at + 2;
    const to = (size & 0x3f) << 8 | message[at + 1];
    // What points elsewhere is the library's to refuse.
    if (!(to < at)) return end;
    at = to;
  }
}

/** The name at `offset`, and where it ends. @param message from `readable` */
export function readName(message: Uint8Array, offset: number): [name: string, end: number] {
  endOfName(message, offset);
  const name = library.name.decode(message, offset) as string;
  return [name, offset + library.name.decode.bytes];
}

/**
 * A name as it is sent; a dot at its end means nothing, `""` and `"."` are the root.
 *
 * @throws {UsageError} when it is no domain name, or longer than 255 bytes
 */
export function writeName(name: unknown): Uint8Array {
  if (typeof name !== "string") {
    throw new UsageError(`Cannot pack DNS name ${show(name)}: it is not a string`);
  }
  if (name === "" || name === ".") return new Uint8Array(1);
  const labels = name.replace(/\.$/, "").split(".").map((label) => encoder.encode(label));
  const length = labels.reduce((sum, label) => sum + label.length + 1, 1);
  if (length > LONGEST_NAME) {
    throw new UsageError(`Cannot pack DNS name ${show(name)}: it has more than 255 bytes`);
  }
  if (labels.some((label) => label.length === 0 || label.length > 63)) {
    throw new UsageError(`Cannot pack DNS name ${show(name)}: a label is not 1 to 63 bytes long`);
  }
  return Uint8Array.from(library.name.encode(name));
}

const encoder = new TextEncoder();
const utf8 = new TextDecoder("utf-8", { fatal: true });

/** UTF-8 where it is that, else a character for each byte. */
function text(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    return Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  }
}

/** Looks at the domain names in the data of a record before the library reads them. */
function checkNames(type: LibraryName, message: Uint8Array, start: number): void {
  switch (type) {
    case "ns":
    case "cname":
    case "ptr":
    case "dname":
      endOfName(message, start);
      break;
    case "soa":
      endOfName(message, endOfName(message, start));
      break;
    case "mx":
      endOfName(message, start + 2);
      break;
    case "srv":
      endOfName(message, start + 6);
      break;
    case "naptr": {
      let at = start + 4;
      for (let texts = 3; texts > 0; texts--) at += 1 + (message[at] ?? 0);
      endOfName(message, at);
    }
  }
}

function byLibrary(
  name: LibraryName,
  read: (value: unknown) => readonly DnsValue[],
  write: (data: readonly DnsValue[]) => unknown,
): DnsCodec {
  const codec = library[name];
  return {
    decode(message, start, end) {
      checkNames(name, message, start);
      // The library reads the length before the data too.
      const value = codec.decode(message, start - 2);
      if (start - 2 + codec.decode.bytes !== end) throw new RangeError(`${name} of a wrong length`);
      return read(value);
    },
    encode: (data) => codec.encode(write(data)).subarray(2),
  };
}

function aName(name: "ns" | "cname" | "ptr" | "dname"): DnsCodec {
  return {
    ...byLibrary(name, (value) => [value as string], ([target]) => target),
    encode: ([target]) => writeName(target),
  };
}

/** A record whose data are the members of one object. */
function members(name: LibraryName, ...keys: readonly string[]): DnsCodec {
  return byLibrary(
    name,
    (value) => keys.map((key) => (value as Record<string, DnsValue>)[key]),
    (data) => Object.fromEntries(keys.map((key, i) => [key, data[i]])),
  );
}

const strings: DnsCodec = byLibrary(
  "txt",
  (value) => (value as readonly Uint8Array[]).map(text),
  (data) => data.map((one) => typeof one === "number" ? String(one) : one),
);

const ipv4: DnsCodec = {
  decode(message, start, end) {
    if (end - start !== 4) throw new RangeError("a of a wrong length");
    return [message.subarray(start, end).join(".")];
  },
  encode: ([address]) => literal(parseIpv4(String(address)), address),
};

const ipv6: DnsCodec = {
  decode(message, start, end) {
    if (end - start !== 16) throw new RangeError("aaaa of a wrong length");
    return [formatIpv6(Uint8Array.from(message.subarray(start, end)))];
  },
  encode: ([address]) => literal(parseIpv6(String(address)), address),
};

function literal(bytes: Uint8Array | undefined, given: unknown): Uint8Array {
  if (bytes !== undefined) return bytes;
  throw new UsageError(`Cannot pack DNS record: ${show(given)} is not an address`);
}

/** Address, protocol, and a bit for each port. */
const wks: DnsCodec = {
  decode(message, start, end) {
    if (end - start < 5) throw new RangeError("wks of a wrong length");
    const address = message.subarray(start, start + 4).join(".");
    return [address, message[start + 4], Uint8Array.from(message.subarray(start + 5, end))];
  },
  encode: ([address, protocol, ports]) =>
    Uint8Array.of(
      ...literal(parseIpv4(String(address)), address),
      Number(protocol),
      ...(ports as Uint8Array),
    ),
};

/** By number of type. */
export const codecs: Readonly<Record<number, DnsCodec>> = {
  1: ipv4,
  2: aName("ns"),
  5: aName("cname"),
  6: members("soa", "mname", "rname", "serial", "refresh", "retry", "expire", "minimum"),
  11: wks,
  12: aName("ptr"),
  13: members("hinfo", "cpu", "os"),
  15: members("mx", "preference", "exchange"),
  16: strings,
  28: ipv6,
  33: members("srv", "priority", "weight", "port", "target"),
  35: members("naptr", "order", "preference", "flags", "services", "regexp", "replacement"),
  39: aName("dname"),
  99: strings,
  257: members("caa", "flags", "tag", "value"),
};
