// Longer than most files here: it is the list of everything a loop can do; how it is done is elsewhere.
import {
  checkOptions,
  type Env,
  type IoMode,
  show,
  type Undo,
  UsageError,
} from "@anyevent/backends/contract";
import { type Callback, toFunction } from "./callback.ts";
import { CondVar, type CondVarCallback, type CondVarHost } from "./condvar.ts";
import { Core } from "./core.ts";
import { reportDeadlocks } from "./deadlock.ts";
import type { Interceptor, WatcherKind } from "./intercept.ts";
import type { LogRoot } from "./log/root.ts";
import type { Operation } from "./operation.ts";
import { Sleep } from "./sleep.ts";
import { type ArgumentsOf, strictness } from "./strict/strictness.ts";
import { type Seconds, seconds } from "./time.ts";
import type { CallbackErrorHandler, Watcher } from "./watcher.ts";
import { type ChildLike, ChildWatcher } from "./watchers/child.ts";
import { IdleWatcher } from "./watchers/idle.ts";
import { IoWatcher } from "./watchers/io.ts";
import { SignalWatcher } from "./watchers/signal.ts";
import { TimerWatcher } from "./watchers/timer.ts";

/** Options of {@linkcode Loop}. */
export interface LoopOptions {
  /** See {@linkcode Loop.onCallbackError}. */
  readonly onCallbackError?: CallbackErrorHandler;
}

/** Arguments of {@linkcode Loop.io}. */
export interface IoArguments {
  /** What to watch: a stream of the loop's own sockets or `ioStream`, or whatever the backend accepts. */
  readonly fh: unknown;
  /** Readable or writable. */
  readonly poll: IoMode;
  /** Called each turn while it is ready. */
  readonly cb: Callback;
}

/** Arguments of {@linkcode Loop.timer}. */
export interface TimerArguments {
  /** Seconds until the first call; 0 and less: the next turn. */
  readonly after: Seconds;
  /** Seconds between calls; 0 or absent: it fires once. */
  readonly interval?: Seconds;
  /** Called when it is time. */
  readonly cb: Callback;
}

/** Arguments of {@linkcode Loop.signal}. */
export interface SignalArguments {
  /** Name without `SIG`, as in `"INT"`. */
  readonly signal: string;
  /** Called soon after the signal; for several at once maybe once only. */
  readonly cb: Callback;
}

/** Called with process id and raw wait status: exit code shifted left by eight, or the signal's number. */
export type ChildCallback = Callback<[pid: number, status: number]>;

/** Arguments of {@linkcode Loop.child}. */
export interface ChildArguments {
  /** The child as the host made it, the process id of one that the backend knows, or 0. */
  readonly pid: ChildLike | number;
  /** Called once (with pid 0: for each) with process id and raw wait status. */
  readonly cb: ChildCallback;
}

/** Arguments of {@linkcode Loop.idle}. */
export interface IdleArguments {
  /** Called in every turn that found nothing else to do. */
  readonly cb: Callback;
}

/** What is active in a loop; all zero when nothing is left. */
export interface LoopStats {
  /** Timers, sleeping operations included. */
  readonly timers: number;
  /** Io watchers. */
  readonly ios: number;
  /** Signal watchers. */
  readonly signals: number;
  /** Child watchers. */
  readonly children: number;
  /** Idle watchers. */
  readonly idles: number;
  /** What keeps the process alive, in all loops that share the backend. */
  readonly held: number;
}

/**
 * An event loop: watchers, condvars and waiting over one {@linkcode Env}.
 *
 * Programs mostly use the default loop through `AE` or `AnyEvent`; libraries and tests take or make a
 * `Loop`. Callbacks are never called inside the call that registers them, and never after `cancel()`.
 *
 * The `add…` methods are the same as the ones with named arguments, for those who make many.
 *
 * @example
 * ```ts
 * import { Loop } from "@anyevent/loop";
 * import { nativeEnv } from "@anyevent/backends/native";
 *
 * const loop = new Loop(nativeEnv());
 * const done = loop.condvar<[string]>();
 * loop.timer({ after: 0.01, cb: () => done.send("time is up") });
 * console.log(await done.recv());
 * ```
 */
export class Loop implements CondVarHost, Disposable {
  /** The platform it runs on. */
  readonly env: Env;
  readonly #core: Core;
  readonly #undoDeadlocks: Undo;
  readonly #disposers = new Set<{ readonly cb: () => void }>();
  #blocking = false;
  /** Postponed callbacks that have not run. */
  #postponed = 0;

