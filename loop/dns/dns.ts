import { show, type Undo, UsageError } from "@anyevent/backends/contract";
import { formatAddress, parseAddress } from "../address.ts";
import type { Callback } from "../callback.ts";
import { checkLoop } from "../check_loop.ts";
import { environment } from "../environment.ts";
import type { Loop } from "../loop.ts";
import type { Operation } from "../operation.ts";
import { defaultLoop } from "../registry.ts";
import type { Watcher } from "../watcher.ts";
import type { DnsRecord } from "./packet.ts";
import { Resolver } from "./resolver.ts";
import { reverseName } from "./reverse.ts";
import { srvOrder, type SrvRecord } from "./srv.ts";
import { run, soon, type Task } from "./task.ts";

const resolvers = new WeakMap<Loop, Resolver>();

/** Names of one address that are looked up again at most. */
const MOST_NAMES = 16;

/**
 * The resolver of a loop, made at the first call with the system's configuration.
 *
 * Environment variables: `ANYEVENT_RESOLV_CONF` (a file in place of `/etc/resolv.conf`),
 * `ANYEVENT_MAX_OUTSTANDING_DNS` (10), `ANYEVENT_EDNS0` (0), `ANYEVENT_HOSTS` (a file in place of
 * `/etc/hosts`); `PERL_ANYEVENT_…` and `AE_…` count as well.
 *
 * Follows AnyEvent::DNS's `resolver`.
 *
 * @param loop default: the default loop
 * @throws {UsageError} when `ANYEVENT_MAX_OUTSTANDING_DNS` is no count
 * @example
 * ```ts
 * import { resolver } from "@anyevent/loop";
 *
 * resolver().maxOutstanding(100);
 * ```
 */
export function resolver(loop: Loop = defaultLoop()): Resolver {
  let found = resolvers.get(loop);
  if (found === undefined) {
    const { host } = checkLoop(loop, "make resolver").env;
    const most = environment(host, "MAX_OUTSTANDING_DNS")?.value || undefined;
    found = new Resolver({ loop, ...(most === undefined ? {} : { maxOutstanding: Number(most) }) });
    found.osConfig(environment(host, "RESOLV_CONF")?.value || undefined);
    resolvers.set(loop, found);
  }
  return found;
}

/**
 * Replaces the resolver of a loop, for example by one that remembers what it was told.
 *
 * Follows `$AnyEvent::DNS::RESOLVER`.
 *
 * @param next its loop says whose it is; `undefined`: the next use makes a new one
 * @param loop only needed without `next`. Default: the default loop
 * @example
 * ```ts
 * import { Resolver, resolver, setResolver } from "@anyevent/loop";
 *
 * setResolver(new Resolver({ server: ["127.0.0.1:5353"] }));
 * console.log(resolver().server); // [ "127.0.0.1:5353" ]
 * setResolver(undefined);
 * ```
 */
export function setResolver(next: Resolver | undefined, loop?: Loop): void {
  if (loop !== undefined) checkLoop(loop, "set resolver");
  if (next === undefined) {
    resolvers.delete(loop ?? defaultLoop());
    return;
  }
  if (!(next instanceof Resolver)) {
    throw new UsageError(`Cannot set resolver: ${show(next)} is not a Resolver`);
  }
  resolvers.set(loop ?? next.loop, next);
}

/** Gets a list; an empty one on any failure. */
export type DnsCallback<T> = Callback<[list: T[]]>;

/**
 * The usual look-ups, each with a callback (it begins now; `cancel()` of the result ends it) or without one
 * (an operation: `yield*` or `await` it). Whatever fails gives an empty list, never an error.
 *
 * The program's own is {@linkcode dns}. Names are completed as {@linkcode Resolver.resolve} says.
 *
 * @example
 * ```ts
 * import { Dns, Resolver } from "@anyevent/loop";
 *
 * const dns = new Dns(new Resolver({ server: ["127.0.0.1:5353"] }));
 * export const addresses = (name: string): Promise<string[]> => Promise.resolve(dns.a(name));
 * ```
 */
export class Dns {
  readonly #source: () => Resolver;

