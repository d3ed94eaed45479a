import type { Server, Socket } from "node:net";
import type { Backend, Undo } from "../contract/backend.ts";
import { messageOf, PeerError, show, UsageError } from "../contract/errors.ts";
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
import { openNodeDatagrams } from "../driven/node/datagrams.ts";
import { checkSecure } from "../driven/secure_arguments.ts";
import { isRefused, nodeError, nodeModule } from "../driven/node/node_modules.ts";
import { NodeStream } from "../driven/node/node_stream.ts";
import { nodeSecure } from "../driven/node/node_tls.ts";

/** The part of `node:net` that binds at once: what `listen` itself uses, kept for `cluster`. */
interface HandleMaker {
  _createServerHandle?(
    address: string,
    port: number,
    addressType: number,
    fd?: number,
    flags?: number,
  ): object | number;
}

function checkAddress(address: Address, doing: string): string {
  const { transport, host, port, path } = (address ?? {}) as Partial<Record<string, unknown>>;
  if (transport === "unix") {
    if (typeof path !== "string" || path === "" || path.includes("\0")) {
      throw new UsageError(`Cannot ${doing}: path ${show(path)} is not a path`);
    }
    return `unix/:${path}`;
  }
  if (transport !== "tcp") {
    throw new UsageError(`Cannot ${doing}: transport ${show(transport)} is not tcp or unix`);
  }
  if (typeof host !== "string" || host === "" || host.includes("\0")) {
    throw new UsageError(`Cannot ${doing}: host ${show(host)} is not a name or address`);
  }
  if (typeof port !== "number" || !Number.isInteger(port) || port < 0 || port > 65535) {
    throw new UsageError(`Cannot ${doing}: port ${show(port)} is not one of 0 to 65535`);
  }
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Binds and listens inside the call. @throws {PeerError} when it cannot */
function bind(server: Server, on: Address, name: string): void {
  const doing = `listen on ${name}`;
  const { _createServerHandle: make } = nodeModule("node:net") as unknown as HandleMaker;
  if (make === undefined) {
    throw new UsageError(`Cannot ${doing}: this host's node:net cannot bind inside a call`);
  }
  let handle: object | number;
  try {
    handle = on.transport === "unix" ? make(on.path, -1, -1) : make(
      on.host === "localhost" ? "127.0.0.1" : on.host,
      on.port,
      on.host.includes(":") ? 6 : 4,
    );
  } catch (thrown) {
    if (isRefused(thrown)) {
      throw new UsageError(`Cannot ${doing}: ${messageOf(thrown)}`, { cause: thrown });
    }
    throw nodeError(doing, thrown);
  }
  if (typeof handle === "number") {
    const code = nodeModule("node:util").getSystemErrorName(handle);
    throw new PeerError(`Cannot ${doing}: ${code}`, code);
  }
  server.listen(handle);
  // The error itself comes too late. An address in use is the one that binding leaves to listening.
  if (!server.listening) {
    throw new PeerError(`Cannot ${doing}: address already in use`, "EADDRINUSE");
  }
}

/** Sockets by `node:net` and `node:tls`. */
export class NodeNet implements Net {
  readonly #backend: Backend;
  readonly #open = new Set<object>();
  readonly #sockets = new Set<DatagramSocket>();
  #listeners = 0;
  #attempts = 0;

  constructor(backend: Backend) {
    this.#backend = backend;
  }

  connect(
    to: Address,
    cb: (error: PeerError | undefined, stream: ByteStream | undefined) => void,
  ): Undo {
    checkCallback(cb, "connect");
    const name = checkAddress(to, "connect");
    const net = nodeModule("node:net");
    const target = to.transport === "unix" ? { path: to.path } : { host: to.host, port: to.port };
    const socket = net.connect({ ...target, allowHalfOpen: true });
    let live = true;
    const settle = (error: PeerError | undefined): void => {
      socket.removeListener("error", failed);
      const stream = error === undefined ? this.#stream(socket, to) : undefined;
      this.#backend.post(() => {
        if (!live) return stream?.close();
        live = false;
        this.#attempts--;
        cb(error, stream);
      });
    };
    const failed = (thrown: Error): void => {
      socket.destroy();
      socket.on("error", () => undefined);
      settle(nodeError(`connect to ${name}`, flatten(thrown)));
    };
    this.#attempts++;
    socket.once("error", failed);
    socket.once("connect", () => {
      if (live) settle(undefined);
    });
    return () => {
      if (!live) return;
      live = false;
      this.#attempts--;
      socket.destroy();
    };
  }

  listen(
    on: Address,
    accepted: (stream: ByteStream) => void,
    failed?: (error: PeerError) => void,
  ): Listener {
    checkCallback(accepted, "listen");
    if (failed !== undefined) checkCallback(failed, "listen");
    const name = checkAddress(on, "listen");
    const backend = this.#backend;
    let open = true;
    const server = nodeModule("node:net").createServer({ allowHalfOpen: true }, (socket) => {
      const stream = this.#stream(socket, on);
      backend.post(() => open ? accepted(stream) : stream.close());
    });
    server.on("error", (thrown) => {
      if (open && server.listening) {
        backend.post(() => failed?.(nodeError(`accept on ${name}`, thrown)));
      }
    });
    bind(server, on, name);
    server.unref();
    this.#listeners++;
    const bound = server.address();
    const address: Address = typeof bound === "object" && bound !== null
      ? { transport: "tcp", host: bound.address, port: bound.port }
      : on;
    return {
      address,
      close: (): void => {
        if (!open) return;
        open = false;
        this.#listeners--;
        server.close();
        // The name of a Unix socket would make the next `listen` there fail.
        if (on.transport === "unix") nodeModule("node:fs").rmSync(on.path, { force: true });
      },
    };
  }

  secure(
    stream: ByteStream,
    role: TlsRole,
    options: TlsOptions,
    cb: (error: PeerError | undefined, secured: Secured | undefined) => void,
  ): Undo {
    checkSecure(stream, role, options, cb);
    let live = true;
    const handshake = {};
    const undo = nodeSecure(this.#backend, stream, role, options, (error, secured) => {
      live = false;
      this.#attempts--;
      if (secured !== undefined) {
        // It counts in the place of the stream under it, which may be closed earlier.
        this.#open.delete(stream);
        this.#open.add(handshake);
      }
      cb(error, secured);
    }, () => void this.#open.delete(handshake));
    this.#attempts++;
    return () => {
      if (!live) return;
      live = false;
      this.#attempts--;
      undo();
    };
  }

  udp(
    on: Address,
    cb: (error: PeerError | undefined, socket: DatagramSocket | undefined) => void,
  ): Undo {
    const maker = {
      backend: this.#backend,
      dgram: nodeModule("node:dgram"),
      failed: nodeError,
      open: this.#sockets,
      countAttempts: (by: number): void => void (this.#attempts += by),
    };
    return openNodeDatagrams(maker, on, cb);
  }

  removeSocket(path: string): void {
    const fs = nodeModule("node:fs");
    try {
      if (fs.lstatSync(path, { throwIfNoEntry: false })?.isSocket()) {
        fs.rmSync(path, { force: true });
      }
    } catch (thrown) {
      throw nodeError(`remove ${path}`, thrown);
    }
  }

  stats(): { readonly streams: number; readonly listeners: number; readonly attempts: number } {
    const streams = this.#open.size + this.#sockets.size;
    return { streams, listeners: this.#listeners, attempts: this.#attempts };
  }

  #stream(socket: Socket, address: Address): ByteStream {
    const name = address.transport === "unix" ? `unix/:${address.path}` : undefined;
    const gone = (): void => void this.#open.delete(stream);
    const stream: ByteStream = new NodeStream(this.#backend, socket, {
      local: name,
      remote: name,
      gone,
    });
    this.#open.add(stream);
    return stream;
  }
}

/** A name with several addresses fails with one error for each: the last has the reason. */
function flatten(thrown: Error): Error {
  const { errors } = thrown as Partial<AggregateError>;
  const last: unknown = errors?.at(-1);
  return last instanceof Error ? last : thrown;
}
