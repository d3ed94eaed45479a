import {
  type Address,
  ClosedError,
  type Datagram,
  type DatagramSocket,
  type IoMode,
  show,
  type Undo,
  UsageError,
} from "@anyevent/backends/contract";
import {
  type Abort,
  addressFamily,
  formatAddress,
  formatHostport,
  type Loop,
  type Operation,
  operation,
  parseAddress,
  type Seconds,
  WaitOperation,
  type Waker,
} from "@anyevent/loop";
import { limited, type WaitOptions } from "../limited.ts";
import type { ThreadSteps } from "../thread.ts";
import { currentLoop } from "./anyevent.ts";
import { bytesIn, limitOf } from "./arguments.ts";
import { type Ending, StreamWait } from "./stream_wait.ts";

/** Options of {@linkcode CoroDatagram.open}. */
export interface DatagramOptions {
  /** Seconds after which `receive` and `send` give up. Default: never. */
  readonly timeout?: Seconds;
  /** What it runs on. Default: the loop of the running thread. */
  readonly loop?: Loop;
}

/** Where to bind, or to send to: address and port. */
export interface DatagramAddress {
  /** An address; no name. */
  readonly host: string;
  /** A number; 0 when binding: the system picks one. */
  readonly port: number;
}

/**
 * A UDP socket for threads. Datagrams may get lost, doubled or reordered.
 *
 * Any number of threads may receive: each datagram goes to one of them. Follows `Coro::Socket` with
 * `Proto => "udp"`.
 *
 * @example
 * ```ts
 * import { async, CoroDatagram } from "@anyevent/coro";
 *
 * using server = await CoroDatagram.open({ host: "127.0.0.1", port: 0 });
 * async(function* () {
 *   const { bytes, from } = (yield* server.receive())!;
 *   yield* server.send(bytes, from);
 * });
 * using client = await CoroDatagram.open({ host: "127.0.0.1", port: 0 });
 * await client.send("echo", server);
 * console.log(new TextDecoder().decode((await client.receive())!.bytes)); // echo
 * ```
 */
export class CoroDatagram implements Disposable, DatagramAddress {
  readonly #loop: Loop;
  readonly #socket: DatagramSocket;
  readonly #forget: Undo;
  readonly #waiting: Set<StreamWait> = new Set();
  #limit: number;
  #closed = false;

  /** Takes over a socket of the loop. Programs use `open`. */
  constructor(socket: DatagramSocket, options: DatagramOptions = {}) {
    this.#loop = options.loop ?? currentLoop();
    this.#socket = socket;
    this.#limit = limitOf(options.timeout, "set timeout");
    this.#forget = this.#loop.onDispose(() => this.close());
  }

  /**
   * Opens a socket.
   *
   * @param on where to bind
   * @throws {PeerError} (when run) when it cannot bind, with the system's code
   * @throws {UsageError} for what makes no sense, and where there is no UDP
   */
  static open(on: DatagramAddress, options: DatagramOptions = {}): Operation<CoroDatagram> {
    if (typeof options !== "object" || options === null) {
      throw new UsageError(`Cannot open socket: options ${show(options)} are no object`);
    }
    const loop = options.loop ?? currentLoop();
    limitOf(options.timeout, "set timeout");
    const address = addressOf(on, "open socket");
    if (loop.env.net.udp === undefined) {
      throw new UsageError(`Cannot open socket: the backend ${loop.env.name} has no UDP`);
    }
    const open: Operation<DatagramSocket> = new Open(loop, address);
    return operation(() => open.describe(), function* () {
      return new CoroDatagram(yield* open, { ...options, loop });
    });
  }

  /** The address it is bound to. */
  get host(): string {
    const { local } = this.#socket;
    return local.transport === "tcp" ? local.host : "";
  }

  /** The port it is bound to. */
  get port(): number {
    const { local } = this.#socket;
    return local.transport === "tcp" ? local.port : 0;
  }

  /** How long `receive` and `send` wait: seconds, 0: not at all; `undefined`: for ever. */
  get timeout(): number | undefined {
    return this.#limit === Infinity ? undefined : this.#limit;
  }

  /** Counts for calls that begin afterwards. @throws {UsageError} when negative or no time */
  set timeout(length: Seconds | undefined) {
    this.#limit = limitOf(length, "set timeout");
  }

