import { show, UsageError } from "../contract/errors.ts";
import type { TlsOptions, TlsVersion } from "../contract/net.ts";
import { isWatchable } from "../contract/stream.ts";
import { pemCertificates, pemKey } from "./certificate.ts";

/** {@linkcode TlsOptions}, checked and with their defaults. */
export interface TlsSettings {
  /** The own private key and certificates; `undefined`: none. */
  readonly own:
    | { readonly key: string; readonly cert: string; readonly passphrase?: string }
    | undefined;
  /** The authorities, one certificate each; `undefined`: those of the host. */
  readonly ca: readonly string[] | undefined;
  /** Whether a certificate of the peer is verified. */
  readonly verify: boolean;
  /** Whether a client must have one. */
  readonly required: boolean;
  readonly serverName: string | undefined;
  readonly minVersion: TlsVersion;
  readonly alpn: readonly string[];
}

/** A longest name of DNS, of letters, digits, hyphens and underscores; the last label is not a number. */
const HOST_NAME = /^(?=.{1,253}$)(?:[\w-]{1,63}\.)*(?!\d+$)[\w-]{1,63}$/;

function bad(what: string, value: unknown, why: string): UsageError {
  return new UsageError(`Cannot secure stream: ${what} ${show(value)} ${why}`);
}

function check(options: TlsOptions): void {
  const given = options as Partial<Record<string, unknown>>;
  for (const name of ["certificate", "key", "cert"]) {
    const pem = given[name];
    if (pem !== undefined && typeof pem !== "string") throw bad(name, pem, "is not PEM text");
  }
  for (const name of ["verify", "requireClientCert"]) {
    const value = given[name];
    if (value !== undefined && typeof value !== "boolean") {
      throw bad(name, value, "is not true or false");
    }
  }
  const { certificate, ca, keyPassword, serverName, minVersion, alpn, rest } = given;
  const cas = typeof ca === "string" ? [ca] : ca ?? [];
  if (!Array.isArray(cas) || cas.some((pem) => typeof pem !== "string")) {
    throw bad("ca", ca, "is not PEM text");
  }
  if (keyPassword !== undefined && typeof keyPassword !== "string") {
    throw new UsageError("Cannot secure stream: keyPassword is not a string");
  }
  if (serverName !== undefined) {
    if (typeof serverName !== "string" || !HOST_NAME.test(serverName)) {
      throw bad("serverName", serverName, "is not the name of a host, in ASCII");
    }
  }
  if (minVersion !== undefined && minVersion !== "TLSv1.2" && minVersion !== "TLSv1.3") {
    throw bad("minVersion", minVersion, "is neither TLSv1.2 nor TLSv1.3: nothing older is safe");
  }
  if (alpn !== undefined) {
    const good = (one: unknown): boolean =>
      typeof one === "string" && /^[\x21-\x7e]{1,255}$/.test(one);
    if (!Array.isArray(alpn) || !alpn.every(good)) {
      throw bad("alpn", alpn, "is not a list of protocols");
    }
  }
  if (rest !== undefined && !(rest instanceof Uint8Array)) {
    throw bad("rest", rest, "is not a Uint8Array");
  }
  if (certificate === undefined) return;
  for (const name of ["key", "keyPassword", "cert", "ca", "verify", "requireClientCert"]) {
    if (given[name] !== undefined) {
      throw new UsageError(`Cannot secure stream: certificate and ${name} exclude each other`);
    }
  }
}

function ownOf(options: TlsOptions): TlsSettings["own"] {
  const { key, cert, keyPassword } = options;
  if (cert === undefined) {
    if (key === undefined) return undefined;
    throw new UsageError("Cannot secure stream: a key without a cert is of no use");
  }
  const chain = pemCertificates(cert);
  if (chain.length === 0) throw new UsageError("Cannot secure stream: cert has no certificate");
  const found = pemKey(key ?? cert);
  if (found === undefined) {
    throw new UsageError(
      `Cannot secure stream: ${key === undefined ? "cert" : "key"} has no private key`,
    );
  }
  const own = { key: found, cert: chain.join("\n") };
  return keyPassword === undefined ? own : { ...own, passphrase: keyPassword };
}

/** One PEM text as own key, own certificate chain, and the only authorities. */
function allInOne(pem: string): Pick<TlsSettings, "own" | "ca"> {
  const key = pemKey(pem);
  const ca = pemCertificates(pem);
  if (key === undefined || ca.length === 0) {
    throw new UsageError("Cannot secure stream: certificate has no private key or no certificate");
  }
  return { own: { key, cert: ca.join("\n") }, ca };
}

function authoritiesOf(ca: TlsOptions["ca"]): string[] | undefined {
  if (ca === undefined) return undefined;
  const found = [ca].flat().flatMap(pemCertificates);
  // Nobody could be trusted then, or worse, a host could take it for no restriction.
  if (found.length === 0) throw new UsageError("Cannot secure stream: ca has no certificate");
  return found;
}

/**
 * Checks options and fills in their defaults.
 *
 * @param split takes `certificate` apart
 * @throws {UsageError} for what makes no sense
 */
export function tlsSettings(
  options: TlsOptions,
  split: (pem: string) => Pick<TlsSettings, "own" | "ca"> = allInOne,
): TlsSettings {
  if (typeof options !== "object" || options === null) {
    throw new UsageError(`Cannot secure stream: options ${show(options)} are not an object`);
  }
  check(options);
  const { certificate, ca, requireClientCert, serverName, minVersion = "TLSv1.3" } = options;
  const rest = { serverName, minVersion, alpn: [...options.alpn ?? []] };
  if (certificate !== undefined) {
    return { ...split(certificate), verify: true, required: true, ...rest };
  }
  const verify = options.verify ?? (ca !== undefined || requireClientCert === true);
  if (!verify && requireClientCert) {
    throw new UsageError(
      "Cannot secure stream: requireClientCert without verify would take any certificate",
    );
  }
  return {
    own: ownOf(options),
    ca: verify ? authoritiesOf(ca) : undefined,
    verify,
    required: requireClientCert === true,
    ...rest,
  };
}

/**
 * Checks what `Net.secure` was given, before anything is touched.
 *
 * @throws {UsageError} for what makes no sense
 */
export function checkSecure(stream: unknown, role: unknown, options: unknown, cb: unknown): void {
  const like = (isWatchable(stream) ? stream : {}) as Partial<Record<string, unknown>>;
  for (const method of ["tryRead", "tryWrite", "shutdown", "close"]) {
    if (typeof like[method] === "function") continue;
    throw new UsageError(`Cannot secure stream: ${show(stream)} is not a stream of bytes`);
  }
  if (role !== "client" && role !== "server") {
    throw new UsageError(`Cannot secure stream: role ${show(role)} is neither client nor server`);
  }
  // What a bundle must hold is the host's to say.
  tlsSettings(options as TlsOptions, () => ({ own: undefined, ca: undefined }));
  if (typeof cb !== "function") {
    throw new UsageError(`Cannot secure stream: callback ${show(cb)} is not a function`);
  }
}
