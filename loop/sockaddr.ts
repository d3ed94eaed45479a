import { type Address, type Env, messageOf, show, UsageError } from "@anyevent/backends/contract";
import {
  type AddressFamily,
  addressFamily,
  formatAddress,
  parseAddress,
  UNIX_HOST,
} from "./address.ts";
import { srvOrder } from "./dns/srv.ts";
import { idnToAscii } from "./idn.ts";
import type { LogContext } from "./log/types.ts";
import type { NameRecord, NameResolver } from "./name_resolver.ts";
import { getprotobyname, parseService, type ProtocolName } from "./services.ts";

/** A version of the Internet Protocol, as `ANYEVENT_PROTOCOLS` names it. */
export type IpProtocol = "ipv4" | "ipv6";

/** Kind of a socket. */
export type SocketType = "stream" | "dgram" | "seqpacket";

/** Somewhere to connect to. */
export interface SocketTarget {
  /** Kind of its address. */
  readonly family: AddressFamily;
  /** Kind of socket to use. */
  readonly type: SocketType;
  /** Transport protocol; `undefined` for Unix sockets. */
  readonly proto: ProtocolName | undefined;
  /** As `Net` takes it. */
  readonly address: Address;
}

/** What to look up, checked. */
export interface SockaddrRequest {
  readonly node: string;
  readonly service: { readonly name: string | undefined; readonly port: number };
  readonly path: string | undefined;
  readonly proto: ProtocolName;
  readonly family: 0 | 4 | 6;
  readonly type: SocketType;
}

/** Where names come from, and which addresses are wanted. */
export interface SockaddrContext {
  readonly env: Env;
  readonly log: LogContext;
  readonly resolver: NameResolver;
  readonly protocols: readonly IpProtocol[];
}

/** Checks the arguments of `resolveSockaddr`. @throws {UsageError} naming the one that is wrong */
export function sockaddrRequest(
  what: string,
  node: string,
  service: string | number,
  proto: string | 0 | undefined,
  family: 0 | 4 | 6 | undefined,
  type: SocketType | undefined,
): SockaddrRequest {
  if (typeof node !== "string") {
    throw new UsageError(`Cannot ${what}: host ${show(node)} is not a string`);
  }
  const known = getprotobyname(String(proto || "tcp"));
  if (known === undefined) {
    throw new UsageError(`Cannot ${what}: protocol ${show(proto)} is unknown`);
  }
  if (family !== undefined && family !== 0 && family !== 4 && family !== 6) {
    throw new UsageError(`Cannot ${what}: family ${show(family)} is not 0, 4 or 6`);
  }
  if (type !== undefined && type !== "stream" && type !== "dgram" && type !== "seqpacket") {
    throw new UsageError(`Cannot ${what}: type ${show(type)} is not stream, dgram or seqpacket`);
  }
  const [protocol] = known;
  const isUnix = node === UNIX_HOST;
  if (isUnix && typeof service !== "string") {
    throw new UsageError(`Cannot ${what}: path ${show(service)} is not a string`);
  }
  return {
    node,
    service: isUnix ? { name: undefined, port: 0 } : parseService(service, protocol, what),
    path: isUnix ? String(service) : undefined,
    proto: protocol,
    family: family ?? 0,
    type: type ?? (protocol === "udp" ? "dgram" : "stream"),
  };
}

/** Calls `begin` and then `cb`, once, with what it got or nothing; never throws. */
function once<T>(
  log: LogContext,
  begin: (got: (values: readonly T[]) => void) => unknown,
  cb: (values: readonly T[]) => void,
): void {
  let over = false;
  const got = (values: readonly T[]): void => {
    if (over) return;
    over = true;
    cb(values);
  };
  try {
    begin(got);
  } catch (error) {
    log.log(5, `name resolver failed: ${messageOf(error)}`);
    got([]);
  }
}

/** The address text in a record, in its usual form, when it is one of the wanted family. */
function addressIn(text: unknown, family: AddressFamily): string | undefined {
  const ipn = typeof text === "string" ? parseAddress(text) : undefined;
  return ipn !== undefined && addressFamily(ipn) === family ? formatAddress(ipn) : undefined;
}

