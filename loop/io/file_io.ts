// Longer than most files here: it is the list of everything IO can do; how it is done is elsewhere.
import {
  type Files,
  type FileStat,
  OPEN_FLAGS,
  type OpenFile,
  type Undo,
  UsageError,
  type Whence,
} from "@anyevent/backends/contract";
import { checkLoop } from "../check_loop.ts";
import type { Loop } from "../loop.ts";
import type { Operation } from "../operation.ts";
import type { Watcher } from "../watcher.ts";
import {
  checkData,
  checkFile,
  checkFlags,
  checkHandle,
  checkLength,
  checkMode,
  checkOffset,
  checkOwner,
  checkPath,
  checkReadLength,
  checkTime,
  checkWhence,
  nameOf,
} from "./checks.ts";
import { type FileCounts, type FileHandle, OpenHandle } from "./file_handle.ts";
import { type CallOutcome, errorOf, perform, type ResultCallback } from "./outcome.ts";

/** What is under way; all zero when nothing is left. */
export interface FileStats {
  /** Files that are open. */
  readonly open: number;
  /** Requests that the host has not answered, cancelled ones included. */
  readonly requests: number;
}

/** What all `FileIO`s of a loop share. */
const states = new WeakMap<Loop, FileCounts>();

function stateOf(loop: Loop): FileCounts {
  let state = states.get(loop);
  if (state === undefined) {
    state = { open: new Set(), requests: 0 };
    states.set(loop, state);
  }
  return state;
}

/** What works on a path as well as on an open file. */
type Either<T> = {
  readonly path: (files: Files, path: string) => Promise<T>;
  readonly open: (file: OpenFile) => Promise<T>;
};

/**
 * AnyEvent::IO on one loop; `IO` is it on the default loop, and {@linkcode ioOf} gives another one's.
 *
 * Each function comes in two forms. With a callback as its last argument it begins at once, and calls that
 * once: with the value, or with `undefined` and the error. Without one it is an operation: `await` it, or
 * `yield*` it in a thread; it begins when it is run.
 *
 * What is under way keeps the process alive. Cancelled, a callback's request or an aborted operation tells
 * nobody any more; what waits for its turn on an open file is then not done at all, what the host has begun
 * it may finish. What is done with one open file is done in the order in which it was begun.
 *
 * Errors are `PeerError`s with the system's `code` (`ENOENT`), `UsageError` where the host does not permit
 * it, and `ClosedError` after the file was closed. Wrong arguments throw a `UsageError` inside the call.
 *
 * Follows AnyEvent::IO.
 *
 * @example
 * ```ts
 * import { AE, ioOf, Loop } from "@anyevent/loop";
 * import { simEnv } from "@anyevent/backends/sim";
 *
 * const io = ioOf(new Loop(simEnv())); // usually IO, with the files of the host
 * await io.mkdir("/etc");
 * const failed = AE.cv<[code: string]>();
 * io.load("/etc/motd", (bytes, error) => failed.send((error as { code?: string }).code ?? ""));
 * console.log(await failed.recv()); // ENOENT
 * ```
 */
export class FileIO {
  /** Open for reading. */
  readonly O_RDONLY: number = OPEN_FLAGS.O_RDONLY;
  /** Open for writing. */
  readonly O_WRONLY: number = OPEN_FLAGS.O_WRONLY;
  /** Open for both. */
  readonly O_RDWR: number = OPEN_FLAGS.O_RDWR;
  /** Make it if it is not there. */
  readonly O_CREAT: number = OPEN_FLAGS.O_CREAT;
  /** With `O_CREAT`: fail if it is there. */
  readonly O_EXCL: number = OPEN_FLAGS.O_EXCL;
  /** Empty it. */
  readonly O_TRUNC: number = OPEN_FLAGS.O_TRUNC;
  /** Write at its end. */
  readonly O_APPEND: number = OPEN_FLAGS.O_APPEND;

  readonly #loopOf: () => Loop;

