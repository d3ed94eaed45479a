import type { ByteStream, Secured } from "@anyevent/backends/contract";
import { ClosedError, PeerError } from "@anyevent/backends/contract";
import { isThenable } from "../callback.ts";
import type { Loop } from "../loop.ts";
import { type HandleError, handleError, textOf } from "./errors.ts";
import type { Handle } from "./handle.ts";

/** A waiting operation. */
export interface Waiting {
  /** Ends it with an error. */
  fail(error: Error): void;
}

/** What the parts of a handle share. Internal to the package. */
export class HandleState {
  readonly handle: Handle;
  readonly loop: Loop;
  /** Present while connected. */
  stream: ByteStream | undefined;
  /** Present after a TLS handshake. */
  secured: Secured | undefined;
  destroyed = false;
  /** Whether its watchers keep the process alive. */
  holds = true;
  /** Whether the stream is of no use any more. */
  streamBroken = false;
  /** What destroyed it. */
  failure: Error | undefined;
  readonly readers: Set<Waiting> = new Set();
  readonly drainers: Set<Waiting> = new Set();
  onError:
    | ((h: Handle, fatal: boolean, message: string, error: HandleError) => unknown)
    | undefined;
  /** Notes that something was read or written. */
  activity: (mode: "r" | "w") => void = () => undefined;

  constructor(handle: Handle, loop: Loop) {
    this.handle = handle;
    this.loop = loop;
  }

  /** The peer, for messages. */
  get name(): string {
    return this.stream?.remote || this.handle.peername || "handle";
  }

  /** Calls a user's callback with the handle; a later rejection counts as a throw. */
  call<A extends readonly unknown[]>(
    cb: ((h: Handle, ...args: A) => unknown) | undefined,
    ...args: A
  ): unknown {
    if (cb === undefined) return undefined;
    const result = cb(this.handle, ...args);
    if (isThenable(result)) {
      Promise.resolve(result).then(
        undefined,
        (error) => this.loop.callbackFailed(error, "callback of a handle"),
      );
    }
    return result;
  }

  /** Runs what a callback of the sockets leads to: what it throws is the loop's to report. */
  guarded(body: () => void): void {
    try {
      body();
    } catch (error) {
      this.loop.callbackFailed(error, "callback of a handle");
    }
  }

  /** Reports an error by its code; see `raise`. */
  fail(doing: string, code: string, fatal: boolean, taken = false): void {
    this.raise(handleError(doing, code), fatal, textOf(code), taken);
  }

  /**
   * Reports an error: to the operations it concerns, and to `onError`. When it reaches neither, the handle
   * is destroyed and it is thrown. A fatal one always destroys the handle, after the callback.
   *
   * @param taken an operation has got it already
   */
  raise(error: HandleError, fatal: boolean, message: string, taken = false): void {
    if (this.destroyed) return;
    let told = taken;
    if (fatal) {
      this.failure = error;
      told = this.failAll(this.readers, error) || told;
      told = this.failAll(this.drainers, error) || told;
    }
    if (this.onError === undefined) {
      if (fatal || !told) {
        this.failure ??= error;
        this.handle.destroy();
      }
      if (!told) throw error;
      return;
    }
    try {
      this.call(this.onError, fatal, message, error);
    } finally {
      if (fatal) this.handle.destroy();
    }
  }

  /** Reports that a time is over. */
  expired(name: "timeout" | "rtimeout" | "wtimeout"): void {
    const error = handleError(`wait for ${this.name}`, "ETIMEDOUT", `its ${name} is over`);
    let taken = false;
    if (name !== "wtimeout") taken = this.failAll(this.readers, error);
    if (name !== "rtimeout") taken = this.failAll(this.drainers, error) || taken;
    this.raise(error, false, textOf("ETIMEDOUT"), taken);
  }

  /** Fails operations. @returns whether there were any */
  failAll(operations: Set<Waiting>, error: Error): boolean {
    const all = [...operations];
    operations.clear();
    for (const each of all) each.fail(error);
    return all.length > 0;
  }

  /** Reports what a stream threw. */
  broken(thrown: unknown, doing: string): void {
    this.streamBroken = true;
    if (thrown instanceof PeerError) {
      return this.raise(thrown, true, thrown.message);
    }
    if (!(thrown instanceof ClosedError)) throw thrown;
    // Somebody shut it down or closed it below us.
    const error = handleError(`${doing} ${this.name}`, "EPIPE", thrown.message, thrown);
    this.raise(error, true, textOf("EPIPE"));
  }
}
