import type { IoMode, Undo } from "../contract/backend.ts";
import type { Poller } from "../driven/poller.ts";

/** Where sockets put themselves when they are ready. */
export interface ReadySink {
  /** It has become ready, or is no more. */
  set(one: Readiness, ready: boolean): void;
}

/** What is ready on one host: the I/O phase of its turns. */
export class ReadyList implements Poller, ReadySink {
  readonly #ready = new Set<Readiness>();
  readonly #changed: () => void;

  /** @param changed called when there is something where there was nothing, or the other way round */
  constructor(changed: () => void) {
    this.#changed = changed;
  }

  /** Whether anything is. */
  get pending(): boolean {
    return this.#ready.size > 0;
  }

  /** See {@linkcode ReadySink}. */
  set(one: Readiness, ready: boolean): void {
    const before = this.#ready.size;
    if (ready) this.#ready.add(one);
    else this.#ready.delete(one);
    if ((before === 0) !== (this.#ready.size === 0)) this.#changed();
  }

  /** See {@linkcode Poller}. */
  poll(call: (cb: () => void) => void): boolean {
    let any = false;
    for (const one of [...this.#ready]) if (one.tell(call)) any = true;
    return any;
  }
}

/** The watchers of one socket and mode. */
export class Readiness {
  readonly #watchers = new Map<() => void, (() => void) | undefined>();
  readonly #list: ReadySink;
  readonly #holds: () => boolean;

  /** @param holds whether it is ready */
  constructor(list: ReadySink, holds: () => boolean) {
    this.#list = list;
    this.#holds = holds;
  }

  /** Adds a watcher. @param closed called by `clear` */
  add(cb: () => void, closed?: () => void): Undo {
    const entry = (): void => cb();
    this.#watchers.set(entry, closed);
    this.poke();
    return () => {
      if (this.#watchers.delete(entry)) this.poke();
    };
  }

  /** To be called when it may have become ready, or have ceased to be. */
  poke(): void {
    this.#list.set(this, this.#watchers.size > 0 && this.#holds());
  }

  /** Calls the watchers, each only while it is ready still. @returns whether there was one */
  tell(call: (cb: () => void) => void): boolean {
    let any = false;
    for (const watcher of [...this.#watchers.keys()]) {
      if (!this.#watchers.has(watcher) || !this.#holds()) continue;
      any = true;
      call(watcher);
    }
    this.poke();
    return any;
  }

  /** Forgets all watchers, and tells them so. */
  clear(): void {
    for (const [watcher, closed] of [...this.#watchers]) {
      // One that is told may undo another.
      if (this.#watchers.delete(watcher)) closed?.();
    }
    this.poke();
  }
}

/** Both modes of one socket. */
export type ReadyModes = Readonly<Record<IoMode, Readiness>>;
