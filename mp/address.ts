import { type Address, type Host, show, UsageError } from "@anyevent/backends/contract";

/** The port the tutorial and most networks use for seeds. */
export const CUSTOMARY_PORT = 4040;

/** An address as configured: `*` and names are not resolved yet. */
interface Pattern {
  readonly host: string;
  readonly port: number;
}

function parse(text: string): Pattern {
  let host = text;
  let port = "";
  const bracket = /^\[([^\]]*)\](?::(.*))?$/.exec(text);
  if (bracket !== null) {
    host = bracket[1];
    port = bracket[2] ?? "";
  } else if (/^\d*$/.test(text)) {
    host = "";
    port = text;
  } else if (text.split(":").length === 2) {
    [host, port] = text.split(":");
  }
  if (port === "" || port === "*") port = "0";
  const number = Number(port);
  if (
    !/^\d+$/.test(port) || number > 65535 || /[\s,;#/]/.test(host) ||
    (host.includes(":") && !isIpv6(host))
  ) {
    throw new UsageError(
      `Cannot parse address ${
        show(text)
      }: it must read like "host:port", "[v6]:port", "*:port" or "unix/:path"`,
    );
  }
  return { host, port: number };
}

/** Whether only this machine can be at that address. */
export function isLoopback(address: Address): boolean {
  if (address.transport === "unix") return true;
  const host = address.host;
  return host === "localhost" || host === "::1" || /^127(?:\.\d{1,3}){3}$/.test(host) ||
    /^::ffff:127(?:\.\d{1,3}){3}$/i.test(host);
}

/** Address as text: `host:port`, `[v6]:port` or `unix/:path`. */
export function formatAddress(address: Address): string {
  if (address.transport === "unix") return `unix/:${address.path}`;
  return address.host.includes(":")
    ? `[${address.host}]:${address.port}`
    : `${address.host}:${address.port}`;
}

/**
 * The address a peer announced: numeric hosts only, nothing is looked up.
 *
 * @returns `undefined` for anything else
 */
export function parseLiteral(text: unknown): Address | undefined {
  if (typeof text !== "string") return undefined;
  if (text.startsWith("unix/:")) return { transport: "unix", path: text.slice(6) };
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|(\d{1,3}(?:\.\d{1,3}){3})):(\d{1,5})$/.exec(text);
  if (match === null) return undefined;
  const port = Number(match[3]);
  if (port === 0 || port > 65535) return undefined;
  return { transport: "tcp", host: match[1] ?? match[2], port };
}

function isLiteral(host: string): boolean {
  return /^\d{1,3}(?:\.\d{1,3}){3}$/.test(host) || isIpv6(host);
}

function isIpv6(host: string): boolean {
  return host.includes(":") && URL.canParse(`http://[${host}]/`);
}

/**
 * Resolves configured addresses: each may be a comma list; `*` as host stands for all addresses of
 * this host beyond loopback (loopback when there are none), digits or nothing for this host's name,
 * `*` as port for 0, names for all their addresses. Duplicates go, order stays.
 *
 * Follows AnyEvent::MP::Kernel's `_resolve`.
 *
 * @throws {UsageError} for what cannot be parsed; @throws {PeerError} for a name without addresses
 */
export async function resolveAddresses(
  texts: readonly string[],
  host: Host,
): Promise<readonly Address[]> {
  const found = new Map<string, Address>();
  const add = (address: Address): void => void found.set(formatAddress(address), address);
  for (const text of texts.flatMap((text) => text.split(",")).map((text) => text.trim())) {
    if (text.startsWith("unix/:")) {
      const path = text.slice(6);
      if (!path.startsWith("/")) {
        throw new UsageError(
          `Cannot use address ${show(text)}: the path of a Unix socket is absolute`,
        );
      }
      add({ transport: "unix", path });
      continue;
    }
    const { host: name, port } = parse(text);
    if (name === "*") {
      const all = host.interfaceAddresses();
      const outer = all.filter((entry) => !entry.internal && !/^fe80:/i.test(entry.address)).map((
        entry,
      ) => entry.address);
      for (const address of outer.length > 0 ? outer : ["127.0.0.1"]) {
        add({ transport: "tcp", host: address, port });
      }
    } else if (isLiteral(name)) {
      add({ transport: "tcp", host: name, port });
    } else {
      const addresses = await host.resolve(name === "" ? host.hostname() : name);
      for (const address of addresses) add({ transport: "tcp", host: address, port });
    }
  }
  return [...found.values()];
}
