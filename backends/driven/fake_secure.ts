import {
  type Backend,
  type ByteStream,
  type IoMode,
  PeerError,
  type Random,
  type Secured,
  type TlsOptions,
  type TlsRole,
  type Undo,
  WATCH,
} from "../contract/mod.ts";

// A hello: magic, role, 32 random bytes (they serve as the Finished value), certificate length, certificates.
const MAGIC = new TextEncoder().encode("memtls1");
const HEAD = MAGIC.length + 1 + 32 + 4;
const MAX_CERTIFICATE = 1 << 20;

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

function certificatesOf(pem: string): string[] {
  return pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
}

function hello(role: TlsRole, finished: Uint8Array, certificates: string): Uint8Array {
  const body = new TextEncoder().encode(certificates);
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
 * Certificates count as verified when the two bundles share one (the authority).
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
  const ownCertificates = certificatesOf(options.certificate ?? "");
  let toSend = hello(role, own, ownCertificates.join("\n"));
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
    const certificates = new TextDecoder().decode(head.subarray(HEAD));
    const theirs = certificatesOf(certificates);
    if (ownCertificates.length > 0 && !theirs.some((one) => ownCertificates.includes(one))) {
      throw new PeerError("Cannot secure stream: the peer's certificate is not trusted", "EPROTO");
    }
    over = true;
    unwatch();
    const peer = head.slice(MAGIC.length + 1, MAGIC.length + 33);
    cb(undefined, {
      stream: new OverStream(backend, stream, rest),
      binding: role === "client"
        ? { clientFinished: own, serverFinished: peer }
        : { clientFinished: peer, serverFinished: own },
      peerCertificate: theirs[0],
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
