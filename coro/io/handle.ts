// Longer than most files here: it is the list of everything a handle can do, each with what it promises.
import {
  type ByteStream,
  ClosedError,
  PeerError,
  show,
  TimeoutError,
  type Undo,
  UsageError,
} from "@anyevent/backends/contract";
import { Handle, Loop, type Operation, operation, type Seconds, sprintf } from "@anyevent/loop";
import { currentEngine } from "../default_engine.ts";
import { checkLimits, limited, type WaitOptions } from "../limited.ts";
import type { ThreadSteps } from "../thread.ts";
import { cedeIfDue } from "../timeslice.ts";
import { bytesIn, bytesOf, endOf, limitOf } from "./arguments.ts";
import { ByteBuffer } from "./byte_buffer.ts";
import type { CoroHandleOptions, LineOptions, ReadOptions } from "./options.ts";
import { PENDING, Reading, type ReadLock } from "./reading.ts";
import { type Separator, separatorOf } from "./separator.ts";
import { StreamWait } from "./stream_wait.ts";
import { WriteQueue } from "./write_queue.ts";

type Filled = "data" | "eof" | "timeout" | "closed";

const FIRST_READ = 2048;
const LONGEST_READ = 65536;
/** Bytes that come without a wait until others may get their turn: a fast peer must not hold up all. */
const LONGEST_STREAK = LONGEST_READ;
/** One that keeps a byte order mark: in the middle of a stream it is a character as any other. */
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const LONGEST_TEXT = 2 ** 31 - 1;

/**
 * A stream for threads: reads lines and bytes, and writes, blocking only the thread that does.
 *
 * ## Limits of time
 *
 * `timeout` is the handle's own: a call that gets on for so long with nothing gives up, returns what it had
 * (see each) and sets `timedOut`. A call's own `options` are stricter, as everywhere: past them it throws,
 * and takes nothing.
 *
 * ## Several threads
 *
 * One thread at a time may read: a second one gets a `UsageError`. Any number may write: what each writes
 * stays together, in the order of the calls. Reading and writing do not disturb each other.
 *
 * A reader that is cancelled or thrown into takes nothing: what has arrived is for the next one. A writer that
 * is cancelled or thrown into while it waits gives up what is left of its bytes: the peer has got the first of
 * them, so mostly the thing to do then is to close.
 *
 * ## The end
 *
 * At the end of file a read gives what is left, then says that nothing is. After `close` reads give
 * `undefined`, and writes throw. A broken connection throws a `PeerError` out of reads and writes; what had
 * arrived before is read first.
 *
 * Follows Perl's `Coro::Handle`.
 *
 * @example
 * ```ts
 * import { async, unblock } from "@anyevent/coro";
 * import { defaultLoop, streamPair } from "@anyevent/loop";
 *
 * const [a, b] = streamPair(defaultLoop().env.backend);
 * async(function* () {
 *   using server = unblock(b);
 *   for (let line; (line = yield* server.readline()) !== undefined;) {
 *     yield* server.print("you said ", line);
 *   }
 * });
 * using client = unblock(a);
 * await client.print("hello\n");
 * console.log(await client.readline("\n", { chomp: true })); // you said hello
 * ```
 */
export class CoroHandle implements Disposable, AsyncIterable<string> {
  readonly #loop: Loop;
  readonly #base: Handle;
  readonly #buffer: ByteBuffer = new ByteBuffer();
  readonly #writing: WriteQueue;
  readonly #lineMax: number | undefined;
  readonly #name: string;
  readonly #lock: ReadLock;
  readonly #local: string;
  readonly #remote: string;
  readonly #forget: Undo;
  #limit: number;
  #readSize = FIRST_READ;
  /** Bytes read since a thread had to wait for some. */
  #streak = 0;
  #waiting: StreamWait | undefined;
  #ended = false;
  #closed = false;
  #timedOut = false;
  #holds = true;

