import type { IoMode, Undo } from "../contract/backend.ts";
import { ClosedError, type PeerError, show, UsageError } from "../contract/errors.ts";
import { type ByteStream, WATCH } from "../contract/stream.ts";
import { peerError } from "../driven/deno/host_error.ts";
import type { Sink, Source } from "./source.ts";
import { hostTurns, Readiness, type Turns } from "./turns.ts";

/** Bytes a stream takes for sending before `tryWrite` returns 0. */
export const WRITE_LIMIT = 262144;
const FIRST_BUFFER = 16384;
/** A write buffer up to this size is kept for the next writes. */
const KEPT_BUFFER = 65536;
const EMPTY: Uint8Array = new Uint8Array(0);
const RESOLVED: Promise<void> = Promise.resolve();

/** The method by which a native backend gives a stream its turns. */
export const TURNS: unique symbol = Symbol("anyevent.native.turns");

/** Whether a stream takes its turns from a native backend. */
export function isTurned(source: unknown): source is { [TURNS](turns: Turns): void } {
  return typeof source === "object" && source !== null && TURNS in source;
}

/** What {@linkcode IoStream.release} leaves behind. */
export interface Released {
  /** Bytes that had been read ahead; they come before all that the source still gives. */
  readonly unread: Uint8Array;
  /**
   * When a read of the host was under way that it does not let us take back (of a `Deno.Conn`): its bytes,
   * which come after `unread`; `null` for end of file.
   */
  readonly late: Promise<Uint8Array | null> | undefined;
}

/**
 * A host's stream, taken over so that its readiness can be watched.
 *
 * It reads one chunk ahead, and only while a `"r"` watcher is armed or after `tryRead` has found nothing.
 * Several watchers share what was read; cancelling one loses nothing and closes nothing. What is written is
 * collected during a turn and handed over together.
 *
 * A `Deno.Conn` gives no way to take back a read: after the last `"r"` watcher is cancelled one may stay
 * under way, which keeps no process alive, loses no data, and ends with `close`.
 */
export interface IoStream extends ByteStream {
  /**
   * Gives the source back to who wants to use it without this stream, which is closed by it.
   *
   * @returns what had been read ahead
   * @throws {UsageError} while bytes are unsent
   * @throws {ClosedError} after `close`
   */
  release(): Released;
}

/** The stream that {@linkcode ioStream} and the native sockets make. */
export class HostStream implements IoStream {
  readonly #source: Source;
  readonly #readable: Readiness;
  readonly #writable: Readiness;
  readonly #flushLater = (): void => this.#flush();
  readonly #endLater = (): void => {
    this.#ending = undefined;
    if (this.#closed) return;
    this.#eof = true;
    this.#readable.fire();
  };
  #turns: Turns = hostTurns;
  /** Whose next turn tells of the end of file. */
  #ending: Turns | undefined = undefined;
  #chunk: Uint8Array = EMPTY;
  #eof = false;
  #readError: PeerError | undefined = undefined;
  #writeError: PeerError | undefined = undefined;
  #pulling = false;
  #out: Uint8Array = EMPTY;
  #outLength = 0;
  #sending: Uint8Array = EMPTY;
  #pushing = false;
  #shut = false;
  /** Whether the end of file was handed over. */
  #ended = false;
  #closed = false;
  #late: ((bytes: Uint8Array | null) => void) | undefined = undefined;
  #onClose: (() => void) | undefined = undefined;
  /** This end's address, or `""`. */
  readonly local: string;
  /** The other end's address, or `""`. */
  readonly remote: string;

