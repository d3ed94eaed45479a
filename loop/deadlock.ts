import { type Backend, type Undo, UsageError } from "@anyevent/backends/contract";
import { late } from "./late.ts";
import { failAwaiting, watchAwaiting } from "./operation.ts";
import { reportUnrun, watchUnrun } from "./strict/dropped.ts";

/** A backend whose host can tell that nothing is left, and how many loops asked. */
interface Watched {
  readonly backend: Backend;
  loops: number;
  undo: Undo | undefined;
}

const watched = new Map<Backend, Watched>();
let waiting = 0;
/** Operations that strict mode knows not to have run. */
let unrun = 0;
/** Loops that exist, those on backends that cannot tell included. */
let loops = 0;
/** Watches while something is awaited and there is no loop; `null` on a host that cannot tell. */
let standInBackend: Backend | null | undefined;
let stopStandIn: Undo | undefined;

const SIGNALS_ONLY = "; signal watchers do not keep the process alive, unless `.ref()` says so";

function update(entry: Watched): void {
  if (waiting + unrun > 0 && entry.loops > 0) {
    const backend = entry.backend;
    entry.undo ??= backend.exhausted?.(() => {
      reportUnrun();
      if (waiting === 0) return;
      // One more turn, in which those that were failed go on: else the host would still end.
      backend.post(() => undefined);
      failAwaiting(backend.stats().signals > 0 ? SIGNALS_ONLY : "");
    });
  } else {
    entry.undo?.();
    entry.undo = undefined;
  }
}

function updateAll(): void {
  for (const entry of watched.values()) update(entry);
  standIn();
}

watchAwaiting((count) => {
  const changed = (count > 0) !== (waiting > 0);
  waiting = count;
  if (changed) updateAll();
});

watchUnrun((count) => {
  const changed = (count > 0) !== (unrun > 0);
  unrun = count;
  if (changed) updateAll();
});

function standIn(): void {
  if (waiting + unrun === 0 || loops > 0) {
    stopStandIn?.();
    stopStandIn = undefined;
    return;
  }
  if (stopStandIn !== undefined || standInBackend === null) return;
  try {
    standInBackend ??= late.hostBackend?.() ?? null;
    if (standInBackend !== null) stopStandIn = watch(standInBackend);
  } catch (thrown) {
    // To wait needs no host that can tell.
    if (!(thrown instanceof UsageError)) throw thrown;
    standInBackend = null;
  }
}

/**
 * While anything is awaited and the host finds nothing left to do, fails every `await` with a
 * {@linkcode DeadlockError}, instead of letting the process end without a word. Before there is any loop a
 * backend of the host's own stands in.
 *
 * @param backend without `exhausted` there is nothing to watch
 * @returns stops watching
 */
export function reportDeadlocks(backend: Backend): Undo {
  const stop = backend.exhausted === undefined ? undefined : watch(backend);
  loops++;
  standIn();
  let over = false;
  return () => {
    if (over) return;
    over = true;
    stop?.();
    loops--;
    standIn();
  };
}

function watch(backend: Backend): Undo {
  let entry = watched.get(backend);
  if (entry === undefined) {
    entry = { backend, loops: 0, undo: undefined };
    watched.set(backend, entry);
  }
  entry.loops++;
  update(entry);
  return () => {
    entry.loops--;
    update(entry);
    if (entry.loops === 0) watched.delete(backend);
  };
}
