import {
  type Backend,
  type ByteStream,
  type IoMode,
  PeerError,
  type Random,
  type Secured,
  type TlsOptions,
  type TlsRole,
  type TlsVersion,
  type Undo,
  WATCH,
} from "../contract/mod.ts";
import { type CertificateFacts, certificateFacts, NO_NAMES, pemBytes } from "./certificate.ts";
import { tlsSettings } from "./secure_arguments.ts";

// A hello: magic, role, 32 random bytes (they serve as the Finished value), length, names and certificates.
const MAGIC = new TextEncoder().encode("memtls1");
const HEAD = MAGIC.length + 1 + 32 + 4;
const MAX_CERTIFICATE = 1 << 20;
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

/** A secured stream: the stream under it, after the bytes that came in with the handshake. */
class OverStream implements ByteStream {
  readonly local: string;
  readonly remote: string;
  #closed = false;
  /** Of watchers that were added while `rest` had bytes. */
  readonly #closers = new Set<() => void>();

  constructor(
    readonly backend: Backend,
    readonly under: ByteStream,
    private rest: Uint8Array,
  ) {
    this.local = under.local;
    this.remote = under.remote;
  }

  get unsent(): number {
    return this.under.unsent;
  }

  tryRead(into: Uint8Array): number | null {
    if (this.rest.length === 0 || this.#closed || into.length === 0) {
      return this.under.tryRead(into);
    }
    const count = Math.min(into.length, this.rest.length);
    into.set(this.rest.subarray(0, count));
    this.rest = this.rest.subarray(count);
    return count;
  }

  tryWrite(bytes: Uint8Array): number {
    return this.under.tryWrite(bytes);
  }

  shutdown(): void {
    this.under.shutdown();
  }

