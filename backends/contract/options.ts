import { show, UsageError } from "./errors.ts";

/**
 * Checks options, which may be left out of a call but are an object where they are given.
 *
 * @param what completes "Cannot …" in the error, as in `"make world"`
 * @throws {UsageError} when they are none
 * @example
 * ```ts
 * import { checkOptions } from "@anyevent/backends/contract";
 *
 * function connect(options: { readonly port?: number } = {}): number {
 *   checkOptions(options, "connect");
 *   return options.port ?? 80;
 * }
 * console.log(connect()); // 80
 * ```
 */
export function checkOptions(options: unknown, what: string): asserts options is object {
  if (typeof options !== "object" || options === null) {
    throw new UsageError(`Cannot ${what}: options ${show(options)} are not an object`);
  }
}

/**
 * Checks a function that may be absent.
 *
 * @param what completes "Cannot …" in the error, as in `"make backend: onError"`
 * @throws {UsageError} when it is something else
 * @example
 * ```ts
 * import { checkOptional } from "@anyevent/backends/contract";
 *
 * checkOptional(undefined, "connect: prepare");
 * checkOptional(() => 0, "connect: prepare");
 * ```
 */
export function checkOptional(value: unknown, what: string): void {
  if (value !== undefined && typeof value !== "function") {
    throw new UsageError(`Cannot ${what}: ${show(value)} is not a function`);
  }
}

/**
 * Checks a text.
 *
 * @param doing completes "Cannot …" in the error, as in `"resolve"`
 * @throws {UsageError} when it is something else
 * @example
 * ```ts
 * import { checkText } from "@anyevent/backends/contract";
 *
 * checkText("localhost", "resolve");
 * ```
 */
export function checkText(text: unknown, doing: string): void {
  if (typeof text !== "string") {
    throw new UsageError(`Cannot ${doing} ${show(text)}: it is not a string`);
  }
}
