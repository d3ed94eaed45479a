import { OPEN_FLAGS, show, UsageError, type Whence } from "@anyevent/backends/contract";
import { type FileHandle, OpenHandle } from "./file_handle.ts";

const KNOWN_FLAGS = Object.values(OPEN_FLAGS).reduce<number>((all, flag) => all | flag, 0);
/** Most bytes of one read. */
const MAX_READ = 2 ** 31 - 1;

function bad(what: string, name: string, value: unknown, why: string): UsageError {
  return new UsageError(`Cannot ${what}: ${name} ${show(value)} ${why}`);
}

/** A path, for the host. */
export function checkPath(path: unknown, what: string, name = "path"): string {
  if (typeof path !== "string" || path === "") throw bad(what, name, path, "is not a path");
  if (path.includes("\0")) throw bad(what, name, path, "has a NUL in it");
  return path;
}

/** A handle of ours. */
export function checkHandle(fh: unknown, what: string): OpenHandle {
  if (!(fh instanceof OpenHandle)) throw bad(what, "fh", fh, "is no file that IO.open gave");
  return fh;
}

/** Either of them. */
export function checkFile(file: unknown, what: string): OpenHandle | string {
  if (file instanceof OpenHandle) return file;
  if (typeof file !== "string") {
    throw bad(what, "file", file, "is neither a path nor a file that IO.open gave");
  }
  return checkPath(file, what);
}

/** How to open. */
export function checkFlags(flags: unknown, what: string): number {
  const known = typeof flags === "number" && Number.isInteger(flags) &&
    (flags & ~KNOWN_FLAGS) === 0 && flags >= 0 && (flags & 3) !== 3;
  if (!known) throw bad(what, "flags", flags, "are not made of O_RDONLY, O_CREAT and so on");
  return flags;
}

/** Permission bits. */
export function checkMode(mode: unknown, what: string): number {
  if (typeof mode !== "number" || !Number.isInteger(mode) || mode < 0 || mode > 0o7777) {
    throw bad(what, "mode", mode, "is not one of 0 to 0o7777");
  }
  return mode;
}

/** A length. */
export function checkLength(length: unknown, what: string, most = Number.MAX_SAFE_INTEGER): number {
  if (typeof length !== "number" || !Number.isSafeInteger(length) || length < 0 || length > most) {
    throw bad(what, "length", length, `is not one of 0 to ${most}`);
  }
  return length;
}

/** How much to read. */
export function checkReadLength(length: unknown, what: string): number {
  return checkLength(length, what, MAX_READ);
}

/** Where to move to. */
export function checkOffset(offset: unknown, what: string): number {
  if (typeof offset !== "number" || !Number.isSafeInteger(offset)) {
    throw bad(what, "offset", offset, "is not a whole number");
  }
  return offset;
}

/** What an offset counts from. */
export function checkWhence(whence: unknown, what: string): Whence {
  if (whence !== 0 && whence !== 1 && whence !== 2) {
    throw bad(what, "whence", whence, "is not 0 (start), 1 (present position) or 2 (end)");
  }
  return whence;
}

/** A time, or now. */
export function checkTime(time: unknown, name: string, what: string): number | undefined {
  if (time !== undefined && (typeof time !== "number" || !Number.isFinite(time))) {
    throw bad(what, name, time, "is no number of seconds");
  }
  return time;
}

/** A user or group, or none. */
export function checkOwner(id: unknown, name: string, what: string): number | undefined {
  if (id === undefined) return undefined;
  if (typeof id !== "number" || !Number.isInteger(id) || id < 0 || id >= 2 ** 32 - 1) {
    throw bad(what, name, id, "is neither a number of one nor undefined");
  }
  return id;
}

/** What to write: text as UTF-8. */
export function checkData(data: unknown, what: string): Uint8Array {
  if (typeof data === "string") return new TextEncoder().encode(data);
  if (data instanceof Uint8Array) return data;
  throw bad(what, "data", data, "is neither a Uint8Array nor a string");
}

/** How a file is named in descriptions. */
export function nameOf(file: FileHandle | string): string {
  return show(typeof file === "string" ? file : file.path);
}
