import type {
  Backend,
  BackendOptions,
  BackendStats,
  ChildStatus,
  IoMode,
  Undo,
} from "../contract/backend.ts";
import { DeadlockError, show, UsageError } from "../contract/errors.ts";
import { checkOptional, checkOptions } from "../contract/options.ts";
import { isWatchable, WATCH } from "../contract/stream.ts";
import { hostClock } from "../driven/clock.ts";
import { checkCallback, DrivenCore } from "../driven/core.ts";
import { bareHost, type PureHost } from "./host.ts";
import { WakeNow, WakeTimer } from "../driven/wake_up.ts";

/** Options of {@linkcode PureBackend}. */
export interface PureBackendOptions extends BackendOptions {
  /** Gives signals, children and sockets. Default: none, and asking for them is a `UsageError`. */
  readonly host?: PureHost;
}

/** What `onError` is by default: the host's, or its console's. */
function reportToHost(thrown: unknown): void {
  const host = globalThis as { reportError?: (thrown: unknown) => void };
  if (host.reportError !== undefined) host.reportError(thrown);
  else globalThis.console.error(thrown);
}

/**
 * The backend for any JavaScript host: the driven loop, parked on one of the host's own wake-ups
 * (`setTimeout`; for "now" `setImmediate`, a `MessageChannel` or a zero timer).
 *
 * Timers, posts, idle callbacks and anything with a `WATCH` method work everywhere. Signals and
 * children come from the host adapter in the options.
 *
 * `runOnce` and `runUntil` may block the thread until a timer is due, where the host allows
 * `Atomics.wait`; what comes through the host's own loop (sockets, signals, children) waits meanwhile.
 *
 * Where the host's timers cannot be told so (they have no `unref`), a timer keeps the process alive
 * even without `hold`.
 *
 * Backends: pure. Permissions: none by itself.
 *
 * @example
 * ```ts
 * import { PureBackend } from "@anyevent/backends/pure";
 *
 * const backend = new PureBackend();
 * let ticks = 0;
 * const tick = (): void => {
 *   if (++ticks < 3) backend.timer(0.01, tick);
 * };
 * backend.timer(0.01, tick);
 * backend.runUntil(() => ticks === 3); // blocks for 30 ms
 * ```
 */
export class PureBackend implements Backend {
  /** `"pure"`. */
  readonly name = "pure";
  readonly #core: DrivenCore;
  readonly #host: PureHost;
  readonly #timer: WakeTimer;
  readonly #soon: WakeNow;
  readonly #undos = new Set<Undo>();
  #held = false;
  #ios = 0;
  #signals = 0;
  #children = 0;

  /**
   * Follows all children that the host adapter knows; absent when the adapter cannot.
   *
   * @param ended called with the raw status of each that ends, after the callbacks of `child`
   * @param living called with how many live, at each change
   * @returns takes it back
   */
  readonly children?: (
    ended: (status: ChildStatus) => void,
    living: (count: number) => void,
  ) => Undo;

