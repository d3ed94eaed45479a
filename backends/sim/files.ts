// Longer than most files here: the tree of names, and what opens them, know each other inside out.
import { messageOf, PeerError } from "../contract/errors.ts";
import {
  type FileKind,
  type Files,
  type FileStat,
  OPEN_FLAGS,
  type OpenFile,
  type Whence,
} from "../contract/files.ts";

const EMPTY: Uint8Array = new Uint8Array(0);
/** Symbolic links followed before a path counts as a circle. */
const MAX_LINKS = 40;
/** Most bytes a file can have, so that a wrong `truncate` costs nothing. */
const MAX_SIZE = 2 ** 30;
const TYPE_BITS: Readonly<Partial<Record<FileKind, number>>> = {
  file: 0o100000,
  directory: 0o040000,
  symlink: 0o120000,
};

/** What a name stands for. */
class Inode {
  bytes: Uint8Array = EMPTY;
  target = "";
  readonly names: Map<string, Inode> | undefined;
  links = 1;
  uid = 0;
  gid = 0;
  atime: number;
  mtime: number;
  ctime: number;

  constructor(
    readonly ino: number,
    readonly kind: "file" | "directory" | "symlink",
    public mode: number,
    now: number,
  ) {
    this.names = kind === "directory" ? new Map() : undefined;
    this.atime = this.mtime = this.ctime = now;
  }

  get size(): number {
    if (this.kind === "symlink") return new TextEncoder().encode(this.target).length;
    return this.bytes.length;
  }

  stat(): FileStat {
    const { kind, size, uid, gid, ino, atime, mtime, ctime } = this;
    const subfolders = [...this.names?.values() ?? []].filter((each) => each.names !== undefined);
    return {
      kind,
      size,
      mode: (TYPE_BITS[kind] ?? 0) | this.mode,
      nlink: this.names === undefined ? this.links : 2 + subfolders.length,
      uid,
      gid,
      dev: 1,
      ino,
      atime,
      mtime,
      ctime,
    };
  }

  truncate(length: number, now: number): void {
    if (length > MAX_SIZE) throw new Failure("EFBIG", "file too large");
    const next = new Uint8Array(length);
    next.set(this.bytes.subarray(0, length));
    this.bytes = next;
    this.mtime = this.ctime = now;
  }
}

/** Why something failed, as the system would name it. */
class Failure extends Error {
  constructor(readonly code: string, why: string) {
    super(why);
  }
}

const missing = (): Failure => new Failure("ENOENT", "no such file or directory");
const isDirectory = (): Failure => new Failure("EISDIR", "it is a directory");
const notDirectory = (): Failure => new Failure("ENOTDIR", "not a directory");
const exists = (): Failure => new Failure("EEXIST", "file already exists");
const badFile = (why: string): Failure => new Failure("EBADF", why);
const invalid = (why: string): Failure => new Failure("EINVAL", why);

/** Where a path leads: the directory, the last name in it, and what is there. */
interface Place {
  readonly folder: Inode;
  readonly name: string;
  readonly found: Inode | undefined;
  /** The path ended in `/`, `.` or `..`. */
  readonly mustBeFolder: boolean;
}

/**
 * A file system in memory, with the names, links and errors of a POSIX one; permissions are kept but not
 * checked. Relative paths begin at the root.
 */
export class SimFiles implements Files {
  readonly name = "sim";
  readonly #root: Inode;
  readonly #clock: () => number;
  #inos = 0;

  /** @param clock seconds, for the times of files */
  constructor(clock: () => number) {
    this.#clock = clock;
    this.#root = this.#inode("directory", 0o755);
  }

  open(path: string, flags: number, mode: number): Promise<OpenFile> {
    return this.#attempt(`open ${path}`, () => {
      const access = flags & 3;
      if (access === 3) throw invalid("the access mode is invalid");
      const creates = (flags & OPEN_FLAGS.O_CREAT) !== 0;
      const exclusive = creates && (flags & OPEN_FLAGS.O_EXCL) !== 0;
      const place = this.#place(path, !exclusive);
      let { found } = place;
      if (found !== undefined && exclusive) throw exists();
      if (found === undefined) {
        if (!creates) throw missing();
        if (place.mustBeFolder) throw isDirectory();
        found = this.#add(place, this.#inode("file", mode & 0o7777));
      } else {
        if (found.kind === "directory" && (access !== OPEN_FLAGS.O_RDONLY || creates)) {
          throw isDirectory();
        }
        if (found.kind !== "directory" && place.mustBeFolder) throw notDirectory();
        if (flags & OPEN_FLAGS.O_TRUNC) {
          if (access === OPEN_FLAGS.O_RDONLY) throw invalid("nothing to truncate is written");
          found.truncate(0, this.#clock());
        }
      }
      return new SimFile(found, path, flags, this.#clock);
    });
  }

