import { messageOf, PeerError } from "../contract/errors.ts";
import type { Address } from "../contract/net.ts";
import { cString, libc } from "./libc.ts";
import { literalAddress, type SockAddr, unixAddress, withPort } from "./sockaddr.ts";

const SOCK_STREAM = 1;

const REASONS: Readonly<Record<string, string>> = {
  "-2": "the name is not known",
  "-3": "name servers do not answer",
  "-4": "name servers refused",
  "-5": "the name has no address",
};

function hints(): Uint8Array<ArrayBuffer> {
  // One entry for each address, not for each kind of socket.
  return new Uint8Array(new Int32Array([0, 0, SOCK_STREAM, 0, 0, 0, 0, 0, 0, 0, 0, 0]).buffer);
}

function u64(bytes: Uint8Array<ArrayBuffer>, at: number): bigint {
  return new DataView(bytes.buffer).getBigUint64(at, true);
}

/** Walks and frees the list that `getaddrinfo` has made. */
function addresses(first: bigint): SockAddr[] {
  const { calls } = libc();
  const found: SockAddr[] = [];
  const info = new Uint8Array(48);
  for (let at = first; at !== 0n; at = u64(info, 40)) {
    calls.copyAt(info, at, info.length);
    const address = new Uint8Array(new DataView(info.buffer).getUint32(16, true));
    calls.copyAt(address, u64(info, 24), address.length);
    found.push(address);
  }
  if (first !== 0n) calls.freeaddrinfo(first);
  return found;
}

function outcome(failed: number, result: Uint8Array<ArrayBuffer>, doing: string): SockAddr[] {
  if (failed !== 0) {
    const why = REASONS[String(failed)] ?? `error ${failed} of getaddrinfo`;
    throw new PeerError(`Cannot ${doing}: ${why} (ENOTFOUND)`, "ENOTFOUND");
  }
  return addresses(u64(result, 0));
}

/** All addresses of a name, with port 0, by the system's resolver on another thread. */
export async function lookUp(name: string, doing: string): Promise<SockAddr[]> {
  const library = libc().openWaiting();
  try {
    const result = new Uint8Array(8);
    const failed = await library.symbols.getaddrinfo(cString(name), null, hints(), result);
    return outcome(failed, result, doing);
  } catch (thrown) {
    if (thrown instanceof PeerError) throw thrown;
    throw new PeerError(`Cannot ${doing}: ${messageOf(thrown)}`, "", { cause: thrown });
  } finally {
    library.close();
  }
}

/** As {@linkcode lookUp}, on this thread: for names of this host. */
function lookUpHere(name: string, doing: string): SockAddr[] {
  const result = new Uint8Array(8);
  const failed = libc().calls.getaddrinfo(cString(name), null, hints(), result);
  return outcome(failed, result, doing);
}

/** An address of this host to bind to. @throws {PeerError} */
export function bindable(on: Address, doing: string): SockAddr {
  if (on.transport === "unix") return unixAddress(on.path, doing);
  return literalAddress(on.host, on.port) ?? withPort(lookUpHere(on.host, doing)[0], on.port);
}
