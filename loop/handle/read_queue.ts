import { ClosedError, Deque } from "@anyevent/backends/contract";
import type { Watcher } from "../watcher.ts";
import type { Handle } from "./handle.ts";
import { ReadBuffer } from "./read_buffer.ts";
import { BadMessage, type Match, type Parse } from "./read_types/parse.ts";
import type { HandleState } from "./state.ts";

/** What a reader did: it is through; it needs more bytes; it holds the queue for something else. */
export type Outcome = "done" | "more" | "parked";

/** A reader in the queue. Only the first one is asked. */
export interface Reader {
  /** Looks at the buffer. */
  step(): Outcome;
  /** The end of file came and nothing is left. @returns whether it can end with that */
  ended?(): boolean;
}

/** A callback of a handle. */
export type HandleCallback = (h: Handle) => unknown;

/**
 * The reading half of a handle: its buffer, its queue of readers, and when it reads.
 *
 * It reads from the stream only while somebody wants data.
 */
export class ReadQueue {
  readonly buffer: ReadBuffer = new ReadBuffer();
  rbufMax: number | undefined;
  onEof: HandleCallback | undefined;
  /** Bytes asked for at once; doubles when they all come. */
  readSize = 2048;
  maxReadSize = 131072;
  /** Whether to read on though nobody wants data, to notice the end. */
  attentive: () => boolean = () => false;
  /** Asked at the end of file. @returns whether it was no end of file for the readers */
  endsOtherwise: () => boolean = () => false;
  readonly #state: HandleState;
  readonly #readers = new Deque<Reader>();
  #onRead: HandleCallback | undefined;
  #watcher: Watcher | undefined;
  #draining = false;
  #drainsLater = false;
  #paused = false;
  /** While TLS is on its way nothing may be read. */
  #blocked = false;
  #eof = false;
  /** Whether the end of file is an error no more: somebody knows. */
  #eofTold = false;
  #eofCalled = false;

  constructor(state: HandleState) {
    this.#state = state;
  }

  /** Whether a reader that comes now would be asked at once. */
  get free(): boolean {
    return this.#readers.size === 0 && !this.#draining && this.#state.stream !== undefined;
  }

  /** The reader that is asked first. */
  get first(): Reader | undefined {
    return this.#readers.peek();
  }

  get onRead(): HandleCallback | undefined {
    return this.#onRead;
  }