  load(path: string): Promise<Uint8Array> {
    return this.#attempt(`load ${path}`, () => {
      const found = this.#find(path);
      if (found.kind === "directory") throw isDirectory();
      found.atime = this.#clock();
      return found.bytes.slice();
    });
  }

  /** Sets the content of a file, as a test prepares it; makes it and the directories above it. */
  store(path: string, bytes: Uint8Array): void {
    let folder = this.#root;
    const names = namesOf(path);
    const last = names.pop();
    if (last === undefined) {
      throw new PeerError(`Cannot write ${path}: it is a directory`, "EISDIR");
    }
    for (const name of names) {
      let next = folder.names!.get(name);
      if (next === undefined) {
        next = this.#inode("directory", 0o755);
        folder.names!.set(name, next);
      }
      if (next.names === undefined) {
        throw new PeerError(`Cannot write ${path}: not a directory`, "ENOTDIR");
      }
      folder = next;
    }
    const old = folder.names!.get(last);
    if (old?.names !== undefined) {
      throw new PeerError(`Cannot write ${path}: it is a directory`, "EISDIR");
    }
    // As a new file put in the place of the old one.
    const file = this.#inode("file", 0o600);
    file.bytes = bytes.slice();
    folder.names!.set(last, file);
    if (old !== undefined) old.links--;
  }

  truncate(path: string, length: number): Promise<void> {
    return this.#attempt(`truncate ${path}`, () => {
      const found = this.#find(path);
      if (found.kind === "directory") throw isDirectory();
      found.truncate(length, this.#clock());
    });
  }

  utime(path: string, atime: number | undefined, mtime: number | undefined): Promise<void> {
    return this.#attempt(
      `set times of ${path}`,
      () => setTimes(this.#find(path), atime, mtime, this.#clock()),
    );
  }

  chown(path: string, uid: number | undefined, gid: number | undefined): Promise<void> {
    return this.#attempt(
      `set owner of ${path}`,
      () => setOwner(this.#find(path), uid, gid, this.#clock()),
    );
  }

  chmod(path: string, mode: number): Promise<void> {
    return this.#attempt(
      `set mode of ${path}`,
      () => setMode(this.#find(path), mode, this.#clock()),
    );
  }

  stat(path: string): Promise<FileStat> {
    return this.#attempt(`stat ${path}`, () => this.#find(path).stat());
  }

  lstat(path: string): Promise<FileStat> {
    return this.#attempt(`lstat ${path}`, () => this.#find(path, false).stat());
  }

  link(path: string, also: string): Promise<void> {
    return this.#attempt(`link ${path} as ${also}`, () => {
      const found = this.#find(path, false);
      const place = this.#free(also);
      if (found.kind === "directory") throw new Failure("EPERM", "it is a directory");
      this.#add(place, found);
      found.links++;
      found.ctime = this.#clock();
    });
  }

  symlink(target: string, path: string): Promise<void> {
    return this.#attempt(`make symbolic link ${path}`, () => {
      const place = this.#free(path);
      const made = this.#inode("symlink", 0o777);
      made.target = target;
      this.#add(place, made);
    });
  }

  readlink(path: string): Promise<string> {
    return this.#attempt(`read link ${path}`, () => {
      const found = this.#find(path, false);
      if (found.kind !== "symlink") throw invalid("it is no symbolic link");
      return found.target;
    });
  }

  rename(from: string, to: string): Promise<void> {
    return this.#attempt(`rename ${from} to ${to}`, () => {
      const source = this.#place(from, false);
      const target = this.#place(to, false);
      const { found } = source;
      if (found === undefined) throw missing();
      const replaced = target.found;
      if (replaced === found) return;
      if (found.names !== undefined) {
        if (contains(found, target.folder)) throw invalid("it would be inside itself");
        if (replaced !== undefined && replaced.names === undefined) throw notDirectory();
        if (replaced?.names?.size) throw new Failure("ENOTEMPTY", "directory not empty");
      } else {
        if (replaced?.names !== undefined) throw isDirectory();
        if (target.mustBeFolder) throw notDirectory();
      }
      if (replaced !== undefined) replaced.links--;
      source.folder.names!.delete(source.name);
      target.folder.names!.set(target.name, found);
      const now = this.#clock();
      source.folder.mtime = target.folder.mtime = found.ctime = now;
    });
  }

  unlink(path: string): Promise<void> {
    return this.#attempt(`unlink ${path}`, () => {
      const { folder, name, found, mustBeFolder } = this.#place(path, false);
      if (found === undefined) throw missing();
      if (found.kind === "directory") throw isDirectory();
      if (mustBeFolder) throw notDirectory();
      folder.names!.delete(name);
      found.links--;
      folder.mtime = found.ctime = this.#clock();
    });
  }

  mkdir(path: string, mode: number): Promise<void> {
    return this.#attempt(`make directory ${path}`, () => {
      const place = this.#place(path, false);
      if (place.found !== undefined) throw exists();
      this.#add(place, this.#inode("directory", mode & 0o7777));
    });
  }

  rmdir(path: string): Promise<void> {
    return this.#attempt(`remove directory ${path}`, () => {
      const { folder, name, found } = this.#place(path, false);
      if (found === undefined) throw missing();
      if (found.names === undefined) throw notDirectory();
      if (found === this.#root) throw new Failure("EBUSY", "it is the root");
      if (path.replace(/\/+$/, "").endsWith(".")) throw invalid("it is no name");
      if (found.names.size > 0) throw new Failure("ENOTEMPTY", "directory not empty");
      folder.names!.delete(name);
      folder.mtime = this.#clock();
    });
  }

  readdir(path: string): Promise<readonly string[]> {
    return this.#attempt(`read directory ${path}`, () => {
      const found = this.#find(path);
      if (found.names === undefined) throw notDirectory();
      found.atime = this.#clock();
      return [...found.names.keys()];
    });
  }

  #inode(kind: "file" | "directory" | "symlink", mode: number): Inode {
    return new Inode(++this.#inos, kind, mode, this.#clock());
  }

  #add({ folder, name }: Place, made: Inode): Inode {
    folder.names!.set(name, made);
    folder.mtime = this.#clock();
    return made;
  }

  #free(path: string): Place {
    const place = this.#place(path, false);
    if (place.found !== undefined) throw exists();
    if (place.mustBeFolder) throw missing();
    return place;
  }

  #find(path: string, follow = true): Inode {
    const { found, mustBeFolder } = this.#place(path, follow);
    if (found === undefined) throw missing();
    if (mustBeFolder && found.names === undefined) throw notDirectory();
    return found;
  }

  /** Walks to a path. @param follow whether a link at its end is followed, too */
  #place(path: string, follow: boolean): Place {
    if (path === "") throw missing();
    // With what is above each, for `..`.
    const above: { readonly folder: Inode; readonly name: string }[] = [];
    let folder = this.#root;
    let rest = path.split("/").filter((name) => name !== "");
    const last = path.endsWith("/") ? "" : rest.at(-1);
    const mustBeFolder = last === undefined || last === "" || last === "." || last === "..";
    let links = 0;
    let place: Place = { folder, name: "", found: folder, mustBeFolder };
    while (rest.length > 0) {
      const [name, ...more] = rest;
      rest = more;
      if (name === ".") {
        place = { folder, name: "", found: folder, mustBeFolder };
        continue;
      }
      if (name === "..") {
        folder = above.pop()?.folder ?? this.#root;
        place = { folder, name: "", found: folder, mustBeFolder };
        continue;
      }
      const found = folder.names!.get(name);
      place = { folder, name, found, mustBeFolder };
      if (found === undefined) {
        if (rest.length > 0) throw missing();
        return place;
      }
      if (found.kind === "symlink" && (rest.length > 0 || follow || mustBeFolder)) {
        if (++links > MAX_LINKS) throw new Failure("ELOOP", "too many symbolic links");
        const target = found.target.split("/").filter((each) => each !== "");
        if (found.target.startsWith("/")) {
          folder = this.#root;
          above.length = 0;
        }
        rest = [...target, ...rest];
        place = { folder, name: "", found: folder, mustBeFolder };
        continue;
      }
      if (found.names !== undefined) {
        above.push({ folder, name });
        if (rest.length > 0) folder = found;
      } else if (rest.length > 0) throw notDirectory();
    }
    return place;
  }

  // Async, so that what fails is a rejection.
  // deno-lint-ignore require-await
  async #attempt<T>(doing: string, body: () => T): Promise<T> {
    return attempt(doing, body);
  }
}