  /**
   * Starts nothing yet.
   *
   * @param env platform; several loops may share one
   * @throws {UsageError} when `env` has no backend, or an option makes no sense
   */
  constructor(env: Env, options: LoopOptions = {}) {
    if (typeof env?.backend?.timer !== "function") {
      throw new UsageError(`Cannot make loop: ${show(env)} is no Env with a backend`);
    }
    checkOptions(options, "make loop");
    this.env = env;
    this.#core = new Core(env);
    this.onCallbackError = options.onCallbackError;
    this.#undoDeadlocks = reportDeadlocks(env.backend);
  }

  /**
   * Gets what callbacks throw and async ones are rejected with; siblings and the loop go on in any case.
   * Default, and when the handler itself throws: an error in the context `AnyEvent` of the log.
   */
  get onCallbackError(): CallbackErrorHandler | undefined {
    return this.#core.onCallbackError;
  }

  set onCallbackError(handler: CallbackErrorHandler | undefined) {
    if (handler !== undefined && typeof handler !== "function") {
      throw new UsageError(`Cannot set onCallbackError: ${show(handler)} is not a function`);
    }
    this.#core.onCallbackError = handler;
  }

  /**
   * Calls back each turn while a stream is readable or writable; end of file counts as readable.
   *
   * Level-triggered: a callback that does not read is called again. Any number of watchers may share a
   * stream; cancelling one neither closes it nor loses data. Closing the stream ends its watchers.
   *
   * @throws {UsageError} for what the backend cannot watch
   */
  io(args: IoArguments): Watcher {
    checkArguments(args, "watch io", "io");
    return this.addIo(args.fh, args.poll, args.cb);
  }