  /**
   * Waits for a datagram.
   *
   * @param options stricter limits: past them it throws
   * @returns it; `undefined` when `timeout` is over, and after `close`
   */
  receive(options?: WaitOptions): Operation<Datagram | undefined> {
    return limited(operation(() => this.#describe("receive()"), () => this.#receive()), options);
  }

  /**
   * Sends a datagram, now if it can be; running what it returns waits until it can.
   *
   * @param data bytes, or text, as UTF-8
   * @param to the address and port of who gets it, such as `from` of a datagram
   * @returns whether it was sent; false when `timeout` was over
   * @throws {PeerError} (when run) when the system refuses
   * @throws {ClosedError} (when run) after `close`
   * @throws {UsageError} (at once) when the arguments make no sense
   */
  send(
    data: Uint8Array | string,
    to: DatagramAddress | Address,
    options?: WaitOptions,
  ): Operation<boolean> {
    const bytes = bytesIn(data, "send");
    const address = addressOf(to, "send");
    const first = this.#trySend(bytes, address);
    // What could not be sent now may be changed by the caller until it can.
    const copy = first === false ? bytes.slice() : bytes;
    return limited(
      operation(() => this.#describe("send()"), () => this.#send(first, copy, address)),
      options,
    );
  }

  /** Closes it; who waits in `receive` gets `undefined`. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#forget();
    this.#socket.close();
    for (const wait of [...this.#waiting]) wait.interrupt();
  }

  /** Same as `close`. */
  [Symbol.dispose](): void {
    this.close();
  }

  #describe(what: string): string {
    return `${what} of ${formatHostport(this.host, this.port)}`;
  }

  *#receive(): ThreadSteps<Datagram | undefined> {
    for (let late = false;; late = (yield* this.#wait("receive()", "r")) === "timeout") {
      if (this.#closed) return undefined;
      const datagram = this.#socket.tryReceive();
      if (datagram !== undefined || late) return datagram;
    }
  }

  *#send(first: boolean | Error, bytes: Uint8Array, to: Address): ThreadSteps<boolean> {
    for (let sent = first;; sent = this.#trySend(bytes, to)) {
      if (typeof sent === "object") throw sent;
      if (sent) return true;
      if ((yield* this.#wait("send()", "w")) === "timeout") return false;
    }
  }

  #trySend(bytes: Uint8Array, to: Address): boolean | Error {
    if (this.#closed) return new ClosedError("Cannot send: the socket is closed");
    try {
      return this.#socket.trySend(bytes, to);
    } catch (error) {
      return error as Error;
    }
  }

  *#wait(what: string, mode: IoMode): ThreadSteps<Ending> {
    const describe = (): string => this.#describe(what);
    const watched = [{ source: this.#socket, mode }];
    const wait = new StreamWait(this.#loop, watched, this.#limit, describe);
    this.#waiting.add(wait);
    try {
      return yield* wait.run();
    } finally {
      this.#waiting.delete(wait);
    }
  }
}

/** Opens a socket; who is aborted leaves none behind. */
class Open extends WaitOperation<DatagramSocket> {
  readonly #loop: Loop;
  readonly #on: Address;
  #undo: Undo | undefined;
  #socket: DatagramSocket | undefined;
  #error: Error | undefined;
  #waker: Waker | undefined;

  constructor(loop: Loop, on: Address) {
    super();
    this.#loop = loop;
    this.#on = on;
  }

  describe(): string {
    return `open(${formatAddress(this.#on)})`;
  }

  start(waker: Waker): Abort {
    this.#waker = waker;
    this.#undo ??= this.#begin();
    return () => {
      this.#undo?.();
      this.#socket?.close();
    };
  }

  protected poll(): boolean {
    return this.#socket !== undefined || this.#error !== undefined;
  }

  protected result(): DatagramSocket {
    if (this.#socket === undefined) throw this.#error;
    return this.#socket;
  }

  #begin(): Undo {
    const loop = this.#loop;
    const over = (error: Error | undefined, socket?: DatagramSocket): void => {
      end();
      this.#socket = socket;
      this.#error = error;
      this.#waker?.wake();
    };
    const undo = loop.env.net.udp!(this.#on, over);
    const release = loop.hold();
    const forget = loop.onDispose(() => {
      undo();
      over(new ClosedError(`Cannot go on with ${this.describe()}: the loop was disposed of`));
    });
    const end = (): void => {
      release();
      forget();
    };
    return () => {
      end();
      undo();
    };
  }
}

function addressOf(given: unknown, what: string): Address {
  const { host, port } = (given ?? {}) as Partial<DatagramAddress>;
  const ipn = typeof host === "string" ? parseAddress(host) : undefined;
  const family = ipn === undefined ? undefined : addressFamily(ipn);
  if (ipn === undefined || (family !== 4 && family !== 6)) {
    throw new UsageError(`Cannot ${what}: host ${show(host)} is no address`);
  }
  if (!Number.isInteger(port) || port! < 0 || port! > 65535) {
    throw new UsageError(`Cannot ${what}: port ${show(port)} is no port`);
  }
  return { transport: "tcp", host: formatAddress(ipn)!, port: port! };
}