  /**
   * Makes a loop of its own; nothing of the host is touched before something is registered.
   *
   * @param options the host adapter, and what to do with what callbacks throw
   * @throws {UsageError} when they make no sense
   */
  constructor(options: PureBackendOptions = {}) {
    checkOptions(options, "make pure backend");
    checkOptional(options.onError, "make pure backend: onError");
    this.#host = options.host ?? bareHost;
    this.#core = new DrivenCore({
      clock: hostClock,
      onError: options.onError ?? reportToHost,
      changed: () => this.#park(),
    });
    this.#timer = new WakeTimer((due) => {
      if (due < Infinity) this.#core.raise(due);
      this.#run();
    });
    this.#soon = new WakeNow(() => this.#run());
    if (this.#host.children !== undefined) {
      this.children = (ended, living) => this.#follow(ended, living);
    }
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
   * Calls back in every turn in which a stream is ready.
   *
   * @param source anything with a `WATCH` method
   * @param mode readable or writable
   * @param cb the callback
   * @param closed called instead of any later callback when the stream is closed, inside its `close`
   * @throws {UsageError} for another source
   */
  io(source: unknown, mode: IoMode, cb: () => void, closed?: () => void): Undo {
    if (mode !== "r" && mode !== "w") {
      throw new UsageError(`Cannot watch stream: mode ${show(mode)} is neither "r" nor "w"`);
    }
    checkCallback(cb, "watch stream");
    if (!isWatchable(source)) {
      throw new UsageError(
        `Cannot watch ${show(source)}: the pure backend watches streams that have a WATCH method ` +
          `(of its net, of streamPair, or nodeStream(…) of a Node stream); for descriptors and ` +
          `Deno.Conn use another backend`,
      );
    }
    const unwatch = source[WATCH](mode, () => {
      if (live) this.#core.call(cb);
    }, () => {
      undo();
      if (closed !== undefined) this.#core.call(closed);
    });
    let live = true;
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
    this.#held = on;
    if (!this.#core.inTurn) this.#park();
  }

  /** Whether `io` can watch this source. */
  accepts(source: unknown): boolean {
    return isWatchable(source);
  }

  /**
   * Calls back soon after the process received the signal; several at once may count as one.
   *
   * @param name without `SIG`
   * @param cb the callback
   * @throws {UsageError} without a host adapter, or when it cannot
   */
  signal(name: string, cb: () => void): Undo {
    checkCallback(cb, "watch signal");
    let live = true;
    let posted = false;
    const undo = this.#host.signal(name, () => {
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
   * @param child as the host adapter takes it
   * @param cb the callback
   * @throws {UsageError} without a host adapter, or for what is no child
   */
  child(child: unknown, cb: (ended: ChildStatus) => void): Undo {
    checkCallback(cb, "watch child");
    let live = true;
    const undo = this.#host.child(child, (status) => {
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

  /** Calls back in every turn that found nothing else to do. */
  idle(cb: () => void): Undo {
    return this.#core.idle(cb);
  }

  /** Calls back when the host is about to end the process for want of work; never on a host that cannot tell. */
  exhausted(cb: () => void): Undo {
    checkCallback(cb, "watch for exhaustion");
    const undo = this.#host.exhausted?.(() => this.#core.call(cb));
    return undo === undefined ? () => undefined : this.#keep(undo);
  }

  /**
   * One turn on this thread; blocks until a timer is due when there is nothing to do.
   *
   * @throws {DeadlockError} when there is no timer either
   * @throws {UsageError} when the host does not allow to block
   */
  runOnce(): void {
    if (this.#core.sleep() > 0) this.#block(this.#core.sleep());
    this.#core.turn();
    if (!this.#core.inTurn) this.#park();
  }

  /**
   * Turns on this thread until `done()` is true; blocks between timers.
   *
   * @param done looked at after each turn
   * @throws {DeadlockError} when nothing is left that could run on this thread
   * @throws {UsageError} when the host does not allow to block
   */
  runUntil(done: () => boolean): void {
    checkCallback(done, "run until");
    try {
      if (done()) return;
      for (const sleep of this.#core.turns()) {
        if (done()) return;
        if (sleep > 0) this.#block(sleep);
      }
    } finally {
      if (!this.#core.inTurn) this.#park();
    }
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

  /** Undoes everything that is registered. Idempotent; the backend can be used again afterwards. */
  dispose(): void {
    for (const undo of [...this.#undos]) undo();
    this.#held = false;
    this.#core.dispose();
    this.#park();
  }

  #follow(ended: (status: ChildStatus) => void, living: (count: number) => void): Undo {
    checkCallback(ended, "watch children");
    checkCallback(living, "watch children");
    let live = true;
    const undo = this.#host.children!(
      (status) => this.#core.post(() => live && ended(status)),
      (count) => this.#core.call(() => living(count)),
    );
    return this.#keep(() => {
      live = false;
      undo();
    });
  }

  /** Makes an undo idempotent, and one of those that `dispose` runs. */
  #keep(undo: Undo): Undo {
    const kept = (): void => {
      if (this.#undos.delete(kept)) undo();
    };
    this.#undos.add(kept);
    return kept;
  }

  #run(): void {
    // A host timer may fire while `runUntil` has the thread only if the host runs callbacks inside
    // calls, which none does; but a fake clock that a callback advances does just that.
    if (this.#core.inTurn) return;
    this.#core.turn();
    this.#park();
  }

  /** Arms what the host needs to call back in time, and nothing else. */
  #park(): void {
    const { posted, idles, due } = this.#core;
    const seconds = due < Infinity ? due - this.#core.now() : Infinity;
    // A host's zero timer takes a millisecond or two, which "now" need not.
    const now = posted > 0 || idles > 0 || seconds <= 0;
    if (now) this.#soon.arm(posted > 0 || this.#held);
    else this.#soon.disarm();
    if (seconds > 0 && seconds < Infinity) this.#timer.arm(due, seconds, this.#held);
    else if (!this.#held) this.#timer.disarm();
    // Something must hold the process while there is nothing to wait for but the host's own events.
    else if (!now) this.#timer.arm(Infinity, Infinity, true);
  }

  #block(seconds: number): void {
    if (seconds === Infinity) {
      throw new DeadlockError(["the blocked thread"], "; only timers of the pure backend could");
    }
    try {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, Math.ceil(seconds * 1000));
    } catch (cause) {
      throw new UsageError("Cannot block: this host does not allow it on this thread", { cause });
    }
  }
}
