import { messageOf, PeerError, UsageError } from "../../contract/errors.ts";

/** POSIX names of Deno's error classes that carry no code of their own. */
const CODES: Readonly<Record<string, string>> = {
  AddrInUse: "EADDRINUSE",
  AddrNotAvailable: "EADDRNOTAVAIL",
  BadResource: "EBADF",
  BrokenPipe: "EPIPE",
  ConnectionAborted: "ECONNABORTED",
  ConnectionRefused: "ECONNREFUSED",
  ConnectionReset: "ECONNRESET",
  Interrupted: "EINTR",
  NetworkUnreachable: "ENETUNREACH",
  NotADirectory: "ENOTDIR",
  IsADirectory: "EISDIR",
  NotCapable: "EACCES",
  NotConnected: "ENOTCONN",
  NotFound: "ENOENT",
  PermissionDenied: "EACCES",
  TimedOut: "ETIMEDOUT",
  UnexpectedEof: "ECONNRESET",
};

/** The POSIX name of what a host call threw, or `""`. */
export function codeOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return "";
  const code = (thrown as { code?: unknown }).code;
  if (typeof code === "string" && code !== "") return code;
  return CODES[thrown.name] ?? "";
}

/**
 * Wraps what a host call threw, or a stream below another one.
 *
 * @param doing as in `connect to 127.0.0.1:80`
 */
export function peerError(doing: string, thrown: unknown): PeerError {
  const inner = thrown instanceof PeerError ? thrown : undefined;
  if (inner?.message.startsWith(`Cannot ${doing}: `)) return inner;
  // The grammar names one thing that could not be done: the reason is the cause's.
  const reason = inner?.message.startsWith("Cannot ") ? inner.cause ?? inner : thrown;
  const why = messageOf(reason).replace(/ \(os error \d+\)/, "");
  return new PeerError(`Cannot ${doing}: ${why}`, codeOf(thrown), { cause: thrown });
}

/** As {@linkcode peerError}, but a missing permission is the caller's fault. */
export function hostError(doing: string, thrown: unknown): PeerError | UsageError {
  if (thrown instanceof Error && thrown.name === "NotCapable") {
    return new UsageError(`Cannot ${doing}: ${messageOf(thrown)}`, { cause: thrown });
  }
  return peerError(doing, thrown);
}
