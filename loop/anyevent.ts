import { type Env, show, UsageError } from "@anyevent/backends/contract";
import type { Callback } from "./callback.ts";
import type { CondVar, CondVarCallback } from "./condvar.ts";
import type { LogLevelLike } from "./log/levels.ts";
import type { Logger, LogMessage } from "./log/types.ts";
import type {
  ChildArguments,
  IdleArguments,
  IoArguments,
  SignalArguments,
  TimerArguments,
} from "./loop.ts";
import { type BackendEntry, Detector, detector } from "./registry.ts";
import type { IpProtocol } from "./sockaddr.ts";
import { socketsOf } from "./sockets.ts";
import type { CallbackErrorHandler, Registration, Watcher } from "./watcher.ts";

/**
 * AnyEvent with named arguments on a default loop, and the choice of that loop's backend.
 *
 * The one of the program is {@linkcode AnyEvent}.
 *
 * @example
 * ```ts
 * import { AnyEventApi, defaultLoop, Detector } from "@anyevent/loop";
 *
 * const detector = new Detector([{ name: "mine", create: () => defaultLoop().env }]);
 * const api = new AnyEventApi(detector);
 * console.log(api.MODEL, api.detect()); // undefined native
 * ```
 */
export class AnyEventApi {
  readonly #detector: Detector;

  /**
   * Uses nothing yet.
   *
   * @param detector whose default loop to use
   */
  constructor(detector: Detector) {
    if (!(detector instanceof Detector)) {
      throw new UsageError(`Cannot make AnyEvent: ${show(detector)} is not a Detector`);
    }
    this.#detector = detector;
  }

  /** See `Loop.io`. */
  io(args: IoArguments): Watcher {
    return this.#detector.defaultLoop().io(args);
  }

  /** See `Loop.timer`. */
  timer(args: TimerArguments): Watcher {
    return this.#detector.defaultLoop().timer(args);
  }

  /** See `Loop.signal`. */
  signal(args: SignalArguments): Watcher {
    return this.#detector.defaultLoop().signal(args);
  }

  /** See `Loop.child`. */
  child(args: ChildArguments): Watcher {
    return this.#detector.defaultLoop().child(args);
  }

  /** See `Loop.idle`. */
  idle(args: IdleArguments): Watcher {
    return this.#detector.defaultLoop().idle(args);
  }

  /** See `Loop.condvar`. */
  condvar<T extends readonly unknown[] = unknown[]>(
    options?: { readonly cb?: CondVarCallback<T> },
  ): CondVar<T> {
    return this.#detector.defaultLoop().condvar(options);
  }

  /** Wall clock in epoch seconds. */
  time(): number {
    return this.#detector.defaultLoop().time();
  }

  /** Loop time in epoch seconds; see `Loop.now`. */
  now(): number {
    return this.#detector.defaultLoop().now();
  }

  /** Lets `now` catch up; see `Loop.nowUpdate`. */
  nowUpdate(): void {
    this.#detector.defaultLoop().nowUpdate();
  }

  /** Calls back soon, never inside this call; see `Loop.postpone`. */
  postpone(cb: Callback): void {
    this.#detector.defaultLoop().postpone(cb);
  }

  /** Logs in the context `main`; see `LogContext.log`. */
  log(level: LogLevelLike, message: LogMessage, ...args: unknown[]): boolean {
    return this.#detector.defaultLoop().log.log(level, message, ...args);
  }

  /** For messages of one level in the context `main`; see `LogContext.logger`. */
  logger(level: LogLevelLike): Logger {
    return this.#detector.defaultLoop().log.logger(level);
  }

  /**
   * The level up to which messages are logged: as `ANYEVENT_VERBOSE` says, else 4 (error). 0: none.
   *
   * @throws {UsageError} when set to anything but 0 to 9
   */
  get VERBOSE(): number {
    return this.#detector.defaultLoop().log.verbose;
  }

  set VERBOSE(level: number) {
    this.#detector.defaultLoop().log.verbose = level;
  }

  /**
   * Versions of the Internet Protocol, preferred ones first; what is left out is not used. See
   * `Sockets.protocols`.
   *
   * @throws {UsageError} when set to anything but a list of ipv4 and ipv6
   */
  get protocols(): readonly IpProtocol[] {
    return socketsOf(this.#detector.defaultLoop()).protocols;
  }

  set protocols(protocols: readonly IpProtocol[]) {
    socketsOf(this.#detector.defaultLoop()).protocols = protocols;
  }

  /** Chooses the backend now, if that has not happened. @returns its name */
  detect(): string {
    return this.#detector.detect();
  }

  /** Name of the backend; `undefined` before the first use. */
  get MODEL(): string | undefined {
    return this.#detector.model;
  }

  /**
   * Chooses the backend; to be called before the first watcher.
   *
   * @param backend a name, or an Env
   * @throws {UsageError} when there is no such backend, or one is in use
   */
  use(backend: string | Env): void {
    this.#detector.use(backend);
  }

  /**
   * Calls back once the backend was chosen; at once when it was.
   *
   * @returns takes it back; `undefined` when it was called at once
   */
  postDetect(cb: Callback): Registration | undefined {
    return this.#detector.postDetect(cb);
  }

  /** Backends by third parties, looked up before the built-in ones: add one before the first use. */
  get registry(): BackendEntry[] {
    return this.#detector.registry;
  }

  /** Gets what callbacks throw; may be set before the first use. See `Loop.onCallbackError`. */
  get onCallbackError(): CallbackErrorHandler | undefined {
    return this.#detector.onCallbackError;
  }

  set onCallbackError(handler: CallbackErrorHandler | undefined) {
    this.#detector.onCallbackError = handler;
  }
}

/**
 * AnyEvent on the default loop of the program.
 *
 * The first use of a watcher, condvar or time chooses the backend: what `use` was given, else
 * the environment variable `ANYEVENT_BACKEND`, else `native` (`pure` where the host is not Deno).
 *
 * @example
 * ```ts
 * import { AnyEvent } from "@anyevent/loop";
 *
 * const cv = AnyEvent.condvar();
 * const w = AnyEvent.timer({ after: 0.01, interval: 0.01, cb: () => cv.send() });
 * await cv.recv();
 * w.cancel();
 * console.log(AnyEvent.MODEL);
 * ```
 */
export const AnyEvent: AnyEventApi = new AnyEventApi(detector);
