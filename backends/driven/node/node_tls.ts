import type { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import type { Backend, Undo } from "../../contract/backend.ts";
import { PeerError } from "../../contract/errors.ts";
import type { Secured, TlsOptions, TlsRole } from "../../contract/net.ts";
import type { ByteStream } from "../../contract/stream.ts";
import { checkSecure, type TlsSettings, tlsSettings } from "../secure_arguments.ts";
import { nodeError, nodeModule } from "./node_modules.ts";
import { NodeStream } from "./node_stream.ts";
import { handshake, ownCertificate, sessionFacts, withStream } from "./tls_session.ts";

/** A Node `Duplex` over a stream: what `node:tls` speaks through. */
interface Under {
  readonly duplex: Duplex;
  /** Stops reading from the stream, or goes on. */
  throttle(on: boolean): void;
}

/**
 * Makes an {@linkcode Under}. It reads only while Node wants more and nobody throttles it.
 *
 * @param ended called when the stream has come to its end
 */
function duplexOver(
  backend: Backend,
  stream: ByteStream,
  rest: Uint8Array | undefined,
  ended: () => void,
): Under {
  const { Duplex } = nodeModule("node:stream");
  const buffer = new Uint8Array(65536);
  let reading: Undo | undefined;
  let writing: Undo | undefined;
  let wanted = false;
  let throttled = false;
  let over = false;
  const watch = (): void => {
    const on = wanted && !throttled && !over;
    if (on === (reading !== undefined)) return;
    reading?.();
    reading = on ? backend.io(stream, "r", receive) : undefined;
  };
  const receive = (): void => {
    try {
      const count = stream.tryRead(buffer);
      if (count === 0) return;
      // Node may ask for more inside `push` and still return false from it.
      wanted = false;
      if (count === null) {
        over = true;
        duplex.push(null);
        ended();
      } else if (duplex.push(buffer.slice(0, count))) wanted = true;
      watch();
    } catch (thrown) {
      duplex.destroy(thrown as Error);
    }
  };
  const send = (bytes: Uint8Array, done: (error?: Error | null) => void): void => {
    writing?.();
    writing = undefined;
    try {
      const left = bytes.subarray(stream.tryWrite(bytes));
      if (left.length === 0) done();
      else writing = backend.io(stream, "w", () => send(left, done));
    } catch (thrown) {
      done(thrown as Error);
    }
  };
  const duplex: Duplex = new Duplex({
    allowHalfOpen: true,
    read(): void {
      wanted = true;
      watch();
    },
    write: (bytes: Uint8Array, _encoding, done) => send(bytes, done),
    final(done): void {
      stream.shutdown();
      done();
    },
    destroy(error, done): void {
      over = true;
      watch();
      writing?.();
      writing = undefined;
      stream.close();
      done(error);
    },
  });
  if (rest !== undefined && rest.length > 0) duplex.push(rest.slice());
  return {
    duplex,
    throttle(on): void {
      throttled = on;
      watch();
    },
  };
}

/**
 * One end of a TLS handshake over any stream, by `node:tls`.
 *
 * @param gone called when the secured stream is closed
 * @throws {UsageError} when an argument makes no sense
 */
export function nodeSecure(
  backend: Backend,
  stream: ByteStream,
  role: TlsRole,
  options: TlsOptions,
  cb: (error: PeerError | undefined, secured: Secured | undefined) => void,
  gone?: () => void,
): Undo {
  checkSecure(stream, role, options, cb);
  const { rest } = options;
  const settings = tlsSettings(options);
  // The handshake is over before its outcome is told: in between it can be aborted, but not fail.
  let shaking = true;
  let live = true;
  let under: Under | undefined;
  const stop = (): void => {
    shaking = false;
    under?.duplex.destroy();
    stream.close();
  };
  const tell = (error: PeerError | undefined, secured: Secured | undefined): void =>
    backend.post(() => {
      if (!live) return;
      live = false;
      cb(error, secured);
    });
  const failed = (thrown: unknown): void => {
    if (!shaking) return;
    stop();
    tell(nodeError(`secure ${stream.remote || "stream"}`, thrown, "EPROTO"), undefined);
  };
  const closed = (): void => failed(new PeerError("the peer closed the connection", "ECONNRESET"));
  const done = (tls: TLSSocket): void => {
    if (!shaking || under === undefined) return;
    let facts: Omit<Secured, "stream">;
    try {
      facts = sessionFacts(tls, role, settings);
    } catch (thrown) {
      return failed(thrown);
    }
    shaking = false;
    const { duplex, throttle } = under;
    const plain = new NodeStream(backend, tls, {
      local: stream.local,
      remote: stream.remote,
      gone: () => {
        duplex.destroy();
        gone?.();
      },
      // Node ends a TLS connection with close_notify alone.
      sent: () => stream.shutdown(),
      // Deno's TLSSocket forgets an end of file that comes while it is paused.
      throttle,
    });
    tell(undefined, withStream(facts, plain));
  };
  const begin = (own: TlsSettings["own"]): void => {
    if (!shaking) return;
    // Node's TLS does not tell of an end of file during the handshake.
    under = duplexOver(backend, stream, rest, closed);
    under.duplex.on("error", failed);
    under.duplex.once("close", closed);
    handshake(under.duplex, role, settings, own, done, failed);
  };
  ownCertificate(role, settings).then(begin).catch(failed);
  return () => {
    if (!live) return;
    live = false;
    stop();
  };
}
