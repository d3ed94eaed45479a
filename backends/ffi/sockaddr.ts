/**
 * Addresses as text and values, and as the system's `struct sockaddr`.
 */
import { PeerError, show, UsageError } from "../contract/errors.ts";
import type { Address } from "../contract/net.ts";
import { cString, libc } from "./libc.ts";

export const AF_UNIX = 1;
export const AF_INET = 2;
export const AF_INET6 = 10;

/** The longest path of a Unix socket, in bytes. */
export const MAX_PATH = 107;

/** An address in the system's form. */
export type SockAddr = Uint8Array<ArrayBuffer>;

/** An address as text, as streams tell theirs. */
export function addressName(address: Address): string {
  if (address.transport === "unix") return `unix/:${address.path}`;
  const { host, port } = address;
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Refuses what is no address. @returns its name */
export function checkAddress(address: unknown, doing: string): string {
  const like = (typeof address === "object" && address !== null ? address : {}) as Partial<
    Record<string, unknown>
  >;
  if (like.transport === "tcp") {
    const { host, port } = like;
    if (typeof host !== "string" || host === "" || host.includes("\0")) {
      throw new UsageError(`Cannot ${doing}: host ${show(host)} is not a name or address`);
    }
    if (typeof port !== "number" || !Number.isInteger(port) || port < 0 || port > 65535) {
      throw new UsageError(`Cannot ${doing}: port ${show(port)} is not one of 0 to 65535`);
    }
  } else if (like.transport === "unix") {
    if (typeof like.path !== "string" || like.path === "" || like.path.includes("\0")) {
      throw new UsageError(`Cannot ${doing}: path ${show(like.path)} is not a path`);
    }
  } else {
    throw new UsageError(`Cannot ${doing}: transport ${show(like.transport)} is not tcp or unix`);
  }
  return addressName(address as Address);
}

/** A Unix socket's address. @throws {PeerError} when the path is too long for the system */
export function unixAddress(path: string, doing: string): SockAddr {
  const text = cString(path);
  if (text.length > MAX_PATH + 1) {
    throw new PeerError(
      `Cannot ${doing}: the path has more than ${MAX_PATH} bytes (ENAMETOOLONG)`,
      "ENAMETOOLONG",
    );
  }
  const bytes = new Uint8Array(2 + text.length);
  new DataView(bytes.buffer).setUint16(0, AF_UNIX, true);
  bytes.set(text, 2);
  return bytes;
}

/** The address of a literal; `undefined`: the host is a name. */
export function literalAddress(host: string, port: number): SockAddr | undefined {
  const { calls } = libc();
  const text = cString(host);
  const six = host.includes(":");
  const bytes = new Uint8Array(six ? 28 : 16);
  const into = bytes.subarray(six ? 8 : 4);
  if (calls.inet_pton(six ? AF_INET6 : AF_INET, text, into) !== 1) return undefined;
  const view = new DataView(bytes.buffer);
  view.setUint16(0, six ? AF_INET6 : AF_INET, true);
  view.setUint16(2, port);
  return bytes;
}

/** The family of an address. */
export function familyOf(address: SockAddr): number {
  return address[0] | address[1] << 8;
}

/** The same address with another port. */
export function withPort(address: SockAddr, port: number): SockAddr {
  const copy = address.slice();
  new DataView(copy.buffer).setUint16(2, port);
  return copy;
}

const decoder = new TextDecoder();

/** What the system says: `undefined` for an address without a name, such as a Unix client's. */
export function readAddress(bytes: SockAddr): Address | undefined {
  const family = familyOf(bytes);
  const port = bytes[2] << 8 | bytes[3];
  if (family === AF_INET) {
    return { transport: "tcp", host: bytes.subarray(4, 8).join("."), port };
  }
  if (family === AF_INET6) {
    const text = new Uint8Array(46);
    libc().calls.inet_ntop(AF_INET6, bytes.subarray(8, 24), text, text.length);
    return { transport: "tcp", host: decoder.decode(text.subarray(0, text.indexOf(0))), port };
  }
  const end = bytes.indexOf(0, 2);
  const path = decoder.decode(bytes.subarray(2, end < 0 ? bytes.length : end));
  return family === AF_UNIX && path !== "" ? { transport: "unix", path } : undefined;
}

/** This end's address of a socket, or with `peer` the other's. */
export function addressOf(fd: number, peer: boolean): Address | undefined {
  const { calls } = libc();
  const bytes = new Uint8Array(128);
  const length = new Uint32Array([bytes.length]);
  const ask = peer ? calls.getpeername : calls.getsockname;
  if (ask(fd, bytes, new Uint8Array(length.buffer)) < 0) return undefined;
  return length[0] <= 2 ? undefined : readAddress(bytes.slice(0, length[0]));
}
