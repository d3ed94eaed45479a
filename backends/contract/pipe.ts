import type { Backend, IoMode, Undo } from "./backend.ts";
import { ClosedError, PeerError, show, UsageError } from "./errors.ts";
import { checkOptions } from "./options.ts";
import { type ByteStream, WATCH } from "./stream.ts";

/** Watchers of one end and mode, called once a turn while the end is ready. */
class Readiness {
  readonly #watchers = new Map<() => void, (() => void) | undefined>();
  #posted = false;

  constructor(readonly backend: Backend, readonly ready: () => boolean) {}

  add(cb: () => void, closed: (() => void) | undefined): Undo {
    const entry = (): void => cb();
    this.#watchers.set(entry, closed);
    this.poke();
    return () => void this.#watchers.delete(entry);
  }

  /** Called when `ready` may have become true. */
  poke(): void {
    if (this.#posted || this.#watchers.size === 0 || !this.ready()) return;
    this.#posted = true;
    this.backend.post(() => {
      this.#posted = false;
      for (const watcher of [...this.#watchers.keys()]) {
        // A sibling may have undone it, or taken all the data, in this very turn.
        if (!this.#watchers.has(watcher) || !this.ready()) continue;
        try {
          watcher();
        } catch (thrown) {
          // The backend reports it; siblings and the next turn are not its business.
          this.backend.post(() => {
            throw thrown;
          });
        }
      }
      this.poke();
    });
  }

  clear(): void {
    for (const [watcher, closed] of [...this.#watchers]) {
      // One that is told may undo another.
      if (this.#watchers.delete(watcher)) closed?.();
    }
  }
}

/** One end of {@linkcode streamPair}. */
class PipeEnd implements ByteStream {
  readonly #chunks: Uint8Array[] = [];
  #buffered = 0;
  #eof = false;
  #shut = false;
  #closed = false;
  readonly #readable: Readiness;
  readonly #writable: Readiness;
  peer!: PipeEnd;

  constructor(
    backend: Backend,
    readonly capacity: number,
    readonly local: string,
    readonly remote: string,
  ) {
    this.#readable = new Readiness(backend, () => this.#buffered > 0 || this.#eof);
    this.#writable = new Readiness(
      backend,
      () => this.#shut || this.peer.#closed || this.peer.#buffered < this.capacity,
    );
  }

  get unsent(): number {
    return 0;
  }

  tryRead(into: Uint8Array): number | null {
    if (!(into instanceof Uint8Array) || into.length === 0) {
      throw new UsageError(`Cannot read from stream: ${show(into)} is not a buffer with room`);
    }
    if (this.#closed) throw new ClosedError("Cannot read from stream: it is closed");
    if (this.#buffered === 0) {
      return this.#eof ? null : 0;
    }
    let count = 0;
    while (count < into.length && this.#chunks.length > 0) {
      const chunk = this.#chunks[0];
      const room = into.length - count;
      if (chunk.length <= room) {
        into.set(chunk, count);
        count += chunk.length;
        this.#chunks.shift();
      } else {
        into.set(chunk.subarray(0, room), count);
        this.#chunks[0] = chunk.subarray(room);
        count += room;
      }
    }
    this.#buffered -= count;
    this.peer.#writable.poke();
    return count;
  }

  tryWrite(bytes: Uint8Array): number {
    if (!(bytes instanceof Uint8Array)) {
      throw new UsageError(`Cannot write to stream: ${show(bytes)} is not a Uint8Array`);
    }
    if (this.#closed) throw new ClosedError("Cannot write to stream: it is closed");
    if (this.#shut) throw new ClosedError("Cannot write to stream: it is shut down");
    if (this.peer.#closed) throw new PeerError("Cannot write to stream: broken pipe", "EPIPE");
    const room = Math.min(bytes.length, Math.max(0, this.capacity - this.peer.#buffered));
    if (room > 0) {
      this.peer.#chunks.push(bytes.slice(0, room));
      this.peer.#buffered += room;
      this.peer.#readable.poke();
    }
    return room;
  }

  shutdown(): void {
    if (this.#shut || this.#closed) return;
    this.#shut = true;
    this.peer.#eof = true;
    this.peer.#readable.poke();
    this.#writable.poke();
  }

  close(): void {
    if (this.#closed) return;
    this.shutdown();
    this.#closed = true;
    this.#chunks.length = 0;
    this.#buffered = 0;
    this.#readable.clear();
    this.#writable.clear();
    // As with a socket: the peer reads what was sent, then end of file; its writes break the pipe.
    this.peer.#writable.poke();
    this.peer.#readable.poke();
  }

  setNoDelay(_on: boolean): void {}

  setKeepAlive(_on: boolean): void {}

  [WATCH](mode: IoMode, cb: () => void, closed?: () => void): Undo {
    if (this.#closed) throw new ClosedError("Cannot watch stream: it is closed");
    return (mode === "r" ? this.#readable : this.#writable).add(cb, closed);
  }
}

/** Options of {@linkcode streamPair}. */
export interface StreamPairOptions {
  /** Bytes each direction buffers before `tryWrite` takes no more. Default 65536. */
  readonly capacity?: number;
  /** What the two ends report as their addresses. */
  readonly names?: readonly [string, string];
}

/**
 * Two connected streams inside this process: what one end writes, the other reads.
 *
 * Follows AnyEvent::Util's `portable_socketpair`. Works on every backend.
 *
 * @param backend calls the watchers
 * @throws {UsageError} when it is no backend, or an option makes no sense
 * @example
 * ```ts
 * import { defaultLoop, streamPair } from "@anyevent/loop";
 *
 * const [a, b] = streamPair(defaultLoop().env.backend);
 * a.tryWrite(new TextEncoder().encode("hello"));
 * const bytes = new Uint8Array(10);
 * console.log(new TextDecoder().decode(bytes.subarray(0, b.tryRead(bytes)!))); // hello
 * ```
 */
export function streamPair(
  backend: Backend,
  options: StreamPairOptions = {},
): [ByteStream, ByteStream] {
  if (typeof backend?.post !== "function") {
    throw new UsageError(`Cannot make stream pair: ${show(backend)} is not a backend`);
  }
  checkOptions(options, "make stream pair");
  const { capacity = 65536, names = ["", ""] } = options;
  if (typeof capacity !== "number" || !(capacity > 0)) {
    throw new UsageError(`Cannot make stream pair: capacity ${show(capacity)} is not positive`);
  }
  if (!Array.isArray(names) || names.some((name) => typeof name !== "string")) {
    throw new UsageError(`Cannot make stream pair: names ${show(names)} are not two strings`);
  }
  const a = new PipeEnd(backend, capacity, names[0], names[1]);
  const b = new PipeEnd(backend, capacity, names[1], names[0]);
  a.peer = b;
  b.peer = a;
  return [a, b];
}