  close(): void {
    this.#closed = true;
    this.under.close();
    for (const over of [...this.#closers]) {
      // One that is told may undo another.
      if (this.#closers.has(over)) over();
    }
  }

  setNoDelay(on: boolean): void {
    this.under.setNoDelay(on);
  }

  setKeepAlive(on: boolean): void {
    this.under.setKeepAlive(on);
  }

  [WATCH](mode: IoMode, cb: () => void, closed?: () => void): Undo {
    if (mode === "w" || this.rest.length === 0) return this.under[WATCH](mode, cb, closed);
    let undone = false;
    let undo: Undo | undefined;
    const forget = (): void => {
      undone = true;
      this.#closers.delete(over);
      undo?.();
    };
    const over = (): void => {
      forget();
      closed?.();
    };
    const turn = (): void => {
      if (undone) return;
      if (this.rest.length === 0) undo = this.under[WATCH](mode, cb);
      else {
        this.backend.post(turn);
        cb();
      }
    };
    this.#closers.add(over);
    this.backend.post(turn);
    return forget;
  }
}

/** What a hello carries, encoded: the names of hosts and protocols, then the certificates. */
interface Hello {
  readonly serverName: string | undefined;
  readonly alpn: readonly string[];
  readonly version: TlsVersion;
  readonly certificates: readonly string[];
}

function encoded({ certificates, ...rest }: Hello): Uint8Array {
  return new TextEncoder().encode([JSON.stringify(rest), ...certificates].join("\n"));
}

/** Of a peer, so anything may be in it. */
function decoded(bytes: Uint8Array): Hello {
  const text = new TextDecoder().decode(bytes);
  const certificates = text.match(CERTIFICATE) ?? [];
  try {
    const rest = JSON.parse(text.split("\n", 1)[0]);
    const { serverName, alpn, version } = rest as Partial<Record<keyof Hello, unknown>>;
    if (version !== "TLSv1.2" && version !== "TLSv1.3") throw new SyntaxError("no version");
    return {
      serverName: typeof serverName === "string" ? serverName : undefined,
      alpn: Array.isArray(alpn) ? alpn.filter((one) => typeof one === "string") : [],
      version,
      certificates,
    };
  } catch (cause) {
    throw new PeerError("Cannot secure stream: the peer sent no handshake", "EPROTO", { cause });
  }
}

/** Made-up certificates are no DER. */
function factsOf(pem: string): CertificateFacts | undefined {
  const der = pemBytes(pem);
  return der === undefined ? undefined : certificateFacts(der);
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}

/**
 * Whether a chain counts as verified: it holds one of the authorities, or its last one names one of them as
 * its issuer; and none that says when it is valid is so at another time. No signature is looked at.
 */
function trusted(
  chain: readonly string[],
  authorities: readonly string[],
  time: () => number,
): boolean {
  const facts = chain.map(factsOf);
  for (const one of facts) {
    if (one === undefined) continue;
    const now = time();
    if (now < one.notBefore || now > one.notAfter) return false;
  }
  if (chain.some((one) => authorities.includes(one))) return true;
  const issuer = facts.at(-1)?.issuer;
  if (issuer === undefined) return false;
  return authorities.some((one) => {
    const subject = factsOf(one)?.subject;
    return subject !== undefined && sameBytes(subject, issuer);
  });
}

function hello(role: TlsRole, finished: Uint8Array, body: Uint8Array): Uint8Array {
  const out = new Uint8Array(HEAD + body.length);
  out.set(MAGIC);
  out[MAGIC.length] = role === "client" ? 1 : 2;
  out.set(finished, MAGIC.length + 1);
  new DataView(out.buffer).setUint32(HEAD - 4, body.length);
  out.set(body, HEAD);
  return out;
}

/**
 * A handshake that only looks like one: the ends exchange 32 random bytes and their certificates, and
 * nothing is encrypted. What follows from TLS for a protocol above holds all the same: both ends get one
 * channel binding, another one each side of a relay that terminates it, and garbage fails.
 *
 * Certificates are shown, named and refused as real ones are, but by what they say alone: see `trusted`. A
 * made-up one is any text between the lines of PEM; it names nobody. The host has no authorities of its own.
 * Both ends know the newest version of TLS.
 */
export function fakeSecure(
  backend: Backend,
  random: Random,
  stream: ByteStream,
  role: TlsRole,
  options: TlsOptions,
  cb: (error: PeerError | undefined, secured: Secured | undefined) => void,
): Undo {
  const own = random.bytes(32);
  const settings = tlsSettings(options, (pem) => {
    const ca: string[] = pem.match(CERTIFICATE) ?? [];
    return { own: { key: "", cert: ca.join("\n") }, ca };
  });
  const { serverName, alpn, verify, ca = [] } = settings;
  const needsOne = role === "client" || settings.required;
  const body = encoded({
    serverName: role === "client" ? serverName : undefined,
    alpn,
    version: "TLSv1.3",
    certificates: settings.own?.cert.match(CERTIFICATE) ?? [],
  });
  let toSend = hello(role, own, body);
  let maySend = role === "client";
  let rest: Uint8Array = options.rest?.slice() ?? new Uint8Array();
  let head: Uint8Array = new Uint8Array();
  let needed = HEAD;
  let over = false;
  const undos: Partial<Record<IoMode, Undo>> = {};

  function unwatch(): void {
    for (const mode of ["r", "w"] as const) {
      undos[mode]?.();
      undos[mode] = undefined;
    }
  }

  function fail(error: PeerError): void {
    over = true;
    unwatch();
    stream.close();
    cb(error, undefined);
  }

  function take(count: number): Uint8Array | null {
    if (rest.length > 0) {
      const bytes = rest.subarray(0, count);
      rest = rest.subarray(bytes.length);
      return bytes;
    }
    const into = new Uint8Array(count);
    const got = stream.tryRead(into);
    return got === null ? null : into.subarray(0, got);
  }

  function receive(): boolean {
    while (head.length < needed) {
      const bytes = take(needed - head.length);
      if (bytes === null) {
        throw new PeerError("Cannot secure stream: the peer closed it", "ECONNRESET");
      }
      if (bytes.length === 0) return false;
      const joined = new Uint8Array(head.length + bytes.length);
      joined.set(head);
      joined.set(bytes, head.length);
      head = joined;
      const known = Math.min(head.length, MAGIC.length);
      for (let i = 0; i < known; i++) {
        if (head[i] !== MAGIC[i]) {
          throw new PeerError("Cannot secure stream: the peer sent no handshake", "EPROTO");
        }
      }
      if (head.length === HEAD && needed === HEAD) {
        if (head[MAGIC.length] !== (role === "client" ? 2 : 1)) {
          throw new PeerError(`Cannot secure stream: the peer is ${role}, too`, "EPROTO");
        }
        const length = new DataView(head.buffer).getUint32(HEAD - 4);
        if (length > MAX_CERTIFICATE) {
          throw new PeerError("Cannot secure stream: the certificate is too long", "EPROTO");
        }
        needed += length;
      }
    }
    return true;
  }

  function done(): void {
    const theirs = decoded(head.subarray(HEAD));
    const chain = theirs.certificates;
    // A bundle without certificates asks for nothing, as it always has.
    const ask = verify && !(options.certificate !== undefined && ca.length === 0);
    if (ask && (chain.length > 0 ? !trusted(chain, ca, () => backend.time()) : needsOne)) {
      throw new PeerError("Cannot secure stream: the peer's certificate is not trusted", "EPROTO");
    }
    const [servers, clients] = role === "server" ? [alpn, theirs.alpn] : [theirs.alpn, alpn];
    const agreed = servers.find((one) => clients.includes(one));
    if (agreed === undefined && servers.length > 0 && clients.length > 0) {
      throw new PeerError("Cannot secure stream: no protocol in common", "EPROTO");
    }
    over = true;
    unwatch();
    const peer = head.slice(MAGIC.length + 1, MAGIC.length + 33);
    cb(undefined, {
      stream: new OverStream(backend, stream, rest),
      binding: role === "client"
        ? { clientFinished: own, serverFinished: peer }
        : { clientFinished: peer, serverFinished: own },
      version: "TLSv1.3",
      alpn: agreed,
      serverName: role === "server" ? theirs.serverName : undefined,
      verified: ask && chain.length > 0,
      peerCertificate: chain[0],
      peerNames: (chain[0] === undefined ? undefined : factsOf(chain[0]))?.names ?? NO_NAMES,
    });
  }

  function step(): void {
    if (over) return;
    try {
      const received = receive();
      if (received) maySend = true;
      if (maySend && toSend.length > 0) toSend = toSend.subarray(stream.tryWrite(toSend));
      if (received && toSend.length === 0) {
        done();
        return;
      }
      if (received) {
        undos.r?.();
        undos.r = undefined;
      } else undos.r ??= stream[WATCH]("r", step);
      if (maySend && toSend.length > 0) undos.w ??= stream[WATCH]("w", step);
      else {
        undos.w?.();
        undos.w = undefined;
      }
    } catch (error) {
      if (over) throw error;
      fail(
        error instanceof PeerError ? error : new PeerError(
          "Cannot secure stream: it is closed",
          "EBADF",
          { cause: error },
        ),
      );
    }
  }

  backend.post(step);
  return () => {
    if (over) return;
    over = true;
    unwatch();
    stream.close();
  };
}
