// Longer than most files here: it is the list of everything a handle can do; how it is done is elsewhere.
import {
  type ByteStream,
  checkOptions,
  isWatchable,
  messageOf,
  type PeerError,
  type Secured,
  show,
  type Undo,
  UsageError,
} from "@anyevent/backends/contract";
import { type Callback, toFunction } from "../callback.ts";
import { checkLoop } from "../check_loop.ts";
import { checkText } from "../ip.ts";
import type { Operation } from "../operation.ts";
import { defaultLoop } from "../registry.ts";
import { type Seconds, seconds } from "../time.ts";
import type { Registration } from "../watcher.ts";
import { connectStream } from "./connect.ts";
import { type HandleError, handleError } from "./errors.ts";
import { closeLater } from "./linger.ts";
import { loadMsgpack } from "./msgpack_codec.ts";
import { DrainOperation, failWaiting, ReadOperation, refuse } from "./operations.ts";
import type {
  HandleConnectCallback,
  HandleConnectErrorCallback,
  HandleErrorCallback,
  HandleEventCallback,
  HandleOptions,
} from "./options.ts";
import { parsingReader, type Reader, ReadQueue } from "./read_queue.ts";
import type { Parse } from "./read_types/parse.ts";
import { tlsDetect } from "./read_types/tls_detect.ts";
import { HandleState } from "./state.ts";
import { InactivityTimeout } from "./timeouts.ts";
import { type StarttlsCallback, type TlsContext, type TlsMode, TlsSide } from "./tls.ts";
import {
  encodeAs,
  parserOf,
  type RawReader,
  readMakerOf,
  type ReadTypeMaker,
  type ReadTypes,
  registerReadType,
  registerWriteType,
  toBytes,
  type TypeContext,
  Unloaded,
  type WriteTypeMaker,
  type WriteTypes,
} from "./types.ts";
import { WriteQueue } from "./write_queue.ts";

/** The name of a read type that is not built in. */
export type OtherType<T extends string, Known> = T extends keyof Known | "tlsAutostart" ? never : T;

/** A callback for what a built-in read type gives. */
export type ReadCallback<K extends keyof ReadTypes> = Callback<
  [h: Handle, ...values: ReadTypes[K]["values"]]
>;

/**
 * A stream with buffers: reads whole items (lines, chunks, JSON, …), writes without waiting, times out,
 * and changes to TLS in place.
 *
 * Readers wait in a queue; the first one gets what arrives until it is content. Data that no reader waits
 * for goes to `onRead`. A handle reads only while there is one or the other, so the end of file is noticed
 * only then. Every callback gets the handle as its first argument; several of them may be called inside
 * the call that gives them what they want.
 *
 * At the end of file: a reader that waits, or data that `onRead` does not take, make a fatal error
 * (`EPIPE`); else `onEof` is called, and without that it is a fatal error, too. A fatal error destroys the
 * handle after `onError`. Without `onError` every error destroys it and is thrown, into the loop mostly.
 *
 * It lives until `destroy()`, or the end of its loop, also when nobody keeps a reference to it.
 *
 * Permissions: none for a given stream; with `connect` those of `tcpConnect`; those of `TLSConfig` for TLS.
 *
 * Follows AnyEvent::Handle. What differs: the stream of a failed or ended TLS session cannot be used in
 * plain text, so there is no `resettls`; all unread data counts for `rbufMax`; `pushShutdown` while
 * connecting works; there are no types for Perl's own formats.
 *
 * @example Callbacks
 * ```ts
 * import { AE, Handle, defaultLoop, streamPair } from "@anyevent/loop";
 *
 * const [a, b] = streamPair(defaultLoop().env.backend);
 * const done = AE.cv<[string]>();
 * const client = new Handle({ fh: a, onError: (_h, _fatal, message) => done.croak(message) });
 * const server = new Handle({ fh: b });
 * server.pushRead("line", (h, line) => h.pushWrite(`${line.toUpperCase()}\n`));
 * client.pushWrite("hello\n");
 * client.pushRead("line", (_h, line) => done.send(line));
 * console.log(await done.recv()); // HELLO
 * client.destroy();
 * server.destroy();
 * ```
 * @example Waiting, in a thread by `yield*` or elsewhere by `await`
 * ```ts
 * import { Handle, defaultLoop, streamPair } from "@anyevent/loop";
 *
 * const [a, b] = streamPair(defaultLoop().env.backend);
 * using one = new Handle({ fh: a });
 * using two = new Handle({ fh: b });
 * one.pushWrite("json", { answer: 42 });
 * console.log(await two.read("json")); // { answer: 42 }
 * one.pushShutdown();
 * console.log(await two.read("line")); // undefined: the end
 * ```
 */
