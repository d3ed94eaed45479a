/**
 * A deterministic platform for tests: virtual clock, turns taken by hand, no host underneath.
 *
 * `turn()` takes one turn, `advance(seconds)` moves the clock through all timers due on the way,
 * `settle()` goes on until neither a microtask nor a turn has anything to do now.
 */
import {
  type Backend,
  type BackendStats,
  type ChildStatus,
  type Env,
  Heap,
  type HeapItem,
  type IoMode,
  isWatchable,
  type LogLevel,
  type Net,
  PeerError,
  seededRandom,
  show,
  type Undo,
  UsageError,
  WATCH,
} from "@anyevent/backends/contract";

// Taken now: a test may replace the host's functions by ones that throw.
const hostTimeout = globalThis.setTimeout;

class Timer implements HeapItem {
  index = -1;
  constructor(readonly due: number, readonly seq: number, readonly cb: () => void) {}
}

/** What of the optional parts a manual backend has. */
export interface ManualOptions {
  /** Seed of the Env's chance. Default 1. */
  readonly seed?: number;
  /** Epoch seconds at which the clock begins. Default 1000. */
  readonly start?: number;
  /** `runOnce` and `runUntil`: they move the virtual clock. Default false. */
  readonly blocking?: boolean;
  /** Idle callbacks. Default true. */
  readonly idle?: boolean;
  /** Signals, raised with `raise`. Default true. */
  readonly signal?: boolean;
  /** Children, ended with `exit`. Default true. */
  readonly child?: boolean;
  /** Environment variables. */
  readonly env?: Readonly<Record<string, string>>;
}

/** The backend of {@linkcode ManualEnv}. */
export class ManualBackend implements Backend {
  readonly name = "manual";
  /** How often `hold` changed, and whether it is on. */
  holds = 0;
  held = false;
  /** What callbacks threw into the backend. */
  readonly thrown: unknown[] = [];
  signal?: (name: string, cb: () => void) => Undo;
  child?: (child: unknown, cb: (ended: ChildStatus) => void) => Undo;
  idle?: (cb: () => void) => Undo;
  runOnce?: () => void;
  runUntil?: (done: () => boolean) => void;
  readonly #timers = new Heap<Timer>();
  #posts: (() => void)[] = [];
  readonly #idles = new Set<{ readonly cb: () => void }>();
  readonly #ios = new Set<Undo>();
  readonly #signals = new Map<string, Set<{ readonly cb: () => void }>>();
  readonly #children = new Map<number, Set<{ readonly cb: (ended: ChildStatus) => void }>>();
  readonly #ended = new Map<number, ChildStatus>();
  readonly #exhausted = new Set<() => void>();
  #seq = 0;
  #now: number;
  /** Wall clock minus loop time: a test may set the clock. */
  wallOffset = 0;

