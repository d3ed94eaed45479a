import type { Backend, BackendStats, ChildStatus, IoMode, Undo } from "../contract/backend.ts";
import { show, UsageError } from "../contract/errors.ts";
import { isWatchable, WATCH } from "../contract/stream.ts";
import { checkCallback, DrivenCore } from "../driven/core.ts";
import type { Children } from "./child.ts";
import { ReadyList } from "./readiness.ts";
import type { Actor, Schedule } from "./schedule.ts";
import { signalNumber } from "./signals.ts";

/** Seconds that a turn takes which had nothing but idle callbacks to call. */
const IDLE_TURN = 0.001;

/** What a host's loop needs of its world. */
export interface SimBackendOptions {
  /** Name of the host. */
  readonly host: string;
  /** Clock, and who gets turns. */
  readonly schedule: Schedule;
  /** The processes that `child` knows. */
  readonly children: Children;
  /** Gets what a callback threw. */
  readonly onError: (thrown: unknown) => void;
  /** Turns of the whole world inside a call. */
  readonly block: (host: string, done: () => boolean) => void;
}

/** A backend with every optional part. */
export type FullBackend = Required<Backend>;

/** The loop of one simulated host: the driven core in virtual time. */
export class SimBackend implements FullBackend, Actor {
  readonly name = "sim";
  /** What is ready: the sockets of the host put themselves here. */
  readonly ready: ReadyList;
  readonly #options: SimBackendOptions;
  readonly #schedule: Schedule;
  readonly #core: DrivenCore;
  readonly #undos = new Set<Undo>();
  readonly #signals = new Map<string, Set<() => void>>();
  readonly #exhausted = new Set<() => void>();
  #held = false;
  #ios = 0;
  #children = 0;
  #idleAt = 0;

  constructor(options: SimBackendOptions) {
    const { schedule, onError } = options;
    const changed = (): void => schedule.changed();
    this.#options = options;
    this.#schedule = schedule;
    this.#core = new DrivenCore({ clock: schedule.clock, onError, changed });
    this.ready = new ReadyList(changed);
  }

  now(): number {
    return this.#core.now();
  }

  nowUpdate(): void {
    this.#schedule.tick();
    this.#core.nowUpdate();
  }

  time(): number {
    return this.#schedule.wall();
  }

  timer(after: number, cb: () => void): Undo {
    return this.#core.timer(after, cb);
  }

  io(source: unknown, mode: IoMode, cb: () => void, closed?: () => void): Undo {
    if (mode !== "r" && mode !== "w") {
      throw new UsageError(`Cannot watch stream: mode ${show(mode)} is neither "r" nor "w"`);
    }
    checkCallback(cb, "watch stream");
    if (!isWatchable(source)) {
      throw new UsageError(
        `Cannot watch ${show(source)}: the sim backend watches streams that have a WATCH method ` +
          "(of its net, or of streamPair); a simulated world has no descriptors",
      );
    }
    let live = true;
    const unwatch = source[WATCH](mode, () => {
      if (live) this.#core.call(cb);
    }, () => {
      undo();
      if (closed !== undefined) this.#core.call(closed);
    });
    this.#ios++;
    const undo = this.#keep(() => {
      live = false;
      this.#ios--;
      unwatch();
    });
    return undo;
  }

  post(cb: () => void): void {
    this.#core.post(cb);
  }

  /** Whether it is on. */
  get held(): boolean {
    return this.#held;
  }

  hold(on: boolean): void {
    if (typeof on !== "boolean") {
      throw new UsageError(`Cannot hold process: ${show(on)} is not a boolean`);
    }
    this.#held = on;
    this.#schedule.changed();
  }

  accepts(source: unknown): boolean {
    return isWatchable(source);
  }

  signal(name: string, cb: () => void): Undo {
    signalNumber(name, "watch signal");
    checkCallback(cb, "watch signal");
    let live = true;
    let posted = false;
    const received = (): void => {
      if (posted) return;
      posted = true;
      this.#core.post(() => {
        posted = false;
        if (live) cb();
      });
    };
    const entries = this.#signals.get(name) ?? new Set();
    this.#signals.set(name, entries.add(received));
    return this.#keep(() => {
      live = false;
      entries.delete(received);
    });
  }

  /** The process gets a signal. @returns whether anybody watches it */
  raise(name: string): boolean {
    signalNumber(name, "raise signal");
    const entries = [...this.#signals.get(name) ?? []];
    for (const received of entries) received();
    return entries.length > 0;
  }

  child(child: unknown, cb: (ended: ChildStatus) => void): Undo {
    checkCallback(cb, "watch child");
    let live = true;
    const undo = this.#options.children.watch(child, (ended) => {
      this.#core.post(() => {
        if (!live) return;
        done();
        cb(ended);
      });
    });
    this.#children++;
    const done = this.#keep(() => {
      live = false;
      this.#children--;
      undo();
    });
    return done;
  }

  children(ended: (status: ChildStatus) => void, living: (count: number) => void): Undo {
    checkCallback(ended, "watch children");
    checkCallback(living, "watch children");
    let live = true;
    const undo = this.#options.children.follow(
      (status) =>
        this.#core.post(() => {
          if (live) ended(status);
        }),
      (count) => this.#core.call(() => living(count)),
    );
    return this.#keep(() => {
      live = false;
      undo();
    });
  }

  idle(cb: () => void): Undo {
    if (this.#core.idles === 0) this.#idleAt = this.#schedule.now;
    return this.#core.idle(cb);
  }

  exhausted(cb: () => void): Undo {
    checkCallback(cb, "watch for exhaustion");
    const entry = (): void => cb();
    this.#exhausted.add(entry);
    this.#schedule.changed();
    return this.#keep(() => {
      this.#exhausted.delete(entry);
      this.#schedule.changed();
    });
  }

  /** How many want to know when nothing is left: the loop above does while any `await` waits. */
  get exhaustedWatchers(): number {
    return this.#exhausted.size;
  }

  /** Tells them. */
  tellExhausted(): void {
    for (const entry of [...this.#exhausted]) {
      if (this.#exhausted.has(entry)) this.#core.call(entry);
    }
  }

  runOnce(): void {
    let turns = 0;
    this.#options.block(this.#options.host, () => turns++ > 0);
  }

  runUntil(done: () => boolean): void {
    checkCallback(done, "run until");
    this.#options.block(this.#options.host, done);
  }

  stats(): BackendStats {
    let signals = 0;
    for (const entries of this.#signals.values()) signals += entries.size;
    return {
      timers: this.#core.timers,
      ios: this.#ios,
      posted: this.#core.posted,
      signals,
      children: this.#children,
      idles: this.#core.idles,
    };
  }

  dispose(): void {
    for (const undo of [...this.#undos]) undo();
    this.#held = false;
    this.#core.dispose();
    this.#schedule.changed();
  }

  /** When its next turn is due. */
  due(): number {
    if (this.#core.posted > 0 || this.ready.pending) return -Infinity;
    return Math.min(this.#core.due, this.#core.idles > 0 ? this.#idleAt : Infinity);
  }

  /** One turn. */
  turn(): void {
    this.#core.turn(this.ready);
    // Time goes on while idle callbacks run, or they would stop it.
    this.#idleAt = this.#schedule.now + IDLE_TURN;
  }

  /** Makes an undo idempotent, and one of those that `dispose` runs. */
  #keep(undo: Undo): Undo {
    const kept = (): void => {
      if (this.#undos.delete(kept)) undo();
    };
    this.#undos.add(kept);
    return kept;
  }
}
