import type { Backend, Undo } from "@anyevent/backends/contract";
import { failAwaiting, watchAwaiting } from "./operation.ts";

/** A backend whose host can tell that nothing is left, and how many loops asked. */
interface Watched {
  readonly backend: Backend;
  loops: number;
  undo: Undo | undefined;
}

const watched = new Map<Backend, Watched>();
let waiting = 0;
let listening = false;

function update(entry: Watched): void {
  if (waiting > 0 && entry.loops > 0) {
    const backend = entry.backend;
    entry.undo ??= backend.exhausted?.(() => {
      // One more turn, in which those that were failed go on: else the host would still end.
      backend.post(() => undefined);
      failAwaiting();
    });
  } else {
    entry.undo?.();
    entry.undo = undefined;
  }
}

/**
 * While anything is awaited and the host finds nothing left to do, fails every `await` with a
 * {@linkcode DeadlockError}, instead of letting the process end without a word.
 *
 * @param backend without `exhausted` there is nothing to watch
 * @returns stops watching
 */
export function reportDeadlocks(backend: Backend): Undo {
  if (backend.exhausted === undefined) return () => undefined;
  if (!listening) {
    listening = true;
    watchAwaiting((count) => {
      if ((count > 0) === (waiting > 0)) return;
      waiting = count;
      for (const entry of watched.values()) update(entry);
    });
  }
  let entry = watched.get(backend);
  if (entry === undefined) {
    entry = { backend, loops: 0, undo: undefined };
    watched.set(backend, entry);
  }
  entry.loops++;
  update(entry);
  let over = false;
  return () => {
    if (over) return;
    over = true;
    entry.loops--;
    update(entry);
    if (entry.loops === 0) watched.delete(backend);
  };
}
