import type { Undo } from "../contract/backend.ts";
import { type PeerError, UsageError } from "../contract/errors.ts";
import type {
  Address,
  DatagramSocket,
  Listener,
  Net,
  Secured,
  TlsOptions,
  TlsRole,
} from "../contract/net.ts";
import type { ByteStream } from "../contract/stream.ts";
import { checkCallback } from "../driven/core.ts";
import { nodeSecure } from "../driven/node/node_tls.ts";
import { type FfiBackend, pollerOf } from "./backend.ts";
import { openUdp } from "./datagram.ts";
import { EAGAIN, ECONNABORTED, EINPROGRESS, EINTR, systemError } from "./errno.ts";
import { libc } from "./libc.ts";
import { bindable, lookUp } from "./names.ts";
import { removeSocketName } from "./socket_name.ts";
import {
  addressName,
  addressOf,
  checkAddress,
  familyOf,
  literalAddress,
  type SockAddr,
  unixAddress,
  withPort,
} from "./sockaddr.ts";
import { FdStream, INT, socketOption } from "./stream.ts";

/** Seconds to wait before accepting again when the process has run out of descriptors. */
export const ACCEPT_PAUSE = 0.1;

/** Connections accepted in one turn, so that a flood of them starves nobody. */
const ACCEPTS_PER_TURN = 64;

const SOCK_STREAM = 1;
/** SOCK_NONBLOCK and SOCK_CLOEXEC. */
const FLAGS = 0o2004000;
const BACKLOG = 4096;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SO_ERROR = 4;

/** A new socket. @throws {PeerError} */
function openSocket(family: number, doing: string): number {
  const fd = libc().calls.socket(family, SOCK_STREAM | FLAGS, 0);
  if (fd < 0) throw systemError(doing, libc().errno());
  return fd;
}

/** The sockets of an ffi backend: the system's own, non-blocking. */
export class FfiNet implements Net {
  readonly #backend: FfiBackend;
  #streams = 0;
  #listeners = 0;
  #attempts = 0;

  /** @param backend watches them */
  constructor(backend: FfiBackend) {
    this.#backend = backend;
  }