  /**
   * Looks up nothing yet.
   *
   * @param source the resolver to use, or a function that gives it
   */
  constructor(source: Resolver | (() => Resolver)) {
    if (typeof source !== "function" && !(source instanceof Resolver)) {
      throw new UsageError(`Cannot make Dns: ${show(source)} is not a Resolver`);
    }
    this.#source = typeof source === "function" ? source : () => source;
  }

  /** The resolver in use. */
  resolver(): Resolver {
    const found = this.#source();
    if (found instanceof Resolver) return found;
    throw new UsageError(`Cannot look up names: ${show(found)} is not a Resolver`);
  }

  /** IPv4 addresses of a name. */
  a(name: string): Operation<string[]>;
  /** As the other form, calling back. */
  a(name: string, cb: DnsCallback<string>): Watcher;
  a(name: string, cb?: DnsCallback<string>): Operation<string[]> | Watcher {
    return this.#list(name, "a", cb, texts);
  }

  /** IPv6 addresses of a name. */
  aaaa(name: string): Operation<string[]>;
  /** As the other form, calling back. */
  aaaa(name: string, cb: DnsCallback<string>): Watcher;
  aaaa(name: string, cb?: DnsCallback<string>): Operation<string[]> | Watcher {
    return this.#list(name, "aaaa", cb, texts);
  }

  /** Names of the mail servers of a domain, the preferred ones first. */
  mx(name: string): Operation<string[]>;
  /** As the other form, calling back. */
  mx(name: string, cb: DnsCallback<string>): Watcher;
  mx(name: string, cb?: DnsCallback<string>): Operation<string[]> | Watcher {
    return this.#list(
      name,
      "mx",
      cb,
      (records) =>
        [...records].sort((a, b) => Number(a[4]) - Number(b[4])).map((record) => String(record[5])),
    );
  }

  /** Names of the name servers of a domain. */
  ns(name: string): Operation<string[]>;
  /** As the other form, calling back. */
  ns(name: string, cb: DnsCallback<string>): Watcher;
  ns(name: string, cb?: DnsCallback<string>): Operation<string[]> | Watcher {
    return this.#list(name, "ns", cb, texts);
  }

  /** Texts: of each record the first one. */
  txt(name: string): Operation<string[]>;
  /** As the other form, calling back. */
  txt(name: string, cb: DnsCallback<string>): Watcher;
  txt(name: string, cb?: DnsCallback<string>): Operation<string[]> | Watcher {
    return this.#list(name, "txt", cb, texts);
  }

  /** Where a PTR record points; see `reverseLookup` for addresses. */
  ptr(name: string): Operation<string[]>;
  /** As the other form, calling back. */
  ptr(name: string, cb: DnsCallback<string>): Watcher;
  ptr(name: string, cb?: DnsCallback<string>): Operation<string[]> | Watcher {
    return this.#list(name, "ptr", cb, texts);
  }

  /** All records of a name that the server likes to tell (RFC 8482). */
  any(name: string): Operation<DnsRecord[]>;
  /** As the other form, calling back. */
  any(name: string, cb: DnsCallback<DnsRecord>): Watcher;
  any(name: string, cb?: DnsCallback<DnsRecord>): Operation<DnsRecord[]> | Watcher {
    return this.#list(name, "*", cb, (records) => records);
  }

  /**
   * Where a service is offered: in the order in which to try, by priority, and by chance according to weight
   * among equal ones (RFC 2782).
   *
   * @param service as in `"sip"`
   * @param proto as in `"udp"`
   * @param name the domain
   * @returns for each record priority, weight, port and target (`"."`: decidedly none)
   */
  srv(service: string, proto: string, name: string): Operation<SrvRecord[]>;
  /** As the other form, calling back. */
  srv(service: string, proto: string, name: string, cb: DnsCallback<SrvRecord>): Watcher;
  srv(
    service: string,
    proto: string,
    name: string,
    cb?: DnsCallback<SrvRecord>,
  ): Operation<SrvRecord[]> | Watcher {
    for (const [what, value] of [["service", service], ["protocol", proto], ["name", name]]) {
      if (typeof value !== "string" || value === "") {
        throw new UsageError(`Cannot look up SRV records: ${what} ${show(value)} is not a name`);
      }
    }
    return this.#list(
      `_${service}._${proto}.${name}`,
      "srv",
      cb,
      (records) => srvOrder(records, this.resolver().loop.env.random),
    );
  }

  /**
   * The names that an address has by its own account.
   *
   * @param ip IPv4 or IPv6 address; one mapped or compatible counts as the IPv4 one
   * @returns none when it is no address
   */
  reverseLookup(ip: string): Operation<string[]>;
  /** As the other form, calling back. */
  reverseLookup(ip: string, cb: DnsCallback<string>): Watcher;
  reverseLookup(ip: string, cb?: DnsCallback<string>): Operation<string[]> | Watcher {
    const name = reverseName(ip);
    return this.#run(
      `reverseLookup(${show(ip)})`,
      (used, done) => name === undefined ? none(used, done) : look(used, name, "ptr", texts)(done),
      cb,
    );
  }

  /**
   * The names of an address which really have this address: looked up there and back.
   *
   * @param ip IPv4 or IPv6 address
   * @returns none when it is no address; of many names, the first 16 are looked at
   */
  reverseVerify(ip: string): Operation<string[]>;
  /** As the other form, calling back. */
  reverseVerify(ip: string, cb: DnsCallback<string>): Watcher;
  reverseVerify(ip: string, cb?: DnsCallback<string>): Operation<string[]> | Watcher {
    const name = reverseName(ip);
    return this.#run(
      `reverseVerify(${show(ip)})`,
      (used, done) => name === undefined ? none(used, done) : verify(used, name, ip, done),
      cb,
    );
  }

  #list<T>(
    name: string,
    type: string,
    cb: DnsCallback<T> | undefined,
    pick: (records: DnsRecord[]) => T[],
  ): Operation<T[]> & Watcher {
    if (typeof name !== "string") {
      throw new UsageError(`Cannot look up ${type} of ${show(name)}: the name is not a string`);
    }
    const what = `${type === "*" ? "any" : type}(${show(name)})`;
    return this.#run(what, (used, done) => look(used, name, type, pick)(done), cb);
  }

  #run<T>(
    what: string,
    task: (used: Resolver, done: (list: T[]) => void) => Undo,
    cb: DnsCallback<T> | undefined,
  ): Operation<T[]> & Watcher {
    const used = this.resolver();
    return run(used.loop, () => `dns.${what}`, (done) => task(used, done), cb);
  }
}

