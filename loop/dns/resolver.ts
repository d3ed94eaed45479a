import {
  checkOptions,
  type LogLevel,
  messageOf,
  type PeerError,
  show,
  type Undo,
  UsageError,
} from "@anyevent/backends/contract";
import { formatAddress, parseAddress, parseHostport } from "../address.ts";
import type { Callback } from "../callback.ts";
import { checkLoop } from "../check_loop.ts";
import { environment } from "../environment.ts";
import { checkPath } from "../io/checks.ts";
import type { Loop } from "../loop.ts";
import type { Operation } from "../operation.ts";
import { defaultLoop } from "../registry.ts";
import { type Seconds, seconds } from "../time.ts";
import type { Watcher } from "../watcher.ts";
import { type Attempt, Exchange, type ServerAddress } from "./exchange.ts";
import { hostsPath, parseHosts } from "./hosts.ts";
import { QueryIds } from "./ids.ts";
import { dnsPack, type DnsPacket, type DnsPackInput, type DnsRecord } from "./packet.ts";
import { parseResolvConf } from "./resolv_conf.ts";
import { type Ask, plain, resolution, type Wanted } from "./resolution.ts";
import { Slots } from "./slots.ts";
import { dnsTables } from "./tables.ts";
import { run, soon, type Task } from "./task.ts";

/** The port of name servers. */
const DOMAIN = 53;

/** Most of them that may be under way: there are 65536 numbers to tell them apart. */
const MOST_OUTSTANDING = 10_000;

/** Most names that one resolution tries, and most servers and timeouts. */
const MOST = 64;

/**
 * Public name servers, asked after 127.0.0.1 when no server is configured or the configuration cannot be read.
 * Empty it, and nobody else gets to know what was looked up.
 *
 * Follows `@DNS_FALLBACK` of AnyEvent::DNS.
 *
 * @example
 * ```ts
 * import { DNS_FALLBACK, Resolver } from "@anyevent/loop";
 *
 * DNS_FALLBACK.length = 0; // ask nobody but the configured servers
 * console.log(new Resolver().server); // [ "127.0.0.1:53" ]
 * ```
 */
export const DNS_FALLBACK: string[] = ["9.9.9.9", "1.1.1.1", "8.8.8.8"];

/** Options of {@linkcode Resolver}. */
export interface ResolverOptions {
  /** Whose sockets, time and chance to use. Default: the default loop. */
  readonly loop?: Loop;
  /** Name servers, as addresses with or without a port: `"127.0.0.1"`, `"[::1]:5353"`. Default: see {@linkcode DNS_FALLBACK}. */
  readonly server?: readonly string[];
  /** Seconds to wait for a reply, for each round through the servers. Default `[2, 5, 5]`. */
  readonly timeout?: readonly Seconds[];
  /** Suffixes to try. Default none. */
  readonly search?: readonly string[];
  /** Dots that a name must have to be tried as it is before it is tried with suffixes. Default 1. */
  readonly ndots?: number;
  /** Requests under way at a time; the others wait. Default 10. */
  readonly maxOutstanding?: number;
  /** Seconds for which the number of a request without a reply is not used again. Default 300. */
  readonly reuse?: Seconds;
  /** Ask for larger replies over UDP (RFC 6891). Default: `ANYEVENT_EDNS0` is set and not 0. */
  readonly edns0?: boolean;
}

/** Options of {@linkcode Resolver.resolve}. */
export interface ResolveOptions {
  /** Suffixes to try, in place of the configured ones; `""`: the name as it is. */
  readonly search?: readonly string[];
  /** Types of records to give. With `cname`, aliases are not followed. Default: the type asked for. */
  readonly accept?: readonly string[];
  /** Class of records. Default `in`. */
  readonly class?: string;
}

/** Gets the records found, none on any failure. */
export type RecordsCallback = Callback<[records: DnsRecord[]]>;

/**
 * A DNS stub resolver: UDP, TCP for long replies, timeouts, several servers, search lists, aliases.
 *
 * Whatever goes wrong (no reply, no such name, nonsense from the network, no permission) counts as
 * nothing found; a reason that is not the DNS's goes to the log once. Each request has a UDP socket, a port
 * and a number of its own, and nothing is open or registered while none is under way.
 *
 * Permissions: `--allow-net` for the servers, and for `0.0.0.0` and `[::]` to bind to unless they are on loopback.
 *
 * Follows the resolver class of AnyEvent::DNS.
 *
 * @example
 * ```ts
 * import { Resolver } from "@anyevent/loop";
 *
 * export async function addresses(name: string): Promise<string[]> {
 *   const resolver = new Resolver({ server: ["127.0.0.1:5353"] });
 *   return (await resolver.resolve(name, "a")).map((record) => String(record[4]));
 * }
 * ```
 */
