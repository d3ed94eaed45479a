/**
 * Files of a host: every call gives a promise, and names what failed by the system's code.
 *
 * @module
 */

/** What kind of thing a name stands for. */
export type FileKind =
  | "file"
  | "directory"
  | "symlink"
  | "fifo"
  | "socket"
  | "character"
  | "block";

/** Facts about a file; times are seconds since the epoch. What a system does not know is 0. */
export interface FileStat {
  /** Kind of file. */
  readonly kind: FileKind;
  /** Bytes. */
  readonly size: number;
  /** Permission bits, and those above them that name the kind. */
  readonly mode: number;
  /** Names it has. */
  readonly nlink: number;
  /** Owner. */
  readonly uid: number;
  /** Group. */
  readonly gid: number;
  /** Device it is on. */
  readonly dev: number;
  /** Number on that device. */
  readonly ino: number;
  /** Last access. */
  readonly atime: number;
  /** Last change of the content. */
  readonly mtime: number;
  /** Last change of content or facts. */
  readonly ctime: number;
}

/** What `seek` counts from: 0 the start, 1 the present position, 2 the end. */
export type Whence = 0 | 1 | 2;

/**
 * How {@linkcode Files.open} opens: one of the first three, and any of the others added by `|`. The numbers
 * are Linux's on every host.
 *
 * @example
 * ```ts
 * import { OPEN_FLAGS } from "@anyevent/backends/contract";
 * import { simEnv } from "@anyevent/backends/sim";
 *
 * const files = simEnv().host.files!;
 * const file = await files.open("/log", OPEN_FLAGS.O_WRONLY | OPEN_FLAGS.O_CREAT, 0o600);
 * console.log(await file.write(new TextEncoder().encode("hello\n"))); // 6
 * await file.close();
 * ```
 */
export const OPEN_FLAGS: {
  readonly O_RDONLY: 0;
  readonly O_WRONLY: 1;
  readonly O_RDWR: 2;
  readonly O_CREAT: 64;
  readonly O_EXCL: 128;
  readonly O_TRUNC: 512;
  readonly O_APPEND: 1024;
} = {
  O_RDONLY: 0,
  O_WRONLY: 1,
  O_RDWR: 2,
  O_CREAT: 64,
  O_EXCL: 128,
  O_TRUNC: 512,
  O_APPEND: 1024,
};

/** An open file. Its callers begin one operation at a time. */
export interface OpenFile {
  /** At most `length` bytes from the present position; none: end of file. */
  read(length: number): Promise<Uint8Array>;
  /** Writes at the present position. @returns how many bytes, at least one of a non-empty array */
  write(bytes: Uint8Array): Promise<number>;
  /** Moves the position. @returns the new one, from the start */
  seek(offset: number, whence: Whence): Promise<number>;
  /** Cuts or extends it. */
  truncate(length: number): Promise<void>;
  /** Sets its times, in seconds; `undefined`: now. */
  utime(atime: number | undefined, mtime: number | undefined): Promise<void>;
  /** Sets its owners; `undefined`: as they are. */
  chown(uid: number | undefined, gid: number | undefined): Promise<void>;
  /** Sets its permission bits. */
  chmod(mode: number): Promise<void>;
  /** Facts about it. */
  stat(): Promise<FileStat>;
  /** Closes it. Idempotent. */
  close(): Promise<void>;
}

/**
 * The files of a {@linkcode Host}. Arguments have been checked by the caller.
 *
 * Every method rejects with a `PeerError` that has the system's code (`ENOENT`, `EEXIST`, …), and with a
 * `UsageError` when the host's permission is missing.
 */
export interface Files {
  /** Short name of what does it, as `IO.MODEL` shows it. */
  readonly name: string;
  /** Opens a file. @param flags of {@linkcode OPEN_FLAGS}; @param mode permission bits of one it creates */
  open(path: string, flags: number, mode: number): Promise<OpenFile>;
  /** The whole of a file. */
  load(path: string): Promise<Uint8Array>;
  /** Cuts or extends a file. */
  truncate(path: string, length: number): Promise<void>;
  /** Sets times, in seconds; `undefined`: now. */
  utime(path: string, atime: number | undefined, mtime: number | undefined): Promise<void>;
  /** Sets owners; `undefined`: as they are. */
  chown(path: string, uid: number | undefined, gid: number | undefined): Promise<void>;
  /** Sets permission bits. */
  chmod(path: string, mode: number): Promise<void>;
  /** Facts about what a name leads to. */
  stat(path: string): Promise<FileStat>;
  /** Facts about the name itself, a symbolic link say. */
  lstat(path: string): Promise<FileStat>;
  /** Gives a file one more name. */
  link(path: string, also: string): Promise<void>;
  /** Makes a name that leads to another one. */
  symlink(target: string, path: string): Promise<void>;
  /** Where a symbolic link leads. */
  readlink(path: string): Promise<string>;
  /** Gives another name, in the place of what has it. */
  rename(from: string, to: string): Promise<void>;
  /** Removes a name that is no directory. */
  unlink(path: string): Promise<void>;
  /** Makes a directory. */
  mkdir(path: string, mode: number): Promise<void>;
  /** Removes an empty directory. */
  rmdir(path: string): Promise<void>;
  /** Names in a directory, without `.` and `..`, in no order. */
  readdir(path: string): Promise<readonly string[]>;
}
