import { type Address, type Host, show, UsageError } from "@anyevent/backends/contract";
import {
  addressFamily,
  formatAddress,
  getservbyname,
  idnToAscii,
  parseAddress,
  parseHostport,
} from "@anyevent/loop";

export { formatAddress };

/** The port the tutorial and most networks use for seeds. */
export const CUSTOMARY_PORT = 4040;

/** An address as configured: `*` and names are not resolved yet. */
interface Pattern {
  readonly host: string;
  readonly port: number;
}

function parse(text: string): Pattern {
  const [host, service] = /^\d*$/.test(text) ? ["", text || "0"] : parseHostport(text, "0") ??
    ["", "none"];
  const port = service === "*"
    ? 0
    : /^\d{1,5}$/.test(service)
    ? Number(service)
    : getservbyname(service);
  if (port === undefined || port > 65535 || /[\s,;#/]/.test(host)) {
    throw new UsageError(
      `Cannot parse address ${
        show(text)
      }: it must read like "host:port", "[v6]:port", "*:port" or "unix/:path"`,
    );
  }
  return { host, port };
}

function readPattern(
  text: string,
  purpose: "bind to" | "connect to",
): Pattern | Extract<Address, { readonly transport: "unix" }> {
  if (text.startsWith("unix/:")) {
    const path = text.slice(6);
    if (!path.startsWith("/")) {
      throw new UsageError(
        `Cannot use address ${show(text)}: the path of a Unix socket is absolute`,
      );
    }
    return { transport: "unix", path };
  }
  const pattern = parse(text);
  if (purpose === "connect to" && pattern.port === 0) {
    throw new UsageError(
      `Cannot connect to address ${
        show(text)
      }: it has no port (the customary one is ${CUSTOMARY_PORT})`,
    );
  }
  return pattern;
}

/**
 * Whether only this machine can be at that address: where a node needs no secret.
 *
 * @param address nothing is looked up; of names `localhost` alone counts
 * @returns true for loopback addresses and Unix sockets
 * @throws {UsageError} when it is no address
 * @example
 * ```ts
 * import { isLoopback } from "@anyevent/mp";
 *
 * console.log(isLoopback({ transport: "tcp", host: "127.0.0.2", port: 4040 })); // true
 * console.log(isLoopback({ transport: "tcp", host: "192.0.2.1", port: 4040 })); // false
 * ```
 */
export function isLoopback(address: Address): boolean {
  if (address?.transport === "unix") return true;
  if (typeof address?.host !== "string") {
    throw new UsageError(`Cannot tell whether ${show(address)} is loopback: it is no Address`);
  }
  const ipn = parseAddress(address.host);
  if (ipn === undefined) return address.host.toLowerCase() === "localhost";
  return addressFamily(ipn) === 4 ? ipn[0] === 127 : formatAddress(ipn) === "::1";
}

/**
 * The address a peer announced: TCP to numeric hosts only, nothing is looked up.
 *
 * Unix sockets are for configuration: a peer could make us talk to whatever else of this machine listens
 * on one.
 *
 * @param text `host:port`, or `[v6]:port`
 * @returns `undefined` for anything else: names, services, port 0, short forms of IPv4
 * @example
 * ```ts
 * import { parseLiteral } from "@anyevent/mp";
 *
 * console.log(parseLiteral("[::1]:4040")); // { transport: "tcp", host: "::1", port: 4040 }
 * console.log(parseLiteral("localhost:4040")); // undefined
 * ```
 */
export function parseLiteral(text: unknown): Address | undefined {
  if (typeof text !== "string") return undefined;
  const split = /^(?:\[[^\]]*:[^\]]*\]|[\d.]+):\d{1,5}$/.test(text)
    ? parseHostport(text)
    : undefined;
  if (split === undefined) return undefined;
  const [host, port] = [literal(split[0]), Number(split[1])];
  // The short and octal forms of IPv4 are for people: announced they would be a mistake.
  const plain = split[0].includes(":") || host === split[0];
  if (host === undefined || !plain || port === 0 || port > 65535) return undefined;
  return { transport: "tcp", host, port };
}

/** An IP address in its usual form; `undefined` for names. */
function literal(text: string): string | undefined {
  const ipn = parseAddress(text);
  return ipn === undefined || addressFamily(ipn) === "unix" ? undefined : formatAddress(ipn);
}

/**
 * Resolves configured addresses: each may be a comma list; `*` as host stands for all addresses of
 * this host beyond loopback (loopback when there are none), digits or nothing for this host's name,
 * `*` as port for 0, names for all their addresses. Duplicates go, order stays.
 *
 * Nothing is looked up before all of them have been read.
 *
 * Follows AnyEvent::MP::Kernel's `_resolve`.
 *
 * @param texts addresses as in the configuration
 * @param host names itself, its addresses and those of others
 * @param purpose to connect needs a port; default: to bind
 * @returns numeric addresses and Unix sockets
 * @throws {UsageError} for what cannot be parsed, or needs a port, and other wrong arguments
 * @throws {PeerError} for a name without addresses
 * @example
 * ```ts
 * import { formatAddress, resolveAddresses } from "@anyevent/mp";
 *
 * const host = {
 *   hostname: () => "here",
 *   interfaceAddresses: () => [{ address: "192.0.2.7", internal: false }],
 *   resolve: () => Promise.resolve(["192.0.2.1", "2001:db8::1"]),
 * };
 * const found = await resolveAddresses(["*:4040,other:4041", "other:4041"], host);
 * console.log(found.map(formatAddress).join()); // 192.0.2.7:4040,192.0.2.1:4041,[2001:db8::1]:4041
 * ```
 */
export async function resolveAddresses(
  texts: readonly string[],
  host: Pick<Host, "hostname" | "interfaceAddresses" | "resolve">,
  purpose: "bind to" | "connect to" = "bind to",
): Promise<readonly Address[]> {
  if (!Array.isArray(texts) || texts.some((text) => typeof text !== "string")) {
    throw new UsageError(`Cannot resolve addresses ${show(texts)}: they are no list of strings`);
  }
  if (typeof host?.resolve !== "function") {
    throw new UsageError(`Cannot resolve addresses: host ${show(host)} has no resolve method`);
  }
  if (purpose !== "bind to" && purpose !== "connect to") {
    throw new UsageError(
      `Cannot resolve addresses: purpose ${show(purpose)} is neither "bind to" nor "connect to"`,
    );
  }
  const found = new Map<string, Address>();
  const add = (address: Address): void => void found.set(formatAddress(address), address);
  const read = texts.flatMap((text) => text.split(","))
    .map((text) => readPattern(text.trim(), purpose));
  for (const pattern of read) {
    if ("path" in pattern) {
      add(pattern);
      continue;
    }
    const { host: name, port } = pattern;
    if (name === "*") {
      const all = host.interfaceAddresses();
      const outer = all.filter((entry) => !entry.internal && !/^fe80:/i.test(entry.address)).map((
        entry,
      ) => entry.address);
      for (const address of outer.length > 0 ? outer : ["127.0.0.1"]) {
        add({ transport: "tcp", host: address, port });
      }
    } else if (literal(name) !== undefined) {
      add({ transport: "tcp", host: literal(name)!, port });
    } else {
      const addresses = await host.resolve(name === "" ? host.hostname() : idnToAscii(name));
      for (const address of addresses) add({ transport: "tcp", host: address, port });
    }
  }
  return [...found.values()];
}
