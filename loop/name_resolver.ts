import { type Host, type LogLevel, messageOf, UsageError } from "@anyevent/backends/contract";
import { addressFamily, parseAddress } from "./address.ts";

/** A record of the DNS: name, type, class, time to live in seconds, then what its type holds. */
export type NameRecord = readonly [
  name: string,
  type: string,
  cls: string,
  ttl: number,
  ...data: readonly unknown[],
];

/**
 * What looks up names for sockets: any DNS resolver of this shape.
 *
 * Used are the types `a` and `aaaa`, whose records hold one address as text, and `srv`: priority, weight,
 * port and target.
 */
export interface NameResolver {
  /**
   * Looks up records of one type.
   *
   * @param name a domain name in ASCII
   * @param type lower case
   * @param cb called once, with no records when there are none or it failed
   */
  resolve(name: string, type: string, cb: (records: readonly NameRecord[]) => void): unknown;
  /**
   * Addresses as text from the system's table of hosts, which is asked after the DNS had none. Absent
   * where `resolve` covers it.
   */
  hosts?(name: string, cb: (addresses: readonly string[]) => void): unknown;
}

/**
 * Names by the host's own resolver, through its Env: addresses only, no other records.
 *
 * Look-ups of one name at the same time are made once. What goes wrong goes to the log at debug level; a
 * missing permission, which looks like a name without addresses, at level error, once.
 */
export class HostResolver implements NameResolver {
  readonly #host: Host;
  readonly #log: (level: LogLevel, message: string) => void;
  #told = false;
  readonly #pending = new Map<string, Promise<readonly string[]>>();

  /**
   * Looks up nothing yet.
   *
   * @param host whose `resolve` to use
   * @param log gets why a name was not found
   */
  constructor(host: Host, log: (level: LogLevel, message: string) => void) {
    this.#host = host;
    this.#log = log;
  }

  /** See {@linkcode NameResolver}. */
  resolve(name: string, type: string, cb: (records: readonly NameRecord[]) => void): void {
    const family = type === "a" ? 4 : type === "aaaa" ? 6 : undefined;
    if (family === undefined) {
      Promise.resolve().then(() => cb([]));
      return;
    }
    this.#addresses(name).then((addresses) =>
      cb(
        addresses.filter((address) => {
          const ipn = parseAddress(address);
          return ipn !== undefined && addressFamily(ipn) === family;
        }).map((address) => [name, type, "in", 0, address]),
      )
    );
  }

  #addresses(name: string): Promise<readonly string[]> {
    let pending = this.#pending.get(name);
    if (pending === undefined) {
      pending = this.#lookup(name).finally(() => void this.#pending.delete(name));
      this.#pending.set(name, pending);
    }
    return pending;
  }

  async #lookup(name: string): Promise<readonly string[]> {
    try {
      return await this.#host.resolve(name);
    } catch (error) {
      const isNew = !this.#told && isRefusal(error);
      if (isNew) this.#told = true;
      this.#log(isNew ? 4 : 8, `cannot resolve ${name}: ${messageOf(error)}`);
      return [];
    }
  }
}

/** Whether the user can do something about it. */
function isRefusal(error: unknown): boolean {
  return error instanceof UsageError || (error as { readonly code?: unknown })?.code === "EACCES";
}