function attempt<T>(doing: string, body: () => T): T {
  try {
    return body();
  } catch (cause) {
    if (!(cause instanceof Failure)) throw cause;
    throw new PeerError(`Cannot ${doing}: ${messageOf(cause)}`, cause.code, { cause });
  }
}

function namesOf(path: string): string[] {
  return path.split("/").filter((name) => name !== "" && name !== ".");
}

function contains(folder: Inode, other: Inode): boolean {
  if (folder === other) return true;
  return [...folder.names?.values() ?? []].some((each) => contains(each, other));
}

function setTimes(
  inode: Inode,
  atime: number | undefined,
  mtime: number | undefined,
  now: number,
): void {
  inode.atime = atime ?? now;
  inode.mtime = mtime ?? now;
  inode.ctime = now;
}

function setOwner(
  inode: Inode,
  uid: number | undefined,
  gid: number | undefined,
  now: number,
): void {
  inode.uid = uid ?? inode.uid;
  inode.gid = gid ?? inode.gid;
  inode.ctime = now;
}

function setMode(inode: Inode, mode: number, now: number): void {
  inode.mode = mode & 0o7777;
  inode.ctime = now;
}

/** A file of a {@linkcode SimFiles}; it lives on when its name is removed. */
class SimFile implements OpenFile {
  readonly #inode: Inode;
  readonly #path: string;
  readonly #flags: number;
  readonly #clock: () => number;
  #at = 0;
  #closed = false;

