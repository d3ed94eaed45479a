import { PeerError, TimeoutError } from "@anyevent/backends/contract";

/** What went wrong with a handle: every one has the POSIX name of the error, or `""`, as `code`. */
export type HandleError = (PeerError | TimeoutError) & { readonly code: string };

const TEXTS: Readonly<Record<string, string>> = {
  "": "Unexpected end-of-file",
  EBADMSG: "Bad message",
  ENOSPC: "No space left on device",
  EPIPE: "Broken pipe",
  EPROTO: "Protocol error",
  ETIMEDOUT: "Connection timed out",
};

/**
 * The short text of an error, as `$!` has it in Perl.
 *
 * @param code POSIX name; `""`: an end of file that nobody expected
 */
export function textOf(code: string): string {
  return TEXTS[code] ?? code;
}

/**
 * An error of a handle.
 *
 * @param doing completes "Cannot …"
 * @param code POSIX name
 * @param why default: the text of the code
 */
export function handleError(
  doing: string,
  code: string,
  why: string = textOf(code).toLowerCase(),
  cause?: unknown,
): HandleError {
  const message = `Cannot ${doing}: ${why}`;
  const options = cause === undefined ? undefined : { cause };
  if (code !== "ETIMEDOUT") return new PeerError(message, code, options);
  return Object.assign(new TimeoutError(message, options), { code });
}
