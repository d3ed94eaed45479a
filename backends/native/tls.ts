import type { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import type { Backend, Undo } from "../contract/backend.ts";
import { PeerError, UsageError } from "../contract/errors.ts";
import type { Secured, TlsOptions, TlsRole } from "../contract/net.ts";
import type { ByteStream } from "../contract/stream.ts";
import { builtin } from "./builtin.ts";
import { ephemeralCertificate } from "./certificate.ts";
import { codeOf, peerError } from "../driven/deno/host_error.ts";
import { type HostStream, TURNS } from "./host_stream.ts";
import { type RawDuplex, rawDuplex } from "./raw_duplex.ts";
import type { Source } from "./source.ts";
import { TlsSource } from "./tls_source.ts";
import type { Turns } from "./turns.ts";

interface Credentials {
  readonly key?: string;
  readonly cert?: string;
  readonly ca?: string[];
}

/**
 * Plays one end of a TLS 1.3 handshake over `raw`.
 *
 * @param backend watches `raw`, and gives the resulting stream its turns
 * @param options checked, as the rest is
 * @param cb called once, in a turn; `raw` is closed when it gets an error
 * @param made makes the stream that carries plain bytes
 * @returns aborts and closes `raw`
 * @throws {UsageError} when an argument makes no sense
 */
export function secure(
  backend: Backend & Turns,
  raw: ByteStream,
  role: TlsRole,
  options: TlsOptions,
  cb: (error: PeerError | undefined, secured: Secured | undefined) => void,
  made: (source: Source) => HostStream,
): Undo {
  const { certificate, rest } = options;
  const given = certificate === undefined ? undefined : splitPem(certificate);
  const doing = `secure ${raw.remote === "" ? "stream" : raw.remote} as TLS ${role}`;
  let under: RawDuplex | undefined;
  let over = false;
  const stop = (): void => {
    over = true;
    under?.duplex.destroy();
    raw.close();
  };
  const failed = (thrown: unknown): void => {
    if (over) return;
    stop();
    backend.run(() => cb(handshakeError(doing, thrown), undefined));
  };
  const done = (tls: TLSSocket): void => {
    if (over) return tls.destroy() as unknown as void;
    const mine = tls.getFinished();
    const peers = tls.getPeerFinished();
    if (mine === undefined || peers === undefined) return failed(new Error("no channel binding"));
    over = true;
    tls.removeListener("error", failed);
    const stream = made(new TlsSource(tls, under!, raw));
    stream[TURNS](backend);
    const [clientFinished, serverFinished] = role === "client" ? [mine, peers] : [peers, mine];
    const peerCertificate = peerPem(tls);
    backend.run(() =>
      cb(undefined, {
        stream,
        binding: {
          clientFinished: new Uint8Array(clientFinished),
          serverFinished: new Uint8Array(serverFinished),
        },
        peerCertificate,
      })
    );
  };
  const begin = (credentials: Credentials): void => {
    if (over) return;
    under = rawDuplex(backend, raw, rest);
    under.duplex.on("error", failed);
    // Node's TLS does not tell of an end of file during the handshake.
    under.onEnd = (): void => failed(closedEarly());
    if (role === "client") dial(under.duplex, credentials, done, failed);
    else serve(under.duplex, credentials, done, failed);
  };
  if (given === undefined && role === "server") ephemeralCertificate().then(begin).catch(failed);
  // A rejected promise, so that what the host throws comes by the callback too.
  else Promise.resolve(given ?? {}).then(begin).catch(failed);
  return () => {
    if (!over) stop();
  };
}

function dial(
  duplex: Duplex,
  credentials: Credentials,
  done: (tls: TLSSocket) => void,
  failed: (thrown: unknown) => void,
): void {
  const verify = credentials.ca !== undefined;
  const tls = builtin("node:tls").connect({
    socket: duplex,
    ...credentials,
    rejectUnauthorized: verify,
    minVersion: "TLSv1.3",
    maxVersion: "TLSv1.3",
    // Certificates here name nodes, not hosts: the authority alone decides.
    checkServerIdentity: () => undefined,
  });
  tls.on("error", failed);
  tls.once("secureConnect", () => done(tls));
  tls.once("close", () => failed(closedEarly()));
}

function serve(
  duplex: Duplex,
  credentials: Credentials,
  done: (tls: TLSSocket) => void,
  failed: (thrown: unknown) => void,
): void {
  const verify = credentials.ca !== undefined;
  const server = builtin("node:tls").createServer({
    ...credentials,
    requestCert: verify,
    rejectUnauthorized: verify,
    minVersion: "TLSv1.3",
    maxVersion: "TLSv1.3",
  });
  server.once("secureConnection", (tls: TLSSocket) => {
    tls.on("error", failed);
    done(tls);
  });
  server.once("tlsClientError", failed);
  duplex.once("close", () => failed(closedEarly()));
  server.emit("connection", duplex);
}

function closedEarly(): PeerError {
  return new PeerError("the peer closed the connection", "ECONNRESET");
}

function handshakeError(doing: string, thrown: unknown): PeerError {
  const error = peerError(doing, thrown);
  return codeOf(thrown) === "" ? new PeerError(error.message, "EPROTO", { cause: thrown }) : error;
}

/** One PEM text as own key, own certificate chain, and the only authorities. */
function splitPem(pem: string): Credentials {
  const blocks = pem.match(/-----BEGIN ([A-Z ]+)-----[^-]+-----END \1-----/g) ?? [];
  const key = blocks.find((block) => block.includes("PRIVATE KEY"));
  const certs = blocks.filter((block) => block.startsWith("-----BEGIN CERTIFICATE"));
  if (key === undefined || certs.length === 0) {
    throw new UsageError("Cannot secure stream: certificate has no private key or no certificate");
  }
  return { key, cert: certs.join("\n"), ca: certs };
}

function peerPem(tls: TLSSocket): string | undefined {
  const raw = (tls.getPeerCertificate() as { raw?: Uint8Array } | undefined)?.raw;
  if (raw === undefined) return undefined;
  const lines = raw.toBase64().replace(/.{64}/g, "$&\n").trimEnd();
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
}
