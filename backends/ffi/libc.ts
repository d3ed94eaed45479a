/**
 * The C library of this process, through Deno's foreign functions; found and bound at first use.
 */
import { messageOf, UsageError } from "../contract/errors.ts";

const SYMBOLS = {
  accept4: { parameters: ["i32", "buffer", "buffer", "i32"], result: "i32" },
  bind: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
  connect: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  epoll_create1: { parameters: ["i32"], result: "i32" },
  epoll_ctl: { parameters: ["i32", "i32", "i32", "buffer"], result: "i32" },
  epoll_wait: { parameters: ["i32", "buffer", "i32", "i32"], result: "i32" },
  eventfd: { parameters: ["u32", "i32"], result: "i32" },
  fcntl: { parameters: ["i32", "i32", "i64"], result: "i32" },
  freeaddrinfo: { parameters: ["usize"], result: "void" },
  getaddrinfo: { parameters: ["buffer", "buffer", "buffer", "buffer"], result: "i32" },
  getpeername: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  getpid: { parameters: [], result: "i32" },
  getsockname: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  getsockopt: { parameters: ["i32", "i32", "i32", "buffer", "buffer"], result: "i32" },
  inet_ntop: { parameters: ["i32", "buffer", "buffer", "u32"], result: "usize" },
  inet_pton: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  listen: { parameters: ["i32", "i32"], result: "i32" },
  read: { parameters: ["i32", "buffer", "usize"], result: "i32" },
  recv: { parameters: ["i32", "buffer", "usize", "i32"], result: "i32" },
  recvfrom: {
    parameters: ["i32", "buffer", "usize", "i32", "buffer", "buffer"],
    result: "i32",
  },
  sched_yield: { parameters: [], result: "i32" },
  send: { parameters: ["i32", "buffer", "usize", "i32"], result: "i32" },
  sendto: { parameters: ["i32", "buffer", "usize", "i32", "buffer", "u32"], result: "i32" },
  setsockopt: { parameters: ["i32", "i32", "i32", "buffer", "u32"], result: "i32" },
  shutdown: { parameters: ["i32", "i32"], result: "i32" },
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  statx: { parameters: ["i32", "buffer", "i32", "u32", "buffer"], result: "i32" },
  syscall: { parameters: ["i64", "i64", "i64"], result: "i64" },
  timerfd_create: { parameters: ["i32", "i32"], result: "i32" },
  timerfd_settime: { parameters: ["i32", "i32", "buffer", "buffer"], result: "i32" },
  usleep: { parameters: ["u32"], result: "i32" },
  unlink: { parameters: ["buffer"], result: "i32" },
  waitid: { parameters: ["i32", "u32", "buffer", "i32"], result: "i32" },
  write: { parameters: ["i32", "buffer", "usize"], result: "i32" },
  errnoAt: { name: "__errno_location", parameters: [], result: "pointer" },
  copyFrom: { name: "memcpy", parameters: ["buffer", "pointer", "usize"], result: "usize" },
  copyAt: { name: "memcpy", parameters: ["buffer", "usize", "usize"], result: "usize" },
} as const;

/** Calls that wait, on a thread of the host's pool. */
const WAITING = {
  epoll_wait: { ...SYMBOLS.epoll_wait, nonblocking: true },
  getaddrinfo: { ...SYMBOLS.getaddrinfo, nonblocking: true },
} as const;

/** Deno takes numbers for 64-bit parameters too, which cost no allocation. */
type Sized<A> = { [I in keyof A]: A[I] extends bigint ? number | bigint : A[I] };

type Bound = Deno.StaticForeignLibraryInterface<typeof SYMBOLS>;

/** The functions of the C library that this backend calls. */
export type Symbols = {
  readonly [K in keyof Bound]: (...args: Sized<Parameters<Bound[K]>>) => ReturnType<Bound[K]>;
};

