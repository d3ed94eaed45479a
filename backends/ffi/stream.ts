import type { IoMode, Undo } from "../contract/backend.ts";
import { ClosedError, type PeerError, show, UsageError } from "../contract/errors.ts";
import { type ByteStream, WATCH } from "../contract/stream.ts";
import { EAGAIN, EINTR, systemError } from "./errno.ts";
import { type FdPoller, isDescriptor } from "./fd_poller.ts";
import { type Libc, libc } from "./libc.ts";
import { addressName, addressOf } from "./sockaddr.ts";
import { type FfiBackend, pollerOf } from "./backend.ts";

const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const SHUT_WR = 1;
const SOL_SOCKET = 1;
const SO_TYPE = 3;
const SO_KEEPALIVE = 9;
const IPPROTO_TCP = 6;
const TCP_NODELAY = 1;
const F_GETFL = 3;
const F_SETFL = 4;
const O_ACCMODE = 3;
const O_WRONLY = 1;
const O_NONBLOCK = 0o4000;

/** What the maker of an {@linkcode FdStream} knows of it. */
export interface FdStreamParts {
  readonly socket: boolean;
  /** The sending end of a pipe: its end of file is its closing. */
  readonly writeOnly?: boolean;
  readonly local?: string;
  readonly remote?: string;
  /** Called once when it is closed, before the descriptor is. */
  readonly gone?: () => void;
}

/** An open descriptor as a stream that never blocks. */
export class FdStream implements ByteStream {
  readonly fd: number;
  readonly local: string;
  readonly remote: string;
  readonly #poller: FdPoller;
  readonly #libc: Libc = libc();
  readonly #socket: boolean;
  readonly #writeOnly: boolean;
  readonly #gone: (() => void) | undefined;
  #shut = false;
  #closed = false;
  #broken: PeerError | undefined;

  constructor(poller: FdPoller, fd: number, parts: FdStreamParts) {
    this.#poller = poller;
    this.fd = fd;
    this.#socket = parts.socket;
    this.#writeOnly = parts.writeOnly ?? false;
    this.#gone = parts.gone;
    this.local = parts.local ?? "";
    this.remote = parts.remote ?? "";
  }

  /** What was taken is in the system's hands already. */
  get unsent(): number {
    return 0;
  }

