import type { TLSSocket } from "node:tls";
import type { Backend, Undo } from "../contract/backend.ts";
import { PeerError } from "../contract/errors.ts";
import type { Secured, TlsOptions, TlsRole } from "../contract/net.ts";
import type { ByteStream } from "../contract/stream.ts";
import { codeOf, peerError } from "../driven/deno/host_error.ts";
import { handshake, ownCertificate, sessionFacts, withStream } from "../driven/node/tls_session.ts";
import { type TlsSettings, tlsSettings } from "../driven/secure_arguments.ts";
import { type HostStream, TURNS } from "./host_stream.ts";
import { type RawDuplex, rawDuplex } from "./raw_duplex.ts";
import type { Source } from "./source.ts";
import { TlsSource } from "./tls_source.ts";
import type { Turns } from "./turns.ts";

/**
 * Plays one end of a TLS handshake over `raw`.
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
  const { rest } = options;
  const settings = tlsSettings(options);
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
    let facts: Omit<Secured, "stream">;
    try {
      facts = sessionFacts(tls, role, settings);
    } catch (thrown) {
      return failed(thrown);
    }
    over = true;
    tls.removeListener("error", failed);
    const stream = made(new TlsSource(tls, under!, raw));
    stream[TURNS](backend);
    backend.run(() => cb(undefined, withStream(facts, stream)));
  };
  const begin = (own: TlsSettings["own"]): void => {
    if (over) return;
    under = rawDuplex(backend, raw, rest);
    under.duplex.on("error", failed);
    // Node's TLS does not tell of an end of file during the handshake.
    under.onEnd = (): void => failed(closedEarly());
    under.duplex.once("close", () => failed(closedEarly()));
    handshake(under.duplex, role, settings, own, done, failed);
  };
  ownCertificate(role, settings).then(begin).catch(failed);
  return () => {
    if (!over) stop();
  };
}

function closedEarly(): PeerError {
  return new PeerError("the peer closed the connection", "ECONNRESET");
}

function handshakeError(doing: string, thrown: unknown): PeerError {
  const error = peerError(doing, thrown);
  // A name of TLS or of Node itself is not a POSIX one.
  if (/^E[A-Z0-9]+$/.test(codeOf(thrown))) return error;
  return new PeerError(error.message, "EPROTO", { cause: thrown });
}