  /** As {@linkcode Loop.io}. */
  addIo(fh: unknown, poll: IoMode, cb: Callback): Watcher {
    this.#core.checkOpen("watch io");
    if (strictness.on) strictness.checks.io(fh, poll, cb);
    if (poll !== "r" && poll !== "w") {
      throw new UsageError(`Cannot watch io: poll ${show(poll)} is neither "r" nor "w"`);
    }
    return new IoWatcher(this.#core, fh, poll, toFunction(cb, "watch io"));
  }

  /**
   * Calls back once after some time, or repeatedly.
   *
   * Timers with equal deadlines fire in the order in which they were made. A repeating timer is set
   * again before its callback is called, for the later of one interval after its deadline and now: no
   * drift from the callback's own time; missed calls collapse into one.
   *
   * @throws {UsageError} when a time is no time, or the interval negative
   * @example
   * ```ts
   * import { AE, AnyEvent } from "@anyevent/loop";
   *
   * const enough = 5;
   * let yammer = 0;
   * const c = AE.cv();
   * using _w = AnyEvent.timer({
   *   after: 0.02,
   *   interval: 0.02,
   *   cb: () => {
   *     console.log(`Every 2 (${AnyEvent.now()})`);
   *     if (++yammer === enough) c.send();
   *   },
   * });
   * using _w2 = AnyEvent.timer({
   *   after: 0.05,
   *   interval: 0.05,
   *   cb: () => {
   *     console.log(`Every 5 (${AnyEvent.now()})`);
   *     if (++yammer === enough) c.send();
   *   },
   * });
   * await c.recv();
   * ```
   */
  timer(args: TimerArguments): Watcher {
    checkArguments(args, "start timer", "timer");
    return this.addTimer(args.after, args.interval ?? 0, args.cb);
  }

  /** As {@linkcode Loop.timer}; interval 0: it fires once. */
  addTimer(after: Seconds, interval: Seconds, cb: Callback): Watcher {
    const core = this.#core;
    core.checkOpen("start timer");
    if (strictness.on) strictness.checks.timer(after, interval, cb);
    const first = seconds(after, "start timer: after");
    const every = interval === 0 ? 0 : seconds(interval, "start timer: interval");
    if (every < 0) {
      throw new UsageError(`Cannot start timer: interval ${every} is negative`);
    }
    return new TimerWatcher(core, first, every, toFunction(cb, "start timer"));
  }

  /**
   * Calls back soon after the process received a signal.
   *
   * It does not keep the process alive, and does not count as what could wake an `await`: a program that
   * only waits for a signal says `.ref()`.
   *
   * Any number of watchers a signal, all called in the order in which they were made. When the last one
   * is gone the signal has its default effect again.
   *
   * @throws {UsageError} for a name that is none, or on a backend without signals
   * @example Until told
   * ```ts
   * import { AE } from "@anyevent/loop";
   *
   * const interrupted = AE.cv();
   * using _w = AE.signal("USR1", interrupted).ref();
   * AE.timer(0.01, 0, () => Deno.kill(Deno.pid, "SIGUSR1"));
   * await interrupted.recv();
   * ```
   */
  signal(args: SignalArguments): Watcher {
    checkArguments(args, "watch signal", "signal");
    return this.addSignal(args.signal, args.cb);
  }

  /** As {@linkcode Loop.signal}. */
  addSignal(signal: string, cb: Callback): Watcher {
    this.#core.checkOpen("watch signal");
    if (strictness.on) strictness.checks.signal(signal, cb);
    if (typeof signal !== "string" || !/^[A-Z][A-Z0-9]*$/.test(signal)) {
      throw new UsageError(`Cannot watch signal ${show(signal)}: not a name such as "INT"`);
    }
    if (signal.startsWith("SIG")) {
      throw new UsageError(`Cannot watch signal ${show(signal)}: leave the SIG out`);
    }
    return new SignalWatcher(this.#core, signal, toFunction(cb, "watch signal"));
  }

  /**
   * Calls back once when a child process has ended, also when it had ended before.
   *
   * Any number of watchers a child. Pid 0 means any child that the backend knows, and goes on until
   * cancelled; such a watcher is called after the child's own, and keeps the process alive only while
   * there is such a child. On Deno a child is known once it has a watcher of its own or was given to
   * `registerChild`, with children of Node on pure to `registerNodeChild`; where the backend cannot follow
   * them, only those with a watcher of their own in this loop count.
   *
   * @throws {UsageError} for what is no child, or on a backend without child processes
   */
  child(args: ChildArguments): Watcher {
    checkArguments(args, "watch child", "child");
    return this.addChild(args.pid, args.cb);
  }

  /** As {@linkcode Loop.child}. */
  addChild(child: ChildLike | number, cb: ChildCallback): Watcher {
    this.#core.checkOpen("watch child");
    if (strictness.on) strictness.checks.child(child, cb);
    const pid: unknown = typeof child === "object" && child !== null ? child.pid : child;
    const least = pid === child ? 0 : 1;
    if (typeof pid !== "number" || !Number.isSafeInteger(pid) || pid < least) {
      throw new UsageError(
        `Cannot watch child: ${show(child)} is neither a child process nor a process id`,
      );
    }
    return new ChildWatcher(this.#core, child, toFunction(cb, "watch child"));
  }

  /**
   * Calls back in every turn that found nothing else to do, until cancelled.
   *
   * On a backend without idle callbacks: first after 0.05 s, then each time after as long as the callback
   * took, 0.0001 to 5 s.
   */
  idle(args: IdleArguments): Watcher {
    checkArguments(args, "watch idle", "idle");
    return this.addIdle(args.cb);
  }

  /** As {@linkcode Loop.idle}. */
  addIdle(cb: Callback): Watcher {
    this.#core.checkOpen("watch idle");
    if (strictness.on) strictness.checks.idle(cb);
    return new IdleWatcher(this.#core, toFunction(cb, "watch idle"));
  }

  /**
   * Makes a condition variable.
   *
   * @param options `cb`: called with the condvar when it becomes true
   */
  condvar<T extends readonly unknown[] = unknown[]>(
    options?: { readonly cb?: CondVarCallback<T> },
  ): CondVar<T> {
    if (options !== undefined) checkArguments(options, "make condvar", "condvar");
    return new CondVar<T>(options?.cb, this);
  }

  /**
   * Calls back soon: in a later turn, never inside this call, in order. What is postponed meanwhile runs in
   * the turn after that. It cannot be taken back.
   */
  postpone(cb: Callback): void {
    const core = this.#core;
    core.checkOpen("postpone");
    const call = toFunction(cb, "postpone");
    this.#postponed++;
    core.backend.post(() => {
      this.#postponed--;
      if (!core.disposed) core.callInert(call, "postpone()");
    });
  }

  /** Waits for some time. Cancelled with the thread that waits. @param length seconds */
  sleep(length: Seconds): Operation<void> {
    this.#core.checkOpen("sleep");
    return new Sleep(this.#core, seconds(length, "sleep"));
  }

  /** Loop time: epoch seconds, the same for a whole turn; never jumps. What timers count from. */
  now(): number {
    return this.#core.backend.now();
  }

  /** Lets `now()` catch up in the middle of a long callback. */
  nowUpdate(): void {
    this.#core.backend.nowUpdate();
  }

  /** Wall clock: seconds since the epoch. */
  time(): number {
    return this.#core.backend.time();
  }

  /**
   * Its log, made at the first use as the environment says. Nonsense there is told by an error message of the
   * Env and does not count; the default loop is not made then.
   */
  get log(): LogRoot {
    return this.#core.log;
  }

  /** Keeps the process alive until taken back, as an active watcher would. */
  hold(): Undo {
    this.#core.checkOpen("hold");
    const holds = this.#core.holds;
    let held = true;
    holds.add();
    return () => {
      if (!held) return;
      held = false;
      holds.remove();
    };
  }

  /**
   * Calls back when the loop is disposed of, after its watchers were cancelled: for what lives on a loop
   * without being a watcher, such as a server.
   *
   * @param cb what it throws goes to `onCallbackError`, and the others are called all the same
   * @returns takes it back
   * @throws {ClosedError} when that has happened
   */
  onDispose(cb: () => void): Undo {
    this.#core.checkOpen("register onDispose");
    if (typeof cb !== "function") {
      throw new UsageError(`Cannot register onDispose: ${show(cb)} is not a function`);
    }
    const entry = { cb };
    this.#disposers.add(entry);
    return () => void this.#disposers.delete(entry);
  }

  /**
   * Puts something between every watcher that is made from now on and its callback: for debuggers and
   * profilers. What was made before stays as it is, and so does what was made in between once this was taken
   * back. One at a time.
   *
   * @param interceptor gets each new watcher inside the call that makes it, and returns what is called in place
   * of its callback; must not throw
   * @returns takes it back
   * @throws {UsageError} when there is one already
   */
  intercept(interceptor: Interceptor): Undo {
    const core = this.#core;
    core.checkOpen("intercept watchers");
    if (typeof interceptor !== "function") {
      throw new UsageError(`Cannot intercept watchers: ${show(interceptor)} is not a function`);
    }
    if (core.interceptor !== undefined) {
      throw new UsageError("Cannot intercept watchers: something else does already");
    }
    // Of its own, so that the undo takes back no later one of the same function.
    const own: Interceptor = (watcher) => interceptor(watcher);
    core.interceptor = own;
    return () => {
      if (core.interceptor === own) core.interceptor = undefined;
    };
  }

  /**
   * Runs the loop inside this call while anything keeps it alive, postponed callbacks included.
   *
   * @throws {DeadlockError} when what keeps it alive can never call back on a thread that is blocked
   * @throws {UsageError} where the backend cannot block the thread: there the loop runs by itself
   */
  run(): void {
    const holds = this.#core.holds;
    this.block(() => holds.count === 0 && this.#postponed === 0, "run");
  }

  /**
   * Runs one turn inside this call; waits until there is something to do.
   *
   * @throws {DeadlockError} when there never will be
   * @throws {UsageError} where the backend cannot block the thread
   */
  oneEvent(): void {
    const backend = this.#core.backend;
    if (backend.runOnce === undefined) throw this.#cannotBlock("one event");
    this.#blockingly("one event", () => backend.runOnce!());
  }

  /** Runs turns until `done()` is true; see {@linkcode CondVarHost}. */
  block(done: () => boolean, what: string): void {
    const backend = this.#core.backend;
    if (backend.runUntil === undefined) throw this.#cannotBlock(what);
    this.#blockingly(what, () => backend.runUntil!(done));
  }

  /** Hands an error to {@linkcode Loop.onCallbackError}. */
  callbackFailed(error: unknown, what: string): void {
    this.#core.failInert(error, what);
  }

  /** What is active. */
  stats(): LoopStats {
    const count: Record<WatcherKind, number> = { timer: 0, io: 0, signal: 0, child: 0, idle: 0 };
    for (let it = this.#core.last; it !== undefined; it = it.older) count[it.kind]++;
    return {
      timers: count.timer,
      ios: count.io,
      signals: count.signal,
      children: count.child,
      idles: count.idle,
      held: this.#core.holds.count,
    };
  }

  /** All active watchers, oldest first. */
  watchers(): Watcher[] {
    const all: Watcher[] = [];
    for (let it = this.#core.last; it !== undefined; it = it.older) all.push(it);
    return all.reverse();
  }

  /**
   * Cancels every watcher; what is postponed is not called. Idempotent. The loop cannot be used
   * afterwards ({@linkcode ClosedError}); its Env can.
   */
  dispose(): void {
    const core = this.#core;
    if (core.disposed) return;
    core.disposed = true;
    this.#undoDeadlocks();
    while (core.last !== undefined) core.last.cancel();
    for (const entry of this.#disposers) {
      this.#disposers.delete(entry);
      try {
        entry.cb();
      } catch (error) {
        this.callbackFailed(error, "onDispose()");
      }
    }
    core.disposeLog();
  }

  /** Same as `dispose`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  #cannotBlock(what: string): UsageError {
    return new UsageError(
      `Cannot block for ${what}: backend ${this.#core.backend.name} cannot run the loop inside ` +
        "a call; use `yield*` in a thread or `await` elsewhere",
    );
  }

  #blockingly(what: string, body: () => void): void {
    this.#core.checkOpen(`block for ${what}`);
    if (this.#blocking) {
      throw new UsageError(`Cannot block for ${what}: recursive blocking wait attempted`);
    }
    this.#blocking = true;
    try {
      body();
    } finally {
      this.#blocking = false;
    }
  }
}

function checkArguments(args: unknown, what: string, of: ArgumentsOf): void {
  if (typeof args !== "object" || args === null) {
    throw new UsageError(`Cannot ${what}: arguments ${show(args)} are not an object`);
  }
  if (strictness.on) strictness.checks.named(of, args);
}
