import { show, UsageError } from "@anyevent/backends/contract";
import { Loop } from "./loop.ts";

/**
 * Checks what a caller says is a loop.
 *
 * @param what completes "Cannot …" in the error, as in `"make sockets"`
 * @returns the same
 * @throws {UsageError} when it is none
 */
export function checkLoop(loop: unknown, what: string): Loop {
  if (loop instanceof Loop) return loop;
  throw new UsageError(`Cannot ${what}: loop ${show(loop)} is not a Loop`);
}