  constructor(source: Source, onClose?: () => void) {
    this.#source = source;
    this.#onClose = onClose;
    this.local = source.local;
    this.remote = source.remote;
    const sink: Sink = {
      pulled: (bytes) => this.#pulled(bytes),
      pushed: (count) => this.#pushed(count),
      failed: (side, thrown) => this.#failed(side, thrown),
    };
    source.sink = sink;
    const turns = (): Turns => this.#turns;
    this.#readable = new Readiness(
      turns,
      () => this.#chunk.length > 0 || this.#eof || this.#readError !== undefined,
    );
    this.#writable = new Readiness(
      turns,
      () => this.#writeError !== undefined || this.#shut || this.unsent <= WRITE_LIMIT / 2,
    );
  }

  /** Bytes taken but not yet handed to the operating system. */
  get unsent(): number {
    return this.#sending.length + this.#outLength;
  }

  /**
   * Moves bytes that have arrived into `into`.
   *
   * @param into where to put them; must not be empty
   * @returns how many; 0: none now; `null`: end of file
   * @throws {PeerError} when the stream is broken
   * @throws {ClosedError} after `close` or `release`
   */
  tryRead(into: Uint8Array): number | null {
    if (!(into instanceof Uint8Array) || into.length === 0) {
      throw new UsageError(`Cannot read from stream: ${show(into)} is not a buffer with room`);
    }
    if (this.#closed) throw new ClosedError("Cannot read from stream: it is closed");
    const chunk = this.#chunk;
    if (chunk.length === 0) {
      if (this.#readError !== undefined) throw this.#readError;
      if (this.#eof) {
        // A stream whose other direction broke has not simply ended.
        if (this.#writeError !== undefined) throw this.#writeError;
        return null;
      }
      this.#pull();
      return 0;
    }
    if (into.length < chunk.length) {
      into.set(chunk.subarray(0, into.length));
      this.#chunk = chunk.subarray(into.length);
      return into.length;
    }
    into.set(chunk);
    this.#chunk = EMPTY;
    if (this.#readable.size > 0) this.#pull();
    return chunk.length;
  }

  /**
   * Takes bytes to send, as many as fit; they are copied.
   *
   * @param bytes what to send
   * @returns how many were taken
   * @throws {PeerError} when the stream is broken
   * @throws {ClosedError} after `close`, `shutdown` or `release`
   */
  tryWrite(bytes: Uint8Array): number {
    if (!(bytes instanceof Uint8Array)) {
      throw new UsageError(`Cannot write to stream: ${show(bytes)} is not a Uint8Array`);
    }
    if (this.#closed) throw new ClosedError("Cannot write to stream: it is closed");
    if (this.#shut) throw new ClosedError("Cannot write to stream: it is shut down");
    if (this.#writeError !== undefined) throw this.#writeError;
    const room = WRITE_LIMIT - this.unsent;
    const count = bytes.length < room ? bytes.length : room;
    if (count <= 0) return 0;
    const length = this.#outLength + count;
    if (length > this.#out.length) this.#grow(length);
    this.#out.set(count === bytes.length ? bytes : bytes.subarray(0, count), this.#outLength);
    this.#outLength = length;
    this.#startFlush();
    return count;
  }

  /** Sends what was taken, then an end of file; reading goes on. Idempotent. */
  shutdown(): void {
    if (this.#shut || this.#closed) return;
    this.#shut = true;
    if (this.#writeError === undefined) this.#startFlush();
    this.#writable.poke();
  }

  /** Closes both directions and drops what is unsent; watchers are not called again. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#finish();
    this.#source.close();
    this.#forget();
  }

  /** Gives the source back; see {@linkcode IoStream.release}. */
  release(): Released {
    if (this.#closed) throw new ClosedError("Cannot release stream: it is closed");
    if (this.unsent > 0) {
      throw new UsageError(`Cannot release stream: ${this.unsent} bytes are not sent yet`);
    }
    // An end of file that waits for its microtask goes first.
    if (this.#shut && this.#writeError === undefined) this.#end();
    const unread = this.#chunk.slice();
    let late: Promise<Uint8Array | null> | undefined;
    if (this.#pulling && !this.#source.unpull()) {
      late = new Promise((resolve) => this.#late = resolve);
    }
    this.#finish();
    this.#source.release();
    this.#forget();
    return { unread, late };
  }

  /** Small writes leave at once. */
  setNoDelay(on: boolean): void {
    if (!this.#closed) this.#source.setNoDelay(on);
  }

  /** The system probes an idle peer. */
  setKeepAlive(on: boolean): void {
    if (!this.#closed) this.#source.setKeepAlive(on);
  }

  /** Calls back in each turn in which the stream is ready; see `Backend.io`. */
  [WATCH](mode: IoMode, cb: () => void, closed?: () => void): Undo {
    if (this.#closed) throw new ClosedError("Cannot watch stream: it is closed");
    if (mode === "w") return this.#writable.add(cb, nothing, closed);
    const undo = this.#readable.add(cb, () => this.#unwatched(), closed);
    if (this.#chunk.length === 0) this.#pull();
    return undo;
  }

  /** Gives the stream its turns. For native backends. */
  [TURNS](turns: Turns): void {
    this.#turns = turns;
  }

  #pulled(bytes: Uint8Array | null): void {
    this.#pulling = false;
    if (this.#late !== undefined) return this.#late(bytes === null ? null : bytes.slice());
    if (this.#closed) return;
    if (bytes === null && this.#sending.length > 0) {
      // Of a connection that was reset the host may tell the end first and then that writing failed.
      this.#ending = this.#turns;
      return this.#turns.soon(this.#endLater);
    }
    if (bytes === null) this.#eof = true;
    else this.#chunk = bytes;
    this.#readable.deliver();
  }

  #pushed(count: number): void {
    if (this.#closed) return;
    this.#sending = this.#sending.subarray(count);
    if (this.#sending.length > 0) return this.#source.push(this.#sending);
    this.#pushing = false;
    if (this.#outLength > 0 || this.#shut) this.#flush();
    this.#writable.deliver();
  }

  #failed(side: "r" | "w", thrown: unknown): void {
    if (this.#late !== undefined && side === "r") return this.#late(null);
    if (this.#closed) return;
    const name = this.remote === "" ? "stream" : this.remote;
    if (side === "r") {
      this.#pulling = false;
      this.#readError ??= peerError(`read from ${name}`, thrown);
      // A stream that was reset takes no more bytes either, and those it took are lost.
      this.#breakWriting(this.#readError);
      this.#readable.deliver();
    } else {
      this.#breakWriting(peerError(`write to ${name}`, thrown));
    }
    this.#writable.deliver();
  }

  #breakWriting(error: PeerError): void {
    this.#writeError ??= error;
    this.#pushing = false;
    this.#out = EMPTY;
    this.#outLength = 0;
    this.#sending = EMPTY;
  }

  #unwatched(): void {
    if (this.#pulling && this.#readable.size === 0 && this.#source.unpull()) this.#pulling = false;
  }

  #pull(): void {
    if (this.#pulling || this.#eof || this.#readError !== undefined) return;
    if (this.#ending !== undefined) return;
    this.#pulling = true;
    this.#source.pull();
  }

  #grow(length: number): void {
    let size = Math.max(FIRST_BUFFER, this.#out.length);
    while (size < length) size *= 2;
    const bigger = new Uint8Array(size);
    bigger.set(this.#out.subarray(0, this.#outLength));
    this.#out = bigger;
  }

  #startFlush(): void {
    if (this.#pushing) return;
    this.#pushing = true;
    // One microtask later the other writes of this turn have been collected too.
    void RESOLVED.then(this.#flushLater);
  }

  #flush(): void {
    if (this.#closed || this.#writeError !== undefined) return;
    if (this.#outLength === 0) {
      this.#pushing = false;
      if (this.#shut) this.#end();
      return;
    }
    const spare = this.#sending.buffer.byteLength;
    const sending = this.#out.subarray(0, this.#outLength);
    this.#out = spare > 0 && spare <= KEPT_BUFFER
      ? new Uint8Array(this.#sending.buffer as ArrayBuffer)
      : EMPTY;
    this.#outLength = 0;
    this.#sending = sending;
    this.#pushing = true;
    this.#source.push(sending);
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#source.end();
  }

  #finish(): void {
    this.#closed = true;
    this.#ending?.drop(this.#endLater);
    this.#ending = undefined;
    this.#chunk = EMPTY;
    this.#out = EMPTY;
    this.#outLength = 0;
    this.#sending = EMPTY;
    const onClose = this.#onClose;
    this.#onClose = undefined;
    onClose?.();
  }

  #forget(): void {
    this.#readable.clear();
    this.#writable.clear();
  }
}

function nothing(): void {}
