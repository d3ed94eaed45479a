import type { Undo } from "../../contract/backend.ts";
import { messageOf, show, UsageError } from "../../contract/errors.ts";

/**
 * Listens for a signal; never inside the call. The host counts signals that come at once as one.
 *
 * @param name without `SIG`
 * @throws {UsageError} when the host cannot listen for it
 */
export function watchSignal(name: string, received: () => void): Undo {
  if (typeof name !== "string" || !/^[A-Z][A-Z0-9]*$/.test(name) || name.startsWith("SIG")) {
    throw new UsageError(
      `Cannot watch signal ${show(name)}: give its name without SIG, as in "INT"`,
    );
  }
  let live = true;
  const listener = (): void => {
    if (live) received();
  };
  const signal = `SIG${name}` as Deno.Signal;
  try {
    Deno.addSignalListener(signal, listener);
  } catch (thrown) {
    throw new UsageError(`Cannot watch signal ${show(name)}: ${messageOf(thrown)}`, {
      cause: thrown,
    });
  }
  return () => {
    live = false;
    Deno.removeSignalListener(signal, listener);
  };
}