/** Through the public method, so that a resolver that overrides it is asked. */
function look<T>(
  used: Resolver,
  name: string,
  type: string,
  pick: (records: DnsRecord[]) => T,
): Task<T> {
  return (done) => {
    const watcher = used.resolve(name, type, undefined, (records) => done(pick(records)));
    return () => watcher.cancel();
  };
}

function none<T>(used: Resolver, done: (list: T[]) => void): Undo {
  return soon(used.loop, done, []);
}

function texts(records: DnsRecord[]): string[] {
  return records.map((record) => String(record[4]));
}

function verify(
  used: Resolver,
  reverse: string,
  ip: string,
  done: (names: string[]) => void,
): Undo {
  const bytes = parseAddress(ip)!;
  const address = formatAddress(bytes)!;
  const type = bytes.length === 4 ? "a" : "aaaa";
  const undos: Undo[] = [];
  undos.push(
    look(used, reverse, "ptr", texts)((found) => {
      const names = [...new Set(found)].slice(0, MOST_NAMES);
      const right = new Set<string>();
      let left = names.length;
      if (left === 0) return done([]);
      for (const name of names) {
        undos.push(
          look(used, `${name.replace(/\.$/, "")}.`, type, texts)((addresses) => {
            if (addresses.includes(address)) right.add(name);
            if (--left === 0) done(names.filter((name) => right.has(name)));
          }),
        );
      }
    }),
  );
  return () => {
    for (const undo of undos) undo();
  };
}

/**
 * The usual DNS look-ups, with the resolver of the default loop.
 *
 * Follows the convenience functions of AnyEvent::DNS.
 *
 * @example
 * ```ts
 * import { dns } from "@anyevent/loop";
 *
 * export async function show(name: string): Promise<void> {
 *   console.log(await dns.a(name)); // an empty list when there is no such name
 *   dns.mx(name, (servers) => console.log(servers));
 * }
 * ```
 */
export const dns: Dns = new Dns(() => resolver());
