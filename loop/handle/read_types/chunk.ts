import { show, UsageError } from "@anyevent/backends/contract";
import type { Parse } from "./parse.ts";

/** Exactly so many bytes. */
export function chunk(length: unknown): Parse {
  if (typeof length !== "number" || !Number.isSafeInteger(length) || length < 0) {
    throw new UsageError(`Cannot read chunk: length ${show(length)} is not a number of bytes`);
  }
  return (buffer) =>
    buffer.length < length ? undefined : { values: [buffer.slice(0, length)], length };
}
