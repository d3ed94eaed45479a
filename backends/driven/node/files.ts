import type { FileHandle } from "node:fs/promises";
import type { Stats } from "node:fs";
import type { FileKind, Files, FileStat, OpenFile, Whence } from "../../contract/files.ts";
import { OPEN_FLAGS } from "../../contract/files.ts";
import { messageOf, PeerError, show, UsageError } from "../../contract/errors.ts";
import { isRefused, nodeError, nodeModule } from "./node_modules.ts";

type Fs = ReturnType<typeof fs>;

function fs(): typeof import("node:fs/promises") {
  return nodeModule("node:fs/promises");
}

/** What a call into the host's files threw. */
function fileError(doing: string, thrown: unknown): PeerError | UsageError {
  if (isRefused(thrown)) {
    return new UsageError(`Cannot ${doing}: ${messageOf(thrown)}`, { cause: thrown });
  }
  // "ENOENT: no such file or directory, open '/x'": the rest is said already.
  const [, why] = /^E[A-Z0-9]+: (.+?), \w+(?: '|$)/.exec(messageOf(thrown)) ?? [];
  if (why === undefined) return nodeError(doing, thrown);
  const { code } = thrown as { code?: string };
  return new PeerError(`Cannot ${doing}: ${why}`, code ?? "", { cause: thrown });
}

async function attempt<T>(doing: string, body: (fs: Fs) => Promise<T>): Promise<T> {
  try {
    return await body(fs());
  } catch (thrown) {
    if (thrown instanceof PeerError || thrown instanceof UsageError) throw thrown;
    throw fileError(doing, thrown);
  }
}

/** Our flags as this host's. */
function hostFlags(flags: number): number {
  const { constants } = nodeModule("node:fs");
  const known = constants as unknown as Readonly<Record<string, number>>;
  let out = known[["O_RDONLY", "O_WRONLY", "O_RDWR"][flags & 3] ?? "O_RDWR"];
  for (const name of ["O_CREAT", "O_EXCL", "O_TRUNC", "O_APPEND"] as const) {
    if (flags & OPEN_FLAGS[name]) out |= known[name] ?? 0;
  }
  return out;
}

function kindOf(stats: Stats): FileKind {
  if (stats.isFile()) return "file";
  if (stats.isDirectory()) return "directory";
  if (stats.isSymbolicLink()) return "symlink";
  if (stats.isFIFO()) return "fifo";
  if (stats.isSocket()) return "socket";
  return stats.isCharacterDevice() ? "character" : "block";
}

function statOf(stats: Stats): FileStat {
  const { size, mode, nlink, uid, gid, dev, ino, atimeMs, mtimeMs, ctimeMs } = stats;
  return {
    kind: kindOf(stats),
    size,
    mode,
    nlink: nlink ?? 0,
    uid: uid ?? 0,
    gid: gid ?? 0,
    dev,
    ino: ino ?? 0,
    atime: atimeMs / 1000,
    mtime: mtimeMs / 1000,
    ctime: (ctimeMs ?? 0) / 1000,
  };
}

function times(
  atime: number | undefined,
  mtime: number | undefined,
): readonly [number, number] {
  const now = Date.now() / 1000;
  return [atime ?? now, mtime ?? now];
}

/** Reads above this ask first how much there is. */
const BIG_READ = 1 << 20;

/** A file opened by Node's modules. */
export class NodeFile implements OpenFile {
  readonly #handle: FileHandle;
  readonly #path: string;
  readonly #append: boolean;
  /** Whether it has positions: pipes and terminals have none. */
  readonly #positions: boolean;
  #at = 0;
  #closed = false;

  constructor(handle: FileHandle, path: string, append: boolean, positions: boolean) {
    this.#handle = handle;
    this.#path = path;
    this.#append = append;
    this.#positions = positions;
  }

  /** Its number, for a child process. */
  get fd(): number {
    return this.#handle.fd;
  }

  read(length: number): Promise<Uint8Array> {
    return this.#attempt("read from", async () => {
      let room = length;
      if (room > BIG_READ) {
        const left = (await this.#handle.stat()).size - this.#at;
        room = Math.min(room, Math.max(BIG_READ, left));
      }
      const buffer = new Uint8Array(room);
      if (room === 0) return buffer;
      const at = this.#positions ? this.#at : null;
      const { bytesRead } = await this.#handle.read(buffer, 0, room, at);
      const count = bytesRead ?? 0;
      this.#at += count;
      return buffer.subarray(0, count);
    });
  }

  write(bytes: Uint8Array): Promise<number> {
    return this.#attempt("write to", async () => {
      const at = this.#positions && !this.#append ? this.#at : null;
      const { bytesWritten } = await this.#handle.write(bytes, 0, bytes.length, at);
      if (this.#append) this.#at = (await this.#handle.stat()).size;
      else this.#at += bytesWritten;
      return bytesWritten;
    });
  }

  seek(offset: number, whence: Whence): Promise<number> {
    return this.#attempt("seek in", async () => {
      if (!this.#positions) throw Object.assign(new Error("illegal seek"), { code: "ESPIPE" });
      let from = 0;
      if (whence === 1) from = this.#at;
      else if (whence === 2) from = (await this.#handle.stat()).size;
      if (from + offset < 0) {
        throw Object.assign(new Error("it would be before the start"), { code: "EINVAL" });
      }
      return this.#at = from + offset;
    });
  }

  truncate(length: number): Promise<void> {
    return this.#attempt("truncate", () => this.#handle.truncate(length));
  }

  utime(atime: number | undefined, mtime: number | undefined): Promise<void> {
    return this.#attempt("set times of", () => this.#handle.utimes(...times(atime, mtime)));
  }

  chown(uid: number | undefined, gid: number | undefined): Promise<void> {
    return this.#attempt("set owner of", () => this.#handle.chown(uid ?? -1, gid ?? -1));
  }

  chmod(mode: number): Promise<void> {
    return this.#attempt("set mode of", () => this.#handle.chmod(mode));
  }

  stat(): Promise<FileStat> {
    return this.#attempt("stat", async () => statOf(await this.#handle.stat()));
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#attempt("close", () => this.#handle.close());
  }

  #attempt<T>(doing: string, body: () => Promise<T>): Promise<T> {
    return attempt(`${doing} ${this.#path}`, body);
  }
}

