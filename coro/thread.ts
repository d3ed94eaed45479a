import { show, UsageError } from "@anyevent/backends/contract";
import {
  type Abort,
  type Operation,
  type RESUMED,
  type Suspension,
  WaitOperation,
  type Waker,
} from "@anyevent/loop";
import { currentEngine } from "./default_engine.ts";
import { clampPriority } from "./priority.ts";
import { AWAIT, FAILED, MAIN, NEW, READY, SUSPENDED, type Task, ZOMBIE } from "./task.ts";

/** What a generator that is a thread's body looks like. */
export type ThreadSteps<T> = Generator<Suspension, T, typeof RESUMED | undefined>;

/**
 * What a thread runs: a generator function, whose `yield*` of operations are the only places where it
 * switches; or a plain function, which runs in one go, or returns the operation to run.
 */
export type ThreadBody<T, A extends readonly unknown[] = []> =
  | ((...args: A) => ThreadSteps<T>)
  | ((...args: A) => Operation<T>)
  | ((...args: A) => T);

const asyncPrototype: unknown = Object.getPrototypeOf(async () => {});

/** @throws {UsageError} when it cannot be the body of a thread */
export function checkBody(body: unknown): void {
  if (typeof body !== "function") {
    throw new UsageError(`Cannot make thread: ${show(body)} is not a function`);
  }
  if (Object.getPrototypeOf(body) === asyncPrototype) {
    throw new UsageError(
      `Cannot make thread: ${show(body)} is async; use a generator function (function*) and yield*`,
    );
  }
}

let adopted: Task | undefined;

/**
 * A cooperative thread.
 *
 * It runs until it blocks in an operation (`yield* op`), and goes on when it is ready again and its turn
 * has come: higher priorities first, within one in order. A thread is new, ready, running, blocked, or
 * has ended (a zombie, which keeps its result). `new Coro(body)` makes one that waits for `ready()`;
 * {@linkcode async} makes one and readies it.
 *
 * A thread lives on its own; nothing needs to refer to it. Nothing frees one that is blocked for ever,
 * so cancel those, for example with `using`.
 *
 * Follows Perl's `Coro`. Differences: a body's return value gives a list of one value (none for
 * `undefined`; `terminate(…)` gives longer ones), and a thread that cancels itself ends at its next trap,
 * the next blocking call that has to wait.
 *
 * @typeParam T what the body returns
 * @example
 * ```ts
 * import { async, cede, Coro } from "@anyevent/coro";
 *
 * const thread = new Coro(function* (name: string) {
 *   yield* cede();
 *   return `hello, ${name}`;
 * }, "world");
 * thread.ready();
 * console.log(await thread.join()); // [ "hello, world" ]
 * ```
 */
export class Coro<T = unknown> implements Disposable {
  readonly #task: Task;

  /**
   * A thread that has not run, and is not ready.
   *
   * @param body what it runs
   * @param args what the body gets
   * @throws {UsageError} when `body` is no function, or an async one
   */
  constructor(body: ThreadBody<T, never[]>, ...args: unknown[]);
  /** The same, with arguments checked. */
  constructor(body: (...args: never[]) => unknown, ...args: unknown[]) {
    if (adopted !== undefined) {
      this.#task = adopted;
      adopted = undefined;
    } else {
      checkBody(body);
      this.#task = currentEngine().create(body, args.length === 0 ? undefined : args);
    }
    this.#task.coro = this as Coro<unknown>;
  }

  /** The running thread; `main` in code outside threads. */
  static get current(): Coro {
    return coroOf(currentEngine().current);
  }

  /** Stands for the code outside threads; the same object for ever. */
  static get main(): Coro {
    return coroOf(currentEngine().main);
  }

  /**
   * Appends it to the ready queue of its priority; it runs when its turn comes, never inside this call.
   *
   * On the running thread: it will go on at once when next it blocks, as far as its turn goes. On `main`:
   * wakes every `await` that waits, or the next one, as there is no telling them apart.
   *
   * @returns false when it was queued already, or has ended
   */
  ready(): boolean {
    return this.#task.engine.ready(this.#task);
  }