  /** Follows `holds` of the state. */
  hold(): void {
    if (this.#state.holds) this.#watcher?.ref();
    else this.#watcher?.unref();
  }

  /** Sets the callback for data nobody asked for. */
  setOnRead(cb: HandleCallback | undefined): void {
    this.#onRead = cb;
    if (cb === undefined) return;
    this.#paused = false;
    this.drain();
  }

  /** Adds a reader at the end or at the front. */
  push(reader: Reader, front: boolean): void {
    if (front) this.#readers.unshift(reader);
    else this.#readers.push(reader);
    this.#paused = false;
    this.drain();
  }

  /** Takes a reader back. */
  remove(reader: Reader): void {
    const readers = this.#readers;
    if (readers.peek() === reader) {
      readers.shift();
      // The next one may be content with what is there.
      this.drainLater();
      return;
    }
    // From the end: what came last is mostly what is taken back first.
    for (let at = readers.size - 1; at > 0; at--) {
      if (readers.at(at) !== reader) continue;
      readers.removeAt(at);
      return;
    }
  }

  /** Runs a parser; what it refuses is reported. */
  look(parse: Parse, refused: (why: BadMessage) => void): Match | undefined | "wait" {
    for (;;) {
      try {
        return parse(this.buffer);
      } catch (error) {
        if (!(error instanceof BadMessage)) throw error;
        this.buffer.skip(error.skip);
        refused(error);
        if (this.#state.destroyed || error.skip === 0) return undefined;
      }
    }
  }

  /** Begins to read, if somebody wants data. */
  start(): void {
    this.#blocked = false;
    this.drain();
  }

  /** Nothing is read until `start`. */
  block(): void {
    this.#blocked = true;
    this.#unwatch();
  }

  /** Reads on; see `Handle.startRead`. */
  resume(): void {
    this.#paused = false;
    this.drain();
    if (!this.#paused) this.#watch();
  }

  /** Stops reading; see `Handle.stopRead`. */
  pause(): void {
    this.#paused = true;
    this.#unwatch();
  }

  /** Forgets everything: for the next target of a connect, and for good. */
  clear(): void {
    this.#unwatch();
    this.#readers.clear();
    this.buffer.skip(this.buffer.length);
    this.#eof = false;
    this.#eofTold = false;
    this.#eofCalled = false;
  }

  /** As `drain`, in a later turn. */
  drainLater(): void {
    if (this.#state.destroyed || this.#drainsLater) return;
    try {
      this.#state.loop.postpone(() => {
        this.#drainsLater = false;
        this.drain();
      });
      this.#drainsLater = true;
    } catch (error) {
      // After the end of the loop nothing is delivered.
      if (!(error instanceof ClosedError)) throw error;
    }
  }

  /** Asks the readers, as long as they get on. */
  drain(): void {
    const state = this.#state;
    if (this.#draining || state.destroyed || state.stream === undefined) return;
    this.#draining = true;
    let complete = false;
    try {
      this.#deliver();
      complete = true;
    } finally {
      this.#draining = false;
      // The callback that threw is through; the others still get their turn.
      if (!complete) this.drainLater();
    }
  }

  #deliver(): void {
    const state = this.#state;
    for (;;) {
      if (state.destroyed || this.#paused) return;
      const reader = this.#readers.shift();
      if (reader !== undefined) {
        const outcome = reader.step();
        if (state.destroyed) return;
        if (outcome === "done") continue;
        if (outcome === "parked") {
          this.#readers.unshift(reader);
          this.#unwatch();
          return;
        }
        if (this.#eof) {
          if (this.buffer.length === 0 && reader.ended?.()) {
            this.#eofTold = true;
            continue;
          }
          return state.fail(`read from ${state.name}`, "EPIPE", true);
        }
        this.#readers.unshift(reader);
        break;
      }
      if (this.#onRead === undefined) break;
      const before = this.buffer.length;
      if (before === 0) break;
      state.call(this.#onRead);
      if (state.destroyed) return;
      const stuck = this.buffer.length === before && this.#readers.size === 0;
      if (!stuck || this.#onRead === undefined) continue;
      if (this.#eof) return state.fail(`read from ${state.name}`, "EPIPE", true);
      break;
    }
    this.#settle();
  }

  /** The readers get no further. */
  #settle(): void {
    const state = this.#state;
    if (this.#eof) {
      if (this.onEof !== undefined && !this.#eofCalled) {
        this.#eofCalled = this.#eofTold = true;
        state.call(this.onEof);
      } else if (!this.#eofTold) state.fail(`read from ${state.name}`, "", true);
      return;
    }
    if (this.rbufMax !== undefined && this.buffer.length > this.rbufMax) {
      return state.fail(
        `read from ${state.name}: more than ${this.rbufMax} bytes unread`,
        "ENOSPC",
        true,
      );
    }
    if (this.#wanted) this.#watch();
    else this.#unwatch();
  }

  get #wanted(): boolean {
    return this.#onRead !== undefined || this.#readers.size > 0 || this.attentive();
  }

  #watch(): void {
    const { stream, loop, destroyed } = this.#state;
    if (this.#watcher !== undefined || stream === undefined || destroyed) return;
    if (this.#eof || this.#blocked || this.#paused) return;
    this.#watcher = loop.addIo(stream, "r", () => this.#readable());
    if (!this.#state.holds) this.#watcher.unref();
  }

  #unwatch(): void {
    this.#watcher?.cancel();
    this.#watcher = undefined;
  }

  #readable(): void {
    const state = this.#state;
    const { stream } = state;
    if (stream === undefined) return;
    let count: number | null;
    try {
      count = stream.tryRead(this.buffer.room(this.readSize));
    } catch (error) {
      this.#unwatch();
      return state.broken(error, "read from");
    }
    if (count === 0) return;
    if (count === null) {
      this.#unwatch();
      this.#eof = true;
      if (this.endsOtherwise()) this.#eofTold = this.#eofCalled = true;
      this.drain();
      return;
    }
    this.buffer.added(count);
    if (count === this.readSize) {
      this.readSize = Math.max(this.readSize, Math.min(2 * this.readSize, this.maxReadSize));
    }
    state.activity("r");
    this.drain();
  }
}

/** A reader made of a parser and a callback for what it finds. */
export function parsingReader(
  queue: ReadQueue,
  parse: Parse,
  refused: (why: BadMessage) => void,
  found: (values: readonly unknown[]) => void,
): Reader {
  return {
    step() {
      const match = queue.look(parse, refused);
      if (match === undefined) return "more";
      if (match === "wait") return "parked";
      queue.buffer.skip(match.length);
      found(match.values);
      return "done";
    },
  };
}
