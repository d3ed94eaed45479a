import { messageOf } from "@anyevent/backends/contract";
import type { Reason } from "./types.ts";

/** Text of anything, for reasons and logs: never throws. */
export function textOf(value: unknown): string {
  try {
    return messageOf(value);
  } catch {
    return "(an error that cannot be shown)";
  }
}

/**
 * The reason a port dies with when its code threw `thrown`: plain data goes as it is, all else as text.
 * Never throws.
 */
export function dieReason(thrown: unknown): Reason {
  if (typeof thrown === "object" && thrown !== null && !(thrown instanceof Error)) {
    try {
      if (JSON.stringify(thrown) !== undefined) return ["die", thrown];
    } catch (error) {
      return ["die", `an object that is no data: ${textOf(error)}`];
    }
  }
  return ["die", textOf(thrown)];
}

/** The reason a monitor of a port that does not exist fires with. */
export function noSuchPort(id: string): Reason {
  return ["no_such_port", "cannot monitor nonexistent port", id];
}

/** A reason as text for people: elements joined by blanks, without control characters. Never throws. */
export function reasonText(reason: Reason): string {
  const parts = reason.map((part) => {
    if (typeof part === "string") return part;
    try {
      return JSON.stringify(part) ?? String(part);
    } catch {
      return textOf(part);
    }
  });
  return parts.join(" ").replace(/\p{Cc}/gu, (c) => {
    return `\\x${c.charCodeAt(0).toString(16).padStart(2, "0")}`;
  });
}
