import { type Secured, show, type TlsVersion, UsageError } from "@anyevent/backends/contract";
import {
  type PeernameScheme,
  peernameScheme,
  type PeernameSchemeName,
  type PeernameTuple,
} from "./hostname.ts";
import type { TLS } from "./tls.ts";

/**
 * Decides whether a peer is who it should be. Only `true` lets it pass.
 *
 * @param peername who it should be: `Handle.peername`
 * @param secured the session; `peerNames` are the names in its certificate
 */
export type VerifyPeername = (tls: TLS, peername: string, secured: Secured) => boolean;

/** Gives the password of a private key. */
export type CertPassword = (tls: TLS) => string | Promise<string>;

/**
 * Options of {@linkcode TLS}.
 *
 * Permissions: `--allow-read` of the files and the folder that they name.
 */
export interface TLSConfig {
  /**
   * PEM: private key, certificate and authorities, used as own certificate and only trust store, by both ends:
   * instead of `verify`, the authorities and the own certificate.
   */
  readonly certificate?: string;
  /**
   * Whether to verify the peer: a server's certificate always, a client's when it has one. Default: whether one
   * of the options about verifying is given (in Perl: false). With false none of them has an effect.
   */
  readonly verify?: boolean;
  /** For the server: refuse a client without a certificate. Default false. */
  readonly verifyRequireClientCert?: boolean;
  /**
   * How the certificate must name the peer: as the given protocol has it, by rules of your own, or what a
   * callback says. Without it any certificate of the authorities will do. As the client it needs to know the
   * peer: `peername` of the handle. As the server it is used only when that is set, and the client has a
   * certificate.
   */
  readonly verifyPeername?: PeernameSchemeName | PeernameScheme | PeernameTuple | VerifyPeername;
  /** A file with the authorities in PEM. */
  readonly caFile?: string;
  /** A folder of authorities, in files named by their hash as `openssl rehash` does. All are read. */
  readonly caPath?: string;
  /** The authorities in PEM. Default of all three: `ANYEVENT_CA_FILE`, `ANYEVENT_CA_PATH`, else the host's. */
  readonly caCert?: string;
  /** A file with the own private key in PEM. Default: the file or text of the certificate. */
  readonly keyFile?: string;
  /** The own private key in PEM. */
  readonly key?: string;
  /** A file with the own certificate in PEM, then those that lead from it to an authority. */
  readonly certFile?: string;
  /** The same as text. */
  readonly cert?: string;
  /** What the private key is encrypted with. A callback is asked once. */
  readonly certPassword?: string | CertPassword;
  /** The oldest version to agree to; the newest is TLS 1.3. Default `"TLSv1.2"`. */
  readonly minVersion?: TlsVersion;
  /** `"any"`: say the oldest version by `minVersion`. */
  readonly method?: "any";
  /** For the client: which host is meant (SNI). Default: `peername` of the handle, when it is a host's name. */
  readonly serverName?: string;
  /** Protocols to speak over it (ALPN), the one liked most first. */
  readonly alpn?: readonly string[];
}

const KNOWN: readonly (keyof TLSConfig)[] = [
  "certificate",
  "verify",
  "verifyRequireClientCert",
  "verifyPeername",
  "caFile",
  "caPath",
  "caCert",
  "keyFile",
  "key",
  "certFile",
  "cert",
  "certPassword",
  "minVersion",
  "method",
  "serverName",
  "alpn",
];

const DH = "TLS 1.3 and the host choose the groups of the key exchange";

/** What AnyEvent::TLS has beyond, and why it is not here. */
const UNSUPPORTED: Readonly<Record<string, string>> = {
  verifyCb: "the host verifies chains by itself and asks nobody; see verifyPeername",
  verifyClientOnce: "there is no renegotiation any more: a client is verified once",
  checkCrl: "the host looks at no revocation lists",
  dhFile: DH,
  dh: DH,
  dhSingleUse: `${DH}, a new key each time`,
  cipherList: "the host offers safe ciphers only, and none of them can be chosen",
  sessionTicket: "the host issues tickets as it likes, and no session is ever resumed",
  prepare: "there is no context of OpenSSL to prepare",
  debug: "the host tells nothing of a handshake",
};

