import { show, UsageError } from "@anyevent/backends/contract";
import { parseHostport, type Seconds, seconds } from "@anyevent/loop";

const encoder = new TextEncoder();
const MOST_BYTES = 16 * 2 ** 20;

/** A limit in seconds; `Infinity`: none. @param what completes "Cannot …" @throws {UsageError} when negative */
export function limitOf(timeout: Seconds | undefined, what: string): number {
  if (timeout === undefined) return Infinity;
  const limit = seconds(timeout, what);
  if (limit >= 0) return limit;
  throw new UsageError(`Cannot ${what}: timeout ${limit} is negative`);
}

/** A number of bytes. @throws {UsageError} when it is none */
export function bytesOf(value: number | undefined, name: string): number {
  if (value === undefined) return MOST_BYTES;
  if (typeof value === "number" && value >= 1) return value;
  throw new UsageError(`Cannot make handle: ${name} ${show(value)} is not a number above 0`);
}

/** Bytes as they are, text as UTF-8. @param what completes "Cannot …" @throws {UsageError} for anything else */
export function bytesIn(data: unknown, what: string): Uint8Array {
  if (typeof data === "string") return encoder.encode(data);
  if (data instanceof Uint8Array) return data;
  throw new UsageError(`Cannot ${what}: ${show(data)} is neither a string nor a Uint8Array`);
}

/** The two parts of an address as text. */
export function endOf(address: string): readonly [host: string, port: number | string] {
  const parts = parseHostport(address, "0");
  if (parts === undefined) return ["", 0];
  const [host, port] = parts;
  return /^\d+$/.test(port) ? [host, Number(port)] : [host, port];
}
