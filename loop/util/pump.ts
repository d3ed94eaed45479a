/**
 * What moves bytes between a child's pipes and this program, never more than fits: the next piece is read
 * when the last was taken.
 */
import { type ByteStream, show, type Undo, UsageError } from "@anyevent/backends/contract";
import { isThenable } from "../callback.ts";
import type { Loop } from "../loop.ts";
import type { Watcher } from "../watcher.ts";

const PIECE = 65536;

/** Takes bytes; `undefined` at the end. What it returns, if thenable, is waited for. */
export type Sink = (bytes: Uint8Array | undefined) => unknown;

/** Gives bytes; empty or `undefined`: the end. A thenable is waited for. */
export type Feed = () => unknown;

/** Something under way that can be ended. */
export interface Pump {
  /** Ends it at once; it tells nobody. Idempotent. */
  cancel(): void;
}

/** What a pump needs. */
export interface PumpParts {
  readonly loop: Loop;
  /** For errors of callbacks. */
  readonly what: string;
  /** Called once at its own end, never after `cancel`. */
  readonly done: () => void;
}

abstract class BasePump implements Pump {
  protected readonly loop: Loop;
  protected readonly pipe: ByteStream;
  readonly #parts: PumpParts;
  #watcher: Watcher | undefined;
  protected over = false;

  constructor(pipe: ByteStream, parts: PumpParts) {
    this.pipe = pipe;
    this.loop = parts.loop;
    this.#parts = parts;
  }

  cancel(): void {
    if (this.over) return;
    this.over = true;
    this.unwatch();
    this.pipe.close();
  }

  protected watch(stream: ByteStream, mode: "r" | "w", cb: () => void): void {
    if (this.over || this.#watcher?.active) return;
    this.#watcher = this.loop.addIo(stream, mode, cb);
  }

  protected unwatch(): void {
    this.#watcher?.cancel();
    this.#watcher = undefined;
  }

  /** Its own end. */
  protected end(): void {
    if (this.over) return;
    this.cancel();
    this.#parts.done();
  }

  protected failed(error: unknown): void {
    this.loop.callbackFailed(error, this.#parts.what);
  }

  /** Goes on when a callback's result is there. */
  protected follow(result: PromiseLike<unknown>, then: (value: unknown) => void): void {
    this.unwatch();
    const later = (go: () => void): void =>
      this.loop.env.backend.post(() => {
        if (!this.over) go();
      });
    Promise.resolve(result).then(
      (value) => later(() => then(value)),
      (error) =>
        later(() => {
          this.failed(error);
          then(undefined);
        }),
    );
  }
}

/** Reads a child's output to its end, for a sink. */
export class OutputPump extends BasePump {
  readonly #sink: Sink;

  constructor(pipe: ByteStream, sink: Sink, parts: PumpParts) {
    super(pipe, parts);
    this.#sink = sink;
    this.#watch();
  }

  #watch(): void {
    this.watch(this.pipe, "r", () => this.#read());
  }

  #read(): void {
    const into = new Uint8Array(PIECE);
    let count: number | null;
    try {
      count = this.pipe.tryRead(into);
    } catch {
      // A pipe that broke gives no more; the status says what became of the child.
      count = null;
    }
    if (count === 0) return;
    if (count === null) {
      this.unwatch();
      this.#deliver(undefined, () => this.end());
    } else this.#deliver(into.subarray(0, count), () => this.#watch());
  }

  #deliver(bytes: Uint8Array | undefined, then: () => void): void {
    let result: unknown;
    try {
      result = this.#sink(bytes);
    } catch (error) {
      this.failed(error);
    }
    if (this.over) return;
    if (isThenable(result)) this.follow(result, then);
    else then();
  }
}

/** Reads a child's output to its end, for another stream, which stays open. */
export class ForwardPump extends BasePump {
  readonly #target: ByteStream;
  readonly #buffer = new Uint8Array(PIECE);
  #rest: Uint8Array | undefined;

  constructor(pipe: ByteStream, target: ByteStream, parts: PumpParts) {
    super(pipe, parts);
    this.#target = target;
    this.watch(this.pipe, "r", () => this.#read());
  }

  #read(): void {
    let count: number | null;
    try {
      count = this.pipe.tryRead(this.#buffer);
    } catch {
      count = null;
    }
    if (count === 0) return;
    if (count === null) return this.end();
    this.#rest = this.#buffer.subarray(0, count);
    this.#write();
  }

  #write(): void {
    let rest = this.#rest!;
    try {
      rest = rest.subarray(this.#target.tryWrite(rest));
    } catch {
      // Closing the child's pipe tells the child what a broken pipe of its own would.
      return this.end();
    }
    this.#rest = rest;
    this.unwatch();
    if (rest.length === 0) this.watch(this.pipe, "r", () => this.#read());
    else if (!this.#tryWatch()) this.end();
  }

  #tryWatch(): boolean {
    try {
      this.watch(this.#target, "w", () => this.#write());
      return true;
    } catch {
      return false;
    }
  }
}

/** Writes a child's input from a feed, until that ends; it is cancelled when the child has ended. */
export class InputPump extends BasePump {
  readonly #feed: Feed;
  readonly #undo: Undo;
  #rest: Uint8Array = new Uint8Array(0);

  constructor(pipe: ByteStream, feed: Feed, parts: PumpParts, undo: Undo = () => undefined) {
    super(pipe, parts);
    this.#feed = feed;
    this.#undo = undo;
    this.#watch();
  }

  override cancel(): void {
    super.cancel();
    this.#undo();
  }

  #watch(): void {
    this.watch(this.pipe, "w", () => this.#write());
  }

  #write(): void {
    if (this.#rest.length === 0) return this.#next();
    try {
      this.#rest = this.#rest.subarray(this.pipe.tryWrite(this.#rest));
    } catch {
      // The child reads no more.
      this.end();
    }
  }

  #next(): void {
    let given: unknown;
    try {
      given = this.#feed();
    } catch (error) {
      this.failed(error);
    }
    if (this.over) return;
    if (isThenable(given)) this.follow(given, (value) => this.#take(value));
    else this.#take(given);
  }

  #take(value: unknown): void {
    const bytes = typeof value === "string" ? new TextEncoder().encode(value) : value;
    if (bytes instanceof Uint8Array && bytes.length > 0) {
      // The feed may use its buffer again.
      this.#rest = bytes.slice();
      return this.#watch();
    }
    if (value !== undefined && value !== null && !(bytes instanceof Uint8Array)) {
      this.failed(new UsageError(`Cannot feed stdin: ${show(value)} is neither bytes nor text`));
    }
    this.unwatch();
    // What was taken is still sent; the child's end closes the pipe.
    this.pipe.shutdown();
  }
}

/** A feed of what a stream gives; the stream stays open. */
export class StreamFeed {
  readonly #loop: Loop;
  readonly #source: ByteStream;
  readonly #buffer = new Uint8Array(PIECE);
  #watcher: Watcher | undefined;

  constructor(loop: Loop, source: ByteStream) {
    this.#loop = loop;
    this.#source = source;
  }

  /** The next bytes, now or later. */
  next(): Uint8Array | undefined | Promise<Uint8Array | undefined> {
    const count = this.#source.tryRead(this.#buffer);
    if (count === null) return undefined;
    if (count > 0) return this.#buffer.subarray(0, count);
    return new Promise((resolve, reject) => {
      this.#watcher = this.#loop.addIo(this.#source, "r", () => {
        this.#watcher?.cancel();
        try {
          resolve(this.next());
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  /** Reads no more. */
  cancel(): void {
    this.#watcher?.cancel();
  }
}
