/**
 * The contract of a backend: the narrow waist between an event loop and everything above it.
 *
 * A backend is a loop that can call back: later (`timer`), soon (`post`), or when bytes can be read or
 * written (`io`). All else of AnyEvent (repeating timers, several watchers a signal, idle emulation,
 * `unref`, strict checks, condvars) is derived once, in `@anyevent/loop`.
 *
 * ## Rules
 *
 * Every backend keeps them, and the conformance suite (`@anyevent/backends/conformance`) is these
 * rules as code.
 *
 * 1. **Never inside the call.** No callback runs inside the call that registers it, nor inside any
 *    other call into the backend except `runOnce` and `runUntil`.
 * 2. **Undo is final.** Every registration returns its undo. Undo is idempotent, never throws, and
 *    once it has returned the callback is not called again, also when it was due in this very turn.
 * 3. **Turns.** Work happens in turns. In a turn: the callbacks posted before it began, in order;
 *    then the timers due when it began, by (deadline, creation); then I/O; then, if the turn had
 *    nothing to do, idle callbacks. What a callback posts, or a zero timer it creates, runs in a later
 *    turn, so nothing starves anything. A backend on a foreign loop may deliver I/O or posted batches
 *    as turns of their own, but keeps these orders within each kind.
 * 4. **Time.** `now()` is monotonic, reads as seconds since the epoch, does not move while callbacks of
 *    one turn run, and never jumps when the wall clock is set; timers count from it. `time()` is the
 *    wall clock. A timer never fires before `now()` has reached its deadline.
 * 5. **One shot.** A timer fires once. Negative and zero delays mean "next turn"; there is no longest
 *    delay. An `io` callback is level-triggered: it is called once each turn while the source is
 *    ready, and end of file or a broken stream counts as readable (and writable).
 * 6. **Faults stay local.** Callbacks should not throw. When one does, the backend still runs the rest
 *    of the turn, and hands the error to `onError` of its options (default: the host's `reportError`).
 * 7. **Keeping the process alive.** A backend keeps its process alive only while `hold(true)` is in
 *    force or something is posted, whatever else is registered. `hold` is a switch, not a counter.
 * 8. **Nothing left behind.** When nothing is registered, nothing posted and `hold` is off, the backend
 *    holds no timer, immediate, listener or pending read of its host.
 *
 * @module
 */

/** Takes back what returned it; idempotent; never throws. */
export type Undo = () => void;

/** Readable or writable. */
export type IoMode = "r" | "w";

/** What {@linkcode Backend.stats} counts: all zero when nothing is registered. */
export interface BackendStats {
  /** Timers not yet fired or undone. */
  readonly timers: number;
  /** `io` registrations not undone. */
  readonly ios: number;
  /** Posted callbacks that have not run. */
  readonly posted: number;
  /** Signal registrations not undone. */
  readonly signals: number;
  /** Child registrations neither fired nor undone. */
  readonly children: number;
  /** Idle registrations not undone. */
  readonly idles: number;
}

/** A child process as a backend's `child` accepts it: spawned by the host in its own way. */
export interface ChildStatus {
  /** Process id. */
  readonly pid: number;
  /** Exit code shifted left by eight, or the number of the signal that ended it: as `waitpid` has it. */
  readonly status: number;
}

/** An event loop, reduced to what cannot be derived. See the module text for the rules. */
export interface Backend {
  /** Short name, as `ANYEVENT_BACKEND` takes it. */
  readonly name: string;

  /** Loop time: monotonic epoch seconds, cached for a turn. */
  now(): number;

  /** Ends the caching of `now()` early: the next call reads the clock. */
  nowUpdate(): void;

  /** Wall clock in seconds since the epoch. */
  time(): number;

  /**
   * Calls back once, when `after` seconds have passed since `now()`.
   *
   * @param after seconds; zero, negative: the next turn
   */
  timer(after: number, cb: () => void): Undo;

  /**
   * Calls back in every turn in which `source` is ready.
   *
   * @param source anything for which `accepts(source)` is true
   * @param closed called once, when the source is closed before the undo: the registration is over. Unlike
   * other callbacks it comes inside the `close`. Of a source that does not tell it never comes.
   * @throws {UsageError} for anything else, saying what would be accepted
   */
  io(source: unknown, mode: IoMode, cb: () => void, closed?: () => void): Undo;

  /** Calls back in the next turn; in order; cannot be undone. */
  post(cb: () => void): void;

  /** Whether the process should be kept alive while callbacks could still come. Idempotent. */
  hold(on: boolean): void;

  /** Whether `io` can watch this source. */
  accepts(source: unknown): boolean;

  /**
   * Calls back soon after the process received the signal; several at once may count as one.
   *
   * @param name without `SIG`, as in `"INT"`
   */
  signal?(name: string, cb: () => void): Undo;

  /**
   * Calls back once with the raw wait status when the child has ended (or if it already had).
   *
   * @param child a host's child process object, or the pid of one that this backend's host layer spawned
   */
  child?(child: unknown, cb: (ended: ChildStatus) => void): Undo;

  /**
   * Follows all children that this backend's host layer knows, those it gets to know later too.
   *
   * @param ended called for each that ends, after the callbacks of `child`
   * @param living called with how many live, at each change; it must do no more than take note
   * @returns takes it back; the first number is told inside the call
   */
  children?(ended: (status: ChildStatus) => void, living: (count: number) => void): Undo;

  /** Calls back in every turn that found nothing else to do. */
  idle?(cb: () => void): Undo;

  /**
   * Calls back when the host is about to end the process although `hold` may be off: nothing is left
   * that could ever call anything. Used to report deadlocks instead of a silent exit.
   */
  exhausted?(cb: () => void): Undo;

  /**
   * One turn on this thread; blocks until there is something to do. Only on backends that own the thread.
   *
   * @throws {DeadlockError} when nothing is left that could wake the thread
   */
  runOnce?(): void;

  /**
   * Turns until `done()` is true. Only on backends that own the thread.
   *
   * @throws {DeadlockError} when nothing is left that could wake the thread
   */
  runUntil?(done: () => boolean): void;

  /** Counters of what is registered, for leak checks. */
  stats(): BackendStats;

  /** Undoes everything that is registered. Idempotent; the backend can be used again afterwards. */
  dispose(): void;
}

/** Options every backend's constructor understands. */
export interface BackendOptions {
  /** Gets what a callback threw (rule 6). Default: the host's `reportError`. */
  readonly onError?: (thrown: unknown) => void;
}
