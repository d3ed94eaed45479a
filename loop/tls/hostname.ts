import { type AltName, show, UsageError } from "@anyevent/backends/contract";
import { parseAddress } from "../address.ts";
import { idnToAscii } from "../idn.ts";

/**
 * Where a wildcard may be in a name: 0: nowhere; 1: as the whole first label (`*.example.org`); 2: anywhere in
 * the first label (`www*.example.org`). It never stands for a dot.
 */
export type WildcardRule = 0 | 1 | 2;

/** How the names of a certificate are compared with a peer's. */
export interface PeernameScheme {
  /** In the common name. */
  readonly wildcardCn: WildcardRule;
  /** In the alternative names. */
  readonly wildcardAlt: WildcardRule;
  /** When the common name counts: 0: never; 1: when no alternative name is a host's; 2: always. */
  readonly checkCn: 0 | 1 | 2;
}

/** As in Perl: `[wildcardCn, wildcardAlt, checkCn]`. */
export type PeernameTuple = readonly [
  wildcardCn: WildcardRule,
  wildcardAlt: WildcardRule,
  checkCn: 0 | 1 | 2,
];

/** A protocol or RFC whose rules are known; `"none"`: every name will do. */
export type PeernameSchemeName =
  | "none"
  | `${"ldap" | "http" | "smtp" | "pop3" | "imap" | "nntp" | "ftp"}${"" | "s"}`
  | "acap"
  | "xmpp"
  | `rfc${2595 | 2818 | 3207 | 3920 | 4217 | 4513 | 4642}`;

const LDAP: PeernameScheme = { wildcardCn: 0, wildcardAlt: 1, checkCn: 2 };
const HTTP: PeernameScheme = { wildcardCn: 0, wildcardAlt: 2, checkCn: 1 };
const SMTP: PeernameScheme = { wildcardCn: 0, wildcardAlt: 0, checkCn: 2 };

const SCHEMES: Readonly<Record<PeernameSchemeName, PeernameScheme | undefined>> = {
  none: undefined,
  ldap: LDAP,
  ldaps: LDAP,
  rfc4513: LDAP,
  http: HTTP,
  https: HTTP,
  rfc2818: HTTP,
  smtp: SMTP,
  smtps: SMTP,
  rfc3207: SMTP,
  xmpp: HTTP,
  rfc3920: HTTP,
  pop3: LDAP,
  pop3s: LDAP,
  imap: LDAP,
  imaps: LDAP,
  acap: LDAP,
  rfc2595: LDAP,
  nntp: LDAP,
  nntps: LDAP,
  rfc4642: LDAP,
  ftp: HTTP,
  ftps: HTTP,
  rfc4217: HTTP,
};

/**
 * The rules a scheme stands for; `undefined` for `"none"`.
 *
 * @throws {UsageError} for an unknown one: none is skipped for being misspelt
 */
export function peernameScheme(scheme: unknown): PeernameScheme | undefined {
  if (typeof scheme === "string") {
    const name = scheme.toLowerCase();
    if (Object.hasOwn(SCHEMES, name)) return SCHEMES[name as PeernameSchemeName];
  } else if (typeof scheme === "object" && scheme !== null) {
    const rules = Array.isArray(scheme)
      ? { wildcardCn: scheme[0], wildcardAlt: scheme[1], checkCn: scheme[2] }
      : scheme as PeernameScheme;
    const { wildcardCn, wildcardAlt, checkCn } = rules;
    if ([wildcardCn, wildcardAlt, checkCn].every((one) => one === 0 || one === 1 || one === 2)) {
      return { wildcardCn, wildcardAlt, checkCn };
    }
  }
  const names = Object.keys(SCHEMES).join(", ");
  throw new UsageError(
    `Cannot verify peername: scheme ${show(scheme)} is neither one of ${names} nor ` +
      "[wildcardCn, wildcardAlt, checkCn] of 0, 1 and 2",
  );
}