export class Handle implements Disposable {
  /** Who the peer is, for messages. */
  peername: string;
  readonly #state: HandleState;
  readonly #reading: ReadQueue;
  readonly #writing: WriteQueue;
  readonly #tls: TlsSide;
  readonly #types: TypeContext;
  readonly #timeouts: Record<"timeout" | "rtimeout" | "wtimeout", InactivityTimeout>;
  readonly #onTimeouts: { [K in "timeout" | "rtimeout" | "wtimeout"]?: HandleEventCallback } = {};
  #linger = 3600;
  #socketOptions: { noDelay?: boolean; keepalive?: boolean } = {};
  #abortConnect: Undo | undefined;
  #forget: Undo | undefined;

  /**
   * Begins at once: callbacks such as `onDrain` may be called before it returns.
   *
   * @param options `fh` or `connect`, and the rest
   * @throws {UsageError} without a stream or target, or for an option that makes no sense
   */
  constructor(options: HandleOptions) {
    checkOptions(options, "make handle");
    const { fh, connect } = options;
    if (fh === undefined && connect === undefined) {
      throw new UsageError("Cannot make handle: neither fh nor connect is given");
    }
    if (fh !== undefined) checkStream(fh);
    else checkTarget(connect);
    const loop = checkLoop(options.loop ?? defaultLoop(), "make handle");
    if (options.peername !== undefined) checkText(options.peername, "make handle: peername");
    this.peername = options.peername ?? (fh === undefined ? connect![0] : "");
    const state = this.#state = new HandleState(this, loop);
    const reading = this.#reading = new ReadQueue(state);
    this.#writing = new WriteQueue(state);
    this.#tls = new TlsSide(state, reading, this.#writing);
    this.#types = {
      json: options.json ?? JSON,
      msgpack: options.msgpack,
      again: () => state.guarded(() => reading.drain()),
    };
    const timeout = (name: "timeout" | "rtimeout" | "wtimeout"): InactivityTimeout =>
      new InactivityTimeout(loop, name, () => this.#expired(name));
    this.#timeouts = {
      timeout: timeout("timeout"),
      rtimeout: timeout("rtimeout"),
      wtimeout: timeout("wtimeout"),
    };
    state.activity = (mode) => {
      this.#timeouts.timeout.reset();
      this.#timeouts[mode === "r" ? "rtimeout" : "wtimeout"].reset();
    };
    this.#configure(options);
    if (fh === undefined) this.#connect(options);
    this.#forget = loop.onDispose(() => this.destroy());
    if (fh === undefined) return;
    try {
      this.#start(fh, (part) => part());
    } catch (error) {
      // Nobody will have it.
      this.destroy();
      throw error;
    }
  }

  /** The stream; `undefined` until connected and when destroyed. Changes with TLS. */
  get fh(): ByteStream | undefined {
    return this.#state.stream;
  }

  /** Whether it is destroyed: then every call is ignored, but for operations. */
  get destroyed(): boolean {
    return this.#state.destroyed;
  }

  /** The TLS session: its channel binding and the peer's certificate; `undefined` in plain text. */
  get secured(): Secured | undefined {
    return this.#state.secured;
  }

  /**
   * The bytes that arrived and were not read yet. Set it to what is left after you took some from the front.
   *
   * The bytes you get do not change later; changing them is not allowed.
   */
  get rbuf(): Uint8Array {
    return this.#reading.buffer.view();
  }

  set rbuf(rest: Uint8Array) {
    if (!this.destroyed) this.#reading.buffer.replace(rest);
  }

  /** How many bytes wait to be written. */
  get wbufSize(): number {
    return this.#writing.buffer.size;
  }

  /** How many bytes are asked for at once: doubles, up to `maxReadSize`, whenever they all come. */
  get readSize(): number {
    return this.#reading.readSize;
  }

  /** Lets it keep the process alive while it reads, writes or has a timeout, which is the default. @returns itself */
  ref(): this {
    return this.#hold(true);
  }

  /** Lets the process end although it reads, writes or has a timeout. What lingers is unaffected. @returns itself */
  unref(): this {
    return this.#hold(false);
  }

  /** Sets the callback for errors; see {@linkcode HandleErrorCallback}. */
  onError(cb: HandleErrorCallback | undefined): void {
    this.#state.onError = optional(cb, "set onError");
  }

  /**
   * Sets the callback for data that no reader waits for, and calls it at once when there is some.
   *
   * It is called again when it took some and some is left, else when more arrives.
   */
  onRead(cb: HandleEventCallback | undefined): void {
    const call = optional(cb, "set onRead");
    if (!this.destroyed) this.#reading.setOnRead(call);
  }

  /** Sets the callback for the end of file; the handle can still write then. */
  onEof(cb: HandleEventCallback | undefined): void {
    this.#reading.onEof = optional(cb, "set onEof");
  }

  /**
   * Sets the callback for when all is written but `lowWaterMark` bytes; called at once when that is so,
   * and after every write that leads there. While connecting it waits.
   */
  onDrain(cb: HandleEventCallback | undefined): void {
    const call = optional(cb, "set onDrain");
    if (!this.destroyed) this.#writing.setOnDrain(call);
  }

  /** Sets the callback for `timeout`. */
  onTimeout(cb: HandleEventCallback | undefined): void {
    this.#onTimeouts.timeout = optional(cb, "set onTimeout");
  }

  /** Sets the callback for `rtimeout`. */
  onRtimeout(cb: HandleEventCallback | undefined): void {
    this.#onTimeouts.rtimeout = optional(cb, "set onRtimeout");
  }

  /** Sets the callback for `wtimeout`. */
  onWtimeout(cb: HandleEventCallback | undefined): void {
    this.#onTimeouts.wtimeout = optional(cb, "set onWtimeout");
  }

  /**
   * Sets the callback for the end of a TLS handshake, called once. Without it a failure is a fatal error
   * (`EPROTO`); with it the handle is destroyed after the callback was told of one.
   */
  onStarttls(cb: StarttlsCallback | undefined): void {
    this.#tls.onStarttls = optional(cb, "set onStarttls");
  }

  /** Sets the callback for when the peer ends TLS, in place of that being the end of file. */
  onStoptls(cb: HandleEventCallback | undefined): void {
    this.#tls.onStoptls = optional(cb, "set onStoptls");
  }

  /**
   * Sets how long nothing may be read or written; 0: for ever. Looks at once whether that is over.
   *
   * When it is, `onTimeout` is called, and again each time as long.
   *
   * @param length seconds
   * @throws {UsageError} when negative
   */
  timeout(length: Seconds): void {
    this.#setTimeout("timeout", length);
  }

  /** As `timeout`, for reading. */
  rtimeout(length: Seconds): void {
    this.#setTimeout("rtimeout", length);
  }

  /** As `timeout`, for writing. */
  wtimeout(length: Seconds): void {
    this.#setTimeout("wtimeout", length);
  }

  /** Counts `timeout` from now, as if something had been read or written. */
  timeoutReset(): void {
    this.#timeouts.timeout.reset();
  }

  /** As `timeoutReset`, for `rtimeout`. */
  rtimeoutReset(): void {
    this.#timeouts.rtimeout.reset();
  }

  /** As `timeoutReset`, for `wtimeout`. */
  wtimeoutReset(): void {
    this.#timeouts.wtimeout.reset();
  }

  /** Sets how many bytes may stay unread; `undefined`: any number. */
  rbufMax(bytes: number | undefined): void {
    this.#reading.rbufMax = count(bytes, "set rbufMax");
  }

  /** Sets how many bytes may wait to be written, while connecting too; `undefined`: any number. */
  wbufMax(bytes: number | undefined): void {
    this.#writing.wbufMax = count(bytes, "set wbufMax");
  }

  /** Sets whether writes wait for the next turn, to be written together. */
  autocork(on: boolean): void {
    this.#writing.autocork = on;
  }

  /** Sets whether small writes leave at once. */
  noDelay(on: boolean): void {
    this.#socketOptions.noDelay = on;
    this.fh?.setNoDelay(on);
  }

  /** Sets whether the system probes an idle peer. */
  keepalive(on: boolean): void {
    this.#socketOptions.keepalive = on;
    this.fh?.setKeepAlive(on);
  }

  /** Does nothing: urgent data is in line always. */
  oobinline(_on: boolean): void {}

  /**
   * Writes, now if it can be, else as soon as possible; bytes are copied.
   *
   * @param data bytes, or text that is written as UTF-8
   * @throws {UsageError} for anything else
   */
  pushWrite(data: Uint8Array | string): void;
  /** Writes an item of a built-in type. @throws {UsageError} when it cannot be written so */
  pushWrite<K extends keyof WriteTypes>(type: K, ...args: WriteTypes[K]): void;
  /** Writes an item of a registered type. @throws {UsageError} when there is none of that name */
  pushWrite<T extends string>(
    type: OtherType<T, WriteTypes>,
    ...args: [unknown, ...unknown[]]
  ): void;
  pushWrite(first: unknown, ...args: unknown[]): void {
    if (this.destroyed) return;
    if (args.length === 0) return this.#writing.push(toBytes(first, "write"));
    const bytes = encodeAs(this, first, args, this.#types);
    if (!(bytes instanceof Unloaded)) return this.#writing.push(bytes);
    const barrier = this.#writing.barrier(() => undefined, false);
    const state = this.#state;
    loadMsgpack().then(
      // Also when destroyed meanwhile: it may linger.
      (codec) => state.guarded(() => this.#writing.open(barrier, codec.encode(bytes.value))),
      (error) =>
        state.guarded(() => {
          const why = messageOf(error);
          state.raise(handleError(`write msgpack to ${state.name}`, "", why, error), true, why);
        }),
    );
  }

  /** Sends the end of file when everything is written; replaces `onDrain`. Reading goes on. */
  pushShutdown(): void {
    if (this.destroyed) return;
    this.#writing.lowWaterMark = 0;
    this.#writing.setOnDrain(() => this.fh?.shutdown());
  }

  /**
   * Adds a reader of a built-in type at the end of the queue.
   *
   * Its callback is called once, inside this call when the data is there and nobody waits before it. Data
   * that can never become such an item is an error (`EBADMSG`) that is not fatal: the reader stays, so
   * destroy the handle, or take the data from `rbuf`.
   *
   * @param type what to read, see {@linkcode ReadTypes}
   * @param args of the type, then the callback
   * @throws {UsageError} when they make no sense
   */
  pushRead<K extends keyof ReadTypes>(
    type: K,
    ...args: [...ReadTypes[K]["args"], cb: ReadCallback<K>]
  ): void;
  /** Looks whether a TLS handshake begins here, and if so plays its part: the handle goes on in TLS. */
  pushRead(type: "tlsAutostart", mode: TlsMode, context?: TlsContext): void;
  /** Adds a reader of a registered type. */
  pushRead<T extends string>(
    type: OtherType<T, ReadTypes>,
    ...args: [...args: unknown[], cb: (h: Handle, ...values: never[]) => unknown]
  ): void;
  /** Adds a reader of your own: it takes from the front of `h.rbuf`, and returns true when it is through. */
  pushRead(reader: RawReader): void;
  pushRead(...args: unknown[]): void {
    this.#addReader(args, false, "pushRead");
  }

  /** As `pushRead`, at the front of the queue: inside a callback, before all that waits. */
  unshiftRead<K extends keyof ReadTypes>(
    type: K,
    ...args: [...ReadTypes[K]["args"], cb: ReadCallback<K>]
  ): void;
  /** As `pushRead`. */
  unshiftRead(type: "tlsAutostart", mode: TlsMode, context?: TlsContext): void;
  /** As `pushRead`. */
  unshiftRead<T extends string>(
    type: OtherType<T, ReadTypes>,
    ...args: [...args: unknown[], cb: (h: Handle, ...values: never[]) => unknown]
  ): void;
  /** As `pushRead`. */
  unshiftRead(reader: RawReader): void;
  unshiftRead(...args: unknown[]): void {
    this.#addReader(args, true, "unshiftRead");
  }

  /**
   * Reads one item of a built-in type, for a thread or an `await`. It joins the queue when it is run.
   *
   * Aborting it takes nothing. When the handle is destroyed by an error, it throws that.
   *
   * @param type what to read, see {@linkcode ReadTypes}
   * @returns the first value of the type; `undefined` at the end of file, between two items
   * @throws {UsageError} when the arguments make no sense
   * @throws {PeerError} `EBADMSG`: not such an item; `EPIPE`: it ends in the middle of one
   * @throws {TimeoutError} when `timeout` or `rtimeout` is over and has no callback
   * @throws {ClosedError} when the handle is destroyed
   */
  read<K extends keyof ReadTypes>(
    type: K,
    ...args: ReadTypes[K]["args"]
  ): Operation<ReadTypes[K]["values"][0] | undefined> {
    const parse = this.#parser(type, args);
    return new ReadOperation(this.#state, this.#reading, type, parse, false);
  }

  /**
   * Waits until everything is written but `lowWaterMark` bytes.
   *
   * @throws what destroyed the handle; {TimeoutError} when `timeout` or `wtimeout` is over and has no callback
   */
  drained(): Operation<void> {
    return new DrainOperation(this.#state, this.#writing);
  }

  /** Reads on after `stopRead`, and reads although nobody waits for data. */
  startRead(): void {
    if (!this.destroyed) this.#reading.resume();
  }

  /** Stops reading and calling readers, until `startRead`, `pushRead`, `unshiftRead` or a new `onRead`. */
  stopRead(): void {
    if (!this.destroyed) this.#reading.pause();
  }

  /**
   * Changes to TLS: what was written before goes in plain text, everything afterwards is encrypted.
   *
   * @param mode `"connect"`: as the client; `"accept"`: as the server
   * @throws {UsageError} when it was started before
   */
  starttls(mode: TlsMode, context?: TlsContext): void {
    if (!this.destroyed) this.#tls.want(mode, context);
  }

  /** Ends TLS, and with it the sending, after what was written; no effect in plain text. */
  stoptls(): void {
    if (!this.destroyed) this.#tls.stop();
  }

  /**
   * Ends it: no callback is called afterwards, and calls are ignored. Idempotent.
   *
   * What is not written yet goes on to be, for up to `linger` seconds; then the stream is closed.
   */
  destroy(): void {
    const state = this.#state;
    if (state.destroyed) return;
    state.destroyed = true;
    this.#abortConnect?.();
    this.#forget?.();
    this.#reading.clear();
    this.#writing.stop();
    const { below } = this.#tls;
    for (const timeout of Object.values(this.#timeouts)) timeout.stop();
    failWaiting(state);
    const { stream } = state;
    const { buffer } = this.#writing;
    const handshaking = this.#tls.abort();
    state.stream = undefined;
    state.secured = undefined;
    if (stream === undefined) return;
    const pending = !buffer.empty || stream.unsent > 0 || below !== undefined;
    if (handshaking || state.streamBroken || this.#linger === 0 || !pending) stream.close();
    else closeLater(state.loop, stream, below, buffer, this.#linger);
  }

  /** Same as `destroy`. */
  [Symbol.dispose](): void {
    this.destroy();
  }

  /**
   * Adds a read type for all handles.
   *
   * @param name for `pushRead`
   * @param maker makes the reader for one request
   * @returns takes it back
   * @throws {UsageError} when the name is taken
   * @example
   * ```ts
   * import { Handle } from "@anyevent/loop";
   *
   * using _type = Handle.registerReadType("byte", (_h, cb) => (h) => {
   *   const [byte] = h.rbuf;
   *   if (byte === undefined) return false;
   *   h.rbuf = h.rbuf.subarray(1);
   *   cb(h, byte);
   *   return true;
   * });
   * ```
   */
  static registerReadType(name: string, maker: ReadTypeMaker): Registration {
    return registerReadType(name, maker);
  }

  /**
   * Adds a write type for all handles.
   *
   * @param name for `pushWrite`
   * @param maker makes the bytes of one write
   * @returns takes it back
   * @throws {UsageError} when the name is taken
   */
  static registerWriteType(name: string, maker: WriteTypeMaker): Registration {
    return registerWriteType(name, maker);
  }

  #hold(on: boolean): this {
    this.#state.holds = on;
    this.#reading.hold();
    this.#writing.hold();
    for (const timeout of Object.values(this.#timeouts)) timeout.hold(on);
    return this;
  }

  #configure(options: HandleOptions): void {
    const reading = this.#reading;
    const writing = this.#writing;
    this.onError(options.onError);
    this.onEof(options.onEof);
    this.onTimeout(options.onTimeout);
    this.onRtimeout(options.onRtimeout);
    this.onWtimeout(options.onWtimeout);
    this.onStarttls(options.onStarttls);
    this.onStoptls(options.onStoptls);
    this.rbufMax(options.rbufMax);
    this.wbufMax(options.wbufMax);
    this.autocork(options.autocork ?? false);
    this.#socketOptions = { noDelay: options.noDelay, keepalive: options.keepalive };
    this.#linger = seconds(options.linger ?? 3600, "set linger");
    if (this.#linger < 0) {
      throw new UsageError(`Cannot set linger: ${this.#linger} is negative`);
    }
    writing.lowWaterMark = count(options.lowWaterMark, "set lowWaterMark") ?? 0;
    reading.readSize = size(options.readSize, "set readSize") ?? reading.readSize;
    reading.maxReadSize = size(options.maxReadSize, "set maxReadSize") ?? reading.maxReadSize;
    for (const name of ["timeout", "rtimeout", "wtimeout"] as const) {
      this.#timeouts[name].set(options[name] ?? 0);
    }
    reading.setOnRead(optional(options.onRead, "set onRead"));
    // Not connected yet, so none of these calls back.
    writing.setOnDrain(optional(options.onDrain, "set onDrain"));
    if (options.tls !== undefined) this.#tls.want(options.tls, options.tlsCtx);
  }

  /** @param run runs each part: what a callback throws in one of them may not keep the others from it */
  #start(stream: ByteStream, run: (part: () => void) => void): void {
    const state = this.#state;
    const { noDelay, keepalive } = this.#socketOptions;
    state.stream = stream;
    if (noDelay) stream.setNoDelay(true);
    if (keepalive) stream.setKeepAlive(true);
    for (const timeout of Object.values(this.#timeouts)) {
      run(() => {
        if (!state.destroyed) timeout.start();
      });
    }
    run(() => {
      if (!state.destroyed) this.#writing.begin();
    });
    run(() => this.#reading.drain());
  }

  #connect(options: HandleOptions): void {
    const state = this.#state;
    const [host, service] = options.connect!;
    const onConnect = optional(options.onConnect, "set onConnect") as
      | HandleConnectCallback
      | undefined;
    const onConnectError = optional(options.onConnectError, "set onConnectError") as
      | HandleConnectErrorCallback
      | undefined;
    const onPrepare = optional(options.onPrepare, "set onPrepare");
    const attempt = connectStream(state.loop, host, service, {
      prepare: () => state.call(onPrepare) as Seconds | undefined,
      // What is thrown here is reported by who connects.
      connected: (stream, peer, port, retry) => {
        this.#start(stream, (part) => state.guarded(part));
        if (state.destroyed) return;
        state.call(onConnect, peer, port, () => {
          if (state.destroyed || state.stream === undefined) return;
          this.#disconnect();
          retry();
        });
      },
      failed: (error) => this.#connectFailed(error, onConnectError),
    });
    this.#abortConnect = () => attempt.cancel();
  }

  /** Drops the connection, for another one. */
  #disconnect(): void {
    const state = this.#state;
    const { stream } = state;
    this.#reading.clear();
    this.#writing.clear();
    for (const timeout of Object.values(this.#timeouts)) timeout.stop();
    state.stream = undefined;
    state.secured = undefined;
    stream?.close();
    this.#tls.again();
  }

  #connectFailed(error: PeerError, cb: HandleConnectErrorCallback | undefined): void {
    const state = this.#state;
    state.failure = error;
    if (cb === undefined) return state.raise(error, true, error.message);
    try {
      state.call(cb, error.message, error as HandleError);
    } finally {
      this.destroy();
    }
  }

  #setTimeout(name: "timeout" | "rtimeout" | "wtimeout", length: Seconds): void {
    if (!this.destroyed) this.#timeouts[name].set(length);
  }

  #expired(name: "timeout" | "rtimeout" | "wtimeout"): void {
    const state = this.#state;
    const cb = this.#onTimeouts[name];
    if (cb !== undefined) {
      state.call(cb);
      return;
    }
    state.expired(name);
  }

  #parser(type: unknown, args: readonly unknown[]): Parse {
    const parse = typeof type === "string" ? parserOf(type, args, this.#types) : undefined;
    if (parse !== undefined) return parse;
    // Names the types there are.
    readMakerOf(type);
    throw new UsageError(
      `Cannot read ${show(type)}: a registered type has a callback; use pushRead`,
    );
  }

  #addReader(args: readonly unknown[], front: boolean, what: string): void {
    if (this.destroyed) return;
    const [type, ...rest] = args;
    this.#reading.push(
      args.length === 1
        ? this.#raw(toFunction(type as RawReader, what))
        : this.#typed(type, rest, what),
      front,
    );
  }

  #raw(reader: RawReader): Reader {
    return { step: () => this.#state.call(reader) ? "done" : "more" };
  }

  #typed(type: unknown, given: readonly unknown[], what: string): Reader {
    const state = this.#state;
    if (type === "tlsAutostart") {
      const [mode, context] = given as [TlsMode, TlsContext?];
      return parsingReader(this.#reading, tlsDetect(), (why) => refuse(state, why), ([is]) => {
        if (is !== undefined) this.starttls(mode, context);
      });
    }
    const args = given.slice(0, -1);
    const cb = toFunction(given.at(-1) as Callback<unknown[]>, `${what} ${show(type)}`);
    const parse = typeof type === "string" ? parserOf(type, args, this.#types) : undefined;
    if (parse === undefined) {
      const reader = readMakerOf(type)(this, (_h, ...values) => state.call(cb, ...values), ...args);
      return this.#raw(toFunction(reader, `${what} ${type}`));
    }
    return parsingReader(this.#reading, parse, (why) => refuse(state, why), (values) => {
      state.call(cb, ...values);
    });
  }
}

function optional<A extends readonly unknown[], R>(
  cb: ((...args: A) => R) | undefined,
  what: string,
): ((...args: A) => R) | undefined {
  return cb === undefined ? undefined : toFunction<A>(cb, what) as (...args: A) => R;
}

function count(value: unknown, what: string): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value === "number" && value >= 0) return value;
  throw new UsageError(`Cannot ${what}: ${show(value)} is not a number of bytes`);
}

function size(value: unknown, what: string): number | undefined {
  const bytes = count(value, what);
  if (bytes === undefined || (Number.isSafeInteger(bytes) && bytes > 0)) return bytes;
  throw new UsageError(`Cannot ${what}: ${bytes} is not a whole number above 0`);
}

function checkTarget(connect: unknown): void {
  if (!Array.isArray(connect) || typeof connect[0] !== "string" || connect[0] === "") {
    throw new UsageError(`Cannot make handle: connect ${show(connect)} is not [host, service]`);
  }
}

function checkStream(fh: unknown): void {
  const like = fh as Partial<ByteStream>;
  if (
    isWatchable(fh) && typeof like.tryRead === "function" && typeof like.tryWrite === "function"
  ) return;
  throw new UsageError(
    `Cannot make handle: fh ${show(fh)} is not a stream of bytes; wrap a stream of the host ` +
      "with `ioStream`",
  );
}
