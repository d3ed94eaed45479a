import type { Backend, ChildStatus, Undo } from "../contract/backend.ts";
import type { Host, Random } from "../contract/env.ts";
import { show, UsageError } from "../contract/errors.ts";
import type { Net } from "../contract/net.ts";

/** What the pure backend cannot have from JavaScript alone. */
export interface PureHost {
  /** Short name, for messages. */
  readonly name: string;
  /** Files, processes and names. */
  readonly host: Host;
  /** Sockets whose callbacks run on `backend`. */
  net(backend: Backend): Net;
  /** Listens for a signal of the process. @throws {UsageError} when the host cannot */
  signal(name: string, received: () => void): Undo;
  /** Waits for a child to end. @throws {UsageError} for what is no child */
  child(child: unknown, ended: (status: ChildStatus) => void): Undo;
  /** Follows all children it knows; `living` is told the first number inside the call. */
  children?(ended: (status: ChildStatus) => void, living: (count: number) => void): Undo;
  /** Tells when the host is about to end the process for want of work. */
  exhausted?(cb: () => void): Undo;
}

const ADVICE = "the pure backend has none without a host adapter, such as nodeHost()";

/** The error of anything that needs an adapter. */
export function needsHost(doing: string): UsageError {
  return new UsageError(`Cannot ${doing}: ${ADVICE}`);
}

/** A host that has nothing but a language: names are unset, files and sockets are errors. */
export const bareHost: PureHost = {
  name: "none",
  host: {
    env: () => undefined,
    hostname: () => "localhost",
    readTextFile: (path) => Promise.reject(needsHost(`read file ${show(path)}`)),
    writeTextFile: (path) => Promise.reject(needsHost(`write file ${show(path)}`)),
    resolve: (name) => Promise.reject(needsHost(`resolve ${show(name)}`)),
    interfaceAddresses: () => [{ address: "127.0.0.1", internal: true }],
    pid: 0,
  },
  net: () => ({
    connect(): Undo {
      throw needsHost("connect");
    },
    listen(): never {
      throw needsHost("listen");
    },
    secure(): Undo {
      throw needsHost("secure stream");
    },
    stats: () => ({ streams: 0, listeners: 0, attempts: 0 }),
  }),
  signal(name): Undo {
    throw needsHost(`watch signal ${show(name)}`);
  },
  child(): Undo {
    throw needsHost("watch child");
  },
};

/** The host's `crypto`, looked up when it is used. */
export const hostRandom: Random = {
  bytes(count: number): Uint8Array {
    if (!Number.isInteger(count) || count < 0) {
      throw new UsageError(`Cannot draw bytes: count ${show(count)} is not a natural number`);
    }
    const { crypto } = globalThis as { crypto?: Crypto };
    if (crypto === undefined) throw new UsageError("Cannot draw bytes: this host has no crypto");
    const out = new Uint8Array(count);
    // One call gives 65536 bytes at most.
    for (let at = 0; at < count; at += 65536) crypto.getRandomValues(out.subarray(at, at + 65536));
    return out;
  },
  float(): number {
    return globalThis.Math.random();
  },
};
