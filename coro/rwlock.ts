import { show, UsageError } from "@anyevent/backends/contract";
import { type Operation, operation, type RESUMED, type Suspension } from "@anyevent/loop";
import { checkLimits, limited, type WaitOptions } from "./limited.ts";
import type { SemaphoreGuard } from "./semaphore.ts";
import type { ThreadSteps } from "./thread.ts";
import { QueuedOperation, WaitList } from "./wait_list.ts";

/** How a lock stands. */
export interface RWLockStats {
  /** How many hold it to read. */
  readonly readers: number;
  /** Whether somebody holds it to write. */
  readonly writer: boolean;
  /** How many wait to read. */
  readonly waitingReaders: number;
  /** How many wait to write. */
  readonly waitingWriters: number;
}

/**
 * A lock that many may hold to read, or one to write.
 *
 * Who wants to read waits only while somebody holds it to write: waiting writers do not hold up new readers,
 * so readers without end starve writers. When it becomes free, the writer that has waited longest is woken,
 * or, without one, all readers; should somebody be faster, who was woken queues anew, at the tail. A waiter
 * that is cancelled or thrown into leaves nothing behind, and passes on a wake-up it had got. Nobody owns
 * it, and it cannot be taken twice. Follows `Coro::RWLock`.
 *
 * @example
 * ```ts
 * import { async, RWLock } from "@anyevent/coro";
 *
 * const lock = new RWLock();
 * const thread = async(function* () {
 *   using _held = yield* lock.wrGuard();
 *   console.log(lock.tryRdlock()); // false
 * });
 * await thread.join();
 * ```
 */
export class RWLock {
  readonly #core: Core = new Core();

  /** Takes it to read; at once, without a switch, unless somebody holds it to write. */
  rdlock(options?: WaitOptions): Operation<void> {
    return limited(new Lock(this.#core, false), options);
  }

  /** Takes it to write; at once, without a switch, unless somebody holds it. */
  wrlock(options?: WaitOptions): Operation<void> {
    return limited(new Lock(this.#core, true), options);
  }

  /** Takes it to read if it can be had now. @returns whether it did */
  tryRdlock(): boolean {
    return this.#core.take(false);
  }

  /** Takes it to write if it can be had now. @returns whether it did */
  tryWrlock(): boolean {
    return this.#core.take(true);
  }

  /**
   * Gives it back, however it was taken. Never blocks, never switches.
   *
   * @throws {UsageError} when nobody holds it
   */
  unlock(): void {
    this.#core.unlock();
  }

  /** Takes it to read. @returns gives it back: use it with `using` */
  rdGuard(options?: WaitOptions): Operation<SemaphoreGuard> {
    return this.#guard(false, options);
  }

  /** Takes it to write. @returns gives it back: use it with `using` */
  wrGuard(options?: WaitOptions): Operation<SemaphoreGuard> {
    return this.#guard(true, options);
  }

  /** Takes it to read, runs `body`, and gives it back, however the body ends. @returns what the body returns */
  withRdlock<T>(body: () => ThreadSteps<T>, options?: WaitOptions): Operation<T> {
    return this.#with(false, body, options);
  }

  /** Takes it to write, runs `body`, and gives it back, however the body ends. @returns what the body returns */
  withWrlock<T>(body: () => ThreadSteps<T>, options?: WaitOptions): Operation<T> {
    return this.#with(true, body, options);
  }

  /** How it stands. */
  stats(): RWLockStats {
    const { readers, writer, waitingReaders, waitingWriters } = this.#core;
    return {
      readers,
      writer,
      waitingReaders: waitingReaders.size,
      waitingWriters: waitingWriters.size,
    };
  }

  #guard(writes: boolean, options: WaitOptions | undefined): Operation<SemaphoreGuard> {
    const core = this.#core;
    checkLimits(options, describeLock(writes));
    return operation(() => describeLock(writes), function* () {
      yield* limited(new Lock(core, writes), options);
      return new Held(core);
    });
  }

  #with<T>(
    writes: boolean,
    body: () => ThreadSteps<T>,
    options: WaitOptions | undefined,
  ): Operation<T> {
    const core = this.#core;
    if (typeof body !== "function") {
      throw new UsageError(`Cannot run with lock: ${show(body)} is not a generator function`);
    }
    checkLimits(options, describeLock(writes));
    return operation(() => describeLock(writes), function* () {
      yield* limited(new Lock(core, writes), options);
      try {
        return yield* body();
      } finally {
        core.unlock();
      }
    });
  }
}

function describeLock(writes: boolean): string {
  return writes ? "rwlock.wrlock()" : "rwlock.rdlock()";
}

class Core {
  readers = 0;
  writer = false;
  readonly waitingReaders: WaitList<Lock> = new WaitList();
  readonly waitingWriters: WaitList<Lock> = new WaitList();

  take(writes: boolean): boolean {
    if (this.writer || (writes && this.readers > 0)) return false;
    if (writes) this.writer = true;
    else this.readers++;
    return true;
  }

  unlock(): void {
    if (this.readers > 0) this.readers--;
    else if (this.writer) this.writer = false;
    else throw new UsageError("Cannot unlock: nobody holds the lock");
    this.wakeNext();
  }

  /** Wakes who may have it, if it is free. */
  wakeNext(): void {
    if (this.readers > 0 || this.writer) return;
    if (this.waitingWriters.size > 0) {
      this.waitingWriters.shift()!.woken();
      return;
    }
    for (let n = this.waitingReaders.size; n > 0; n--) this.waitingReaders.shift()!.woken();
  }
}

const IDLE = 0;
const QUEUED = 1;
const WOKEN = 2;

/** Without class fields, as its base says. */
class Lock extends QueuedOperation<void> {
  declare readonly core: Core;
  declare readonly writes: boolean;
  declare state: number;

  constructor(core: Core, writes: boolean) {
    super();
    this.core = core;
    this.writes = writes;
    this.state = IDLE;
  }

  describe(): string {
    return describeLock(this.writes);
  }

  woken(): void {
    this.state = WOKEN;
    this.waker!.wake();
  }

  abandon(): void {
    const state = this.state;
    this.state = IDLE;
    if (state === QUEUED) this.#list().remove(this);
    if (state === WOKEN) this.core.wakeNext();
  }

  override next(resumed?: typeof RESUMED): IteratorResult<Suspension, void> {
    if (resumed === undefined) this.begin();
    if (this.poll()) return { done: true, value: undefined };
    return { done: false, value: this };
  }

  protected enqueue(): void {
    if (this.state === QUEUED) return;
    this.state = QUEUED;
    this.#list().push(this);
  }

  protected poll(): boolean {
    const queued = this.state === QUEUED;
    if (!queued) this.state = IDLE;
    if (!this.core.take(this.writes)) return false;
    if (queued) this.#list().remove(this);
    this.state = IDLE;
    return true;
  }

  protected result(): void {}

  #list(): WaitList<Lock> {
    return this.writes ? this.core.waitingWriters : this.core.waitingReaders;
  }
}

class Held implements SemaphoreGuard {
  #core: Core | undefined;

  constructor(core: Core) {
    this.#core = core;
  }

  release(): void {
    const core = this.#core;
    this.#core = undefined;
    core?.unlock();
  }

  cancel(): void {
    this.release();
  }

  [Symbol.dispose](): void {
    this.release();
  }
}