  /**
   * Takes over a stream; nothing else may read or write it from then on.
   *
   * @param source a stream of the loop's sockets, or of `ioStream`; or a `Handle`, say after a TLS handshake,
   * with what it has not read yet
   * @throws {UsageError} when it is none, or a `Handle` that is not connected or has not written everything
   */
  constructor(source: ByteStream | Handle, options: CoroHandleOptions = {}) {
    if (typeof options !== "object" || options === null) {
      throw new UsageError(`Cannot make handle: options ${show(options)} are no object`);
    }
    const { timeout, lineMax, wbufMax, linger, loop = currentEngine().loop } = options;
    if (!(loop instanceof Loop)) {
      throw new UsageError(`Cannot make handle: loop ${show(loop)} is not a Loop`);
    }
    this.#loop = loop;
    this.#limit = limitOf(timeout, "make handle");
    this.#lineMax = lineMax === undefined ? undefined : bytesOf(lineMax, "lineMax");
    const base = source instanceof Handle
      ? taken(source)
      : new Handle({ fh: source, loop, linger, onError: () => undefined });
    this.#base = base;
    this.#buffer.replace(base.rbuf);
    base.rbuf = new Uint8Array(0);
    const { local, remote } = base.fh!;
    this.#local = local;
    this.#remote = remote;
    this.#name = remote || base.peername || "handle";
    this.#lock = { name: this.#name, reader: undefined };
    this.#writing = new WriteQueue(this.#port(bytesOf(wbufMax, "wbufMax")));
    this.#forget = loop.onDispose(() => this.close());
  }

  /** The stream; `undefined` when closed. Bytes that arrived may be in `rbuf` already. */
  get fh(): ByteStream | undefined {
    return this.#closed ? undefined : this.#base.fh;
  }

  /** Whether it was closed. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Whether the call that ended last, of the caller, ended because the handle's `timeout` was over. */
  get timedOut(): boolean {
    return this.#timedOut;
  }

  /** Bytes that arrived and were not read: a copy. Set it to read others in their place. */
  get rbuf(): Uint8Array {
    return this.#buffer.view().slice();
  }

  set rbuf(bytes: Uint8Array) {
    this.#buffer.replace(bytesIn(bytes, "set rbuf"));
    this.#waiting?.interrupt();
  }

  /** How many bytes wait to be written. */
  get wbufSize(): number {
    return this.#writing.size;
  }

  /** The peer's address as text, `host:port`; `""` when it has none. */
  get peername(): string {
    return this.#remote;
  }

  /** The own address as text. */
  get sockname(): string {
    return this.#local;
  }

