import type { Undo } from "../../contract/backend.ts";
import { UsageError } from "../../contract/errors.ts";

interface ProcessEvents {
  on(event: "beforeExit", listener: () => void): void;
  removeListener(event: "beforeExit", listener: () => void): void;
}

/**
 * Calls back each time the host is about to end the process for want of work; it goes on when the
 * callback makes some, a settled promise included.
 *
 * Deno does not come here while the main module waits in a top-level `await`: it ends the process with
 * "Top-level await promise never resolved" and the place of the `await`, and runs nothing before it.
 */
export function watchExhausted(cb: () => void): Undo {
  const { process } = globalThis as unknown as { process?: ProcessEvents };
  if (process === undefined) {
    throw new UsageError(
      "Cannot watch exhaustion: this host does not tell when it runs out of work",
    );
  }
  const listener = (): void => cb();
  process.on("beforeExit", listener);
  return () => process.removeListener("beforeExit", listener);
}
