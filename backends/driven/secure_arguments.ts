import { show, UsageError } from "../contract/errors.ts";
import { isWatchable } from "../contract/stream.ts";

/**
 * Checks what `Net.secure` was given, before anything is touched.
 *
 * @throws {UsageError} for what makes no sense
 */
export function checkSecure(stream: unknown, role: unknown, options: unknown, cb: unknown): void {
  const like = (isWatchable(stream) ? stream : {}) as Partial<Record<string, unknown>>;
  for (const method of ["tryRead", "tryWrite", "shutdown", "close"]) {
    if (typeof like[method] === "function") continue;
    throw new UsageError(`Cannot secure stream: ${show(stream)} is not a stream of bytes`);
  }
  if (role !== "client" && role !== "server") {
    throw new UsageError(`Cannot secure stream: role ${show(role)} is neither client nor server`);
  }
  if (typeof options !== "object" || options === null) {
    throw new UsageError(`Cannot secure stream: options ${show(options)} are not an object`);
  }
  const { certificate, rest } = options as Partial<Record<string, unknown>>;
  if (certificate !== undefined && typeof certificate !== "string") {
    throw new UsageError(`Cannot secure stream: certificate ${show(certificate)} is not PEM text`);
  }
  if (rest !== undefined && !(rest instanceof Uint8Array)) {
    throw new UsageError(`Cannot secure stream: rest ${show(rest)} is not a Uint8Array`);
  }
  if (typeof cb !== "function") {
    throw new UsageError(`Cannot secure stream: callback ${show(cb)} is not a function`);
  }
}