export class Resolver {
  /** The loop it works on. */
  readonly loop: Loop;
  readonly #slots: Slots;
  readonly #ids: QueryIds;
  readonly #edns0: boolean;
  #server: readonly ServerAddress[];
  #timeout: readonly number[];
  #search: readonly string[];
  #ndots: number;
  #loading = 0;
  #waiting: (() => void)[] = [];
  #told = false;

  /**
   * Opens nothing yet, and reads no configuration: see {@linkcode Resolver.osConfig}.
   *
   * @throws {UsageError} naming the option that makes no sense
   */
  constructor(options: ResolverOptions = {}) {
    checkOptions(options, "make resolver");
    const { server = [], timeout = [2, 5, 5], search = [], ndots = 1 } = options;
    const { maxOutstanding = 10, reuse = 300 } = options;
    this.loop = checkLoop(options.loop ?? defaultLoop(), "make resolver");
    const { env } = this.loop;
    this.#server = [...strings(server, "server")].map(serverAddress);
    this.#timeout = timeouts(timeout);
    this.#search = suffixes(search);
    this.#ndots = checkNdots(ndots);
    this.#slots = new Slots(this.loop, checkOutstanding(maxOutstanding));
    this.#ids = new QueryIds(env.random, Math.max(0, seconds(reuse, "make resolver: reuse")));
    this.#edns0 = options.edns0 ?? Number(environment(env.host, "EDNS0")?.value || 0) !== 0;
  }

