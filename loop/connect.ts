import {
  type Address,
  type ByteStream,
  ClosedError,
  messageOf,
  PeerError,
  type Undo,
} from "@anyevent/backends/contract";
import { formatAddress, formatHostport, UNIX_HOST } from "./address.ts";
import type { Callback } from "./callback.ts";
import { Held } from "./held.ts";
import type { Loop } from "./loop.ts";
import { type Abort, WaitOperation, type Waker } from "./operation.ts";
import type { SocketTarget } from "./sockaddr.ts";
import { type Seconds, seconds } from "./time.ts";
import type { Watcher } from "./watcher.ts";

/**
 * What a connection attempt comes to: the stream, the peer's address as text and its port (with a Unix
 * socket `"unix/"` and the path), and a function that closes this stream and goes on with the next target.
 * When all targets failed: `undefined`, an empty host, port 0, a function without effect, and the error of
 * the last target.
 */
export type ConnectOutcome = [
  fh: ByteStream | undefined,
  host: string,
  port: number | string,
  retry: () => void,
  error: PeerError | undefined,
];

/** Gets the outcome: once, and once more after each `retry`. When it throws, the stream is closed. */
export type ConnectCallback = Callback<ConnectOutcome>;

/**
 * Called before each target is tried; what it returns limits the attempt: seconds, 0 or nothing for the
 * system's own limit. When it throws, the target counts as failed.
 */
export type PrepareConnect = (to: Address) => Seconds | undefined | void;

/** How an attempt finds its targets; may call back inside the call. */
export type FindTargets = (cb: (targets: readonly SocketTarget[]) => void) => void;

function peerError(doing: string, thrown: unknown): PeerError {
  if (thrown instanceof PeerError) return thrown;
  return new PeerError(`Cannot ${doing}: ${messageOf(thrown)}`, "", { cause: thrown });
}

/** An attempt to connect to one of several targets, in turn. */
export class ConnectAttempt extends Held {
  readonly #name: string;
  readonly #cb: (...outcome: ConnectOutcome) => unknown;
  readonly #prepare: PrepareConnect | undefined;
  #targets: readonly SocketTarget[] = [];
  #next = 0;
  #error: PeerError;
  #undo: Undo | undefined;
  #limit: Watcher | undefined;
  #cancelled = false;

  /** Begins at once; calls back in a later turn. @throws {ClosedError} when the loop was disposed of */
  constructor(
    loop: Loop,
    host: string,
    service: string | number,
    find: FindTargets,
    cb: (...outcome: ConnectOutcome) => unknown,
    prepare?: PrepareConnect,
  ) {
    super(loop);
    this.#name = formatHostport(host, service);
    this.#cb = cb;
    this.#prepare = prepare;
    const why = host === UNIX_HOST ? "the path is not absolute" : "the host has no addresses";
    this.#error = new PeerError(`Cannot connect to ${this.#name}: ${why}`, "ENXIO");
    this.begin();
    find((targets) => {
      if (this.#cancelled) return;
      this.#targets = targets;
      // Targets may have been found inside this call.
      loop.postpone(() => this.#try());
    });
  }

  describe(): string {
    return `tcpConnect(${this.#name})`;
  }

  override cancel(): void {
    this.#cancelled = true;
    super.cancel();
  }

  protected stop(): void {
    this.#limit?.cancel();
    this.#undo?.();
    this.#limit = this.#undo = undefined;
  }

  #try(): void {
    if (this.#cancelled) return;
    const target = this.#targets[this.#next++];
    if (target === undefined) {
      this.end();
      this.deliver(() => this.#cb(undefined, "", 0, () => undefined, this.#error));
      return;
    }
    const { address } = target;
    const doing = `connect to ${formatAddress(address)}`;
    try {
      const limit = seconds(this.#prepare?.(address) ?? 0, "connect: time limit");
      // It may have cancelled.
      if (this.#cancelled) return;
      this.#undo = this.loop.env.net.connect(address, (error, stream) => {
        this.#limit?.cancel();
        this.#limit = this.#undo = undefined;
        if (stream === undefined) this.#failed(peerError(doing, error ?? "it failed"));
        else this.#connected(stream, address);
      });
      if (limit > 0) {
        this.#limit = this.loop.addTimer(limit, 0, () => {
          this.stop();
          this.#failed(new PeerError(`Cannot ${doing}: not within ${limit} s`, "ETIMEDOUT"));
        });
      }
    } catch (error) {
      // Never deeper into the stack than one target.
      this.#error = peerError(doing, error);
      this.loop.postpone(() => this.#try());
    }
  }

  #failed(error: PeerError): void {
    this.#error = error;
    this.#try();
  }

  #connected(stream: ByteStream, address: Address): void {
    this.end();
    let retried = false;
    const retry = (): void => {
      if (retried) return;
      retried = true;
      stream.close();
      if (this.#cancelled) return;
      this.begin();
      this.loop.postpone(() => this.#try());
    };
    const [host, port] = address.transport === "tcp"
      ? [address.host, address.port]
      : [UNIX_HOST, address.path];
    this.hand(stream, () => this.#cb(stream, host, port, retry, undefined));
  }
}

/** Connects, as an operation. */
export class ConnectOperation extends WaitOperation<ByteStream> {
  readonly #loop: Loop;
  readonly #name: string;
  readonly #connect: (cb: (...outcome: ConnectOutcome) => void) => Watcher;
  #attempt: Watcher | undefined;
  #forget: Undo | undefined;
  #wake: () => void = () => undefined;
  #stream: ByteStream | undefined;
  #error: Error | undefined;

  /** @param connect begins the attempt, when the operation is run */
  constructor(
    loop: Loop,
    name: string,
    connect: (cb: (...outcome: ConnectOutcome) => void) => Watcher,
  ) {
    super();
    this.#loop = loop;
    this.#name = name;
    this.#connect = connect;
  }

  describe(): string {
    return `connectTcp(${this.#name})`;
  }

  start(waker: Waker): Abort {
    this.#wake = () => waker.wake();
    // One woken for nothing goes on waiting for the same attempt.
    this.#attempt ??= this.#begin();
    return () => {
      this.#attempt?.cancel();
      this.#forget?.();
      // Connected, but nobody will take it any more.
      this.#stream?.close();
    };
  }

  protected poll(): boolean {
    return this.#stream !== undefined || this.#error !== undefined;
  }

  protected result(): ByteStream {
    this.#forget?.();
    if (this.#stream === undefined) throw this.#error;
    return this.#stream;
  }

  #begin(): Watcher {
    this.#forget = this.#loop.onDispose(() => {
      this.#error ??= new ClosedError(
        `Cannot go on with ${this.describe()}: the loop was disposed of`,
      );
      this.#wake();
    });
    return this.#connect((fh, _host, _port, _retry, error) => {
      this.#stream = fh;
      this.#error = error;
      this.#wake();
    });
  }
}