  /**
   * Connects; calls back once with the stream or the error.
   *
   * A name is looked up on another thread, and its addresses are tried in order.
   *
   * @param to where
   * @param cb gets the outcome
   * @returns aborts the attempt; no effect afterwards
   * @throws {UsageError} when the address makes no sense
   */
  connect(
    to: Address,
    cb: (error: PeerError | undefined, stream: ByteStream | undefined) => void,
  ): Undo {
    const name = checkAddress(to, "connect");
    checkCallback(cb, "connect");
    const doing = `connect to ${name}`;
    const [live, stop] = this.#attempt();
    let undoStep: Undo | undefined;
    const finish = (error: PeerError | undefined, fd: number): void => {
      if (!live()) return void (fd >= 0 && libc().calls.close(fd));
      stop();
      cb(error, error === undefined ? this.#stream(fd, to, false) : undefined);
    };
    const tryNext = (left: readonly SockAddr[], last: PeerError | undefined): void => {
      if (!live()) return;
      if (left.length === 0) return finish(last, -1);
      undoStep = this.#dial(left[0], doing, (error, fd) => {
        if (error === undefined) finish(undefined, fd);
        else tryNext(left.slice(1), error);
      });
    };
    const begin = (all: () => readonly SockAddr[]): void => {
      try {
        tryNext(all(), undefined);
      } catch (thrown) {
        this.#backend.post(() => finish(thrown as PeerError, -1));
      }
    };
    const known = to.transport === "tcp" ? literalAddress(to.host, to.port) : undefined;
    if (to.transport === "unix") begin(() => [unixAddress(to.path, doing)]);
    else if (known !== undefined) begin(() => [known]);
    else {
      lookUp(to.host, doing).then(
        (all) => this.#backend.post(() => begin(() => all.map((one) => withPort(one, to.port)))),
        (thrown) => this.#backend.post(() => finish(thrown, -1)),
      );
    }
    return () => {
      if (!live()) return;
      stop();
      undoStep?.();
    };
  }

  /**
   * Binds and listens before it returns. The listener does not keep the process alive.
   *
   * @param on where; port 0: the system picks one; a name is looked up inside the call
   * @param accepted gets each connection
   * @param failed gets what goes wrong while accepting; it goes on after a pause
   * @throws {PeerError} when it cannot bind
   * @throws {UsageError} when the address makes no sense
   */
  listen(
    on: Address,
    accepted: (stream: ByteStream) => void,
    failed?: (error: PeerError) => void,
  ): Listener {
    const name = checkAddress(on, "listen");
    checkCallback(accepted, "listen");
    const { calls } = libc();
    const where = bindable(on, `listen on ${name}`);
    const fd = openSocket(familyOf(where), `listen on ${name}`);
    calls.setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, INT(1), 4);
    if (calls.bind(fd, where, where.length) < 0 || calls.listen(fd, BACKLOG) < 0) {
      const error = systemError(`listen on ${name}`, libc().errno());
      calls.close(fd);
      throw error;
    }
    const backend = this.#backend;
    let open = true;
    let pending: Undo;
    const watch = (): Undo => pollerOf(backend).watch(fd, "r", accept, false);
    const accept = (): void => {
      for (let i = 0; i < ACCEPTS_PER_TURN && open; i++) {
        const peer = calls.accept4(fd, null, null, FLAGS);
        if (peer >= 0) {
          const stream = this.#stream(peer, on, true);
          backend.call(() => accepted(stream));
          continue;
        }
        const errno = libc().errno();
        if (errno === EAGAIN) return;
        if (errno === ECONNABORTED || errno === EINTR) continue;
        // Mostly too many open files: the listener stays ready, which would be a busy loop.
        pending();
        pending = backend.timer(ACCEPT_PAUSE, () => pending = watch());
        return backend.call(() => failed?.(systemError(`accept on ${name}`, errno)));
      }
    };
    pending = watch();
    this.#listeners++;
    return {
      address: on.transport === "unix" ? on : addressOf(fd, false) ?? on,
      close: (): void => {
        if (!open) return;
        open = false;
        this.#listeners--;
        pending();
        pollerOf(backend).forget(fd);
        calls.close(fd);
        // The name of a Unix socket would make the next `listen` there fail.
        if (on.transport === "unix") calls.unlink(where.subarray(2));
      },
    };
  }

  /**
   * TLS over a stream that has been used in plain text so far, by `node:tls`: 1.3, or 1.2 where `minVersion`
   * allows it and the peer has no newer one.
   *
   * @param stream any stream; not to be used any more
   * @param role which end of the handshake
   * @param options certificate, and bytes already read
   * @param cb gets the outcome
   * @returns aborts the handshake and closes the stream; no effect afterwards
   * @throws {UsageError} when an argument makes no sense
   */
  secure(
    stream: ByteStream,
    role: TlsRole,
    options: TlsOptions,
    cb: (error: PeerError | undefined, secured: Secured | undefined) => void,
  ): Undo {
    checkCallback(cb, "secure stream");
    const undo = nodeSecure(this.#backend, stream, role, options, (error, secured) => {
      stop();
      cb(error, secured);
    });
    const [live, stop] = this.#attempt();
    return () => {
      if (!live()) return;
      stop();
      undo();
    };
  }

  /**
   * Opens a UDP socket; calls back once with it or the error.
   *
   * @param on an address of this host; port 0: the system picks one
   * @param cb gets the outcome
   * @returns aborts it; no effect afterwards
   * @throws {UsageError} when the address makes no sense or is a Unix socket's
   */
  udp(
    on: Address,
    cb: (error: PeerError | undefined, socket: DatagramSocket | undefined) => void,
  ): Undo {
    const name = checkAddress(on, "open UDP socket");
    checkCallback(cb, "open UDP socket");
    if (on.transport !== "tcp") {
      throw new UsageError(`Cannot open UDP socket on ${name}: it is the address of a Unix socket`);
    }
    const [live, stop] = this.#attempt();
    this.#backend.post(() => {
      if (!live()) return;
      stop();
      let socket: DatagramSocket;
      try {
        socket = openUdp(pollerOf(this.#backend), on, () => void this.#streams--);
      } catch (thrown) {
        return cb(thrown as PeerError, undefined);
      }
      this.#streams++;
      cb(undefined, socket);
    });
    return stop;
  }

  /**
   * Removes the name of a Unix socket; no file of another kind, and nothing when there is none.
   *
   * @param path in the file system
   * @throws {PeerError} when the system refuses
   * @throws {UsageError} when the path is none
   */
  removeSocket(path: string): void {
    removeSocketName(path);
  }

  /** Sockets, listeners, attempts and handshakes that are open. */
  stats(): { readonly streams: number; readonly listeners: number; readonly attempts: number } {
    return { streams: this.#streams, listeners: this.#listeners, attempts: this.#attempts };
  }

  /** Counts something that is under way. @returns whether it still is, and its end */
  #attempt(): [live: () => boolean, stop: () => void] {
    let live = true;
    this.#attempts++;
    return [() => live, () => {
      if (live) this.#attempts--;
      live = false;
    }];
  }

  /** One attempt at one address; tells the outcome in a turn, unless undone. */
  #dial(
    to: SockAddr,
    doing: string,
    cb: (error: PeerError | undefined, fd: number) => void,
  ): Undo {
    const { calls } = libc();
    const fd = openSocket(familyOf(to), doing);
    let live = true;
    let unwatch: Undo | undefined;
    const finish = (errno: number): void => {
      if (!live) return;
      live = false;
      unwatch?.();
      if (errno === 0) return cb(undefined, fd);
      calls.close(fd);
      cb(systemError(doing, errno), -1);
    };
    const failed = calls.connect(fd, to, to.length) < 0 ? libc().errno() : 0;
    if (failed === EINPROGRESS || failed === EINTR) {
      const settled = (): void => finish(socketOption(fd, SO_ERROR));
      unwatch = pollerOf(this.#backend).watch(fd, "w", settled, false);
    } else this.#backend.post(() => finish(failed));
    return () => {
      if (!live) return;
      live = false;
      unwatch?.();
      calls.close(fd);
    };
  }

  #stream(fd: number, given: Address, accepted: boolean): ByteStream {
    this.#streams++;
    const unix = given.transport === "unix" ? addressName(given) : undefined;
    const text = (peer: boolean): string => {
      if (unix !== undefined) return peer === accepted ? "" : unix;
      const address = addressOf(fd, peer);
      return address === undefined ? "" : addressName(address);
    };
    return new FdStream(pollerOf(this.#backend), fd, {
      socket: true,
      local: text(false),
      remote: text(true),
      gone: () => void this.#streams--,
    });
  }
}