  tryRead(into: Uint8Array): number | null {
    if (this.#closed) throw new ClosedError("Cannot read from stream: it is closed");
    if (!(into instanceof Uint8Array) || into.length === 0) {
      throw new UsageError(`Cannot read from stream: into ${show(into)} has no room for bytes`);
    }
    const bytes = into as Uint8Array<ArrayBuffer>;
    const { calls } = this.#libc;
    for (;;) {
      const count = this.#socket
        ? calls.recv(this.fd, bytes, bytes.length, MSG_DONTWAIT)
        : calls.read(this.fd, bytes, bytes.length);
      if (count > 0) return count;
      // A socket tells an error once, and then the end of file that it was not.
      if (count === 0 || this.#broken !== undefined) return this.#endOr(this.#broken);
      const errno = this.#libc.errno();
      if (errno === EAGAIN) return 0;
      if (errno !== EINTR) throw this.#break("read from", errno);
    }
  }

  tryWrite(bytes: Uint8Array): number {
    if (this.#closed) throw new ClosedError("Cannot write to stream: it is closed");
    if (this.#shut) throw new ClosedError("Cannot write to stream: it is shut down");
    if (!(bytes instanceof Uint8Array)) {
      throw new UsageError(`Cannot write to stream: ${show(bytes)} is not a Uint8Array`);
    }
    if (this.#broken !== undefined) throw this.#broken;
    if (bytes.length === 0) return 0;
    const given = bytes as Uint8Array<ArrayBuffer>;
    const { calls } = this.#libc;
    for (;;) {
      const count = this.#socket
        ? calls.send(this.fd, given, given.length, MSG_DONTWAIT | MSG_NOSIGNAL)
        : calls.write(this.fd, given, given.length);
      if (count >= 0) return count;
      const errno = this.#libc.errno();
      if (errno === EAGAIN) return 0;
      if (errno !== EINTR) throw this.#break("write to", errno);
    }
  }

  shutdown(): void {
    if (this.#shut || this.#closed) return;
    this.#shut = true;
    if (this.#socket) this.#libc.calls.shutdown(this.fd, SHUT_WR);
    else if (this.#writeOnly) this.close();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#poller.forget(this.fd);
    this.#gone?.();
    this.#libc.calls.close(this.fd);
  }

  setNoDelay(on: boolean): void {
    this.#set(IPPROTO_TCP, TCP_NODELAY, on);
  }

  setKeepAlive(on: boolean): void {
    this.#set(SOL_SOCKET, SO_KEEPALIVE, on);
  }

  [WATCH](mode: IoMode, cb: () => void, closed?: () => void): Undo {
    if (this.#closed) throw new ClosedError("Cannot watch stream: it is closed");
    return this.#poller.watch(this.fd, mode, cb, false, closed);
  }

  #endOr(broken: PeerError | undefined): null {
    if (broken !== undefined) throw broken;
    return null;
  }

  #break(doing: string, errno: number): PeerError {
    const name = this.remote === "" ? `descriptor ${this.fd}` : `connection to ${this.remote}`;
    return this.#broken ??= systemError(`${doing} ${name}`, errno);
  }

  /** Sets a switch, where it has a meaning. */
  #set(level: number, option: number, on: boolean): void {
    if (this.#closed || !this.#socket) return;
    this.#libc.calls.setsockopt(this.fd, level, option, INT(on ? 1 : 0), 4);
  }
}

/** A C `int`. */
export function INT(value: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(new Int32Array([value]).buffer);
}

/** A socket's error that waits to be told, or another option; -1: this is no socket. */
export function socketOption(fd: number, option: number): number {
  const value = new Int32Array(1);
  const bytes = new Uint8Array(value.buffer);
  return libc().calls.getsockopt(fd, SOL_SOCKET, option, bytes, INT(4)) < 0 ? -1 : value[0];
}

/**
 * Takes over an open descriptor (a pipe, a socket, a terminal), so that bytes can be read from it and
 * written to it.
 *
 * It is closed with the stream. What is no socket becomes non-blocking, also for other processes that
 * share it, until the stream is closed; writing to a pipe that nobody reads fails with `EPIPE`.
 *
 * Backends: ffi. Permissions: as the backend.
 *
 * @param backend calls the watchers
 * @param fd the descriptor's number
 * @returns the stream
 * @throws {UsageError} when it is not open, or is no number of a descriptor
 *
 * @example
 * ```ts
 * import { fdStream, ffiEnv } from "@anyevent/backends/ffi";
 *
 * export function copyInput(): void {
 *   const { backend } = ffiEnv();
 *   const stdin = fdStream(backend, 0);
 *   const undo = backend.io(stdin, "r", () => {
 *     const bytes = new Uint8Array(1000);
 *     const count = stdin.tryRead(bytes);
 *     if (count === null) undo();
 *     else Deno.stdout.writeSync(bytes.subarray(0, count));
 *   });
 * }
 * ```
 */
export function fdStream(backend: FfiBackend, fd: number): ByteStream {
  if (!isDescriptor(fd)) {
    throw new UsageError(`Cannot take over ${show(fd)}: it is not the number of a descriptor`);
  }
  const { calls } = libc();
  const flags = calls.fcntl(fd, F_GETFL, 0);
  if (flags < 0) throw new UsageError(`Cannot take over descriptor ${fd}: it is not open (EBADF)`);
  if (socketOption(fd, SO_TYPE) >= 0) {
    const [local, remote] = [addressOf(fd, false), addressOf(fd, true)];
    return new FdStream(pollerOf(backend), fd, {
      socket: true,
      local: local && addressName(local),
      remote: remote && addressName(remote),
    });
  }
  const blocking = (flags & O_NONBLOCK) === 0;
  if (blocking) calls.fcntl(fd, F_SETFL, flags | O_NONBLOCK);
  return new FdStream(pollerOf(backend), fd, {
    socket: false,
    writeOnly: (flags & O_ACCMODE) === O_WRONLY,
    gone: () => void (blocking && calls.fcntl(fd, F_SETFL, flags)),
  });
}