/** A host's name as names are compared: without the root's dot, in small ASCII letters. */
function canonical(name: string): string {
  return idnToAscii(name.replace(/\.$/, "")).toLowerCase();
}

/** Only ASCII counts: what is no letter there has no other case here. */
function small(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

function matches(name: string, host: string, rule: WildcardRule): boolean {
  const pattern = small(name);
  const star = pattern.indexOf("*");
  if (star < 0 || rule === 0) return pattern === host;
  const dot = pattern.indexOf(".");
  const before = pattern.slice(0, star);
  const after = pattern.slice(star + 1);
  // One star, in the first label, and at least two labels after it: never a whole top-level domain.
  if (dot < star || after.includes("*") || pattern.indexOf(".", dot + 1) < 0) return false;
  if (pattern.endsWith(".") || pattern.includes("..")) return false;
  if (rule === 1 && (before !== "" || dot !== star + 1)) return false;
  // A star in a label of punycode would match names that look like anything.
  if (before.startsWith("xn--")) return false;
  if (!host.startsWith(before) || !host.endsWith(after)) return false;
  const length = host.length - before.length - after.length;
  // It may stand for nothing, but not make an empty label.
  if (length < 0 || (length === 0 && before === "" && after.startsWith("."))) return false;
  return !host.slice(before.length, before.length + length).includes(".");
}

function sameAddress(text: string, address: Uint8Array): boolean {
  const bytes = parseAddress(text);
  return bytes !== undefined && bytes.length === address.length &&
    bytes.every((byte, at) => byte === address[at]);
}

/**
 * Whether a certificate names a host, by the rules of a protocol.
 *
 * Follows AnyEvent::TLS's `verify_hostname`, and its table of schemes. Narrower than there: an unknown scheme
 * is an error; an address is compared with the certificate's addresses alone, and with the common name as it
 * stands; nothing of a name is cut off; and a wildcard needs two labels after it, also by the rule 1.
 *
 * @param names the alternative names, as `Secured.peerNames` has them
 * @param cn the common name
 * @param host a name, also in Unicode, or an address literal
 * @param scheme a protocol's or RFC's name in any case, or its rules
 * @returns always true for `"none"`
 * @throws {UsageError} when the scheme is unknown or an argument makes no sense
 * @example
 * ```ts
 * import { verifyHostname } from "@anyevent/loop";
 *
 * const names = [{ type: "dns", value: "*.example.org" }] as const;
 * console.log(verifyHostname(names, undefined, "www.example.org", "https")); // true
 * console.log(verifyHostname(names, undefined, "a.b.example.org", "https")); // false
 * console.log(verifyHostname(names, undefined, "www.example.org", "smtp")); // false
 * ```
 */
export function verifyHostname(
  names: readonly AltName[],
  cn: string | undefined,
  host: string,
  scheme: PeernameSchemeName | PeernameScheme | PeernameTuple,
): boolean {
  const rules = peernameScheme(scheme);
  if (!Array.isArray(names) || !names.every((name) => typeof name?.value === "string")) {
    throw new UsageError(`Cannot verify peername: names ${show(names)} are not a list of names`);
  }
  if (cn !== undefined && typeof cn !== "string") {
    throw new UsageError(`Cannot verify peername: cn ${show(cn)} is not a string`);
  }
  if (typeof host !== "string" || host === "") {
    throw new UsageError(`Cannot verify peername: host ${show(host)} is not a name or address`);
  }
  if (rules === undefined) return true;
  const address = parseAddress(host);
  const name = canonical(host);
  let hosts = 0;
  for (const { type, value } of names as readonly AltName[]) {
    if (type === "ip" && address !== undefined && sameAddress(value, address)) return true;
    if (type !== "dns") continue;
    hosts++;
    if (address === undefined && matches(value, name, rules.wildcardAlt)) return true;
  }
  if (cn === undefined || rules.checkCn === 0 || (rules.checkCn === 1 && hosts > 0)) return false;
  return address === undefined ? matches(cn, name, rules.wildcardCn) : sameAddress(cn, address);
}
