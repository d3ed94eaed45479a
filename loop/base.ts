import type { Backend, Undo } from "@anyevent/backends/contract";

/** Seconds before the first call, and the bounds of the pause between calls. */
const FIRST = 0.05;
const SHORTEST = 0.0001;
const LONGEST = 5;

/**
 * Idle callbacks for a backend that has none: first after 0.05 s, then each time after as long as the
 * callback took (at least 0.0001 s, at most 5 s), so that it uses at most half of the time.
 *
 * Follows `idle` of AnyEvent::Base.
 *
 * @param backend its timer and wall clock are used
 * @param cb must not throw
 */
export function emulateIdle(backend: Backend, cb: () => void): Undo {
  let over = false;
  let undo = backend.timer(FIRST, fire);
  function fire(): void {
    const begun = backend.time();
    cb();
    // The callback may have undone it.
    if (over) return;
    const took = backend.time() - begun;
    undo = backend.timer(Math.min(LONGEST, Math.max(SHORTEST, took)), fire);
  }
  return () => {
    over = true;
    undo();
  };
}
