import { show, UsageError } from "../contract/errors.ts";
import { systemError } from "./errno.ts";
import { cString, libc } from "./libc.ts";

const AT_FDCWD = -100;
const AT_SYMLINK_NOFOLLOW = 0x100;
const STATX_TYPE = 1;
/** `struct statx`, the same on every architecture: its size, and where the mode is. */
const STATX_BYTES = 256;
const MODE_AT = 28;
const S_IFMT = 0o170000;
const S_IFSOCK = 0o140000;
const ENOENT = 2;
const ENOTDIR = 20;

/**
 * Removes the name of a Unix socket; no file of another kind, and nothing when there is none.
 *
 * @throws {PeerError} when the system refuses; @throws {UsageError} when the path is none
 */
export function removeSocketName(path: string): void {
  if (typeof path !== "string" || path === "" || path.includes("\0")) {
    throw new UsageError(`Cannot remove socket: path ${show(path)} is not a path`);
  }
  const { calls } = libc();
  const name = cString(path);
  const about = new DataView(new ArrayBuffer(STATX_BYTES));
  const into = new Uint8Array(about.buffer);
  const failed = calls.statx(AT_FDCWD, name, AT_SYMLINK_NOFOLLOW, STATX_TYPE, into) < 0;
  const errno = failed ? libc().errno() : 0;
  if (errno === ENOENT || errno === ENOTDIR) return;
  if (errno !== 0) throw systemError(`remove ${path}`, errno);
  if ((about.getUint16(MODE_AT, true) & S_IFMT) !== S_IFSOCK) return;
  if (calls.unlink(name) < 0) {
    const refused = libc().errno();
    // Somebody else has removed it: as wanted.
    if (refused !== ENOENT) throw systemError(`remove ${path}`, refused);
  }
}
