import {
  type ByteStream,
  ClosedError,
  Deque,
  PeerError,
  type Undo,
} from "@anyevent/backends/contract";
import { type Abort, type Loop, WaitOperation, type Waker, type Watcher } from "@anyevent/loop";

/** What a queue needs of its handle. */
export interface WritePort {
  readonly loop: Loop;
  /** The peer, for messages. */
  readonly name: string;
  /** Whether it keeps the process alive. */
  readonly holds: boolean;
  /** Seconds without progress after which a write is given up; `Infinity`: none. */
  readonly limit: number;
  /** Bytes that may wait. */
  readonly most: number;
  /** @throws {ClosedError} when there is none any more */
  stream(): ByteStream;
  /** A write ended: whether because its time was over. */
  ended(timedOut: boolean): void;
}

/**
 * The writing half of a handle: what does not go out at once waits here, in order.
 *
 * Bytes are taken inside `push`; who runs the operation waits until they are all written.
 */
export class WriteQueue {
  /** When bytes were written last. */
  progress = 0;
  readonly #port: WritePort;
  readonly #writes: Deque<Write> = new Deque();
  #size = 0;
  #undos: readonly Undo[] | undefined;
  #failure: Error | undefined;
  #shutdown = false;

  constructor(port: WritePort) {
    this.#port = port;
  }

  /** Bytes that wait. */
  get size(): number {
    return this.#size;
  }

  get port(): WritePort {
    return this.#port;
  }

  /** Writes, or queues, which copies. */
  push(bytes: Uint8Array): Write {
    const { name, most } = this.#port;
    const write = new Write(this);
    if (this.#failure !== undefined) write.end(this.#failure);
    else if (this.#shutdown) {
      write.end(new ClosedError(`Cannot write to ${name}: it was shut down`));
    } else if (this.#size > 0 && this.#size + bytes.length > most) {
      const why = `more than ${most} bytes wait; run what write returns`;
      write.end(new PeerError(`Cannot write to ${name}: ${why}`, "ENOSPC"));
    } else {
      write.rest = bytes;
      if (this.#writes.size > 0 || !this.#offer(write)) this.#enqueue(write);
    }
    return write;
  }

  /** Gives up one that waits: what is left of it is not written. */
  drop(write: Write): void {
    if (write.over) return;
    for (let at = 0; at < this.#writes.size; at++) {
      if (this.#writes.at(at) !== write) continue;
      this.#writes.removeAt(at);
      this.#size -= write.rest.length;
      break;
    }
    write.end();
    this.#settle();
  }

  /** No more: the end of file follows what waits. */
  shutdown(): void {
    if (this.#shutdown) return;
    this.#shutdown = true;
    this.#settle();
  }

  /** Fails what waits. @returns what was not written */
  close(): readonly Uint8Array[] {
    const rests: Uint8Array[] = [];
    for (let at = 0; at < this.#writes.size; at++) rests.push(this.#writes.at(at)!.rest);
    this.#fail(new ClosedError(`Cannot write to ${this.#port.name}: the handle is closed`));
    return rests;
  }

  #enqueue(write: Write): void {
    write.rest = write.rest.slice();
    this.#writes.push(write);
    this.#size += write.rest.length;
    try {
      this.#watch();
    } catch (error) {
      this.#fail(error as Error);
    }
  }

  /** @returns whether it is through, in one way or the other */
  #offer(write: Write): boolean {
    const { loop } = this.#port;
    try {
      const stream = this.#port.stream();
      while (write.rest.length > 0) {
        const count = stream.tryWrite(write.rest);
        if (count === 0) return false;
        write.written += count;
        write.rest = write.rest.subarray(count);
        this.progress = loop.now();
      }
    } catch (error) {
      // It tells this one, and all that follow.
      this.#failure = error as Error;
      write.end(this.#failure);
      return true;
    }
    write.end();
    return true;
  }

  #flush(): void {
    for (let write = this.#writes.peek(); write !== undefined; write = this.#writes.peek()) {
      const before = write.rest.length;
      const through = this.#offer(write);
      this.#size -= before - (through ? 0 : write.rest.length);
      if (!through) return;
      this.#writes.shift();
      if (this.#failure !== undefined) return this.#fail(this.#failure);
    }
    this.#settle();
  }

  /** Looks whether something is left to be done. */
  #settle(): void {
    if (this.#writes.size > 0) return;
    this.#unwatch();
    if (!this.#shutdown || this.#failure !== undefined) return;
    try {
      this.#port.stream().shutdown();
    } catch (error) {
      if (!(error instanceof PeerError || error instanceof ClosedError)) throw error;
      this.#failure = error;
    }
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#unwatch();
    this.#size = 0;
    for (let write = this.#writes.shift(); write !== undefined; write = this.#writes.shift()) {
      write.end(error);
    }
  }

  #watch(): void {
    if (this.#undos !== undefined) return;
    const { loop, name, holds } = this.#port;
    const flush = (): void => this.#flush();
    const undos: Undo[] = [];
    this.#undos = undos;
    undos.push(
      loop.onDispose(() =>
        this.#fail(new ClosedError(`Cannot write to ${name}: the loop was disposed of`))
      ),
    );
    // Writing to a closed stream tells that it is.
    undos.push(loop.env.backend.io(this.#port.stream(), "w", flush, flush));
    if (holds) undos.push(loop.hold());
  }

  #unwatch(): void {
    const undos = this.#undos;
    this.#undos = undefined;
    if (undos !== undefined) { for (const undo of undos) undo(); }
  }
}

/** Waits until its bytes are written; gives how many were. */
export class Write extends WaitOperation<number> {
  rest: Uint8Array = new Uint8Array(0);
  written = 0;
  over = false;
  readonly #queue: WriteQueue;
  #error: Error | undefined;
  #waker: Waker | undefined;
  #timer: Watcher | undefined;
  #since: number | undefined;
  #timedOut = false;

  constructor(queue: WriteQueue) {
    super();
    this.#queue = queue;
  }

  /** The bytes were given when it was made. */
  override get optional(): boolean {
    return true;
  }

  describe(): string {
    return `write() to ${this.#queue.port.name}`;
  }

  start(waker: Waker): Abort {
    this.#waker = waker;
    if (this.over) waker.wake();
    else if (this.#timer === undefined) this.#arm();
    return () => {
      this.#waker = undefined;
      this.#disarm();
      this.#queue.drop(this);
    };
  }

  /** It is written, given up or failed. */
  end(error?: Error): void {
    if (this.over) return;
    this.over = true;
    this.#error = error;
    this.#disarm();
    this.#waker?.wake();
  }

  protected poll(): boolean {
    return this.over;
  }

  protected result(): number {
    this.#queue.port.ended(this.#timedOut);
    if (this.#error !== undefined) throw this.#error;
    return this.written;
  }

  #arm(): void {
    const { loop, limit, holds } = this.#queue.port;
    if (limit === Infinity) return;
    this.#since ??= loop.now();
    const idle = loop.now() - Math.max(this.#since, this.#queue.progress);
    this.#timer = loop.addTimer(limit - idle, 0, () => {
      this.#timer = undefined;
      if (loop.now() - Math.max(this.#since!, this.#queue.progress) < limit) return this.#arm();
      this.#timedOut = true;
      this.#queue.drop(this);
    });
    if (!holds) this.#timer.unref();
  }

  #disarm(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }
}