  /**
   * Uses nothing yet.
   *
   * @param loop a loop, or what gives it at the first use
   * @throws {UsageError} when it is neither
   */
  constructor(loop: Loop | (() => Loop)) {
    if (typeof loop === "function") this.#loopOf = () => checkLoop(loop(), "use files");
    else {
      checkLoop(loop, "make FileIO");
      this.#loopOf = () => loop;
    }
  }

  /** What does the work: `"Deno"`, `"Node"`, `"sim"`; `undefined` where there are no files. */
  get MODEL(): string | undefined {
    return this.#loopOf().env.host.files?.name;
  }

  /** What is under way on this loop, for leak checks. */
  stats(): FileStats {
    const { open, requests } = stateOf(this.#loopOf());
    return { open: open.size, requests };
  }

  /** The whole of a file. */
  load(path: string): Operation<Uint8Array>;
  /** As above, with a callback. */
  load(path: string, cb: ResultCallback<Uint8Array>): Watcher;
  load(path: string, cb?: ResultCallback<Uint8Array>): Operation<Uint8Array> & Watcher {
    checkPath(path, "load file");
    return this.#ask("load", [path], (files) => files.load(path), cb);
  }

  /**
   * Opens a file. Close it.
   *
   * @param flags `IO.O_RDONLY` (default), or others, joined by `|`
   * @param mode permission bits of a file that it makes. Default 0o666, less the process's umask
   */
  open(path: string, flags?: number, mode?: number): Operation<FileHandle>;
  /** As above, with a callback. */
  open(path: string, flags: number, mode: number, cb: ResultCallback<FileHandle>): Watcher;
  open(
    path: string,
    flags: number = OPEN_FLAGS.O_RDONLY,
    mode = 0o666,
    cb?: ResultCallback<FileHandle>,
  ): Operation<FileHandle> & Watcher {
    checkPath(path, "open file");
    checkFlags(flags, "open file");
    checkMode(mode, "open file");
    const loop = this.#loopOf();
    const state = stateOf(loop);
    return this.#ask(
      "open",
      [path],
      async (files): Promise<FileHandle> => {
        const file = await files.open(path, flags, mode);
        try {
          return new OpenHandle(loop, state, path, file);
        } catch (thrown) {
          await file.close();
          throw thrown;
        }
      },
      cb,
      (fh) => fh.close(),
    );
  }

