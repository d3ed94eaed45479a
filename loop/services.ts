import { show, UsageError } from "@anyevent/backends/contract";

/** A transport protocol, as `resolveSockaddr` takes it. */
export type ProtocolName = "tcp" | "udp" | "sctp";

/** Numbers as IANA assigns them. */
const PROTOCOLS: ReadonlyMap<string, number> = new Map([["tcp", 6], ["udp", 17], ["sctp", 132]]);

const BOTH = ["tcp", "udp"] as const;
const TCP = ["tcp"] as const;
const UDP = ["udp"] as const;

/** Port, protocols and names of the well-known services, as IANA registers them. */
const SERVICES: readonly (readonly [number, readonly ProtocolName[], readonly string[]])[] = [
  [7, BOTH, ["echo"]],
  [9, BOTH, ["discard", "sink", "null"]],
  [13, BOTH, ["daytime"]],
  [19, BOTH, ["chargen", "ttytst", "source"]],
  [20, TCP, ["ftp-data"]],
  [21, TCP, ["ftp"]],
  [22, TCP, ["ssh"]],
  [23, TCP, ["telnet"]],
  [25, TCP, ["smtp", "mail"]],
  [37, BOTH, ["time", "timserver"]],
  [43, TCP, ["whois", "nicname"]],
  [49, BOTH, ["tacacs"]],
  [53, BOTH, ["domain"]],
  [67, UDP, ["bootps"]],
  [68, UDP, ["bootpc"]],
  [69, UDP, ["tftp"]],
  [70, TCP, ["gopher"]],
  [79, TCP, ["finger"]],
  [80, TCP, ["http", "www"]],
  [88, BOTH, ["kerberos", "kerberos5", "krb5", "kerberos-sec"]],
  [110, TCP, ["pop3", "pop-3"]],
  [111, BOTH, ["sunrpc", "portmapper"]],
  [113, TCP, ["auth", "authentication", "tap", "ident"]],
  [119, TCP, ["nntp", "readnews", "untp"]],
  [123, UDP, ["ntp"]],
  [137, UDP, ["netbios-ns"]],
  [138, UDP, ["netbios-dgm"]],
  [139, TCP, ["netbios-ssn"]],
  [143, TCP, ["imap2", "imap"]],
  [161, BOTH, ["snmp"]],
  [162, BOTH, ["snmp-trap", "snmptrap"]],
  [179, TCP, ["bgp"]],
  [194, BOTH, ["irc"]],
  [389, BOTH, ["ldap"]],
  [443, BOTH, ["https"]],
  [445, TCP, ["microsoft-ds"]],
  [464, BOTH, ["kpasswd"]],
  [465, TCP, ["submissions", "ssmtp", "smtps", "urd"]],
  [500, UDP, ["isakmp"]],
  [514, TCP, ["shell", "cmd", "syslog"]],
  [514, UDP, ["syslog"]],
  [515, TCP, ["printer", "spooler"]],
  [546, UDP, ["dhcpv6-client"]],
  [547, UDP, ["dhcpv6-server"]],
  [554, BOTH, ["rtsp"]],
  [563, TCP, ["nntps", "snntp"]],
  [587, TCP, ["submission"]],
  [631, BOTH, ["ipp"]],
  [636, BOTH, ["ldaps"]],
  [853, TCP, ["domain-s"]],
  [873, TCP, ["rsync"]],
  [989, TCP, ["ftps-data"]],
  [990, TCP, ["ftps"]],
  [992, TCP, ["telnets"]],
  [993, TCP, ["imaps"]],
  [995, TCP, ["pop3s"]],
  [1080, TCP, ["socks"]],
  [1194, BOTH, ["openvpn"]],
  [1433, TCP, ["ms-sql-s"]],
  [1883, TCP, ["mqtt"]],
  [2049, BOTH, ["nfs"]],
  [3128, TCP, ["squid"]],
  [3306, TCP, ["mysql"]],
  [3389, TCP, ["ms-wbt-server"]],
  [3690, TCP, ["svn", "subversion"]],
  [5060, BOTH, ["sip"]],
  [5061, BOTH, ["sip-tls"]],
  [5222, TCP, ["xmpp-client", "jabber-client"]],
  [5269, TCP, ["xmpp-server", "jabber-server"]],
  [5353, UDP, ["mdns"]],
  [5432, TCP, ["postgresql", "postgres"]],
  [5671, TCP, ["amqps"]],
  [5672, TCP, ["amqp"]],
  [6379, TCP, ["redis"]],
  [6667, TCP, ["ircd"]],
  [6697, TCP, ["ircs-u"]],
  [8080, TCP, ["http-alt", "webcache"]],
  [8883, TCP, ["secure-mqtt"]],
  [9418, TCP, ["git"]],
  [11211, BOTH, ["memcached"]],
];

