import type { Undo } from "../contract/backend.ts";

/** What a stream needs of a loop: turns of its own when its host calls, and another one soon. */
export interface Turns {
  /** Runs `fire` at once; to be called from a host's callback only, never inside a user's call. */
  run(fire: () => void): void;
  /** Runs `fire` in the next turn, with what is due there. */
  soon(fire: () => void): void;
  /** Takes back what `soon` was given and has not run. */
  drop(fire: () => void): void;
}

const queue = new Set<() => void>();
let immediate: ReturnType<typeof setImmediate> | undefined;

function drain(): void {
  immediate = undefined;
  const fires = [...queue];
  queue.clear();
  for (const fire of fires) hostTurns.run(fire);
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
    queue.add(fire);
    immediate ??= setImmediate(drain);
  },
  drop(fire: () => void): void {
    if (!queue.delete(fire) || queue.size > 0) return;
    clearImmediate(immediate);
    immediate = undefined;
  },
};

interface Watcher {
  readonly cb: () => void;
  readonly closed: (() => void) | undefined;
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
  /** Whose next turn `fire` is queued for. */
  #queued: Turns | undefined = undefined;

  constructor(turns: () => Turns, ready: () => boolean) {
    this.#turns = turns;
    this.#ready = ready;
    this.#fire = (): void => {
      this.#queued = undefined;
      this.fire();
    };
  }

  /** How many watchers. */
  get size(): number {
    return this.#watchers.length;
  }

  /**
   * Adds a watcher; it is not called inside this call.
   *
   * @param removed called after an undo
   * @param closed called by `clear`
   */
  add(cb: () => void, removed: () => void, closed?: () => void): Undo {
    const watcher: Watcher = { cb, closed, live: true };
    this.#watchers = this.#watchers.length === 0 ? [watcher] : [...this.#watchers, watcher];
    this.poke();
    return () => {
      if (!watcher.live) return;
      watcher.live = false;
      this.#watchers = this.#watchers.filter((other) => other !== watcher);
      if (this.#watchers.length === 0) this.#drop();
      removed();
    };
  }

  /** Calls the watchers soon if they are to be called. Safe anywhere. */
  poke(): void {
    if (this.#queued !== undefined || this.#watchers.length === 0 || !this.#ready()) return;
    this.#queued = this.#turns();
    this.#queued.soon(this.#fire);
  }

  /** Calls the watchers now, as a turn of its own. For a host's callback only. */
  deliver(): void {
    if (this.#queued !== undefined || this.#watchers.length === 0 || !this.#ready()) return;
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

  /** Forgets all watchers, and tells them so. */
  clear(): void {
    const watchers = this.#watchers;
    this.#watchers = [];
    this.#drop();
    for (const watcher of watchers) {
      // One that is told may undo another.
      if (!watcher.live) continue;
      watcher.live = false;
      watcher.closed?.();
    }
  }

  /** Without watchers nothing may stay queued: it would arm a timer of the host for nobody. */
  #drop(): void {
    const turns = this.#queued;
    this.#queued = undefined;
    turns?.drop(this.#fire);
  }
}
