import { PeerError } from "../contract/errors.ts";

/** Numbers of Linux on the architectures that Deno runs on. */
export const EPERM = 1;
export const ENOENT = 2;
export const EINTR = 4;
export const EBADF = 9;
export const EAGAIN = 11;
export const ENOMEM = 12;
export const EEXIST = 17;
export const ENFILE = 23;
export const EMFILE = 24;
export const ENOTSOCK = 88;
export const ENOBUFS = 105;
export const ECONNABORTED = 103;
export const ECONNREFUSED = 111;
export const EINPROGRESS = 115;

const NAMES: Readonly<Record<number, readonly [name: string, why: string]>> = {
  1: ["EPERM", "operation not permitted"],
  2: ["ENOENT", "no such file or directory"],
  3: ["ESRCH", "no such process"],
  4: ["EINTR", "interrupted"],
  5: ["EIO", "input or output error"],
  9: ["EBADF", "the descriptor is not open"],
  11: ["EAGAIN", "resource temporarily unavailable"],
  12: ["ENOMEM", "out of memory"],
  13: ["EACCES", "permission denied"],
  17: ["EEXIST", "it exists already"],
  20: ["ENOTDIR", "not a directory"],
  21: ["EISDIR", "it is a directory"],
  22: ["EINVAL", "invalid argument"],
  23: ["ENFILE", "too many open files in the system"],
  24: ["EMFILE", "too many open files"],
  28: ["ENOSPC", "no space left, or too many watched descriptors"],
  30: ["EROFS", "read-only file system"],
  32: ["EPIPE", "broken pipe"],
  36: ["ENAMETOOLONG", "name too long"],
  38: ["ENOSYS", "this kernel has no such call"],
  71: ["EPROTO", "protocol error"],
  88: ["ENOTSOCK", "not a socket"],
  90: ["EMSGSIZE", "message too long"],
  93: ["EPROTONOSUPPORT", "protocol not supported"],
  97: ["EAFNOSUPPORT", "address family not supported"],
  98: ["EADDRINUSE", "address already in use"],
  99: ["EADDRNOTAVAIL", "address not available"],
  100: ["ENETDOWN", "network is down"],
  101: ["ENETUNREACH", "network is unreachable"],
  103: ["ECONNABORTED", "connection aborted"],
  104: ["ECONNRESET", "connection reset by peer"],
  105: ["ENOBUFS", "no buffer space"],
  107: ["ENOTCONN", "not connected"],
  110: ["ETIMEDOUT", "timed out"],
  111: ["ECONNREFUSED", "connection refused"],
  113: ["EHOSTUNREACH", "no route to host"],
};

/** An error number as the world's fault. @param doing as in `connect to 127.0.0.1:80` */
export function systemError(doing: string, errno: number): PeerError {
  const [name, why] = NAMES[errno] ?? [`E${errno}`, `error ${errno} of the system`];
  return new PeerError(`Cannot ${doing}: ${why} (${name})`, name);
}
