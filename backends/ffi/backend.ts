import type {
  Backend,
  BackendOptions,
  BackendStats,
  ChildStatus,
  IoMode,
  Undo,
} from "../contract/backend.ts";
import { DeadlockError, PeerError, show, UsageError } from "../contract/errors.ts";
import { checkOptional, checkOptions } from "../contract/options.ts";
import { isWatchable, WATCH } from "../contract/stream.ts";
import { hostClock } from "../driven/clock.ts";
import { checkCallback, DrivenCore } from "../driven/core.ts";
import { watchChildren } from "../driven/deno/child.ts";
import { watchExhausted } from "../driven/deno/exhausted.ts";
import { watchSignal } from "../driven/deno/signal.ts";
import { WakeNow, WakeTimer } from "../driven/wake_up.ts";
import { watchProcess } from "./child.ts";
import { FdPoller, isDescriptor } from "./fd_poller.ts";
import { libc } from "./libc.ts";
import { type Seat, takeSeat } from "./parking.ts";

/** Seconds between two looks at descriptors while nothing holds the process. */
const UNHELD_SECONDS = 0.005;

/** Options of {@linkcode FfiBackend}. */
export interface FfiBackendOptions extends BackendOptions {
  /**
   * Seconds of busy polling before it waits, counted from the last event: a round trip between two such
   * processes takes a fifth of the time, and a whole processor. Default: 0.
   */
  readonly spin?: number;
}

/** Microtasks that whoever awaited the last event gets to watch for the next one, before the seat is left. */
const PATIENCE = 8;

const RESOLVED: Promise<void> = Promise.resolve();

/** The descriptors of a loop. For the sockets of this backend, and so not a member of the public class. */
export let pollerOf: (backend: FfiBackend) => FdPoller;

/**
 * The backend on Linux's epoll, reached through Deno's foreign functions: `io` watches any descriptor by
 * its number, and `runOnce` and `runUntil` block the thread until there is something to do.
 *
 * Parked, it runs beside Deno's own loop: one waiting call of the whole process, on another thread, ends when
 * a descriptor is ready or a timer is due. It waits there only while `hold` is on, as that keeps the
 * process alive; otherwise it looks every 5 ms, for as long as the process lives.
 *
 * While `runOnce` or `runUntil` have the thread, what comes through Deno's own loop waits: signals, ends of
 * children, TLS, names of `connect`, promises.
 *
 * A descriptor belongs to who opened it: undo its watchers before it is closed. One that is closed under
 * a watcher is found within a second, reported to `onError`, and watched no more. Files, which are never not
 * ready, are ready in every turn.
 *
 * Backends: ffi. Permissions: `--allow-ffi`, or for the path of the C library alone, as in
 * `--allow-ffi=/usr/lib/x86_64-linux-gnu/libc.so.6`.
 *
 * @example
 * ```ts
 * import { FfiBackend } from "@anyevent/backends/ffi";
 *
 * const backend = new FfiBackend();
 * let ticks = 0;
 * const tick = (): void => {
 *   if (++ticks < 3) backend.timer(0.01, tick);
 * };
 * backend.timer(0.01, tick);
 * backend.runUntil(() => ticks === 3); // blocks for 30 ms
 * ```
 */