/** Files by `node:fs`, which Deno has, too, with its permissions. */
export class NodeFiles implements Files {
  readonly name: string;

  /** @param name of the host */
  constructor(name: string) {
    this.name = name;
  }

  open(path: string, flags: number, mode: number): Promise<OpenFile> {
    return attempt(`open ${path}`, async (fs) => {
      const append = (flags & OPEN_FLAGS.O_APPEND) !== 0;
      // Deno refuses to truncate what it opens for appending.
      const late = append && (flags & OPEN_FLAGS.O_TRUNC) !== 0;
      const given = late ? flags & ~OPEN_FLAGS.O_TRUNC : flags;
      const handle = await fs.open(path, hostFlags(given), mode);
      try {
        if (late) await handle.truncate(0);
        const stats = await handle.stat();
        const positions = stats.isFile() || stats.isBlockDevice();
        return new NodeFile(handle, path, append, positions);
      } catch (thrown) {
        await handle.close();
        throw thrown;
      }
    });
  }

  load(path: string): Promise<Uint8Array> {
    return attempt(`load ${path}`, async (fs) => {
      const { buffer, byteOffset, length } = await fs.readFile(path);
      // Not a Buffer, whose methods differ.
      return new Uint8Array(buffer as ArrayBuffer, byteOffset, length);
    });
  }

  truncate(path: string, length: number): Promise<void> {
    return attempt(`truncate ${path}`, (fs) => fs.truncate(path, length));
  }

  utime(path: string, atime: number | undefined, mtime: number | undefined): Promise<void> {
    return attempt(`set times of ${path}`, (fs) => fs.utimes(path, ...times(atime, mtime)));
  }

  chown(path: string, uid: number | undefined, gid: number | undefined): Promise<void> {
    return attempt(`set owner of ${path}`, (fs) => fs.chown(path, uid ?? -1, gid ?? -1));
  }

  chmod(path: string, mode: number): Promise<void> {
    return attempt(`set mode of ${path}`, (fs) => fs.chmod(path, mode));
  }

  stat(path: string): Promise<FileStat> {
    return attempt(`stat ${path}`, async (fs) => statOf(await fs.stat(path)));
  }

  lstat(path: string): Promise<FileStat> {
    return attempt(`lstat ${path}`, async (fs) => statOf(await fs.lstat(path)));
  }

  link(path: string, also: string): Promise<void> {
    return attempt(`link ${path} as ${also}`, (fs) => fs.link(path, also));
  }

  symlink(target: string, path: string): Promise<void> {
    return attempt(`make symbolic link ${path}`, (fs) => fs.symlink(target, path));
  }

  readlink(path: string): Promise<string> {
    return attempt(`read link ${path}`, (fs) => fs.readlink(path));
  }

  rename(from: string, to: string): Promise<void> {
    return attempt(`rename ${from} to ${to}`, (fs) => fs.rename(from, to));
  }

  unlink(path: string): Promise<void> {
    return attempt(`unlink ${path}`, async (fs) => {
      // Deno's would remove an empty directory.
      if ((await fs.lstat(path)).isDirectory()) throw wrongKind("it is a directory", "EISDIR");
      await fs.unlink(path);
    });
  }

  mkdir(path: string, mode: number): Promise<void> {
    return attempt(`make directory ${path}`, async (fs) => void await fs.mkdir(path, { mode }));
  }

  rmdir(path: string): Promise<void> {
    return attempt(`remove directory ${path}`, async (fs) => {
      // Deno's would remove a file.
      if (!(await fs.lstat(path)).isDirectory()) throw wrongKind("it is no directory", "ENOTDIR");
      await fs.rmdir(path);
    });
  }

  readdir(path: string): Promise<readonly string[]> {
    return attempt(`read directory ${path}`, (fs) => fs.readdir(path));
  }
}

function wrongKind(why: string, code: string): Error {
  return Object.assign(new Error(why), { code });
}

/** The number of a file that this host opened. @throws {UsageError} for another one */
export function fdOf(file: OpenFile): number {
  if (file instanceof NodeFile) return file.fd;
  throw new UsageError(`Cannot redirect to ${show(file)}: this host did not open it`);
}