/** The same library once more, with calls that wait; it counts as an open resource until closed. */
export type WaitingLibrary = Deno.DynamicLibrary<typeof WAITING>;

/** The C library. */
export interface Libc {
  /** What can be called. */
  readonly calls: Symbols;
  /** Bytes from one `struct epoll_event` to the next; where its data begins. */
  readonly event: { readonly size: number; readonly data: number };
  /** The error number of the call before. */
  errno(): number;
  /** Opens it for calls that wait. */
  openWaiting(): WaitingLibrary;
}

/** What loading depends on; another one is of use in tests. */
export interface LibcHost {
  readonly os: string;
  readonly arch: string;
  /** Whether opening the library is permitted; asks nobody. */
  granted(path: string): boolean;
  /** `Deno.dlopen`. */
  open: typeof Deno.dlopen;
}

/** Permissions are given for real paths, so links such as `/lib` are of no use. */
function places(arch: string): string[] {
  return [
    `/usr/lib/${arch}-linux-gnu/libc.so.6`,
    "/usr/lib64/libc.so.6",
    "/usr/lib/libc.so.6",
    // Wherever the linker finds it; permitted with `--allow-ffi` alone.
    "libc.so.6",
  ];
}

/**
 * Binds the C library.
 *
 * Deno's handle is closed at once: the library is part of the process and stays, and with it the
 * functions, while an open handle would look like a leak in every test of a user.
 *
 * @throws {UsageError} when this is not Linux, it is not permitted, or there is no such library
 */
export function loadLibc(host: LibcHost): Libc {
  const cannot = "Cannot use the ffi backend";
  if (host.os !== "linux") {
    throw new UsageError(`${cannot}: it needs Linux, and this is ${host.os}; use native`);
  }
  const all = places(host.arch);
  const permitted = all.filter((path) => host.granted(path));
  if (permitted.length === 0) {
    throw new UsageError(
      `${cannot}: it is not permitted (--allow-ffi, or --allow-ffi=${
        all[0]
      } or wherever the C library is)`,
    );
  }
  const reasons: string[] = [];
  for (const path of permitted) {
    let library: Deno.DynamicLibrary<typeof SYMBOLS>;
    try {
      library = host.open(path, SYMBOLS);
    } catch (thrown) {
      reasons.push(`${path}: ${messageOf(thrown)}`);
      continue;
    }
    library.close();
    let calls: Symbols = library.symbols as Symbols;
    try {
      calls.getpid();
    } catch {
      // A host that minds gets to keep its handle open.
      calls = host.open(path, SYMBOLS).symbols as Symbols;
    }
    return bound(calls, host, path);
  }
  throw new UsageError(`${cannot}: it found no C library it may open (${reasons.join("; ")})`);
}

function bound(calls: Symbols, host: LibcHost, path: string): Libc {
  const where = calls.errnoAt();
  const errno = new Int32Array(1);
  const bytes = new Uint8Array(errno.buffer);
  return {
    calls,
    // The kernel packs the struct on x86-64 only.
    event: host.arch === "x86_64" ? { size: 12, data: 4 } : { size: 16, data: 8 },
    errno(): number {
      calls.copyFrom(bytes, where, 4);
      return errno[0];
    },
    openWaiting: () => host.open(path, WAITING),
  };
}

let loaded: Libc | undefined;

/** The C library of this process. @throws {UsageError} as {@linkcode loadLibc} */
export function libc(): Libc {
  if (loaded !== undefined) return loaded;
  if (typeof Deno === "undefined") {
    throw new UsageError("Cannot use the ffi backend: it needs Deno; use pure");
  }
  const { os, arch } = Deno.build;
  loaded = loadLibc({
    os,
    arch,
    granted: (path) => Deno.permissions.querySync({ name: "ffi", path }).state === "granted",
    open: Deno.dlopen,
  });
  return loaded;
}

const encoder = new TextEncoder();

/** Text as C has it. */
export function cString(text: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(`${text}\0`);
}
