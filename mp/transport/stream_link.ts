import {
  type ByteStream,
  ClosedError,
  messageOf,
  PeerError,
  type TlsRole,
  type Undo,
} from "@anyevent/backends/contract";
import type { Loop, Watcher } from "@anyevent/loop";
import {
  type Greeting,
  Session,
  type SessionHandler,
  type SessionOptions,
  type Verdict,
} from "../wire/mod.ts";
import type { Link, LinkOwner } from "./link.ts";

/** Bytes read at once, and at most so many times in one turn, so that one peer starves no other. */
const READ_SIZE = 65536;
const READS_PER_TURN = 8;
/** Characters of small frames gathered before they are turned into bytes. */
const GATHER = 65536;

/** What a {@linkcode StreamLink} is made with. */
export interface StreamLinkOptions {
  /** The loop and its sockets. */
  readonly loop: Loop;
  /** This side of the handshake. */
  readonly session: SessionOptions;
  /** Whether this side began the connection. */
  readonly initiated: boolean;
  /** Certificate for TLS with certificates. */
  readonly certificate: string | undefined;
  /** Seconds the whole handshake may take. */
  readonly handshakeTimeout: number;
  /** Seconds without sending after which `[]` is sent; 0: never. */
  readonly keepalive: number;
  /** Bytes that may wait to be sent before the link counts as lost. */
  readonly sendQueueLimit: number;
  /** Small messages leave at once. */
  readonly nodelay: boolean;
}

interface Upgrade {
  readonly role: TlsRole;
  readonly kind: "xtls" | "tls";
  readonly rest: Uint8Array;
}

// One buffer serves all reads of a process: it is consumed before the next read.
const scratch = new Uint8Array(READ_SIZE);
const encoder = new TextEncoder();

/** A {@linkcode Link} over a byte stream: drives the sans-I/O session. */
export class StreamLink implements Link {
  readonly initiated: boolean;
  readonly remote: string;
  readonly #owner: LinkOwner;
  readonly #options: StreamLinkOptions;
  readonly #loop: Loop;
  readonly #session: Session;
  #stream: ByteStream;
  #reader: Watcher | undefined;
  #writer: Watcher | undefined;
  #timer: Watcher | undefined;
  #securing: Undo | undefined;
  #upgrade: Upgrade | undefined;
  #greeting: Greeting | undefined;
  #ended = false;
  #text = "";
  #chunks: Uint8Array[] = [];
  #chunkBytes = 0;
  #flushPosted = false;
  /** What is sent meanwhile is flushed at the end. */
  #reading = false;
  #lastSent = 0;
  #drained: (() => void) | undefined;

  /** Begins the handshake. */
  constructor(stream: ByteStream, owner: LinkOwner, options: StreamLinkOptions) {
    this.#stream = stream;
    this.#owner = owner;
    this.#options = options;
    this.#loop = options.loop;
    this.initiated = options.initiated;
    this.remote = stream.remote;
    stream.setNoDelay(options.nodelay);
    stream.setKeepAlive(true);
    this.#session = new Session(options.session, this.#handler());
    this.#session.start();
    this.#watch();
    this.#armHandshake();
    this.flush();
  }

  get queued(): number {
    return this.#text.length + this.#chunkBytes + (this.#ended ? 0 : this.#stream.unsent);
  }

  get greeting(): Greeting | undefined {
    return this.#greeting;
  }