export class FfiBackend implements Backend {
  /** `"ffi"`. */
  readonly name = "ffi";
  readonly #core: DrivenCore;
  readonly #poller: FdPoller;
  readonly #timer: WakeTimer;
  readonly #soon: WakeNow;
  readonly #spin: number;
  readonly #undos = new Set<Undo>();
  readonly #wake = (): void => this.#run();
  readonly #parkNow = (): void => {
    this.#untidy = false;
    this.#park();
  };
  #seat: Seat | undefined;
  #held = false;
  #untidy = false;
  #patience = PATIENCE;
  #blocked = false;
  /** When busy polling ends. */
  #spinUntil = -Infinity;
  #ios = 0;
  #signals = 0;
  #children = 0;

  /**
   * Makes a loop of its own.
   *
   * @param options how long to poll busily, and what to do with what callbacks throw
   * @throws {UsageError} when this is not Deno on Linux, `--allow-ffi` is missing, or there is no C library
   */
  constructor(options: FfiBackendOptions = {}) {
    checkOptions(options, "make ffi backend");
    checkOptional(options.onError, "make ffi backend: onError");
    const { spin = 0 } = options;
    if (typeof spin !== "number" || !(spin >= 0)) {
      throw new UsageError(
        `Cannot make ffi backend: spin ${show(spin)} is not a number of seconds`,
      );
    }
    this.#spin = spin;
    this.#core = new DrivenCore({
      clock: hostClock,
      onError: options.onError ?? ((thrown): void => globalThis.reportError(thrown)),
      changed: () => this.#parkLater(),
    });
    this.#poller = new FdPoller(
      libc(),
      (error) => this.#core.fault(error),
      () => this.#parkLater(),
    );
    this.#poller.rebuilt = (): void => this.#leave();
    this.#timer = new WakeTimer((due) => {
      if (due < Infinity) this.#core.raise(due);
      this.#run();
    });
    this.#soon = new WakeNow(this.#wake);
  }

  /** Loop time: monotonic epoch seconds; during a turn the time at which it began. */
  now(): number {
    return this.#core.now();
  }

  /** During a turn: reads the clock for what follows in it. */
  nowUpdate(): void {
    this.#core.nowUpdate();
  }

  /** Wall clock in seconds since the epoch. */
  time(): number {
    return this.#core.time();
  }

  /**
   * Calls back once, when `after` seconds have passed since `now()`.
   *
   * @param after seconds; zero and less: the next turn; `Infinity`: never
   * @param cb the callback
   * @throws {UsageError} when `after` is not a number
   */
  timer(after: number, cb: () => void): Undo {
    return this.#core.timer(after, cb);
  }

  /**
   * Calls back in every turn in which a descriptor or stream is ready.
   *
   * @param source a descriptor's number, a stream of this backend's net, or anything with a `WATCH` method
   * @param mode readable or writable
   * @param cb the callback
   * @param closed called instead of any later callback when the stream is closed, inside its `close`, or
   *   when a descriptor turns out to be closed
   * @throws {UsageError} for another source, and for a descriptor that is not open
   */
  io(source: unknown, mode: IoMode, cb: () => void, closed?: () => void): Undo {
    const doing = `watch ${typeof source === "number" ? `descriptor ${source}` : "stream"}`;
    if (mode !== "r" && mode !== "w") {
      throw new UsageError(`Cannot ${doing}: mode ${show(mode)} is neither "r" nor "w"`);
    }
    checkCallback(cb, doing);
    let live = true;
    const call = (): void => {
      if (live) this.#core.call(cb);
    };
    const end = (): void => {
      undo();
      if (closed !== undefined) this.#core.call(closed);
    };
    let unwatch: Undo;
    if (isDescriptor(source)) unwatch = this.#poller.watch(source, mode, cb, true, end);
    else if (isWatchable(source)) unwatch = source[WATCH](mode, call, end);
    else {
      throw new UsageError(
        `Cannot watch ${show(source)}: the ffi backend watches descriptors by their numbers, and ` +
          "streams that have a WATCH method (of its net, or fdStream(…) of a descriptor)",
      );
    }
    this.#ios++;
    const undo = this.#keep(() => {
      live = false;
      this.#ios--;
      unwatch();
    });
    return undo;
  }

  /** Calls back in the next turn; in order; cannot be undone. */
  post(cb: () => void): void {
    this.#core.post(cb);
  }

  /** Whether the process should be kept alive while callbacks could still come. */
  hold(on: boolean): void {
    if (typeof on !== "boolean") {
      throw new UsageError(`Cannot hold process: ${show(on)} is not a boolean`);
    }
    if (on === this.#held) return;
    this.#held = on;
    this.#parkLater();
  }

  /** Whether `io` can watch this source. */
  accepts(source: unknown): boolean {
    return isDescriptor(source) || isWatchable(source);
  }

  /**
   * Calls back soon after the process received the signal; several at once may count as one.
   *
   * @param name without `SIG`
   * @param cb the callback
   * @throws {UsageError} when the host cannot listen for it
   */
  signal(name: string, cb: () => void): Undo {
    checkCallback(cb, "watch signal");
    let live = true;
    let posted = false;
    const undo = watchSignal(name, () => {
      if (posted || !live) return;
      posted = true;
      this.#core.post(() => {
        posted = false;
        if (live) cb();
      });
    });
    this.#signals++;
    return this.#keep(() => {
      live = false;
      this.#signals--;
      undo();
    });
  }

  /**
   * Calls back once with the raw wait status when the child has ended, or if it already had.
   *
   * @param child a `Deno.ChildProcess`, the pid of one that was given to `registerChild`, or the pid of any
   *   other process: its status is -1 unless it is a child of this process that nobody has waited for
   * @param cb the callback
   * @throws {UsageError} for what is no child
   */
  child(child: unknown, cb: (ended: ChildStatus) => void): Undo {
    checkCallback(cb, "watch child");
    let live = true;
    const undo = watchProcess(child, this.#poller, (status) => {
      this.#core.post(() => {
        if (!live) return;
        done();
        cb(status);
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
    let live = true;
    const undo = watchChildren(
      (status) => this.#core.post(() => live && ended(status)),
      (count) => this.#core.call(() => living(count)),
    );
    return this.#keep(() => {
      live = false;
      undo();
    });
  }

  /** Calls back in every turn that found nothing else to do. */
  idle(cb: () => void): Undo {
    return this.#core.idle(cb);
  }

  /** Calls back when the host has nothing left that could ever call anything. */
  exhausted(cb: () => void): Undo {
    checkCallback(cb, "watch exhaustion");
    return this.#keep(watchExhausted(() => this.#core.call(cb)));
  }

  /**
   * One turn on this thread; blocks until a descriptor is ready or a timer due when there is nothing to do.
   *
   * @throws {DeadlockError} when there is neither, so that it would block for ever
   */
  runOnce(): void {
    this.#own(() => {
      this.#block(this.#core.sleep());
      this.#turn();
    });
  }

  /**
   * Turns on this thread until `done()` is true; blocks between them.
   *
   * @param done looked at before each turn
   * @throws {DeadlockError} when nothing is left that could run on this thread
   */
  runUntil(done: () => boolean): void {
    checkCallback(done, "run until");
    this.#own(() => {
      while (!done()) {
        this.#turn();
        if (done()) return;
        this.#block(this.#core.sleep());
      }
    });
  }

  /** Counters of what is registered. */
  stats(): BackendStats {
    return {
      timers: this.#core.timers,
      ios: this.#ios,
      posted: this.#core.posted,
      signals: this.#signals,
      children: this.#children,
      idles: this.#core.idles,
    };
  }

  static {
    pollerOf = (backend) => backend.#poller;
  }

  /** Undoes everything that is registered. Idempotent; the backend can be used again afterwards. */
  dispose(): void {
    for (const undo of [...this.#undos]) undo();
    this.#held = false;
    this.#core.dispose();
    this.#leave();
    this.#poller.dispose();
    this.#parkLater();
  }

  /** Runs a callback; what it throws goes to `onError`. For sockets of this backend. */
  call(cb: () => void): void {
    this.#core.call(cb);
  }

  /** Makes an undo idempotent, and one of those that `dispose` runs. */
  #keep(undo: Undo): Undo {
    const kept = (): void => {
      if (this.#undos.delete(kept)) undo();
    };
    this.#undos.add(kept);
    return kept;
  }

  #turn(): void {
    this.#core.turn(this.#poller);
    const now = this.#core.last;
    this.#poller.sweep(now);
    if (this.#spin > 0 && this.#poller.hot) this.#spinUntil = now + this.#spin;
  }

  #run(): void {
    if (this.#core.inTurn || this.#blocked) return;
    this.#turn();
    this.#parkLater();
  }

  #own(body: () => void): void {
    const before = this.#blocked;
    this.#blocked = true;
    try {
      body();
    } finally {
      this.#blocked = before;
      this.#parkLater();
    }
  }

  /** Blocks the thread for as long as there is nothing to do. @param seconds until a timer is due */
  #block(seconds: number): void {
    if (seconds <= 0 || this.#poller.hot) return;
    if (seconds === Infinity && this.#poller.size === 0) {
      throw new DeadlockError(
        ["the blocked thread"],
        "; only timers and descriptors of the ffi backend could",
      );
    }
    if (this.#spin > 0) {
      for (let now = this.#core.now(); now < this.#spinUntil; now = this.#core.now()) {
        if (this.#poller.peek() || this.#core.sleep() <= 0) return;
      }
    }
    const now = this.#core.now();
    this.#poller.setTimer(Math.min(this.#core.due, this.#poller.sweepDue), now);
    this.#poller.wait(-1);
  }

  /** One microtask brings what waits in line with what is registered, however much changes before it. */
  #parkLater(): void {
    if (this.#untidy || this.#core.inTurn) return;
    this.#untidy = true;
    void RESOLVED.then(this.#parkNow);
  }

  /** Arms what is needed to be called in time, and nothing else. */
  #park(): void {
    if (this.#core.inTurn || this.#blocked) return;
    const { posted, idles, due } = this.#core;
    const poller = this.#poller;
    const now = this.#core.now();
    const busy = posted > 0 || idles > 0 || due <= now || poller.hot ||
      (this.#held && now < this.#spinUntil);
    if (busy) this.#soon.arm(posted > 0 || this.#held);
    else this.#soon.disarm();
    if (!this.#held && this.#seat !== undefined && this.#patience-- > 0) return this.#parkLater();
    this.#patience = PATIENCE;
    if (this.#held && poller.size > 0) this.#seat ??= this.#takeSeat();
    // Once taken, the seat is kept: taking it again costs more than a timer that wakes from there.
    if (this.#held && this.#seat !== undefined) {
      this.#timer.disarm();
      if (busy) return;
      poller.setTimer(Math.min(due, poller.sweepDue), now);
      this.#seat.arm();
      return;
    }
    // For a timer alone another thread is too much. Without `hold` it would keep the process alive.
    this.#leave();
    const look = poller.size > 0 ? now + UNHELD_SECONDS : Infinity;
    // An unreferenced immediate would wait until the host wakes up for something else.
    const next = !busy ? Math.min(due, look) : this.#held ? Infinity : now;
    // When held it is also what keeps the process alive while there is nothing else to wait for.
    if (next === Infinity && (busy || !this.#held)) this.#timer.disarm();
    else this.#timer.arm(next, next - now, this.#held);
    poller.trim();
  }

  /** @returns `undefined` when the process has no descriptors left: the host's timer looks instead */
  #takeSeat(): Seat | undefined {
    try {
      return takeSeat(this.#poller.fd, this.#wake);
    } catch (thrown) {
      if (thrown instanceof PeerError) return undefined;
      throw thrown;
    }
  }

  #leave(): void {
    this.#seat?.leave();
    this.#seat = undefined;
  }
}
