import { messageOf } from "@anyevent/backends/contract";
import type { Reason } from "./types.ts";

/** The reason a port dies with when its code threw `thrown`: objects that are no errors go as they are. */
export function dieReason(thrown: unknown): Reason {
  if (thrown instanceof Error) return ["die", messageOf(thrown)];
  if (typeof thrown === "string") return ["die", messageOf(thrown)];
  return ["die", thrown === undefined ? "undefined" : thrown];
}

/** The reason a monitor of a port that does not exist fires with. */
export function noSuchPort(id: string): Reason {
  return ["no_such_port", "cannot monitor nonexistent port", id];
}

/** A reason as text for people: elements joined by blanks. */
export function reasonText(reason: Reason): string {
  return reason.map((part) => typeof part === "string" ? part : JSON.stringify(part)).join(" ");
}