const PORTS: ReadonlyMap<string, number> = new Map(
  SERVICES.flatMap(([port, protocols, names]) =>
    protocols.flatMap((protocol) => names.map((name) => [`${name}/${protocol}`, port] as const))
  ),
);

/**
 * The port of a well-known service, from a built-in table: no file of the system is read.
 *
 * Names are case-sensitive. Write `name=port` for others where a service is asked for.
 *
 * @param name as in `"https"`
 * @param protocol default: tcp
 * @returns `undefined` when the table lacks it
 * @example
 * ```ts
 * import { getservbyname } from "@anyevent/loop";
 *
 * console.log(getservbyname("https")); // 443
 * ```
 */
export function getservbyname(name: string, protocol: ProtocolName = "tcp"): number | undefined {
  if (typeof name !== "string") {
    throw new UsageError(`Cannot look up service ${show(name)}: it is not a string`);
  }
  if (typeof protocol !== "string") {
    throw new UsageError(
      `Cannot look up service ${name}: protocol ${show(protocol)} is not a string`,
    );
  }
  return PORTS.get(`${name}/${protocol}`);
}

/**
 * Name and number of a transport protocol: tcp, udp or sctp.
 *
 * Follows AnyEvent::Socket's `getprotobyname`.
 *
 * @param name in any case, or the number as text
 * @returns name, alias and number; `undefined` for another one
 * @example
 * ```ts
 * import { getprotobyname } from "@anyevent/loop";
 *
 * console.log(getprotobyname("TCP")); // [ "tcp", "TCP", 6 ]
 * ```
 */
export function getprotobyname(
  name: string,
): readonly [name: ProtocolName, alias: string, number: number] | undefined {
  if (typeof name !== "string") {
    throw new UsageError(`Cannot look up protocol ${show(name)}: it is not a string`);
  }
  for (const [known, number] of PROTOCOLS) {
    if (known === name.toLowerCase() || String(number) === name) {
      return [known as ProtocolName, known.toUpperCase(), number];
    }
  }
  return undefined;
}

/** A service taken apart. */
export interface Service {
  /** Its name, when it was not given as a number. */
  readonly name: string | undefined;
  /** Its port. */
  readonly port: number;
}

/**
 * Takes a service apart: a port, the name of a well-known one, or `name=port`.
 *
 * @param what completes "Cannot …" in the error
 * @throws {UsageError} for an unknown name, and for what is no port
 */
export function parseService(
  service: string | number,
  protocol: ProtocolName,
  what: string,
): Service {
  const bad = (why: string): UsageError =>
    new UsageError(`Cannot ${what}: service ${show(service)} ${why}`);
  if (typeof service !== "string" && typeof service !== "number") {
    throw bad("is neither a name nor a port");
  }
  const match = /^(?:([^=]+)=)?(\d{1,5})$/.exec(String(service));
  if (match !== null) {
    const port = Number(match[2]);
    if (port > 65535) throw bad("is not one of 0 to 65535");
    return { name: match[1], port };
  }
  if (typeof service === "number" || /^-?[\d.]+$/.test(service)) {
    throw bad("is not one of 0 to 65535");
  }
  const port = getservbyname(service, protocol);
  if (port === undefined) {
    throw bad(`is unknown for ${protocol}; write "name=port" to say its port`);
  }
  return { name: service, port };
}
