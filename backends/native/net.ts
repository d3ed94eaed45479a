import type { Backend, Undo } from "../contract/backend.ts";
import { type PeerError, show, UsageError } from "../contract/errors.ts";
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
import { openNodeDatagrams } from "../driven/node/datagrams.ts";
import { nodeModule } from "../driven/node/node_modules.ts";
import { ConnSource } from "./conn_source.ts";
import { hostError, peerError } from "../driven/deno/host_error.ts";
import { HostStream, TURNS } from "./host_stream.ts";
import { checkSecure } from "../driven/secure_arguments.ts";
import { hostPort, type Source } from "./source.ts";
import { secure } from "./tls.ts";
import type { Turns } from "./turns.ts";

/** Seconds to wait before accepting again when the process has run out of descriptors. */
export const ACCEPT_PAUSE = 0.1;

function addressName(address: Address): string {
  return address.transport === "tcp"
    ? hostPort(address.host, address.port)
    : `unix/:${address.path}`;
}

/** An address from outside, checked. */
function checkAddress(address: unknown, doing: string): Address {
  const like = (typeof address === "object" && address !== null ? address : {}) as Partial<
    Record<string, unknown>
  >;
  if (like.transport === "tcp") {
    if (typeof like.host !== "string" || like.host === "" || like.host.includes("\0")) {
      throw new UsageError(`Cannot ${doing}: host ${show(like.host)} is not a name or address`);
    }
    const { port } = like;
    if (typeof port !== "number" || !Number.isInteger(port) || port < 0 || port > 65535) {
      throw new UsageError(`Cannot ${doing}: port ${show(port)} is not one of 0 to 65535`);
    }
  } else if (like.transport === "unix") {
    if (typeof like.path !== "string" || like.path === "" || like.path.includes("\0")) {
      throw new UsageError(`Cannot ${doing}: path ${show(like.path)} is not a path`);
    }
  } else {
    throw new UsageError(`Cannot ${doing}: transport ${show(like.transport)} is not tcp or unix`);
  }
  return address as Address;
}

/** The sockets of a native backend: `Deno.connect`, `Deno.listen`, and TLS by `node:tls`. */
export class NativeNet implements Net {
  readonly #backend: Backend & Turns;
  readonly #open = new Set<ByteStream>();
  readonly #sockets = new Set<DatagramSocket>();
  #listeners = 0;
  #attempts = 0;

  /** @param backend gives the streams their turns */
  constructor(backend: Backend & Turns) {
    this.#backend = backend;
  }

