import type { Undo } from "../contract/backend.ts";

/** What a stream needs of a loop: turns of its own when its host calls, and another one soon. */
export interface Turns {
  /** Runs `fire` at once; to be called from a host's callback only, never inside a user's call. */
  run(fire: () => void): void;
  /** Runs `fire` in the next turn, with what is due there. */
  soon(fire: () => void): void;
}

const queue: (() => void)[] = [];

function drain(): void {
  for (const fire of queue.splice(0)) hostTurns.run(fire);
}

/** For streams that no native backend has taken: the host's own loop. */
export const hostTurns: Turns = {
  run(fire: () => void): void {
    try {
      fire();
    } catch (thrown) {
      globalThis.reportError(thrown);
    }
  },
  soon(fire: () => void): void {
    if (queue.push(fire) === 1) setImmediate(drain);
  },
};

interface Watcher {
  readonly cb: () => void;
  live: boolean;
}

/**
 * The watchers of one stream and mode: called once each turn while `ready()` holds.
 *
 * A watcher that a sibling has undone, or whose data a sibling has taken, is not called any more.
 */
export class Readiness {
  readonly #ready: () => boolean;
  readonly #turns: () => Turns;
  readonly #fire: () => void;
  #watchers: readonly Watcher[] = [];
  #queued = false;

  constructor(turns: () => Turns, ready: () => boolean) {
    this.#turns = turns;
    this.#ready = ready;
    this.#fire = (): void => {
      this.#queued = false;
      this.fire();
    };
  }

  /** How many watchers. */
  get size(): number {
    return this.#watchers.length;
  }

  /** Adds a watcher; it is not called inside this call. `removed` is called after an undo. */
  add(cb: () => void, removed: () => void): Undo {
    const watcher: Watcher = { cb, live: true };
    this.#watchers = this.#watchers.length === 0 ? [watcher] : [...this.#watchers, watcher];
    this.poke();
    return () => {
      if (!watcher.live) return;
      watcher.live = false;
      this.#watchers = this.#watchers.filter((other) => other !== watcher);
      removed();
    };
  }

  /** Calls the watchers soon if they are to be called. Safe anywhere. */
  poke(): void {
    if (this.#queued || this.#watchers.length === 0 || !this.#ready()) return;
    this.#queued = true;
    this.#turns().soon(this.#fire);
  }

  /** Calls the watchers now, as a turn of its own. For a host's callback only. */
  deliver(): void {
    if (this.#queued || this.#watchers.length === 0 || !this.#ready()) return;
    this.#turns().run(this.#fire);
  }

  /** Calls the watchers; in a turn. */
  fire(): void {
    // `add` and undo replace the list, so this one stays as it was when the turn came.
    for (const watcher of this.#watchers) {
      if (watcher.live && this.#ready()) watcher.cb();
    }
    this.poke();
  }

  /** Forgets all watchers. */
  clear(): void {
    for (const watcher of this.#watchers) watcher.live = false;
    this.#watchers = [];
  }
}