/**
 * The addresses of a name for each wanted family, in that order.
 *
 * Literals and `localhost` are answered inside the call.
 */
export function lookupName(
  context: SockaddrContext,
  name: string,
  families: readonly (4 | 6)[],
  useHosts: boolean,
  cb: (found: readonly { readonly family: 4 | 6; readonly host: string }[]) => void,
): void {
  const { log, resolver } = context;
  const pick = (texts: readonly unknown[]): { family: 4 | 6; host: string }[] =>
    families.flatMap((family) =>
      texts.flatMap((text) => {
        const host = addressIn(text, family);
        return host === undefined ? [] : [{ family, host }];
      })
    );
  if (parseAddress(name) !== undefined) return cb(pick([name]));
  if (name.toLowerCase() === "localhost") return cb(pick(["127.0.0.1", "::1"]));
  const ascii = idnToAscii(name);
  if (ascii === "" || families.length === 0) return cb([]);
  const texts: unknown[] = [];
  let pending = families.length;
  for (const family of families) {
    once<NameRecord>(
      log,
      (got) => resolver.resolve(ascii, family === 4 ? "a" : "aaaa", got),
      (records) => {
        for (const record of records) texts.push(record[4]);
        if (--pending > 0) return;
        const found = pick(texts);
        if (found.length > 0 || !useHosts || resolver.hosts === undefined) return cb(found);
        once<string>(log, (got) => resolver.hosts!(ascii, got), (more) => cb(pick(more)));
      },
    );
  }
}

type NamedPort = readonly [name: string, port: number];

/** The hosts and ports that serve a request: those of its SRV records, else itself. */
function findTargets(
  context: SockaddrContext,
  request: SockaddrRequest,
  cb: (targets: readonly NamedPort[]) => void,
): void {
  const { node, service, proto } = request;
  const itself: NamedPort = [node, service.port];
  const isName = parseAddress(node) === undefined && node.toLowerCase() !== "localhost";
  if (service.name === undefined || !isName || node === "") return cb([itself]);
  const question = `_${service.name}._${proto}.${idnToAscii(node)}`;
  once<NameRecord>(
    context.log,
    (got) => context.resolver.resolve(question, "srv", got),
    (records) => {
      if (records.length === 0) return cb([itself]);
      // A single root says that the service is decidedly not there.
      const targets = srvOrder(records, context.env.random).flatMap(
        ([, , port, target]): NamedPort[] => {
          const isPort = Number.isInteger(port) && port >= 0 && port <= 65535;
          return isPort && target !== "." && target !== "" ? [[target, port]] : [];
        },
      );
      cb(targets);
    },
  );
}

/** Finds where to connect, best first; see `Sockets.resolveSockaddr`. Never throws. */
export function findSockaddrs(
  context: SockaddrContext,
  request: SockaddrRequest,
  cb: (targets: readonly SocketTarget[]) => void,
): void {
  const { path, proto, type, family } = request;
  if (path !== undefined) {
    const address: Address = { transport: "unix", path };
    return cb(path.startsWith("/") ? [{ family: "unix", type, proto: undefined, address }] : []);
  }
  const families: readonly (4 | 6)[] = family !== 0
    ? [family]
    : context.protocols.map((protocol) => protocol === "ipv4" ? 4 : 6);
  findTargets(context, request, (targets) => {
    const found: (readonly SocketTarget[])[] = [];
    let pending = targets.length;
    if (pending === 0) return cb([]);
    targets.forEach(([name, port], index) => {
      lookupName(context, name, families, true, (addresses) => {
        found[index] = addresses.map(({ family, host }) => ({
          family,
          type,
          proto,
          address: { transport: "tcp", host, port },
        }));
        if (--pending > 0) return;
        const all = found.flat();
        cb(families.flatMap((each) => all.filter((target) => target.family === each)));
      });
    });
  });
}