  /** The peer's address without the port; `"unix/"` for Unix sockets, `""` when it has none. */
  get peerHost(): string {
    return endOf(this.#remote)[0];
  }

  /** The peer's port; the path of a Unix socket. */
  get peerPort(): number | string {
    return endOf(this.#remote)[1];
  }

  /** The own address without the port. */
  get sockHost(): string {
    return endOf(this.#local)[0];
  }

  /** The own port; the path of a Unix socket. */
  get sockPort(): number | string {
    return endOf(this.#local)[1];
  }

  /** How long a call waits without any progress: seconds, 0: not at all; `undefined`: for ever. */
  get timeout(): number | undefined {
    return this.#limit === Infinity ? undefined : this.#limit;
  }

  /** Counts for calls that begin, and waits that begin in one. @throws {UsageError} when negative or no time */
  set timeout(length: Seconds | undefined) {
    this.#limit = limitOf(length, "set timeout");
  }

  /** Lets waiting calls keep the process alive, which is the default. @returns itself */
  ref(): this {
    this.#holds = true;
    return this;
  }

  /** Lets the process end although a call waits; for calls that begin to wait afterwards. @returns itself */
  unref(): this {
    this.#holds = false;
    return this;
  }

  /**
   * Reads a line: up to the next LF.
   *
   * @returns the line with its separator, as UTF-8; at the end of file, and when `timeout` is over, what
   * there is of a line, and `undefined` when there is nothing
   * @throws {PeerError} when the connection broke (what had arrived stays in `rbuf`), or `ENOSPC` when the
   * line is longer than `lineMax`
   * @throws {UsageError} when another thread reads
   */
  readline(): Operation<string | undefined>;
  /**
   * Reads up to the next separator.
   *
   * @param separator text; `""`: a paragraph, which ends at empty lines, while newlines in front of it are
   * dropped; a pattern, which sees bytes as characters `\x00` to `\xff`, and matches as soon as what has
   * arrived does; `undefined`: all up to the end of file, of any length
   */
  readline(
    separator: string | RegExp | undefined,
    options?: LineOptions,
  ): Operation<string | undefined>;
  readline(...args: [separator?: string | RegExp, options?: LineOptions]): Operation<
    string | undefined
  > {
    const [separator, options] = args.length === 0 ? ["\n"] : args;
    const ends = separatorOf(separator);
    const chomp = options?.chomp === true;
    return limited(
      this.#readLine("readline()", ends, chomp, false),
      options,
    );
  }

  /**
   * Reads bytes: so many, or less at the end of file or when `timeout` is over.
   *
   * @param length how many
   * @returns the bytes; none at the end of file; `undefined` when the time was over before there were any, and
   * after `close`
   * @throws {PeerError} when the connection broke; what had arrived stays in `rbuf`
   * @throws {UsageError} when `length` makes no sense, or another thread reads
   */
  read(length: number, options?: ReadOptions): Operation<Uint8Array<ArrayBuffer> | undefined> {
    if (!Number.isSafeInteger(length) || length < 0 || length > LONGEST_TEXT) {
      throw new UsageError(`Cannot read: length ${show(length)} is no number of bytes`);
    }
    const partial = options?.partial === true;
    return limited(
      new Reading(
        this.#lock,
        `read(${length})`,
        () => this.#takeBytes(length, partial),
        () => this.#bytes(length, partial),
      ),
      options,
    );
  }

  /**
   * Reads what there is, at least a byte, as `sysread` does: `read` with `partial`.
   *
   * @throws {UsageError} when `length` or `options` make no sense
   */
  readPartial(
    length = LONGEST_READ,
    options?: WaitOptions,
  ): Operation<Uint8Array<ArrayBuffer> | undefined> {
    checkLimits(options, "readPartial()");
    return this.read(length, { ...options, partial: true });
  }

  /** Puts bytes back, in front of those that were not read. Text as UTF-8. */
  unread(data: Uint8Array | string): void {
    this.#buffer.unshift(bytesIn(data, "unread"));
    this.#waiting?.interrupt();
  }

  /** Waits until it is known whether more can be read. @returns whether that is the end; false after `timeout` */
  eof(options?: WaitOptions): Operation<boolean> {
    const known = (): boolean | typeof PENDING => {
      this.#timedOut = false;
      return this.#buffer.length > 0 ? false : PENDING;
    };
    return limited(new Reading(this.#lock, "eof()", known, () => this.#eof()), options);
  }

  /**
   * Writes, now as much as can be, and queues the rest; running what it returns waits until all is written.
   *
   * @param data bytes, which are copied, or text, as UTF-8
   * @returns how many bytes were written; less than there are when `timeout` was over: the rest is given up
   * @throws {UsageError} (at once) when it is neither
   * @throws {PeerError} (when run) when the connection broke, or `ENOSPC`: nobody waits for what is written,
   * and it is too much
   * @throws {ClosedError} (when run) after `shutdown` or `close`
   */
  write(data: Uint8Array | string, options?: WaitOptions): Operation<number> {
    return limited(this.#writing.push(bytesIn(data, "write")), options);
  }

  /** Writes texts, one after the other: see `write`. Other values as `String` has them; bytes as they are. */
  print(...items: readonly unknown[]): Operation<number> {
    const [only] = items;
    if (items.length === 1 && only instanceof Uint8Array) return this.write(only);
    if (!items.some((item) => item instanceof Uint8Array)) {
      return this.write(items.map(String).join(""));
    }
    const all = new ByteBuffer();
    for (const item of items) {
      const bytes = item instanceof Uint8Array ? item : bytesIn(String(item), "print");
      all.room(bytes.length).set(bytes);
      all.added(bytes.length);
    }
    return this.write(all.view());
  }

  /** Writes what Perl's `sprintf` makes of it: `%s %d %x %.2f …`. See `write`. */
  printf(format: string, ...args: readonly unknown[]): Operation<number> {
    if (typeof format !== "string") {
      throw new UsageError(`Cannot print: format ${show(format)} is not a string`);
    }
    return this.write(sprintf(format, args));
  }

  /**
   * Waits until there is something to read, which it leaves there: bytes, the end of file, or an error.
   *
   * @param timeout seconds, in place of the handle's
   * @returns false when the time is over, or after `close`
   */
  readable(timeout?: Seconds): Operation<boolean> {
    return this.#ready("readable()", "r", timeout, () => this.#buffer.length > 0 || this.#ended);
  }

  /** As `readable`, for writing. */
  writable(timeout?: Seconds): Operation<boolean> {
    return this.#ready("writable()", "w", timeout, () => false);
  }

  /**
   * Runs `body` in the caller's thread for each line, up to the end of file.
   *
   * @param body gets the line, without its separator
   * @param separator as for `readline`; default LF
   * @throws {TimeoutError} when `timeout` is over; what there is of a line stays in `rbuf`
   * @throws what `readline` throws
   */
  each(
    body: (line: string) => ThreadSteps<unknown>,
    separator: string | RegExp = "\n",
  ): Operation<void> {
    if (typeof body !== "function") {
      throw new UsageError(`Cannot read each line: ${show(body)} is not a generator function`);
    }
    const ends = separatorOf(separator);
    const next = (): Operation<string | undefined> => this.#readLine("each()", ends, true, true);
    return operation(() => `each() from ${this.#name}`, function* () {
      for (let line; (line = yield* next()) !== undefined;) yield* body(line);
    });
  }

  /**
   * The lines, without their separators, for `for await`; leaving the loop leaves the handle as it is.
   *
   * @param separator as for `readline`; default LF
   * @throws {TimeoutError} (out of the loop) when `timeout` is over; what there is of a line stays in `rbuf`
   */
  lines(separator: string | RegExp = "\n"): AsyncIterableIterator<string, undefined> {
    const ends = separatorOf(separator);
    const next = async (): Promise<IteratorResult<string, undefined>> => {
      const line = await this.#readLine("lines()", ends, true, true);
      return line === undefined ? { done: true, value: undefined } : { done: false, value: line };
    };
    return {
      next,
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }

  /** Same as `lines()`. */
  [Symbol.asyncIterator](): AsyncIterableIterator<string, undefined> {
    return this.lines();
  }

  /** Sends the end of file after everything written; reading goes on. Idempotent. */
  shutdown(): void {
    if (!this.#closed) this.#writing.shutdown();
  }

  /**
   * Closes it; what was written goes on to be sent for up to `linger`. Who waits in a read gets `undefined`, in
   * a write a `ClosedError`. Idempotent.
   */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#forget();
    this.#buffer.replace(new Uint8Array(0));
    this.#waiting?.interrupt();
    const base = this.#base;
    for (const rest of this.#writing.close()) {
      if (!base.destroyed) base.pushWrite(rest);
    }
    base.destroy();
  }

  /** Same as `close`. */
  [Symbol.dispose](): void {
    this.close();
  }

  #port(most: number): ConstructorParameters<typeof WriteQueue>[0] {
    const limit = (): number => this.#limit;
    const holds = (): boolean => this.#holds;
    return {
      loop: this.#loop,
      name: this.#name,
      most,
      get holds() {
        return holds();
      },
      get limit() {
        return limit();
      },
      stream: () => this.#stream(),
      ended: (timedOut) => {
        this.#timedOut = timedOut;
      },
    };
  }

  #stream(): ByteStream {
    const stream = this.fh;
    if (stream !== undefined) return stream;
    throw new ClosedError(`Cannot use ${this.#name}: the handle is closed`);
  }

  #readLine(
    what: string,
    ends: Separator | undefined,
    chomp: boolean,
    strict: boolean,
  ): Operation<string | undefined> {
    return new Reading(
      this.#lock,
      what,
      () => {
        this.#timedOut = false;
        return ends === undefined ? PENDING : this.#takeLine(ends, chomp, 0);
      },
      () => this.#line(ends, chomp, strict),
    );
  }

  /** Takes a line that is there. @param seen so many bytes have no end of a line */
  #takeLine(ends: Separator, chomp: boolean, seen: number): string | typeof PENDING {
    const buffer = this.#buffer;
    if (buffer.length === 0) return PENDING;
    const lead = ends.lead(buffer.view());
    if (lead > 0) buffer.skip(lead);
    const found = ends.find(buffer.view(), seen);
    const length = found?.length ?? buffer.length;
    const most = this.#lineMax ?? ends.most;
    if (length > most) throw this.#tooLong(most);
    return found === undefined ? PENDING : this.#text(length, chomp ? found.separator : 0);
  }

  *#line(
    ends: Separator | undefined,
    chomp: boolean,
    strict: boolean,
  ): ThreadSteps<string | undefined> {
    const buffer = this.#buffer;
    for (;;) {
      const { epoch } = buffer;
      const seen = buffer.length;
      const filled = yield* this.#fill();
      if (filled === "data") {
        if (ends === undefined) continue;
        const line = this.#takeLine(ends, chomp, buffer.epoch === epoch ? seen : 0);
        if (line !== PENDING) return line;
        continue;
      }
      if (filled === "closed") return undefined;
      if (filled === "timeout") {
        if (strict) throw this.#tooLate();
        this.#timedOut = true;
      }
      const { length } = buffer;
      if (length === 0) return undefined;
      return this.#text(length, chomp ? ends?.tail(buffer.view()) ?? 0 : 0);
    }
  }

  #takeBytes(length: number, partial: boolean): Uint8Array<ArrayBuffer> | typeof PENDING {
    this.#timedOut = false;
    const buffer = this.#buffer;
    const enough = buffer.length >= length || (partial && buffer.length > 0);
    // Not even none, once it is closed.
    return enough && !this.#closed ? buffer.take(Math.min(length, buffer.length)) : PENDING;
  }

  *#bytes(length: number, partial: boolean): ThreadSteps<Uint8Array<ArrayBuffer> | undefined> {
    const buffer = this.#buffer;
    for (;;) {
      const filled = yield* this.#fill();
      if (filled === "closed") return undefined;
      if (filled === "data") {
        const bytes = this.#takeBytes(length, partial);
        if (bytes !== PENDING) return bytes;
        continue;
      }
      this.#timedOut = filled === "timeout";
      if (this.#timedOut && buffer.length === 0) return undefined;
      return buffer.take(Math.min(length, buffer.length));
    }
  }

  *#eof(): ThreadSteps<boolean> {
    for (;;) {
      const filled = yield* this.#fill();
      if (this.#buffer.length > 0) return false;
      if (filled === "data") continue;
      this.#timedOut = filled === "timeout";
      return !this.#timedOut;
    }
  }

  /** Waits for more bytes. */
  *#fill(): ThreadSteps<Filled> {
    for (;;) {
      if (this.#streak >= LONGEST_STREAK) {
        this.#streak = 0;
        yield* cedeIfDue();
        // Others may have put bytes back.
        return "data";
      }
      const found = this.#tryFill();
      if (found !== undefined) return found;
      this.#streak = 0;
      const watched = [{ source: this.#stream(), mode: "r" as const }];
      const what = (): string => `${this.#lock.reader} from ${this.#name}`;
      const wait = new StreamWait(this.#loop, watched, this.#limit, what, this.#holds);
      this.#waiting = wait;
      try {
        const ending = yield* wait.run();
        if (ending === "timeout") return this.#tryFill() ?? ending;
        if (ending === "interrupted" && !this.#closed) return "data";
      } finally {
        this.#waiting = undefined;
      }
    }
  }

  /** @returns `undefined` when it would block */
  #tryFill(): Filled | undefined {
    if (this.#closed) return "closed";
    if (this.#ended) return "eof";
    const buffer = this.#buffer;
    const room = buffer.room(this.#readSize);
    const count = this.#stream().tryRead(room);
    if (count === 0) return undefined;
    if (count === null) {
      this.#ended = true;
      return "eof";
    }
    buffer.added(count);
    this.#streak += count;
    if (count === room.length) this.#readSize = Math.min(2 * this.#readSize, LONGEST_READ);
    return "data";
  }

  #text(length: number, separator: number): string {
    const text = decoder.decode(this.#buffer.view().subarray(0, length - separator));
    this.#buffer.skip(length);
    return text;
  }

  #ready(
    what: string,
    mode: "r" | "w",
    timeout: Seconds | undefined,
    now: () => boolean,
  ): Operation<boolean> {
    const limit = timeout === undefined ? undefined : limitOf(timeout, what);
    const describe = (): string => `${what} of ${this.#name}`;
    const begin = (): StreamWait | boolean => {
      this.#timedOut = false;
      if (this.#closed) return false;
      return now() || new StreamWait(
        this.#loop,
        [{ source: this.#stream(), mode }],
        limit ?? this.#limit,
        describe,
        this.#holds,
      );
    };
    const end = (timedOut: boolean): boolean => {
      this.#timedOut = timedOut;
      return !timedOut && !this.#closed;
    };
    return operation(describe, function* () {
      const wait = begin();
      return typeof wait === "boolean" ? wait : end((yield* wait.run()) === "timeout");
    });
  }

  #tooLong(most: number): PeerError {
    return new PeerError(
      `Cannot read line from ${this.#name}: it is longer than ${most} bytes`,
      "ENOSPC",
    );
  }

  #tooLate(): TimeoutError {
    this.#timedOut = true;
    return new TimeoutError(`Cannot read from ${this.#name}: nothing came for ${this.#limit} s`);
  }
}

/** The handle under a handle that is taken over. */
function taken(handle: Handle): Handle {
  const cannot = "Cannot take over handle";
  if (handle.fh === undefined) throw new UsageError(`${cannot}: it is not connected`);
  if (handle.wbufSize > 0) {
    throw new UsageError(`${cannot}: ${handle.wbufSize} bytes wait to be written; see drained()`);
  }
  handle.stopRead();
  for (const name of ["timeout", "rtimeout", "wtimeout"] as const) handle[name](0);
  handle.onDrain(undefined);
  return handle;
}
