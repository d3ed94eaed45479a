import type {
  Backend,
  BackendOptions,
  BackendStats,
  ChildStatus,
  IoMode,
  Undo,
} from "../contract/backend.ts";
import { Deque } from "../contract/deque.ts";
import { show, UsageError } from "../contract/errors.ts";
import { Heap, type HeapItem } from "../contract/heap.ts";
import { checkOptional, checkOptions } from "../contract/options.ts";
import { isWatchable, WATCH } from "../contract/stream.ts";
import { watchChild, watchChildren } from "../driven/deno/child.ts";
import { Clock } from "./clock.ts";
import { watchExhausted } from "../driven/deno/exhausted.ts";
import { HostImmediate, HostTimer } from "./host_timer.ts";
import { isTurned, TURNS } from "./host_stream.ts";
import { watchSignal } from "../driven/deno/signal.ts";

class Timer implements HeapItem {
  index = -1;
  constructor(readonly due: number, readonly seq: number, public cb: () => void) {}
}

const RESOLVED: Promise<void> = Promise.resolve();

function nothing(): void {}

function checkCallback(cb: unknown, what: string): void {
  if (typeof cb !== "function") {
    throw new UsageError(`Cannot ${what}: callback ${show(cb)} is not a function`);
  }
}

/**
 * The backend on Deno's own event loop.
 *
 * Timers lie in a heap behind one host timer; posted callbacks, timers that are due and streams that are
 * still ready share one host immediate. `io` watches streams only (made by `ioStream`, by this
 * backend's `net`, or by anything else that has a `WATCH` method), because a host stream has no
 * readiness of its own.
 *
 * The host timer is looked up on `globalThis` each time it is armed, and when it fires loop time becomes
 * at least the deadline it was armed for: fake timers drive this backend.
 *
 * Two things of the host keep the process alive besides `hold`: a connection attempt that is under
 * way, and bytes that were taken for sending and that the peer does not accept yet.
 *
 * Backends: native. Permissions: none by itself.
 *
 * @example
 * ```ts
 * import { NativeBackend } from "@anyevent/backends/native";
 *
 * const backend = new NativeBackend();
 * backend.hold(true);
 * await new Promise<void>((resolve) => backend.timer(0.01, resolve));
 * console.log("10 ms later");
 * backend.hold(false);
 * ```
 */
