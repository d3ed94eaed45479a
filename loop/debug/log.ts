import type { LogContext } from "../log/types.ts";
import type { Loop } from "../loop.ts";

/** Where the debugger of a loop logs. */
export function debugLog(loop: Loop): LogContext {
  return loop.log.ctx("AnyEvent::Debug");
}
