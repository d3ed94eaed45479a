import { show, UsageError } from "@anyevent/backends/contract";
import { parseAddress, parseHostport, UNIX_HOST } from "../address.ts";

function isLoopback(ipn: Uint8Array): boolean {
  if (ipn.length === 4) return ipn[0] === 127;
  return ipn.length === 16 && ipn.subarray(0, 15).every((byte) => byte === 0) && ipn[15] === 1;
}

/**
 * Where a debug shell listens.
 *
 * @param address `host:port`, `[v6]:port`, `unix/:path`, or an absolute path; `$$` stands for the process id
 * @param remote whether addresses beyond loopback are allowed
 * @throws {UsageError} when it is none of these, or not allowed
 */
export function shellAddress(
  address: string,
  pid: number,
  remote: boolean,
): [host: string, service: string] {
  if (typeof address !== "string") {
    throw new UsageError(`Cannot open debug shell: address ${show(address)} is not a string`);
  }
  const found = parseHostport(address.replaceAll("$$", String(pid)));
  if (found === undefined) {
    throw new UsageError(
      `Cannot open debug shell on ${show(address)}: it is neither host:port nor an absolute path`,
    );
  }
  const [name, service] = found;
  if (name === UNIX_HOST) return [name, service];
  // No name is looked up for it: what it stands for is a matter of configuration elsewhere.
  const host = name === "localhost" ? "127.0.0.1" : name;
  const ipn = parseAddress(host);
  if (ipn === undefined) {
    throw new UsageError(
      `Cannot open debug shell on ${show(address)}: host ${show(name)} is not an address`,
    );
  }
  if (!remote && !isLoopback(ipn)) {
    throw new UsageError(
      `Cannot open debug shell on ${show(address)}: others could reach it, and it asks for no ` +
        "password; use a Unix socket or a loopback address, or allow it with `remote: true`",
    );
  }
  return [host, service];
}