export class NativeBackend implements Backend {
  /** `"native"`. */
  readonly name = "native";
  readonly #clock = new Clock();
  readonly #timers = new Heap<Timer>();
  readonly #posts = new Deque<() => void>();
  readonly #idles = new Set<{ readonly cb: () => void }>();
  readonly #undos = new Set<Undo>();
  readonly #onError: (thrown: unknown) => void;
  readonly #settleLater = (): void => {
    this.#untidy = false;
    if (!this.#inTurn) this.#settle();
  };
  readonly #outdated = (): void => {
    this.#recent = false;
  };
  readonly #hostTimer: HostTimer;
  readonly #hostImmediate: HostImmediate;
  /** What the next turn runs in the place of I/O, and what is left of that in the running turn. */
  #ready = new Set<() => void>();
  #running = new Set<() => void>();
  #seq = 0;
  #now = 0;
  #inTurn = false;
  /** Whether `#now` was read in this run of the host's code, outside of a turn. */
  #recent = false;
  #untidy = false;
  #held = false;
  #ios = 0;
  #signals = 0;
  #children = 0;

  /**
   * Makes a loop of its own.
   *
   * @param options what to do with what callbacks throw
   * @throws {UsageError} when it makes no sense
   */
  constructor(options: BackendOptions = {}) {
    checkOptions(options, "make native backend");
    checkOptional(options.onError, "make native backend: onError");
    this.#onError = options.onError ?? ((thrown): void => globalThis.reportError(thrown));
    this.#hostTimer = new HostTimer((due) => {
      if (due < Infinity) this.#clock.raise(due);
      this.#turn();
    });
    this.#hostImmediate = new HostImmediate(() => this.#turn());
  }

  /** Loop time: monotonic epoch seconds; during a turn the time at which it began. */
  now(): number {
    return this.#inTurn ? this.#now : (this.#now = this.#clock.read());
  }

  /** During a turn: reads the clock for what follows in it. */
  nowUpdate(): void {
    if (this.#inTurn) this.#now = this.#clock.read();
    else this.#recent = false;
  }

  /** Wall clock in seconds since the epoch. */
  time(): number {
    return Clock.wall();
  }

  /**
   * Calls back once, when `after` seconds have passed since `now()`.
   *
   * @param after seconds; zero and less: the next turn; `Infinity`: never
   * @param cb the callback
   * @throws {UsageError} when `after` is not a number
   */
  timer(after: number, cb: () => void): Undo {
    if (typeof after !== "number" || after !== after) {
      throw new UsageError(`Cannot start timer: delay ${show(after)} is not a number of seconds`);
    }
    checkCallback(cb, "start timer");
    const now = this.#inTurn ? this.#now : this.#recently();
    const timer = new Timer(now + (after > 0 ? after : 0), this.#seq++, cb);
    this.#timers.push(timer);
    // Armed inside this call, so that a fake clock may be moved right after it.
    if (!this.#inTurn && this.#timers.peek() === timer) this.#arm(now);
    return () => {
      if (this.#timers.remove(timer)) {
        timer.cb = nothing;
        this.#tidyLater();
      }
    };
  }

  /**
   * Calls back in every turn in which the stream is ready.
   *
   * @param source a stream of `ioStream`, of this backend's sockets, or anything with a `WATCH` method
   * @param mode readable or writable
   * @param cb the callback
   * @param closed called instead of any later callback when the stream is closed, inside its `close`
   * @throws {UsageError} for a bare host connection or descriptor
   */
  io(source: unknown, mode: IoMode, cb: () => void, closed?: () => void): Undo {
    if (mode !== "r" && mode !== "w") {
      throw new UsageError(`Cannot watch stream: mode ${show(mode)} is neither "r" nor "w"`);
    }
    checkCallback(cb, "watch stream");
    if (!isWatchable(source)) {
      throw new UsageError(
        `Cannot watch ${show(source)}: on the native backend take it over with ioStream(source)` +
          ` and watch that, or use the ffi backend, which watches descriptors`,
      );
    }
    if (isTurned(source)) source[TURNS](this);
    const unwatch = source[WATCH](mode, () => this.#call(cb), () => {
      undo();
      if (closed !== undefined) this.#call(closed);
    });
    this.#ios++;
    const undo = this.#registered(() => {
      this.#ios--;
      unwatch();
    });
    return undo;
  }

  /**
   * Calls back in the next turn, in order; cannot be undone; keeps the process alive until then.
   *
   * @param cb the callback
   */
  post(cb: () => void): void {
    checkCallback(cb, "post");
    this.#posts.push(cb);
    if (!this.#inTurn) this.#hostImmediate.arm();
  }

  /** Whether the process is kept alive while callbacks could still come. */
  hold(on: boolean): void {
    if (typeof on !== "boolean") {
      throw new UsageError(`Cannot hold process: ${show(on)} is not a boolean`);
    }
    if (on === this.#held) return;
    this.#held = on;
    this.#tidyLater();
  }

  /** Whether `io` can watch this source. */
  accepts(source: unknown): boolean {
    return isWatchable(source);
  }

  /**
   * Calls back soon after the process received the signal.
   *
   * @param name without `SIG`, as in `"INT"`
   * @param cb the callback
   * @throws {UsageError} when the host cannot listen for it
   */
  signal(name: string, cb: () => void): Undo {
    checkCallback(cb, "watch signal");
    const undo = watchSignal(name, () => this.run(() => this.#call(cb)));
    this.#signals++;
    return this.#registered(() => {
      this.#signals--;
      undo();
    });
  }

  /**
   * Calls back once with the raw wait status when the child has ended, or had already.
   *
   * @param child a `Deno.ChildProcess`, or the pid of one that was given to `registerChild`
   * @param cb the callback
   * @throws {UsageError} for anything else
   */
  child(child: unknown, cb: (ended: ChildStatus) => void): Undo {
    checkCallback(cb, "watch child");
    const unwatch = watchChild(child, (ended) => {
      undo();
      this.run(() => this.#call(() => cb(ended)));
    });
    this.#children++;
    const undo = this.#registered(() => {
      this.#children--;
      unwatch();
    });
    return undo;
  }

  /** Calls back in every turn that found nothing else to do. */
  idle(cb: () => void): Undo {
    checkCallback(cb, "watch idle");
    const entry = { cb };
    this.#idles.add(entry);
    this.#tidyLater();
    return this.#registered(() => {
      this.#idles.delete(entry);
      this.#tidyLater();
    });
  }

  /**
   * Follows all children that were given to `child` or `registerChild`, in the whole process.
   *
   * @param ended called with the raw status of each that ends, after the callbacks of `child`
   * @param living called with how many live, at each change
   * @returns takes it back
   */
  children(ended: (status: ChildStatus) => void, living: (count: number) => void): Undo {
    checkCallback(ended, "watch children");
    checkCallback(living, "watch children");
    return this.#registered(watchChildren(
      (status) => this.run(() => this.#call(() => ended(status))),
      (count) => this.#call(() => living(count)),
    ));
  }

  /** Calls back when the host has nothing left that could ever call anything. */
  exhausted(cb: () => void): Undo {
    checkCallback(cb, "watch exhaustion");
    return this.#registered(watchExhausted(() => this.run(() => this.#call(cb))));
  }

  /** Counters of what is registered. */
  stats(): BackendStats {
    return {
      timers: this.#timers.size,
      ios: this.#ios,
      posted: this.#posts.size,
      signals: this.#signals,
      children: this.#children,
      idles: this.#idles.size,
    };
  }

  /** Undoes everything that is registered and lets go of the process; usable again afterwards. */
  dispose(): void {
    for (const undo of [...this.#undos]) undo();
    this.#timers.clear();
    this.#posts.clear();
    this.#ready.clear();
    this.#running.clear();
    this.#held = false;
    this.#tidyLater();
  }

  /** Runs `fire` at once, as a turn of its own if none is running. For streams of this backend. */
  run(fire: () => void): void {
    // A stream over another stream hears of its bytes in the turn of that one.
    if (this.#inTurn) return this.#call(fire);
    this.#inTurn = true;
    this.#now = this.#clock.read();
    this.#call(fire);
    this.#inTurn = false;
    this.#settle();
  }

  /** Runs `fire` in the next turn, in the place of I/O. For streams of this backend. */
  soon(fire: () => void): void {
    this.#ready.add(fire);
    this.#tidyLater();
  }

  /** Takes back what `soon` was given and has not run. For streams of this backend. */
  drop(fire: () => void): void {
    if (this.#ready.delete(fire)) this.#tidyLater();
    else this.#running.delete(fire);
  }

  /**
   * The clock, read once for all timers that are made before the next microtask: reading it costs more than
   * a timer. Fake clocks move in between.
   */
  #recently(): number {
    if (this.#recent && Clock.real()) return this.#now;
    this.#recent = true;
    void RESOLVED.then(this.#outdated);
    return this.#now = this.#clock.read();
  }

  #turn(): void {
    if (this.#inTurn) return;
    this.#inTurn = true;
    const now = this.#now = this.#clock.read();
    // What is queued in this turn belongs to the next one.
    const ready = this.#ready;
    let busy = ready.size > 0;
    if (busy) {
      this.#ready = this.#running;
      this.#running = ready;
    }
    const seq = this.#seq;
    for (let left = this.#posts.size; left > 0; left--) {
      const cb = this.#posts.shift();
      // `dispose` may have been called by one of them.
      if (cb === undefined) break;
      busy = true;
      this.#call(cb);
    }
    for (;;) {
      const timer = this.#timers.peek();
      // What was created in this turn is due now at the earliest, so it lies behind all older ones.
      if (timer === undefined || timer.due > now || timer.seq >= seq) break;
      this.#timers.pop();
      busy = true;
      this.#call(timer.cb);
    }
    if (this.#running.size > 0) {
      for (const fire of this.#running) {
        this.#running.delete(fire);
        this.#call(fire);
      }
    }
    if (!busy) {
      for (const entry of [...this.#idles]) {
        if (this.#idles.has(entry)) this.#call(entry.cb);
      }
    }
    this.#inTurn = false;
    this.#settle();
  }

  #call(cb: () => void): void {
    try {
      cb();
    } catch (thrown) {
      try {
        this.#onError(thrown);
      } catch (second) {
        globalThis.reportError(second);
      }
    }
  }

  #registered(undo: Undo): Undo {
    const once = (): void => {
      if (this.#undos.delete(once)) undo();
    };
    this.#undos.add(once);
    return once;
  }

  /** Lets one microtask bring the host in line with what is registered, however much changes before it. */
  #tidyLater(): void {
    if (this.#untidy || this.#inTurn) return;
    this.#untidy = true;
    void RESOLVED.then(this.#settleLater);
  }

  /** Moves the host timer forward to the first deadline, if it is not early enough already. */
  #arm(now: number): void {
    const due = this.#timers.peek()!.due;
    if (this.#held && due <= now) return this.#hostImmediate.arm();
    const host = this.#hostTimer;
    if (host.armed && host.due <= due && !host.stale) return;
    host.arm(due, due - now, this.#held);
  }

  /** Makes the host's timer and immediate what they should be. Not in a turn. */
  #settle(): void {
    const host = this.#hostTimer;
    const held = this.#held;
    const top = this.#timers.peek();
    const now = top === undefined ? 0 : this.#clock.read();
    const work = this.#ready.size > 0 || this.#idles.size > 0 ||
      (top !== undefined && top.due <= now);
    if (this.#posts.size > 0 || (held && work)) {
      // It holds the process; its turn settles again.
      this.#hostImmediate.arm();
      host.ref(held);
      return;
    }
    this.#hostImmediate.disarm();
    // An unreferenced immediate would wait until the host wakes up for something else: a timer wakes it.
    const due = work ? -Infinity : top?.due ?? Infinity;
    if (due === Infinity && !held) return host.disarm();
    // A timer armed too early is left alone: re-arming costs more than waking once in vain.
    if (!host.armed || host.due > due || host.stale) host.arm(due, due - now, held);
    else host.ref(held);
  }
}