  /** Closes an open file, when all that was begun before is done; true. Also when it is cancelled. */
  close(fh: FileHandle): Operation<true>;
  /** As above, with a callback. */
  close(fh: FileHandle, cb: ResultCallback<true>): Watcher;
  close(fh: FileHandle, cb?: ResultCallback<true>): Operation<true> & Watcher {
    const handle = checkHandle(fh, "close file");
    const what = describe("close", [fh]);
    const begin = (settle: (outcome: CallOutcome<true>) => void): Undo =>
      handle.enqueueClose(settle);
    return perform(this.#loopOf(), { what, begin }, cb);
  }

  /**
   * Reads from the present position: as many bytes as there are, at most `length`. None: end of file.
   *
   * @param length bytes, up to 2³¹-1
   */
  read(fh: FileHandle, length: number): Operation<Uint8Array>;
  /** As above, with a callback. */
  read(fh: FileHandle, length: number, cb: ResultCallback<Uint8Array>): Watcher;
  read(
    fh: FileHandle,
    length: number,
    cb?: ResultCallback<Uint8Array>,
  ): Operation<Uint8Array> & Watcher {
    checkReadLength(length, "read from file");
    return this.#do("read", "read from", fh, (file) => file.read(length), cb);
  }

  /**
   * Writes all of it at the present position (with `O_APPEND` at the end).
   *
   * @param data bytes, which must stay unchanged until it is done, or text, as UTF-8
   * @returns how many bytes
   */
  write(fh: FileHandle, data: Uint8Array | string): Operation<number>;
  /** As above, with a callback. */
  write(fh: FileHandle, data: Uint8Array | string, cb: ResultCallback<number>): Watcher;
  write(
    fh: FileHandle,
    data: Uint8Array | string,
    cb?: ResultCallback<number>,
  ): Operation<number> & Watcher {
    const bytes = checkData(data, "write to file");
    return this.#do("write", "write to", fh, async (file) => {
      let done = 0;
      while (done < bytes.length) done += await file.write(bytes.subarray(done));
      return done;
    }, cb);
  }

  /**
   * Moves the position.
   *
   * @param offset bytes
   * @param whence what it counts from: 0 the start, 1 the present position, 2 the end
   * @returns the new position, from the start
   */
  seek(fh: FileHandle, offset: number, whence: Whence): Operation<number>;
  /** As above, with a callback. */
  seek(fh: FileHandle, offset: number, whence: Whence, cb: ResultCallback<number>): Watcher;
  seek(
    fh: FileHandle,
    offset: number,
    whence: Whence,
    cb?: ResultCallback<number>,
  ): Operation<number> & Watcher {
    checkOffset(offset, "seek in file");
    checkWhence(whence, "seek in file");
    return this.#do("seek", "seek in", fh, (file) => file.seek(offset, whence), cb);
  }

  /** Cuts a file, or extends it by zeros. @param file path or open file; @param length bytes */
  truncate(file: FileHandle | string, length: number): Operation<true>;
  /** As above, with a callback. */
  truncate(file: FileHandle | string, length: number, cb: ResultCallback<true>): Watcher;
  truncate(
    file: FileHandle | string,
    length: number,
    cb?: ResultCallback<true>,
  ): Operation<true> & Watcher {
    checkLength(length, "truncate file");
    return this.#either("truncate", "truncate", file, {
      path: (files, path) => truth(files.truncate(path, length)),
      open: (open) => truth(open.truncate(length)),
    }, cb);
  }

  /** Sets the times of last access and change. @param atime epoch seconds; `undefined`: now; @param mtime likewise */
  utime(
    file: FileHandle | string,
    atime: number | undefined,
    mtime: number | undefined,
  ): Operation<true>;
  /** As above, with a callback. */
  utime(
    file: FileHandle | string,
    atime: number | undefined,
    mtime: number | undefined,
    cb: ResultCallback<true>,
  ): Watcher;
  utime(
    file: FileHandle | string,
    atime: number | undefined,
    mtime: number | undefined,
    cb?: ResultCallback<true>,
  ): Operation<true> & Watcher {
    checkTime(atime, "atime", "set times of file");
    checkTime(mtime, "mtime", "set times of file");
    return this.#either("utime", "set times of", file, {
      path: (files, path) => truth(files.utime(path, atime, mtime)),
      open: (open) => truth(open.utime(atime, mtime)),
    }, cb);
  }

  /** Sets the owners. @param uid `undefined`: as it is; @param gid likewise */
  chown(
    file: FileHandle | string,
    uid: number | undefined,
    gid: number | undefined,
  ): Operation<true>;
  /** As above, with a callback. */
  chown(
    file: FileHandle | string,
    uid: number | undefined,
    gid: number | undefined,
    cb: ResultCallback<true>,
  ): Watcher;
  chown(
    file: FileHandle | string,
    uid: number | undefined,
    gid: number | undefined,
    cb?: ResultCallback<true>,
  ): Operation<true> & Watcher {
    checkOwner(uid, "uid", "set owner of file");
    checkOwner(gid, "gid", "set owner of file");
    return this.#either("chown", "set owner of", file, {
      path: (files, path) => truth(files.chown(path, uid, gid)),
      open: (open) => truth(open.chown(uid, gid)),
    }, cb);
  }

  /** Sets the permission bits. */
  chmod(file: FileHandle | string, mode: number): Operation<true>;
  /** As above, with a callback. */
  chmod(file: FileHandle | string, mode: number, cb: ResultCallback<true>): Watcher;
  chmod(
    file: FileHandle | string,
    mode: number,
    cb?: ResultCallback<true>,
  ): Operation<true> & Watcher {
    checkMode(mode, "set mode of file");
    return this.#either("chmod", "set mode of", file, {
      path: (files, path) => truth(files.chmod(path, mode)),
      open: (open) => truth(open.chmod(mode)),
    }, cb);
  }

  /** Facts about a file; a symbolic link is followed. */
  stat(file: FileHandle | string): Operation<FileStat>;
  /** As above, with a callback. */
  stat(file: FileHandle | string, cb: ResultCallback<FileStat>): Watcher;
  stat(
    file: FileHandle | string,
    cb?: ResultCallback<FileStat>,
  ): Operation<FileStat> & Watcher {
    return this.#either("stat", "stat", file, {
      path: (files, path) => files.stat(path),
      open: (open) => open.stat(),
    }, cb);
  }

  /** Facts about what has this name; a symbolic link is not followed. */
  lstat(path: string): Operation<FileStat>;
  /** As above, with a callback. */
  lstat(path: string, cb: ResultCallback<FileStat>): Watcher;
  lstat(path: string, cb?: ResultCallback<FileStat>): Operation<FileStat> & Watcher {
    checkPath(path, "lstat file");
    return this.#ask("lstat", [path], (files) => files.lstat(path), cb);
  }

  /** Gives a file one more name. */
  link(path: string, also: string): Operation<true>;
  /** As above, with a callback. */
  link(path: string, also: string, cb: ResultCallback<true>): Watcher;
  link(path: string, also: string, cb?: ResultCallback<true>): Operation<true> & Watcher {
    checkPath(path, "link file");
    checkPath(also, "link file", "new path");
    return this.#ask("link", [path, also], (files) => truth(files.link(path, also)), cb);
  }

  /** Makes a symbolic link at `path`, which leads to `target`. */
  symlink(target: string, path: string): Operation<true>;
  /** As above, with a callback. */
  symlink(target: string, path: string, cb: ResultCallback<true>): Watcher;
  symlink(target: string, path: string, cb?: ResultCallback<true>): Operation<true> & Watcher {
    checkPath(target, "make symbolic link", "target");
    checkPath(path, "make symbolic link");
    return this.#ask("symlink", [target, path], (files) => truth(files.symlink(target, path)), cb);
  }

  /** Where a symbolic link leads. */
  readlink(path: string): Operation<string>;
  /** As above, with a callback. */
  readlink(path: string, cb: ResultCallback<string>): Watcher;
  readlink(path: string, cb?: ResultCallback<string>): Operation<string> & Watcher {
    checkPath(path, "read link");
    return this.#ask("readlink", [path], (files) => files.readlink(path), cb);
  }

  /** Gives another name, in the place of what has it. */
  rename(from: string, to: string): Operation<true>;
  /** As above, with a callback. */
  rename(from: string, to: string, cb: ResultCallback<true>): Watcher;
  rename(from: string, to: string, cb?: ResultCallback<true>): Operation<true> & Watcher {
    checkPath(from, "rename file");
    checkPath(to, "rename file", "new path");
    return this.#ask("rename", [from, to], (files) => truth(files.rename(from, to)), cb);
  }

  /** Removes a name that is no directory. */
  unlink(path: string): Operation<true>;
  /** As above, with a callback. */
  unlink(path: string, cb: ResultCallback<true>): Watcher;
  unlink(path: string, cb?: ResultCallback<true>): Operation<true> & Watcher {
    checkPath(path, "unlink file");
    return this.#ask("unlink", [path], (files) => truth(files.unlink(path)), cb);
  }

  /** Makes a directory. @param mode permission bits, less the process's umask. Default 0o777 */
  mkdir(path: string, mode?: number): Operation<true>;
  /** As above, with a callback. */
  mkdir(path: string, mode: number, cb: ResultCallback<true>): Watcher;
  mkdir(path: string, mode = 0o777, cb?: ResultCallback<true>): Operation<true> & Watcher {
    checkPath(path, "make directory");
    checkMode(mode, "make directory");
    return this.#ask("mkdir", [path], (files) => truth(files.mkdir(path, mode)), cb);
  }

  /** Removes an empty directory. */
  rmdir(path: string): Operation<true>;
  /** As above, with a callback. */
  rmdir(path: string, cb: ResultCallback<true>): Watcher;
  rmdir(path: string, cb?: ResultCallback<true>): Operation<true> & Watcher {
    checkPath(path, "remove directory");
    return this.#ask("rmdir", [path], (files) => truth(files.rmdir(path)), cb);
  }

  /** The names in a directory, in no order, without `.` and `..`. */
  readdir(path: string): Operation<readonly string[]>;
  /** As above, with a callback. */
  readdir(path: string, cb: ResultCallback<readonly string[]>): Watcher;
  readdir(
    path: string,
    cb?: ResultCallback<readonly string[]>,
  ): Operation<readonly string[]> & Watcher {
    checkPath(path, "read directory");
    return this.#ask("readdir", [path], (files) => files.readdir(path), cb);
  }

  /** A request to the host. */
  #ask<T>(
    name: string,
    args: readonly (FileHandle | string)[],
    body: (files: Files) => Promise<T>,
    cb: ResultCallback<T> | undefined,
    discard?: (value: T) => void,
  ): Operation<T> & Watcher {
    const loop = this.#loopOf();
    const what = describe(name, args);
    const { backend, host, name: env } = loop.env;
    const { files } = host;
    if (files === undefined) {
      throw new UsageError(`Cannot run ${what()}: backend ${env} has no files here`);
    }
    const state = stateOf(loop);
    const begin = (settle: (outcome: CallOutcome<T>) => void): Undo => {
      let live = true;
      state.requests++;
      const finish = (outcome: CallOutcome<T>): void =>
        backend.post(() => {
          state.requests--;
          if (live) settle(outcome);
          else if ("value" in outcome) discard?.(outcome.value);
        });
      body(files).then(
        (value) => finish({ value }),
        (thrown) => finish({ error: errorOf(thrown) }),
      );
      return () => void (live = false);
    };
    return perform(loop, { what, begin, discard }, cb);
  }

  /** Something done with an open file. */
  #do<T>(
    name: string,
    doing: string,
    fh: FileHandle,
    body: (file: OpenFile) => Promise<T>,
    cb: ResultCallback<T> | undefined,
  ): Operation<T> & Watcher {
    const handle = checkHandle(fh, `${doing} file`);
    const begin = (settle: (outcome: CallOutcome<T>) => void): Undo =>
      handle.enqueue(doing, body, settle);
    return perform(this.#loopOf(), { what: describe(name, [fh]), begin }, cb);
  }

  #either<T>(
    name: string,
    doing: string,
    file: FileHandle | string,
    body: Either<T>,
    cb: ResultCallback<T> | undefined,
  ): Operation<T> & Watcher {
    const checked = checkFile(file, `${doing} file`);
    return typeof checked === "string"
      ? this.#ask(name, [checked], (files) => body.path(files, checked), cb)
      : this.#do(name, doing, checked, body.open, cb);
  }
}

function describe(name: string, args: readonly (FileHandle | string)[]): () => string {
  return () => `IO.${name}(${args.map(nameOf).join(", ")})`;
}

async function truth(done: Promise<void>): Promise<true> {
  await done;
  return true;
}

const known = new WeakMap<Loop, FileIO>();

/**
 * AnyEvent::IO on a loop of your own.
 *
 * @param loop any
 * @returns the same for the same loop
 * @example Files in virtual time
 * ```ts
 * import { ioOf, Loop } from "@anyevent/loop";
 * import { simEnv } from "@anyevent/backends/sim";
 *
 * const io = ioOf(new Loop(simEnv()));
 * const fh = await io.open("/greeting", io.O_WRONLY | io.O_CREAT);
 * await io.write(fh, "hello\n");
 * await io.close(fh);
 * console.log(new TextDecoder().decode(await io.load("/greeting"))); // hello
 * ```
 */
export function ioOf(loop: Loop): FileIO {
  let io = known.get(loop);
  if (io === undefined) {
    io = new FileIO(checkLoop(loop, "make FileIO"));
    known.set(loop, io);
  }
  return io;
}