  constructor(options: ManualOptions = {}) {
    this.#now = options.start ?? 1000;
    if (options.idle !== false) this.idle = (cb) => addTo(this.#idles, { cb });
    if (options.signal !== false) {
      this.signal = (name, cb) => addToMap(this.#signals, name, { cb });
    }
    if (options.child !== false) this.child = (child, cb) => this.#child(child, cb);
    if (options.blocking) {
      this.runOnce = () => this.#block();
      this.runUntil = (done) => {
        while (!done()) this.#block();
      };
    }
  }

  now(): number {
    return this.#now;
  }

  nowUpdate(): void {}

  time(): number {
    return this.#now + this.wallOffset;
  }

  timer(after: number, cb: () => void): Undo {
    const timer = new Timer(this.#now + Math.max(0, after), this.#seq++, cb);
    this.#timers.push(timer);
    return () => void this.#timers.remove(timer);
  }

  io(source: unknown, mode: IoMode, cb: () => void, closed?: () => void): Undo {
    if (!isWatchable(source)) {
      throw new UsageError(`Cannot watch io: ${show(source)} has no readiness of its own`);
    }
    const undo = source[WATCH](mode, cb, () => {
      this.#ios.delete(undo);
      closed?.();
    });
    this.#ios.add(undo);
    return () => {
      if (this.#ios.delete(undo)) undo();
    };
  }

  post(cb: () => void): void {
    this.#posts.push(cb);
  }

  hold(on: boolean): void {
    if (this.held !== on) this.holds++;
    this.held = on;
  }

  accepts(source: unknown): boolean {
    return isWatchable(source);
  }

  exhausted(cb: () => void): Undo {
    this.#exhausted.add(cb);
    return () => void this.#exhausted.delete(cb);
  }

  /** Whether somebody wants to know when the host has nothing left. */
  get exhaustedWatched(): boolean {
    return this.#exhausted.size > 0;
  }

  /** Plays the host that has nothing left. */
  exhaust(): void {
    for (const cb of [...this.#exhausted]) cb();
  }

  /** Takes one turn. @returns whether there was anything to do, idle callbacks apart */
  turn(): boolean {
    const posts = this.#posts;
    this.#posts = [];
    const due: Timer[] = [];
    for (let timer = this.#timers.peek(); timer !== undefined; timer = this.#timers.peek()) {
      if (timer.due > this.#now) break;
      due.push(this.#timers.pop()!);
    }
    // Back into the heap until each one's moment, so that a sibling can undo it.
    for (const timer of due) this.#timers.push(timer);
    for (const cb of posts) this.#guarded(cb);
    for (const timer of due) if (this.#timers.remove(timer)) this.#guarded(timer.cb);
    const busy = posts.length > 0 || due.length > 0;
    if (!busy) {
      for (const idle of [...this.#idles]) if (this.#idles.has(idle)) this.#guarded(idle.cb);
    }
    return busy;
  }

  /** Moves the clock, stopping at each deadline on the way; takes turns until nothing is due. */
  advance(seconds: number): void {
    const end = this.#now + seconds;
    this.#drain();
    for (let next = this.#timers.peek(); next !== undefined; next = this.#timers.peek()) {
      if (next.due > end) break;
      this.#now = Math.max(this.#now, next.due);
      this.#drain();
    }
    this.#now = end;
  }

  /** Moves the clock without taking a turn: a callback that takes long. */
  skip(seconds: number): void {
    this.#now += seconds;
  }

  /** Takes turns, microtasks in between, until nothing is left to do now. */
  async settle(): Promise<void> {
    do {
      // A real turn of the host: all microtasks have run then.
      await new Promise((resolve) => hostTimeout(resolve, 0));
    } while (this.turn());
  }

  /** As `advance`, with the microtasks run between the turns. */
  async run(seconds: number): Promise<void> {
    const end = this.#now + seconds;
    await this.settle();
    for (let next = this.#timers.peek(); next !== undefined; next = this.#timers.peek()) {
      if (next.due > end) break;
      this.#now = Math.max(this.#now, next.due);
      await this.settle();
    }
    this.#now = end;
  }

  /** Plays a signal: it arrives in the next turn. */
  raise(name: string): void {
    this.post(() => {
      for (const entry of [...this.#signals.get(name) ?? []]) entry.cb();
    });
  }

  /** Plays the end of a child: told in the next turn. */
  exit(pid: number, status: number): void {
    const ended = { pid, status };
    this.#ended.set(pid, ended);
    this.post(() => this.#tellEnd(ended));
  }

  stats(): BackendStats {
    return {
      timers: this.#timers.size,
      ios: this.#ios.size,
      posted: this.#posts.length,
      signals: sizes(this.#signals),
      children: sizes(this.#children),
      idles: this.#idles.size,
    };
  }

  dispose(): void {
    this.#timers.clear();
    this.#posts = [];
    this.#idles.clear();
    this.#signals.clear();
    this.#children.clear();
    for (const undo of this.#ios) undo();
    this.#ios.clear();
  }

  #child(child: unknown, cb: (ended: ChildStatus) => void): Undo {
    const pid = typeof child === "number" ? child : (child as { readonly pid: number }).pid;
    const undo = addToMap(this.#children, pid, { cb });
    const ended = this.#ended.get(pid);
    if (ended !== undefined) this.post(() => this.#tellEnd(ended));
    return undo;
  }

  #tellEnd(ended: ChildStatus): void {
    const entries = this.#children.get(ended.pid);
    this.#children.delete(ended.pid);
    for (const entry of [...entries ?? []]) if (entries!.delete(entry)) entry.cb(ended);
  }

  #block(): void {
    if (this.turn()) return;
    const next = this.#timers.peek();
    if (next === undefined) throw new Error("manual backend: blocked for ever");
    this.#now = Math.max(this.#now, next.due);
    this.turn();
  }

  #drain(): void {
    for (let turns = 0; this.turn(); turns++) {
      if (turns > 100_000) throw new Error("manual backend: the turns never end");
    }
  }

  #guarded(cb: () => void): void {
    try {
      cb();
    } catch (error) {
      this.thrown.push(error);
    }
  }
}

function addTo<T>(set: Set<T>, item: T): Undo {
  set.add(item);
  return () => void set.delete(item);
}

function addToMap<K, T>(map: Map<K, Set<T>>, key: K, item: T): Undo {
  const set = map.get(key) ?? new Set();
  map.set(key, set);
  return addTo(set, item);
}

function sizes(map: ReadonlyMap<unknown, ReadonlySet<unknown>>): number {
  let size = 0;
  for (const set of map.values()) size += set.size;
  return size;
}

const noNet: Net = {
  connect: () => refuse("connect"),
  listen: () => refuse("listen"),
  secure: () => refuse("secure stream"),
  stats: () => ({ streams: 0, listeners: 0, attempts: 0 }),
};

function refuse(what: string): never {
  throw new UsageError(`Cannot ${what}: the manual platform has no network`);
}

/** A platform without any host. */
export interface ManualEnv extends Env {
  readonly backend: ManualBackend;
  /** What was logged, oldest first. */
  readonly logged: { readonly level: LogLevel; readonly message: string }[];
}

/** Makes a deterministic platform; see the module text. */
export function manualEnv(options: ManualOptions = {}): ManualEnv {
  const backend = new ManualBackend(options);
  const logged: { readonly level: LogLevel; readonly message: string }[] = [];
  return {
    name: "manual",
    backend,
    net: noNet,
    logged,
    random: seededRandom(options.seed ?? 1),
    log: (level, message) => void logged.push({ level, message }),
    host: {
      env: (name) => options.env?.[name],
      hostname: () => "localhost",
      readTextFile: (path) =>
        Promise.reject(new PeerError(`Cannot read ${path}: the manual platform has no files`)),
      writeTextFile: (path) =>
        Promise.reject(new PeerError(`Cannot write ${path}: the manual platform has no files`)),
      resolve: (name) =>
        Promise.reject(new PeerError(`Cannot resolve ${name}: the manual platform has no names`)),
      interfaceAddresses: () => [],
      pid: 1,
    },
  };
}