  /**
   * Ends it and gives `values` to those who join.
   *
   * New, ready and blocked threads have ended when this returns: the blocking call was aborted, `finally`
   * and `using` ran (in which blocking is an error), then `onDestroy` callbacks; then those who join are
   * readied. The clean-up runs as the thread itself: it is `current()`. What it throws goes to the thread's
   * `onUncaught`, else to the scheduler's, else into the log as an error; the thread counts as cancelled all
   * the same. A thread that runs (itself, or one that cancels another whose clean-up cancels it) ends at its
   * next trap. One that has ended, or is in its clean-up, gets its values replaced.
   *
   * @throws {UsageError} on `main`
   */
  cancel(...values: unknown[]): void {
    if ((this.#task.flags & (MAIN | AWAIT)) !== 0) {
      throw new UsageError("Cannot cancel main: it is the code outside threads");
    }
    this.#task.engine.cancel(this.#task, values);
  }

  /** Same as `cancel()`: a thread held by `using` ends with the scope. Does nothing when it has ended. */
  [Symbol.dispose](): void {
    if (!this.isZombie) this.cancel();
  }

  /**
   * Throws `error` into it, from the blocking call in which it waits, which is aborted; and makes it ready.
   *
   * A new thread ends with the error without running. The running one gets it when it next blocks. Without
   * an argument, or with `undefined`, a pending error is taken back; the thread stays ready.
   */
  throw(error?: unknown): void {
    this.#task.engine.throwInto(this.#task, error);
  }

  /**
   * Waits until it has ended; at once, without a switch, when it had. Any number may join, any number of
   * times; those who wait are readied last one first.
   *
   * @returns the values it ended with: what its body returned as a list of one (`undefined`: none), or
   * what `terminate` or `cancel` was given
   * @throws what the body threw
   */
  join(): Operation<T[]> {
    return new Join<T>(this.#task);
  }

  /**
   * Calls back when it has ended, with the values, after its clean-up and before those who join; several,
   * last one first. Never called for a thread that had ended before.
   *
   * @param callback must not throw; should it, the error goes to `onUncaught` of the scheduler
   */
  onDestroy(callback: (...values: unknown[]) => void): void {
    checkCallback(callback, "onDestroy");
    if (this.isZombie) return;
    (this.#task.extra.onDestroy ??= []).push(callback);
  }

  /**
   * Gets the error its body throws, joined or not, and what its clean-up throws, in place of the scheduler's
   * `onUncaught`.
   */
  get onUncaught(): ((error: unknown, coro: Coro) => void) | undefined {
    return this.#task.rare?.onUncaught;
  }

  set onUncaught(handler: ((error: unknown, coro: Coro) => void) | undefined) {
    if (handler !== undefined) checkCallback(handler, "onUncaught");
    this.#task.extra.onUncaught = handler;
  }

  /** Keeps it from being run until `resume()`; the running one from the next time it blocks. */
  suspend(): void {
    if ((this.#task.flags & MAIN) !== 0) throw new UsageError("Cannot suspend main");
    this.#task.engine.suspend(this.#task);
  }

  /** Takes back any number of `suspend`s. When its turn had come meanwhile it is made ready again. */
  resume(): void {
    this.#task.engine.resume(this.#task);
  }

  /** Its priority. */
  prio(): number;
  /**
   * Sets its priority, limited to `PRIO_MIN`…`PRIO_MAX`; counts from the next time it is queued.
   *
   * @returns the old one
   * @throws {UsageError} when it is no integer
   */
  prio(value: number): number;
  prio(value?: number): number {
    const old = this.#task.prio;
    if (value !== undefined) this.#task.prio = clampPriority(value, this.toString());
    return old;
  }

  /** Lowers its priority by `by`. @returns the new priority */
  nice(by: number): number {
    this.#task.prio = clampPriority(this.#task.prio - by, this.toString());
    return this.#task.prio;
  }

  /** What it is, for people; `undefined` until set. */
  get desc(): string | undefined {
    const desc = this.#task.rare?.desc;
    return desc === undefined && (this.#task.flags & MAIN) !== 0 ? "[main::]" : desc;
  }

  set desc(text: string | undefined) {
    this.#task.extra.desc = text;
  }

  /** Has never run. */
  get isNew(): boolean {
    return (this.#task.flags & NEW) !== 0;
  }

  /** Waits for its turn in a ready queue. */
  get isReady(): boolean {
    return (this.#task.flags & (READY | ZOMBIE)) === READY;
  }

  /** Is the running one; `main` is when no thread runs. */
  get isRunning(): boolean {
    const engine = this.#task.engine;
    return engine.current === this.#task ||
      (this.#task === engine.main && (engine.current.flags & AWAIT) !== 0);
  }

  /** Was suspended. */
  get isSuspended(): boolean {
    return (this.#task.flags & SUSPENDED) !== 0;
  }

  /** Has ended, and keeps its result. */
  get isZombie(): boolean {
    return (this.#task.flags & ZOMBIE) !== 0;
  }

  /** What it waits for, as in `sleep(3)`; `undefined` when it does not wait. */
  get waitsFor(): string | undefined {
    const task = this.#task;
    if ((task.flags & (NEW | READY | ZOMBIE)) !== 0 || this.isRunning) return undefined;
    return task.suspension?.describe();
  }

  /** Its description, or that it has none. */
  toString(): string {
    return `thread ${this.desc ?? "(no description)"}`;
  }
}

/** What users see of a task: always the same object. */
export function coroOf(task: Task): Coro {
  if ((task.flags & AWAIT) !== 0) return coroOf(task.engine.main);
  return task.coro ?? adopt(task);
}

/** Makes the object for a task that has none. */
export function adopt<T>(task: Task): Coro<T> {
  adopted = task;
  return new Coro<T>(noBody);
}

function noBody(): never {
  throw new UsageError("Cannot run main as a thread");
}

function checkCallback(callback: unknown, what: string): void {
  if (typeof callback !== "function") {
    throw new UsageError(`Cannot set ${what} of thread: ${show(callback)} is not a function`);
  }
}

class Join<T> extends WaitOperation<T[]> {
  readonly #task: Task;

  constructor(task: Task) {
    super();
    this.#task = task;
  }

  describe(): string {
    return `join(${coroOf(this.#task).desc ?? ""})`;
  }

  protected poll(): boolean {
    return (this.#task.flags & ZOMBIE) !== 0;
  }

  protected result(): T[] {
    const task = this.#task;
    if ((task.flags & FAILED) !== 0) {
      if (task.rare !== undefined) task.rare.untaken = undefined;
      throw task.value;
    }
    return this.#task.value as T[];
  }

  start(waker: Waker): Abort {
    const task = this.#task;
    const { extra } = task;
    const joiners = extra.joiners ??= [];
    if (!joiners.includes(waker)) joiners.push(waker);
    return () => {
      const at = joiners.indexOf(waker);
      if (at >= 0) joiners.splice(at, 1);
      // The last of those who were to throw the error does not.
      if (extra.untaken !== joiners || joiners.length > 0) return;
      extra.untaken = undefined;
      if ((task.flags & FAILED) !== 0) task.engine.uncaught(task.value, task);
    };
  }
}