  /**
   * Connects; calls back once with the stream or the error.
   *
   * Permissions: `--allow-net` for the host and port; for a Unix socket also read and write of its path.
   *
   * @param to where
   * @param cb gets the outcome; a missing permission comes as `EACCES`
   * @returns aborts the attempt; no effect afterwards
   * @throws {UsageError} when the address makes no sense
   */
  connect(
    to: Address,
    cb: (error: PeerError | undefined, stream: ByteStream | undefined) => void,
  ): Undo {
    checkAddress(to, "connect");
    if (typeof cb !== "function") {
      throw new UsageError(`Cannot connect: callback ${show(cb)} is not a function`);
    }
    const doing = `connect to ${addressName(to)}`;
    const aborter = new AbortController();
    let live = true;
    const finish = (error: PeerError | undefined, conn: Deno.Conn | undefined): void => {
      if (!live) return conn?.close();
      this.#backend.run(() => {
        live = false;
        this.#attempts--;
        cb(error, conn === undefined ? undefined : this.#stream(conn));
      });
    };
    this.#attempts++;
    dial(to, aborter.signal).then(
      (conn) => finish(undefined, conn),
      (thrown) => finish(peerError(doing, thrown), undefined),
    );
    return () => {
      if (!live) return;
      live = false;
      this.#attempts--;
      aborter.abort();
    };
  }

  /**
   * Binds and listens before it returns. The listener does not keep the process alive.
   *
   * Permissions: as for `connect`.
   *
   * @param on where; port 0: the system picks one
   * @param accepted gets each connection, as a turn of its own
   * @param failed gets what goes wrong while accepting; it goes on after a pause
   * @throws {PeerError} when it cannot bind
   * @throws {UsageError} when the address makes no sense or a permission is missing
   */
  listen(
    on: Address,
    accepted: (stream: ByteStream) => void,
    failed?: (error: PeerError) => void,
  ): Listener {
    checkAddress(on, "listen");
    if (typeof accepted !== "function") {
      throw new UsageError(`Cannot listen: callback ${show(accepted)} is not a function`);
    }
    if (failed !== undefined && typeof failed !== "function") {
      throw new UsageError(`Cannot listen: callback ${show(failed)} is not a function`);
    }
    const doing = `listen on ${addressName(on)}`;
    let host: Deno.Listener;
    try {
      host = on.transport === "tcp"
        ? Deno.listen({ transport: "tcp", hostname: on.host, port: on.port })
        : Deno.listen({ transport: "unix", path: on.path });
    } catch (thrown) {
      throw hostError(doing, thrown);
    }
    (host as Deno.Listener & { unref(): void }).unref();
    this.#listeners++;
    let open = true;
    let pause: Undo | undefined;
    const accept = (): void => {
      pause = undefined;
      host.accept().then(
        (conn) => {
          if (!open) return conn.close();
          this.#backend.run(() => accepted(this.#stream(conn)));
          if (open) accept();
        },
        (thrown) => {
          if (!open) return;
          // Mostly too many open files, which accepting again at once would turn into a busy loop.
          pause = this.#backend.timer(ACCEPT_PAUSE, accept);
          this.#backend.run(() => failed?.(peerError(`accept on ${addressName(on)}`, thrown)));
        },
      );
    };
    accept();
    const bound = host.addr;
    const address: Address = "hostname" in bound
      ? { transport: "tcp", host: bound.hostname, port: bound.port }
      : on;
    return {
      address,
      close: (): void => {
        if (!open) return;
        open = false;
        this.#listeners--;
        pause?.();
        host.close();
        if (on.transport === "unix") removeName(on.path);
      },
    };
  }

  /**
   * TLS over a stream that has been used in plain text so far: 1.3, or 1.2 where `minVersion` allows it and
   * the peer has no newer one.
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
    let live = true;
    checkSecure(stream, role, options, cb);
    const undo = secure(this.#backend, stream, role, options, (error, secured) => {
      live = false;
      this.#attempts--;
      cb(error, secured);
    }, (secured) => {
      // It counts in the place of the stream under it, which may be closed earlier.
      this.#open.delete(stream);
      return this.#counted(secured);
    });
    this.#attempts++;
    return () => {
      if (!live) return;
      live = false;
      this.#attempts--;
      undo();
    };
  }

  /**
   * Opens a UDP socket, by `node:dgram`; calls back once with it or the error.
   *
   * Permissions: `--allow-net` for the address to bind to, with its port, and for those to send to.
   *
   * @param on where to bind; port 0: the system picks one
   * @param cb gets the outcome; a missing permission comes as `EACCES`
   * @returns aborts it; no effect afterwards
   * @throws {UsageError} when the address makes no sense
   */
  udp(
    on: Address,
    cb: (error: PeerError | undefined, socket: DatagramSocket | undefined) => void,
  ): Undo {
    const maker = {
      backend: this.#backend,
      dgram: nodeModule("node:dgram"),
      failed: peerError,
      open: this.#sockets,
      countAttempts: (by: number): void => void (this.#attempts += by),
    };
    return openNodeDatagrams(maker, on, cb);
  }

  /**
   * Removes the name of a Unix socket; no file of another kind.
   *
   * Permissions: read and write of the path.
   *
   * @throws {PeerError} when the system refuses; @throws {UsageError} when a permission is missing
   */
  removeSocket(path: string): void {
    try {
      if (Deno.lstatSync(path).isSocket) removeName(path);
    } catch (thrown) {
      if (!(thrown instanceof Deno.errors.NotFound)) throw hostError(`remove ${path}`, thrown);
    }
  }

  /** Sockets, listeners, attempts and handshakes that are open. */
  stats(): { readonly streams: number; readonly listeners: number; readonly attempts: number } {
    const streams = this.#open.size + this.#sockets.size;
    return { streams, listeners: this.#listeners, attempts: this.#attempts };
  }

  #stream(conn: Deno.Conn): ByteStream {
    const stream = this.#counted(new ConnSource(conn));
    stream[TURNS](this.#backend);
    return stream;
  }

  #counted(source: Source): HostStream {
    const stream = new HostStream(source, () => void this.#open.delete(stream));
    this.#open.add(stream);
    return stream;
  }
}

/** In an async function, so that a missing permission is a rejection like the rest. */
async function dial(to: Address, signal: AbortSignal): Promise<Deno.Conn> {
  if (to.transport === "unix") return await Deno.connect({ transport: "unix", path: to.path });
  return await Deno.connect({
    transport: "tcp",
    hostname: to.host,
    port: to.port,
    signal,
  });
}

/** The host leaves a Unix socket's name behind, which would make the next `listen` there fail. */
function removeName(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (thrown) {
    // Somebody else has removed it: as wanted.
    if (!(thrown instanceof Deno.errors.NotFound)) throw thrown;
  }
}
