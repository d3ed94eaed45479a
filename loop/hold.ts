import type { Backend } from "@anyevent/backends/contract";

/**
 * Counts what wants the process alive, for the on-off switch a backend has.
 *
 * One for each backend, not for each loop: loops may share a backend.
 */
export class Holds {
  #count = 0;

  /** @param backend whose `hold` is switched */
  constructor(readonly backend: Backend) {}

  /** How many want it alive. */
  get count(): number {
    return this.#count;
  }

  /** One more. */
  add(): void {
    if (this.#count++ === 0) this.backend.hold(true);
  }

  /** One less. */
  remove(): void {
    if (--this.#count === 0) this.backend.hold(false);
  }
}

const known = new WeakMap<Backend, Holds>();

/** The counter of a backend. */
export function holdsOf(backend: Backend): Holds {
  let holds = known.get(backend);
  if (holds === undefined) {
    holds = new Holds(backend);
    known.set(backend, holds);
  }
  return holds;
}
