import { show, UsageError } from "../contract/errors.ts";
import type { Address } from "../contract/net.ts";

/** An address from outside, checked; every value of its members is sound afterwards. */
export function checkAddress(address: Address, doing: string): Address {
  const { transport, host, port, path } = (address ?? {}) as Partial<Record<string, unknown>>;
  if (transport === "unix") {
    if (typeof path !== "string" || path === "" || path.includes("\0")) {
      throw new UsageError(`Cannot ${doing}: path ${show(path)} is not a path`);
    }
    return { transport: "unix", path };
  }
  if (transport !== "tcp") {
    throw new UsageError(`Cannot ${doing}: transport ${show(transport)} is not tcp or unix`);
  }
  if (typeof host !== "string" || host === "" || host.includes("\0")) {
    throw new UsageError(`Cannot ${doing}: host ${show(host)} is not a name or literal`);
  }
  if (typeof port !== "number" || !Number.isInteger(port) || port < 0 || port > 65535) {
    throw new UsageError(`Cannot ${doing}: port ${show(port)} is not within 0..65535`);
  }
  return { transport: "tcp", host: host.toLowerCase(), port };
}

/** As streams show it: `host:port`, `[v6]:port`, `unix/:path`. */
export function textOf(address: Address): string {
  if (address.transport === "unix") return `unix/:${address.path}`;
  const host = address.host.includes(":") ? `[${address.host}]` : address.host;
  return `${host}:${address.port}`;
}

/** Whether it is digits, not a name. */
export function isLiteral(host: string): boolean {
  return host.includes(":") || /^[0-9.]+$/.test(host);
}

/** Whether it means this machine, whichever that is. */
export function isLoopback(host: string): boolean {
  return host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
}

/** Whether it means all addresses of a machine. */
export function isWildcard(host: string): boolean {
  return host === "0.0.0.0" || host === "::";
}
