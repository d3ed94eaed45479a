/** Descriptors of the system, for tests of the ffi backend. */
import assert from "node:assert/strict";
import { libc } from "../../backends/ffi/libc.ts";
import { waitsUnderWay } from "../../backends/ffi/parking.ts";

/**
 * Until the host has told of the end of the last waiting call. On a machine that is busy that may be later
 * than the sanitizers look.
 */
export async function waitsOver(): Promise<void> {
  for (let i = 0; i < 2000 && waitsUnderWay() > 0; i++) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** Whether there is an ffi backend on this machine. */
export const here: boolean = Deno.build.os === "linux";

const MORE = {
  pipe2: { parameters: ["buffer", "i32"], result: "i32" },
  dup: { parameters: ["i32"], result: "i32" },
  dup2: { parameters: ["i32", "i32"], result: "i32" },
  getrlimit: { parameters: ["i32", "buffer"], result: "i32" },
  setrlimit: { parameters: ["i32", "buffer"], result: "i32" },
  open: { parameters: ["buffer", "i32"], result: "i32" },
} as const;

function withLibrary<T>(
  use: (calls: Deno.StaticForeignLibraryInterface<typeof MORE>) => T,
): T {
  const library = Deno.dlopen("libc.so.6", MORE);
  try {
    return use(library.symbols);
  } finally {
    library.close();
  }
}

/** A pipe: [reading end, writing end]. */
export function pipe(): [number, number] {
  const ends = new Int32Array(2);
  assert.equal(withLibrary((calls) => calls.pipe2(new Uint8Array(ends.buffer), 0o2000000)), 0);
  return [ends[0], ends[1]];
}

/** Another number of the same file. */
export function dup(fd: number): number {
  return withLibrary((calls) => calls.dup(fd));
}

/** Makes `to` a number of the file of `from`. */
export function dup2(from: number, to: number): void {
  assert.equal(withLibrary((calls) => calls.dup2(from, to)), to);
}

/** Opens a file for reading. */
export function openFile(path: string): number {
  return withLibrary((calls) => calls.open(new TextEncoder().encode(`${path}\0`), 0o2000000));
}

/** Runs `body` with a limit on open descriptors. */
export async function withFewDescriptors(limit: number, body: () => Promise<void>): Promise<void> {
  const before = new BigUint64Array(2);
  withLibrary((calls) => calls.getrlimit(7, new Uint8Array(before.buffer)));
  const set = (soft: bigint): void => {
    const both = new BigUint64Array([soft, before[1]]);
    assert.equal(withLibrary((calls) => calls.setrlimit(7, new Uint8Array(both.buffer))), 0);
  };
  set(BigInt(limit));
  try {
    await body();
  } finally {
    set(before[0]);
  }
}

/** Writes to a descriptor. */
export function write(fd: number, text: string): void {
  const bytes = new TextEncoder().encode(text);
  assert.equal(libc().calls.write(fd, bytes, bytes.length), bytes.length);
}

/** Reads from a descriptor. */
export function read(fd: number): string {
  const bytes = new Uint8Array(1000);
  const count = libc().calls.read(fd, bytes, bytes.length);
  assert(count >= 0);
  return new TextDecoder().decode(bytes.subarray(0, count));
}

/** Closes descriptors. */
export function close(...fds: readonly number[]): void {
  for (const fd of fds) assert.equal(libc().calls.close(fd), 0, `descriptor ${fd} is not open`);
}

/** Open descriptors of this process, of the numbers that tests reach. */
export function openDescriptors(): number {
  let count = 0;
  for (let fd = 0; fd < 4096; fd++) if (libc().calls.fcntl(fd, F_GETFD, 0) >= 0) count++;
  return count;
}

const F_GETFD = 1;