  constructor(inode: Inode, path: string, flags: number, clock: () => number) {
    this.#inode = inode;
    this.#path = path;
    this.#flags = flags;
    this.#clock = clock;
  }

  read(length: number): Promise<Uint8Array> {
    return this.#attempt("read from", () => {
      if ((this.#flags & 3) === OPEN_FLAGS.O_WRONLY) throw badFile("it is not open for reading");
      if (this.#inode.kind === "directory") throw isDirectory();
      const bytes = this.#inode.bytes.slice(this.#at, this.#at + length);
      this.#at += bytes.length;
      this.#inode.atime = this.#clock();
      return bytes;
    });
  }

  write(bytes: Uint8Array): Promise<number> {
    return this.#attempt("write to", () => {
      this.#checkWritable(badFile);
      const inode = this.#inode;
      if (this.#flags & OPEN_FLAGS.O_APPEND) this.#at = inode.size;
      if (bytes.length === 0) return 0;
      const end = this.#at + bytes.length;
      if (end > inode.size) inode.truncate(end, this.#clock());
      inode.bytes.set(bytes, this.#at);
      inode.mtime = inode.ctime = this.#clock();
      this.#at = end;
      return bytes.length;
    });
  }

  seek(offset: number, whence: Whence): Promise<number> {
    return this.#attempt("seek in", () => {
      const from = [0, this.#at, this.#inode.size][whence];
      if (from + offset < 0) throw invalid("it would be before the start");
      return this.#at = from + offset;
    });
  }

  truncate(length: number): Promise<void> {
    return this.#attempt("truncate", () => {
      this.#checkWritable(invalid);
      this.#inode.truncate(length, this.#clock());
    });
  }

  utime(atime: number | undefined, mtime: number | undefined): Promise<void> {
    return this.#attempt(
      "set times of",
      () => setTimes(this.#inode, atime, mtime, this.#clock()),
    );
  }

  chown(uid: number | undefined, gid: number | undefined): Promise<void> {
    return this.#attempt("set owner of", () => setOwner(this.#inode, uid, gid, this.#clock()));
  }

  chmod(mode: number): Promise<void> {
    return this.#attempt("set mode of", () => setMode(this.#inode, mode, this.#clock()));
  }

  stat(): Promise<FileStat> {
    return this.#attempt("stat", () => this.#inode.stat());
  }

  close(): Promise<void> {
    this.#closed = true;
    return Promise.resolve();
  }

  #checkWritable(failure: (why: string) => Failure): void {
    if ((this.#flags & 3) === OPEN_FLAGS.O_RDONLY) throw failure("it is not open for writing");
  }

  // deno-lint-ignore require-await
  async #attempt<T>(doing: string, body: () => T): Promise<T> {
    return attempt(`${doing} ${this.#path}`, () => {
      if (this.#closed) throw badFile("it is closed");
      return body();
    });
  }
}
