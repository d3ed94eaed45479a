import { type Host, type Secured, show, UsageError } from "@anyevent/backends/contract";
import type { TlsOptions } from "@anyevent/backends/contract";
import { parseAddress } from "../address.ts";
import { idnToAscii } from "../idn.ts";
import { verifyHostname } from "./hostname.ts";
import { loadMaterial, type TlsMaterial } from "./material.ts";
import { checkTlsConfig, type TLSConfig, verifies } from "./config.ts";

/** What a handle asks of a context. Internal to the package. */
export interface TlsSession {
  /** What `Net.secure` is given; a promise when files have to be read first. */
  load(): TlsOptions | Promise<TlsOptions>;
  /** Why the peer is refused, after its chain was found good. */
  refusal(secured: Secured): string | undefined;
}

const HOST_NAME = /^(?=.{1,253}$)(?:[\w-]{1,63}\.)*(?!\d+$)[\w-]{1,63}$/;

/** What a client says it means (RFC 6066: the name of a host, no address). */
function nameForServer(peername: string): string | undefined {
  if (peername === "" || parseAddress(peername) !== undefined) return undefined;
  const name = idnToAscii(peername.replace(/\.$/, ""));
  return HOST_NAME.test(name) ? name : undefined;
}

let sessionOf: (tls: TLS, host: Host, mode: "connect" | "accept", peername: string) => TlsSession;

/**
 * How to play TLS: whom to trust, what to show. One context serves any number of handles.
 *
 * Nothing is verified unless you ask for it: `verify` checks where a certificate comes from, `verifyPeername`
 * whose it is; you mostly want both. Files are read once, when it is first used, without blocking; what goes
 * wrong there fails that handshake, and the next one tries again.
 *
 * Follows AnyEvent::TLS. What differs: asking for a part of verifying asks for `verify`; TLS 1.2 is the
 * oldest version there is; what the host cannot do (ciphers, Diffie-Hellman groups, revocation lists,
 * `verifyCb`, tickets) is an error and not ignored.
 *
 * @example
 * ```ts
 * import { TLS } from "@anyevent/loop";
 *
 * const mail = new TLS({ verify: true, verifyPeername: "smtp" });
 * // new Handle({ connect: ["mail.example.org", "smtp"], tlsCtx: mail, … }), and after the server's
 * // answer to STARTTLS: h.starttls("connect", mail)
 * console.log(mail.verify); // true
 * ```
 */
export class TLS {
  readonly #options: TLSConfig;
  /** By host, as a context may serve loops of several. */
  readonly #material = new WeakMap<Host, TlsMaterial | Promise<TlsMaterial>>();

  /**
   * Checks the options; no file is looked at yet.
   *
   * @param options see {@linkcode TLSConfig}
   * @throws {UsageError} for an option that is unknown, makes no sense, or cannot be had here
   */
  constructor(options: TLSConfig = {}) {
    checkTlsConfig(options);
    this.#options = { ...options };
  }

  static {
    sessionOf = (tls, host, mode, peername) => tls.#session(host, mode, peername);
  }

  /** Whether peers are verified. */
  get verify(): boolean {
    return verifies(this.#options);
  }

  #session(host: Host, mode: "connect" | "accept", peername: string): TlsSession {
    const { verifyPeername, serverName } = this.#options;
    const named = this.verify && verifyPeername !== undefined && verifyPeername !== "none";
    if (named && mode === "connect" && peername === "") {
      throw new UsageError("Cannot start TLS: verifyPeername needs the peername of the handle");
    }
    const meant = mode === "connect" ? serverName ?? nameForServer(peername) : undefined;
    const withName = (material: TlsMaterial): TlsOptions =>
      meant === undefined ? material : { ...material, serverName: meant };
    return {
      load: () => {
        const material = this.#load(host);
        return material instanceof Promise ? material.then(withName) : withName(material);
      },
      refusal: (secured) => named && peername !== "" ? this.#refusal(peername, secured) : undefined,
    };
  }

  #load(host: Host): TlsMaterial | Promise<TlsMaterial> {
    const known = this.#material.get(host);
    if (known !== undefined) return known;
    const { certPassword } = this.#options;
    const password = () => typeof certPassword === "function" ? certPassword(this) : certPassword;
    const made = loadMaterial(host, this.#options, password as () => string);
    this.#material.set(host, made);
    if (made instanceof Promise) {
      made.then(
        (material) => void this.#material.set(host, material),
        () => void this.#material.delete(host),
      );
    }
    return made;
  }

  #refusal(peername: string, secured: Secured): string | undefined {
    const { verifyPeername } = this.#options;
    // A client need not have one, or it would have been refused before.
    if (secured.peerCertificate === undefined) return undefined;
    if (typeof verifyPeername === "function") {
      const verdict: unknown = verifyPeername(this, peername, secured);
      if (verdict === true) return undefined;
      if (verdict === false) return `verifyPeername refuses ${peername}`;
      // A promise would be true to a careless look.
      throw new UsageError(
        `Cannot verify peername ${peername}: the callback gave ${
          show(verdict)
        }, neither true nor false`,
      );
    }
    const { commonName, altNames } = secured.peerNames;
    if (verifyHostname(altNames, commonName, peername, verifyPeername!)) return undefined;
    const names = altNames.filter(({ type }) => type === "dns" || type === "ip");
    const all = [
      ...names.map(({ value }) => value),
      ...commonName === undefined ? [] : [commonName],
    ];
    const shown = all.length === 0 ? "nobody" : all.slice(0, 8).map(show).join(", ");
    return `the peer's certificate is not for ${peername}: it names ${shown}`;
  }
}

/**
 * What a handle needs of a context for one handshake.
 *
 * @throws {UsageError} when the peer's name is needed and unknown
 */
export function tlsSession(
  tls: TLS,
  host: Host,
  mode: "connect" | "accept",
  peername: string,
): TlsSession {
  return sessionOf(tls, host, mode, peername);
}