/** Switches of AnyEvent::TLS that are off for good. */
const OBSOLETE: readonly string[] = ["sslv2", "sslv3", "tlsv1", "tlsv1_1"];

const TEXTS = [
  "certificate",
  "caFile",
  "caPath",
  "caCert",
  "keyFile",
  "key",
  "certFile",
  "cert",
  "serverName",
] as const;

function bad(why: string): UsageError {
  return new UsageError(`Cannot make TLS context: ${why}`);
}

/** Refuses what is unknown, and what the host cannot do: nothing asked for is left out silently. */
function checkNames(given: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined || (KNOWN as readonly string[]).includes(name)) continue;
    if (Object.hasOwn(UNSUPPORTED, name)) {
      throw bad(`${name} is not supported: ${UNSUPPORTED[name]}`);
    }
    if (OBSOLETE.includes(name)) {
      if (!value) continue;
      throw bad(`${name} is not supported: versions of TLS before 1.2 are broken`);
    }
    if (name === "tlsv1_2") throw bad("tlsv1_2 is not supported: say minVersion");
    throw bad(`option ${show(name)} is unknown, there are only ${KNOWN.join(", ")}`);
  }
}

/**
 * Checks the options of a context.
 *
 * @throws {UsageError} for what is unknown, makes no sense or cannot be had
 */
export function checkTlsConfig(options: TLSConfig): void {
  if (typeof options !== "object" || options === null) {
    throw bad(`options ${show(options)} are not an object`);
  }
  const given = options as Readonly<Record<string, unknown>>;
  checkNames(given);
  for (const name of TEXTS) {
    const value = given[name];
    if (value !== undefined && (typeof value !== "string" || value === "")) {
      throw bad(`${name} ${show(value)} is not a text`);
    }
  }
  for (const name of ["verify", "verifyRequireClientCert"]) {
    const value = given[name];
    if (value !== undefined && typeof value !== "boolean") {
      throw bad(`${name} ${show(value)} is not true or false`);
    }
  }
  const { method, certPassword, verifyPeername } = given;
  if (method !== undefined && method !== "any") {
    throw bad(`method ${show(method)} is not supported: say minVersion`);
  }
  if (certPassword !== undefined && !["string", "function"].includes(typeof certPassword)) {
    throw bad("certPassword is neither a string nor a function");
  }
  if (verifyPeername !== undefined && typeof verifyPeername !== "function") {
    peernameScheme(verifyPeername);
  }
  checkPairs(options);
  checkPem(options);
}

function checkPem(config: TLSConfig): void {
  const { certificate, caCert, cert, key } = config;
  for (const [name, text] of Object.entries({ certificate, caCert, cert })) {
    if (text !== undefined && !text.includes("-----BEGIN CERTIFICATE-")) {
      throw bad(`${name} has no certificate in PEM`);
    }
  }
  if (key !== undefined && !/-----BEGIN [A-Z ]*PRIVATE KEY-/.test(key)) {
    throw bad("key has no private key in PEM");
  }
}

function checkPairs(options: TLSConfig): void {
  const { certificate, cert, certFile, key, keyFile, certPassword } = options;
  for (const [text, file] of [["cert", "certFile"], ["key", "keyFile"]] as const) {
    if (options[text] !== undefined && options[file] !== undefined) {
      throw bad(`${text} and ${file} exclude each other`);
    }
  }
  if (cert === undefined && certFile === undefined) {
    for (const [name, value] of Object.entries({ key, keyFile, certPassword })) {
      if (value !== undefined) throw bad(`${name} is of no use without cert or certFile`);
    }
  }
  if (certificate === undefined) return;
  const parts = ["verify", "verifyRequireClientCert", "caFile", "caPath", "caCert"] as const;
  for (const name of [...parts, "cert", "certFile"] as const) {
    if (options[name] !== undefined) throw bad(`certificate and ${name} exclude each other`);
  }
}

/** Whether the peer is to be verified. */
export function verifies(options: TLSConfig): boolean {
  if (options.certificate !== undefined) return true;
  const { verify, verifyRequireClientCert, verifyPeername, caFile, caPath, caCert } = options;
  const asked = verifyRequireClientCert === true ||
    [verifyPeername, caFile, caPath, caCert].some((one) => one !== undefined);
  return verify ?? asked;
}