  /** Name servers, in the order in which they are asked, as `host:port`. */
  get server(): readonly string[] {
    return this.#servers().map(({ host, port }) =>
      host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`
    );
  }

  /** Suffixes tried. */
  get search(): readonly string[] {
    return this.#search;
  }

  /** Dots that a name must have to be tried as it is first. */
  get ndots(): number {
    return this.#ndots;
  }

  /** Sets how many seconds to wait in each round through the servers, for requests to come. */
  timeout(...timeout: Seconds[]): void {
    this.#timeout = timeouts(timeout);
  }

  /** Sets how many requests may be under way at a time. */
  maxOutstanding(count: number): void {
    this.#slots.most = checkOutstanding(count);
  }

  /**
   * Takes over servers, suffixes and options from a text like `/etc/resolv.conf`; see `parseResolvConf`.
   *
   * @param text the whole file
   */
  parseResolvConf(text: string): void {
    const conf = parseResolvConf(text);
    for (const bad of conf.invalid) {
      this.#log(5, `nameserver ${bad} is no address and is ignored`);
    }
    this.#server = conf.server.slice(0, MOST).map(serverAddress);
    this.#search = suffixes(conf.search);
    if (conf.ndots !== undefined) this.#ndots = conf.ndots;
    const first = Math.max(0.1, conf.timeout ?? this.#timeout[0]);
    if (conf.timeout !== undefined) this.#timeout = [first];
    if (conf.attempts) this.#timeout = new Array(Math.min(MOST, conf.attempts)).fill(first);
  }

  /**
   * Reads the configuration of the system, `/etc/resolv.conf`; requests wait until that is done. A file that
   * cannot be read leaves everything as it is.
   *
   * Permissions: `--allow-read` of the file; without it the public servers of {@linkcode DNS_FALLBACK} are asked.
   *
   * @param path another file of this format
   */
  osConfig(path = "/etc/resolv.conf"): void {
    checkPath(path, "read resolver configuration");
    const { env } = this.loop;
    const release = this.loop.hold();
    this.#loading++;
    this.#slots.open = false;
    const loaded = (): void => {
      release();
      if (--this.#loading > 0) return;
      for (const begin of this.#waiting.splice(0)) begin();
      this.#slots.open = true;
    };
    env.host.readTextFile(path).then((text) => this.parseResolvConf(text)).catch((thrown) => {
      this.#log(7, `resolver configuration is not used: ${messageOf(thrown)}`);
    }).then(() => env.backend.post(loaded));
  }

  /**
   * Sends one request to the servers in turn, once for each timeout, until there is a reply; when that is
   * truncated, asks again by TCP. What the reply says does not matter.
   *
   * With a callback it begins now, and `cancel()` of the result ends it; without one, when it is run.
   *
   * @param req what to send, its id is chosen here; at least one question
   * @returns the reply, or `undefined` when there is none, or the request cannot be packed
   * @throws {UsageError} when there is no question
   */
  request(req: DnsPackInput): Operation<DnsPacket | undefined>;
  /** As the other form, calling back. */
  request(req: DnsPackInput, cb: Callback<[reply: DnsPacket | undefined]>): Watcher;
  request(
    req: DnsPackInput,
    cb?: Callback<[reply: DnsPacket | undefined]>,
  ): Operation<DnsPacket | undefined> | Watcher {
    const name: unknown = req?.qd?.[0]?.[0];
    if (typeof name !== "string") {
      throw new UsageError(`Cannot request ${show(req)}: it has no question`);
    }
    return run(this.loop, () => `dns.request(${show(name)})`, this.#request(req), cb);
  }

  /**
   * Looks up records: of the name as it is when it ends in a dot, else with the suffixes of the search list,
   * and as it is before that (if it has `ndots` dots) or after. The first name that has any wins. Aliases
   * are followed, at most 10.
   *
   * With a callback it begins now, and `cancel()` of the result ends it; without one, when it is run.
   *
   * @param name in any case
   * @param type as in `"a"`; `"*"` for any
   * @returns the records; none on any failure
   * @throws {UsageError} when a name of a type or class is unknown
   */
  resolve(name: string, type: string | number, options?: ResolveOptions): Operation<DnsRecord[]>;
  /** As the other form, calling back. */
  resolve(name: string, type: string | number, cb: RecordsCallback): Watcher;
  /** As the other form, calling back. */
  resolve(
    name: string,
    type: string | number,
    options: ResolveOptions | undefined,
    cb: RecordsCallback,
  ): Watcher;
  resolve(
    name: string,
    type: string | number,
    optionsOrCallback?: ResolveOptions | RecordsCallback,
    callback?: RecordsCallback,
  ): Operation<DnsRecord[]> | Watcher {
    const [options, cb] = isCallback(optionsOrCallback)
      ? [{}, optionsOrCallback]
      : [optionsOrCallback ?? {}, callback];
    checkName(name, "resolve");
    const asked = dnsTables.type.name(dnsTables.type.id(type));
    const wanted = {
      type: asked,
      class: dnsTables.class.name(dnsTables.class.id(options.class ?? "in")),
      accept: new Set(
        strings(options.accept ?? [asked], "accept").map((one) =>
          dnsTables.type.name(dnsTables.type.id(one))
        ),
      ),
    };
    const search = options.search === undefined ? undefined : strings(options.search, "search");
    const ask: Ask = (question, answered) => this.#request({ rd: true, qd: [question] })(answered);
    const task: Task<DnsRecord[]> = (done) =>
      this.#whenReady(() => {
        const all: Wanted = { ...wanted, names: this.#names(name, search) };
        return all.names.length === 0 ? soon(this.loop, done, []) : resolution(ask, all, done);
      });
    return run(this.loop, () => `dns.resolve(${show(name)}, ${show(asked)})`, task, cb);
  }

  /**
   * Waits until a request would be sent at once, not queued. Who waits is told in order, after all requests
   * that wait, and may or may not make some.
   */
  waitForSlot(): Operation<void>;
  /** As the other form, calling back. */
  waitForSlot(cb: Callback<[resolver: Resolver]>): Watcher;
  waitForSlot(cb?: Callback<[resolver: Resolver]>): Operation<void> | Watcher {
    const task: Task<Resolver> = (done) => this.#slots.wait(() => done(this));
    const both = run(this.loop, () => "dns.waitForSlot()", task, cb);
    return both as unknown as Operation<void> | Watcher;
  }

  /**
   * Addresses of a name in the host's own table, `ANYEVENT_HOSTS` or `/etc/hosts`, which is read anew each
   * time.
   *
   * Permissions: `--allow-read` of that file; without it there are none.
   *
   * @returns IPv4 and IPv6 addresses, in the order of the file
   */
  hosts(name: string): Operation<string[]>;
  /** As the other form, calling back. */
  hosts(name: string, cb: Callback<[addresses: string[]]>): Watcher;
  hosts(name: string, cb?: Callback<[addresses: string[]]>): Operation<string[]> | Watcher {
    checkName(name, "look up in hosts");
    const { host, backend } = this.loop.env;
    const task: Task<string[]> = (done) => {
      host.readTextFile(hostsPath(host)).then(
        (text) => parseHosts(text).get(plain(name)) ?? [],
        (thrown) => {
          this.#log(8, `hosts are not used: ${messageOf(thrown)}`);
          return [];
        },
      ).then((found) => backend.post(() => done(found)));
      return () => undefined;
    };
    return run(this.loop, () => `dns.hosts(${show(name)})`, task, cb);
  }

  #request(req: DnsPackInput): Task<DnsPacket | undefined> {
    return (done) => {
      let undo: Undo = () => undefined;
      const leave = this.#slots.take((release) => {
        const { loop } = this;
        const id = this.#ids.take(loop.now());
        const free = (late: boolean): void => {
          this.#ids.free(id, late, loop.now());
          release();
        };
        let exchange: Exchange;
        try {
          const bytes = dnsPack({ ...req, id }, { edns0: this.#edns0 });
          const [name, type, klass = "in"] = req.qd![0];
          const question = [
            plain(name) || ".",
            dnsTables.type.name(dnsTables.type.id(type)),
            dnsTables.class.name(dnsTables.class.id(klass)),
          ] as const;
          exchange = new Exchange(
            loop,
            { id, bytes, question },
            this.#attempts(),
            (error) => this.#tell(error),
            (reply, late) => {
              free(late);
              done(reply);
            },
          );
        } catch (thrown) {
          this.#log(8, `not asked: ${messageOf(thrown)}`);
          free(false);
          undo = soon(loop, done, undefined);
          return;
        }
        undo = () => free(exchange.cancel());
      });
      return () => {
        leave();
        undo();
      };
    };
  }

  #attempts(): Attempt[] {
    return this.#timeout.flatMap((timeout) =>
      this.#servers().map((server) => ({ server, timeout }))
    );
  }

  #servers(): readonly ServerAddress[] {
    if (this.#server.length > 0) return this.#server;
    return ["127.0.0.1", ...DNS_FALLBACK].map(serverAddress);
  }

  #names(name: string, search: readonly string[] | undefined): string[] {
    if (name.endsWith(".")) return [plain(name)];
    const dots = name.split(".").length - 1;
    const suffixes = search ??
      (dots >= this.#ndots ? ["", ...this.#search] : [...this.#search, ""]);
    return suffixes.slice(0, MOST).map((suffix) =>
      plain(suffix === "" ? name : `${name}.${suffix}`)
    );
  }

  /** Begins once the configuration is there: maybe now. */
  #whenReady(begin: () => Undo): Undo {
    if (this.#loading === 0) return begin();
    let live = true;
    let undo: Undo = () => undefined;
    this.#waiting.push(() => {
      if (live) undo = begin();
    });
    return () => {
      live = false;
      undo();
    };
  }

  /** What a user can do something about is told once. */
  #tell(error: PeerError): void {
    const isNew = error.code === "EACCES" && !this.#told;
    if (isNew) this.#told = true;
    this.#log(isNew ? 4 : 8, error.message);
  }

  #log(level: LogLevel, message: string): void {
    this.loop.log.ctx("AnyEvent::DNS").log(level, message);
  }
}

function isCallback(value: unknown): value is RecordsCallback {
  return typeof value === "function" ||
    typeof (value as { readonly send?: unknown } | undefined)?.send === "function";
}

function checkName(name: unknown, doing: string): void {
  if (typeof name !== "string") {
    throw new UsageError(`Cannot ${doing} ${show(name)}: the name is not a string`);
  }
}

function strings(values: unknown, what: string): readonly string[] {
  if (Array.isArray(values) && values.every((value) => typeof value === "string")) return values;
  throw new UsageError(`Cannot use ${what} ${show(values)}: it is not an array of strings`);
}

/** @throws {UsageError} when it is no address */
function serverAddress(text: string): ServerAddress {
  const bare = parseAddress(text);
  const [host, port] = bare === undefined
    ? parseHostport(text, String(DOMAIN)) ?? []
    : [text, DOMAIN];
  const bytes = host === undefined ? undefined : parseAddress(host);
  const number = Number(port);
  if (
    bytes === undefined || bytes.length < 4 || !Number.isInteger(number) || number < 1 ||
    number > 65535
  ) throw new UsageError(`Cannot use name server ${show(text)}: it is no address`);
  return { transport: "tcp", host: formatAddress(bytes)!, port: number };
}

function timeouts(values: readonly Seconds[]): readonly number[] {
  if (!Array.isArray(values) || values.length === 0 || values.length > MOST) {
    throw new UsageError(`Cannot use timeout ${show(values)}: it is not an array of 1 to ${MOST}`);
  }
  return values.map((value) => {
    const length = seconds(value, "use timeout");
    if (length > 0 && length < Infinity) return length;
    throw new UsageError(`Cannot use timeout ${length}: it is not positive and finite`);
  });
}

function suffixes(values: readonly string[]): readonly string[] {
  const all = strings(values, "search").map((suffix) => suffix.replace(/^\.|\.$/g, ""));
  return [...new Set(all)].filter((suffix) => suffix !== "").slice(0, MOST);
}

function checkNdots(ndots: number): number {
  if (Number.isInteger(ndots) && ndots >= 0) return ndots;
  throw new UsageError(`Cannot use ndots ${show(ndots)}: it is not a natural number`);
}

function checkOutstanding(count: number): number {
  if (Number.isInteger(count) && count > 0 && count <= MOST_OUTSTANDING) return count;
  throw new UsageError(
    `Cannot use maxOutstanding ${show(count)}: it is not within 1..${MOST_OUTSTANDING}`,
  );
}
