/**
 * What `node:tls` does for every backend that has it: the handshake, and what is known after it.
 *
 * Facts of Deno 2.9 that shape it: an optional certificate of a client is only looked at here, because
 * `rejectUnauthorized` would refuse a client without one; a server of `new TLSSocket(…)` verifies nothing,
 * so one is made by `createServer`; TLS 1.2 has no Finished values.
 */
import type { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import { messageOf, PeerError, UsageError } from "../../contract/errors.ts";
import type { PeerNames, Secured, TlsRole } from "../../contract/net.ts";
import type { ByteStream } from "../../contract/stream.ts";
import { certificateFacts, NO_NAMES, toPem } from "../certificate.ts";
import type { TlsSettings } from "../secure_arguments.ts";
import { nodeModule } from "./node_modules.ts";

/** A private key and its certificate, in PEM. */
export interface KeyAndCertificate {
  readonly key: string;
  readonly cert: string;
}

let made: Promise<KeyAndCertificate> | undefined;

/**
 * A self-signed P-256 certificate, made once in a process and never stored.
 *
 * It proves nothing: whoever uses it has to authenticate the handshake by its channel binding.
 */
export function ephemeralCertificate(): Promise<KeyAndCertificate> {
  return made ??= make();
}

async function make(): Promise<KeyAndCertificate> {
  // Loaded here because it takes a tenth of a second, which nobody without TLS should pay.
  const { generate } = await import("selfsigned");
  const pem = await generate([{ name: "commonName", value: "anyevent" }], {
    keyType: "ec",
    curve: "P-256",
    algorithm: "sha256",
  });
  return { key: pem.private, cert: pem.cert };
}

/** The certificate to present. A server needs one. */
export function ownCertificate(
  role: TlsRole,
  settings: TlsSettings,
): Promise<TlsSettings["own"]> {
  if (settings.own === undefined && role === "server") return ephemeralCertificate();
  // A promise also here, so that what the host throws comes by the callback, too.
  return Promise.resolve(settings.own);
}

/**
 * Plays one end.
 *
 * @param done called at its end, when all that the settings ask for is so; maybe after `failed`
 * @param failed may be called several times
 * @throws what the host throws for keys and certificates it cannot read
 */
export function handshake(
  duplex: Duplex,
  role: TlsRole,
  settings: TlsSettings,
  own: TlsSettings["own"],
  done: (tls: TLSSocket) => void,
  failed: (thrown: unknown) => void,
): void {
  const tls = nodeModule("node:tls");
  checkPair(own);
  const { ca, verify, required, minVersion, alpn } = settings;
  const common = {
    ...own,
    // Only verifying needs them, and the host's are many.
    ...(verify && ca !== undefined ? { ca: [...ca] } : {}),
    ...(alpn.length > 0 ? { ALPNProtocols: [...alpn] } : {}),
    minVersion,
    maxVersion: "TLSv1.3",
  } as const;
  const checked = (socket: TLSSocket): void => {
    const why = refusal(socket, role, settings);
    if (why === undefined) done(socket);
    else failed(new PeerError(why, "EPROTO"));
  };
  if (role === "client") {
    const socket = tls.connect({
      ...common,
      socket: duplex,
      ...(settings.serverName === undefined ? {} : { servername: settings.serverName }),
      rejectUnauthorized: verify,
      // Whose certificate it must be is not known here.
      checkServerIdentity: () => undefined,
    });
    socket.on("error", (thrown) => failed(clearer(thrown)));
    socket.once("secureConnect", () => checked(socket));
    return;
  }
  const server = tls.createServer({
    ...common,
    requestCert: verify,
    rejectUnauthorized: verify && required,
  });
  server.once("tlsClientError", (thrown) => failed(clearer(thrown)));
  server.once("secureConnection", (socket) => {
    socket.on("error", failed);
    checked(socket);
  });
  server.emit("connection", duplex);
}

/** A host's own words about a key that is not the certificate's name neither. */
function checkPair(own: TlsSettings["own"]): void {
  if (own === undefined) return;
  const { createPrivateKey, X509Certificate } = nodeModule("node:crypto");
  const { key, passphrase, cert } = own;
  // The host could ask at the terminal, and wait there.
  if (passphrase === undefined && key.includes("ENCRYPTED")) {
    throw new PeerError("key is encrypted, and keyPassword is missing", "EINVAL");
  }
  let why = "key is not that of cert";
  try {
    const opened = createPrivateKey(passphrase === undefined ? key : { key, passphrase });
    if (new X509Certificate(cert).checkPrivateKey(opened)) return;
  } catch (thrown) {
    why = `the host cannot read key or cert, or keyPassword is wrong (${messageOf(thrown)})`;
  }
  throw new PeerError(why, "EINVAL");
}

/** Deno has one text for every certificate that it does not trust. */
function clearer(thrown: Error & { readonly code?: string }): unknown {
  if (thrown.code !== "UNABLE_TO_VERIFY_LEAF_SIGNATURE") return thrown;
  const why = "the peer's certificate is not from a trusted authority, or not valid now";
  return new PeerError(`${why} (${thrown.message})`, "EPROTO", { cause: thrown });
}

/** Looks at what the host says of the peer's certificate, whatever it was told to refuse by itself. */
function refusal(tls: TLSSocket, role: TlsRole, settings: TlsSettings): string | undefined {
  if (!settings.verify) return undefined;
  if (peerDer(tls) === undefined) {
    return role === "client" || settings.required ? "the peer has no certificate" : undefined;
  }
  if (tls.authorized) return undefined;
  return `the peer's certificate is not trusted (${messageOf(tls.authorizationError)})`;
}

function peerDer(tls: TLSSocket): Uint8Array | undefined {
  return (tls.getPeerCertificate() as { raw?: Uint8Array } | null | undefined)?.raw;
}

/**
 * What is known after a handshake, but for the stream.
 *
 * @throws {PeerError} when the host does not tell all
 */
export function sessionFacts(
  tls: TLSSocket,
  role: TlsRole,
  settings: TlsSettings,
): Omit<Secured, "stream"> {
  const version = tls.getProtocol();
  if (version !== "TLSv1.2" && version !== "TLSv1.3") {
    throw new PeerError(`the version of TLS is ${version}`, "EPROTO");
  }
  const der = peerDer(tls);
  const names: PeerNames = der === undefined ? NO_NAMES : certificateFacts(der)?.names ?? NO_NAMES;
  const { servername, alpnProtocol } = tls as {
    readonly servername?: string | false | null;
    readonly alpnProtocol: string | false | null;
  };
  const facts = {
    version,
    alpn: alpnProtocol || undefined,
    serverName: role === "server" ? servername || undefined : undefined,
    verified: settings.verify && der !== undefined,
    peerCertificate: der === undefined ? undefined : toPem(der),
    peerNames: names,
  } as const;
  if (version === "TLSv1.2") {
    return {
      ...facts,
      get binding(): never {
        throw new UsageError("Cannot bind to the TLS session: it is of TLS 1.2, not 1.3");
      },
    };
  }
  const [own, peers] = [tls.getFinished(), tls.getPeerFinished()];
  if (own === undefined || peers === undefined) throw new PeerError("no channel binding", "EPROTO");
  const [client, server] = role === "client" ? [own, peers] : [peers, own];
  return {
    ...facts,
    binding: { clientFinished: new Uint8Array(client), serverFinished: new Uint8Array(server) },
  };
}

/** Adds the stream. (To copy the facts would ask for the binding.) */
export function withStream(facts: Omit<Secured, "stream">, stream: ByteStream): Secured {
  return Object.defineProperties({ stream }, Object.getOwnPropertyDescriptors(facts)) as Secured;
}