  send(message: readonly unknown[]): void {
    if (this.#ended || this.#drained !== undefined) return;
    const frame = this.#session.encode(message);
    if (typeof frame === "string") {
      this.#text += frame;
      if (this.#text.length >= GATHER) this.#gather();
    } else {
      this.#gather();
      this.#chunks.push(frame);
      this.#chunkBytes += frame.length;
    }
    const { sendQueueLimit } = this.#options;
    if (this.#text.length + this.#chunkBytes > sendQueueLimit) this.flush();
    if (this.queued > sendQueueLimit) {
      // Sending to a slow peer must not eat the memory: the guarantee holds, as monitors will tell.
      this.#fail(`send queue limit of ${sendQueueLimit} bytes exceeded`);
      return;
    }
    this.#postFlush();
  }

  proceed(): void {
    if (!this.#ended) this.#session.proceed();
    this.flush();
  }

  #gather(): void {
    if (this.#text === "") return;
    const bytes = encoder.encode(this.#text);
    this.#text = "";
    this.#chunks.push(bytes);
    this.#chunkBytes += bytes.length;
  }

  #postFlush(): void {
    if (this.#flushPosted || this.#reading) return;
    this.#flushPosted = true;
    this.#loop.env.backend.post(this.#flushNow);
  }

  readonly #flushNow = (): void => {
    this.#flushPosted = false;
    this.flush();
  };

  flush(): void {
    if (this.#ended || this.#securing !== undefined) return;
    this.#gather();
    try {
      while (this.#chunks.length > 0) {
        const chunk = this.#chunks[0];
        const count = this.#stream.tryWrite(chunk);
        if (count > 0) this.#lastSent = this.#loop.now();
        this.#chunkBytes -= count;
        if (count < chunk.length) {
          this.#chunks[0] = chunk.subarray(count);
          this.#writer ??= this.#loop.io({
            fh: this.#stream,
            poll: "w",
            cb: () => this.flush(),
          });
          return;
        }
        this.#chunks.shift();
      }
    } catch (error) {
      this.#broken(error);
      return;
    }
    this.#writer?.cancel();
    this.#writer = undefined;
    if (this.#upgrade !== undefined) this.#secure();
    if (this.#drained !== undefined) this.#finishDrain();
  }

  #watch(): void {
    this.#reader = this.#loop.io({ fh: this.#stream, poll: "r", cb: () => this.#read() });
  }

  #read(): void {
    this.#reading = true;
    try {
      this.#receive();
    } finally {
      this.#reading = false;
      // Replies made while reading leave now: a turn earlier than a posted flush. Also when one of those who
      // were told threw.
      if (this.#text !== "" || this.#chunks.length > 0) this.flush();
    }
  }

  #receive(): void {
    for (let i = 0; i < READS_PER_TURN; i++) {
      if (this.#ended || this.#reader === undefined) return;
      let count: number | null;
      try {
        count = this.#stream.tryRead(scratch);
      } catch (error) {
        this.#broken(error);
        return;
      }
      if (count === null) {
        this.#fail(this.#session.eof());
        return;
      }
      if (count === 0) break;
      this.#session.receive(scratch.subarray(0, count));
      if (count < scratch.length) break;
    }
  }

  /** One deadline for all of it: a peer that drips bytes gains nothing. */
  #armHandshake(): void {
    this.#timer = this.#loop.timer({
      after: this.#options.handshakeTimeout,
      cb: () => this.#fail("Connection timed out"),
    });
  }

  #armKeepalive(): void {
    const { keepalive } = this.#options;
    this.#timer?.cancel();
    this.#timer = undefined;
    if (keepalive <= 0) return;
    const wait = Math.max(0, this.#lastSent + keepalive - this.#loop.now());
    this.#timer = this.#loop.timer({
      after: wait,
      cb: () => {
        if (this.#loop.now() - this.#lastSent >= keepalive * 0.999) {
          this.send([]);
          this.#lastSent = this.#loop.now();
        }
        this.#armKeepalive();
      },
    });
  }

  #broken(error: unknown): void {
    if (error instanceof PeerError) {
      const known: Readonly<Record<string, string>> = {
        ECONNRESET: "Connection reset by peer",
        EPIPE: "Broken pipe",
        ETIMEDOUT: "Connection timed out",
      };
      this.#fail(known[error.code] ?? error.message);
    } else if (error instanceof ClosedError) this.#fail("Broken pipe");
    else this.#fail(messageOf(error));
  }

  #fail(reason: string): void {
    if (this.#ended) return;
    const drained = this.#drained;
    this.abort();
    if (drained === undefined) this.#owner.lost(this, reason);
  }

  abort(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#session.abort();
    this.#reader?.cancel();
    this.#writer?.cancel();
    this.#timer?.cancel();
    this.#securing?.();
    this.#securing = undefined;
    this.#stream.close();
    this.#chunks = [];
    this.#chunkBytes = 0;
    this.#text = "";
    const drained = this.#drained;
    this.#drained = undefined;
    drained?.();
  }

  drain(limit: number, done: () => void): void {
    if (this.#ended) return done();
    this.#drained = done;
    this.#timer?.cancel();
    this.#timer = this.#loop.timer({ after: limit, cb: () => this.abort() });
    this.flush();
  }

  /** All was handed to the stream: half-close, then wait for the peer (or the limit of `drain`). */
  #finishDrain(): void {
    this.#stream.shutdown();
    this.#reader?.cancel();
    this.#reader = this.#loop.io({
      fh: this.#stream,
      poll: "r",
      cb: () => {
        try {
          while (true) {
            const count = this.#stream.tryRead(scratch);
            if (count === 0) return;
            if (count === null) break;
          }
        } catch (error) {
          this.#options.loop.log.ctx("AnyEvent::MP").log(
            9,
            `${this.remote}: ${messageOf(error)} while closing`,
          );
        }
        this.abort();
      },
    });
  }

  #queueBytes(bytes: Uint8Array): void {
    this.#gather();
    this.#chunks.push(bytes);
    this.#chunkBytes += bytes.length;
    this.#postFlush();
  }

  /** What the session calls. */
  #handler(): SessionHandler {
    return {
      send: (bytes) => this.#queueBytes(bytes),
      greeting: (greeting): Verdict => {
        this.#greeting = greeting;
        return this.#owner.greeted(this, greeting);
      },
      proved: (greeting): Verdict => this.#owner.proved(this, greeting),
      upgrade: (role, kind, rest) => {
        // The stream belongs to TLS from here on, once the plain text of the handshake has left.
        this.#reader?.cancel();
        this.#reader = undefined;
        this.flush();
        this.#upgrade = { role, kind, rest: rest.slice() };
        if (this.#chunks.length === 0) this.#secure();
      },
      open: (peer) => {
        this.#lastSent = this.#loop.now();
        this.#armKeepalive();
        this.#owner.opened(this, peer);
      },
      message: (message) => {
        if (!this.#ended) this.#owner.received(this, message);
      },
      fail: (reason) => this.#fail(reason),
    };
  }

  #secure(): void {
    const { role, kind, rest } = this.#upgrade!;
    this.#upgrade = undefined;
    const certificate = kind === "tls" ? this.#options.certificate : undefined;
    this.#securing = this.#loop.env.net.secure(
      this.#stream,
      role,
      certificate === undefined ? { rest } : { rest, certificate },
      (error, secured) => {
        if (this.#ended) {
          secured?.stream.close();
          return;
        }
        this.#securing = undefined;
        if (secured === undefined) {
          this.#fail(error === undefined ? "TLS failed" : error.message);
          return;
        }
        this.#stream = secured.stream;
        this.#watch();
        this.#session.upgraded(secured.binding);
        this.flush();
      },
    );
  }
}
