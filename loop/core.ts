import { type Backend, ClosedError, type Env, messageOf } from "@anyevent/backends/contract";
import { isThenable } from "./callback.ts";
import { type Holds, holdsOf } from "./hold.ts";
import type { Interceptor } from "./intercept.ts";
import { type LogRoot, openLog } from "./log/root.ts";
import type { IoCheck } from "./strict/io_check.ts";
import type { CallbackErrorHandler, Watcher } from "./watcher.ts";
import type { BaseWatcher } from "./watchers/base_watcher.ts";
import type { AnyChild, ChildHub } from "./watchers/child.ts";
import type { SignalHub } from "./watchers/signal.ts";

/** Stands for what has no watcher of its own when its callback fails. */
class Inert implements Watcher {
  readonly active = false;
  constructor(readonly description: string) {}
  cancel(): void {}
  [Symbol.dispose](): void {}
  ref(): Watcher {
    return this;
  }
  unref(): Watcher {
    return this;
  }
  describe(): string {
    return this.description;
  }
}

/**
 * What the watchers of one loop share: its backend, the list of them, and what happens to a callback
 * that fails. Internal to the package; users see {@linkcode Loop}.
 */
export class Core {
  readonly backend: Backend;
  readonly holds: Holds;
  readonly signals: Map<string, SignalHub> = new Map();
  readonly children: Map<number, ChildHub> = new Map();
  anyChild: AnyChild | undefined;
  onCallbackError: CallbackErrorHandler | undefined;
  /** Comes between each new watcher and its callback. */
  interceptor: Interceptor | undefined;
  /** Looks after io watchers made in strict mode. */
  ioCheck: IoCheck | undefined;
  disposed = false;
  /** Newest active watcher; they are a list, so that adding and removing one allocates nothing. */
  last: BaseWatcher | undefined;
  #opened: LogRoot | undefined;

  constructor(readonly env: Env) {
    this.backend = env.backend;
    this.holds = holdsOf(env.backend);
  }

  /** Made when it is first asked for: it reads the environment. */
  get log(): LogRoot {
    return this.#opened ??= openLog(this.env);
  }

  /** Closes the log's files, when there is a log. */
  disposeLog(): void {
    this.#opened?.dispose();
  }

  /** @throws {ClosedError} after `dispose` */
  checkOpen(what: string): void {
    if (this.disposed) throw new ClosedError(`Cannot ${what}: the loop was disposed of`);
  }

  /** Calls a callback without arguments; what goes wrong goes to `fail`. */
  call(cb: () => unknown, watcher: Watcher): void {
    try {
      const result = cb();
      if (result !== undefined && isThenable(result)) this.follow(result, watcher);
    } catch (error) {
      this.fail(error, watcher);
    }
  }

  /** Treats a later rejection like a throw. */
  follow(result: PromiseLike<unknown>, watcher: Watcher): void {
    Promise.resolve(result).then(undefined, (error) => this.fail(error, watcher));
  }

  /** Reports what a callback threw. Never throws. */
  fail(error: unknown, watcher: Watcher): void {
    const handler = this.onCallbackError;
    if (handler !== undefined) {
      try {
        handler(error, watcher);
        return;
      } catch (second) {
        this.#log("onCallbackError", second);
      }
    }
    this.#log(`callback of ${watcher.describe()}`, error);
  }

  /** As `fail`, for a callback that belongs to no watcher. */
  failInert(error: unknown, description: string): void {
    this.fail(error, new Inert(description));
  }

  /** As `call`, for a callback that belongs to no watcher. */
  callInert(cb: () => unknown, description: string): void {
    try {
      const result = cb();
      if (result !== undefined && isThenable(result)) this.follow(result, new Inert(description));
    } catch (error) {
      this.failInert(error, description);
    }
  }

  #log(what: string, error: unknown): void {
    const stack = error instanceof Error ? error.stack : undefined;
    this.log.ctx("AnyEvent").log(4, `${what} failed: ${stack ?? messageOf(error)}`);
  }
}
