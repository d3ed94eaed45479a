// Longer than most files here, by its documentation: everything that can be done to a thread, and what it promises.
import { show, UsageError } from "@anyevent/backends/contract";
import {
  type Operation,
  type RESUMED,
  type Seconds,
  seconds,
  type Suspension,
} from "@anyevent/loop";
import { currentEngine } from "./default_engine.ts";
import type { Engine } from "./engine.ts";
import { CancelRefused } from "./errors.ts";
import { Join } from "./join.ts";
import { checkSignal, limited, type WaitOptions } from "./limited.ts";
import { checkPriority, clampPriority } from "./priority.ts";
import { AWAIT, MAIN, MISSED, NEW, READY, SUSPENDED, Task, ZOMBIE } from "./task.ts";
import { SwitchTo } from "./transfer.ts";

/** What a generator that is a thread's body looks like. */
export type ThreadSteps<T> = Generator<Suspension, T, typeof RESUMED | undefined>;

/**
 * What a thread runs.
 *
 * - A generator function: its `yield*` of operations are the only places where it switches.
 * - A plain function: runs in one go, or returns the operation to run.
 * - An async function: a *foreign* thread. Up to its first `await` it runs as the thread; then the thread
 *   waits for its promise, while the function goes on as promise code does. Nobody can stop it from outside:
 *   when the thread is cancelled or thrown into, its `signal` (take it from `current()` before the first
 *   `await`) is aborted and the thread has ended, whatever the function still does. `safeCancel` aborts the
 *   signal and waits until the function has come to its end.
 */
export type ThreadBody<T, A extends readonly unknown[] = []> = (
  ...args: A
) => ThreadSteps<T> | PromiseLike<T> | T;

/** Seconds a thread has until `cedeIfDue` gives way, unless its `timeslice` says otherwise. */
export const TIMESLICE = 0.002;

const asyncGeneratorPrototype: unknown = Object.getPrototypeOf(async function* () {});

/** @throws {UsageError} when it cannot be the body of a thread */
export function checkBody(body: unknown): void {
  if (typeof body !== "function") {
    throw new UsageError(`Cannot make thread: ${show(body)} is not a function`);
  }
  if (Object.getPrototypeOf(body) === asyncGeneratorPrototype) {
    throw new UsageError(
      `Cannot make thread: ${show(body)} is an async generator function; use function* and yield*`,
    );
  }
}

let adopted: Task | undefined;

/** The task behind a thread. */
export let taskOf: (coro: Coro<never>) => Task;

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

  static {
    taskOf = (coro) => coro.#task;
  }

  /**
   * A thread that has not run, and is not ready.
   *
   * @param body what it runs
   * @param args what the body gets
   * @throws {UsageError} when `body` is no function, or an async generator function
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
   * All threads that were readied and have not ended, idle pool threads included, newest first, and main
   * last.
   */
  static list(): Coro[] {
    return listThreads(currentEngine());
  }

  /** How many idle threads `asyncPool` keeps; at first 8. Fewer than there are now: as they end. */
  static get poolSize(): number {
    return currentEngine().poolSize;
  }

  static set poolSize(size: number) {
    currentEngine().poolSize = checkPoolSize(size);
  }

  /**
   * What to do when threads have run and none is ready any more, before events are waited for: a callback,
   * which must not throw, or a thread, which is made ready. `undefined` (the default): nothing; if then
   * nothing is left that could wake what waits, that gets a `DeadlockError`.
   *
   * A thread that blocks without anything else having run is not readied again until something has.
   */
  static get idle(): (() => void) | Coro | undefined {
    return getIdle(currentEngine());
  }

  static set idle(idle: (() => void) | Coro | undefined) {
    setIdle(currentEngine(), idle);
  }

  /**
   * Gets errors that nobody else takes, as `onUncaught` of the current scheduler: see {@linkcode Scheduler}.
   * It may end in any way; the thread has ended.
   */
  static get onUncaught(): ((error: unknown, coro: Coro) => void) | undefined {
    return getUncaught(currentEngine());
  }

  static set onUncaught(handler: ((error: unknown, coro: Coro) => void) | undefined) {
    setUncaught(currentEngine(), handler);
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
    const task = this.#task;
    if ((task.flags & NEW) !== 0) task.engine.enlist(task);
    return task.engine.ready(task);
  }

  /**
   * Ends it and gives `values` to those who join.
   *
   * New, ready and blocked threads have ended when this returns: the blocking call was aborted, `finally`
   * and `using` ran (in which blocking is an error), then `onDestroy` callbacks; then those who join are
   * readied. The clean-up runs as the thread itself: it is `current()`. What it throws goes to the thread's
   * `onUncaught`, else to the scheduler's, else into the log as an error; the thread counts as cancelled all
   * the same. A thread that runs (itself, or one that cancels another whose clean-up cancels it) ends at its
   * next trap. One that has ended, or is in its clean-up, gets its values replaced. Where 200 cancels are under
   * way, each called by the clean-up of the one before it, the next is as `safeCancel`.
   *
   * @throws {UsageError} on `main`
   */
  cancel(...values: unknown[]): void {
    if ((this.#task.flags & (MAIN | AWAIT)) !== 0) {
      throw new UsageError("Cannot cancel main: it is the code outside threads");
    }
    this.#task.engine.cancel(this.#task, values);
  }

  /**
   * Ends it and gives `values` to those who join, with its clean-up run by itself: when its turn has come,
   * `finally` and `using` run in it, and may block. Until then it has not ended.
   *
   * One that is new or has ended is treated as by `cancel`. One that is in such a clean-up only gets its
   * values replaced.
   *
   * @returns true
   * @throws {CancelRefused} for the running thread, for one that cancels another whose clean-up runs, for
   * one inside {@linkcode pin}, and for main
   */
  safeCancel(...values: unknown[]): true {
    const refused = this.#task.engine.safeCancel(this.#task, values);
    if (refused !== undefined) {
      throw new CancelRefused(`Cannot cancel ${this} safely: ${refused}`);
    }
    return true;
  }

  /**
   * Cancels it when a signal is aborted; now, if that has happened.
   *
   * @returns takes it back; done by itself when the thread has ended
   * @throws {UsageError} on `main`, or when `signal` is no signal
   */
  cancelOn(signal: AbortSignal): Disposable {
    checkSignal(signal, `cancel ${this}`);
    if ((this.#task.flags & MAIN) !== 0) {
      throw new UsageError("Cannot cancel main: it is the code outside threads");
    }
    const aborted = (): void => this.cancel();
    const undo = (): void => signal.removeEventListener("abort", aborted);
    if (signal.aborted) this.cancel();
    if (signal.aborted || this.isZombie) return { [Symbol.dispose]: undo };
    signal.addEventListener("abort", aborted);
    const undos = this.#task.extra.unsignal ??= new Set();
    undos.add(undo);
    return {
      [Symbol.dispose]: () => {
        if (undos.delete(undo)) undo();
      },
    };
  }

  /**
   * Is aborted when it was cancelled, terminated or thrown into, or has failed: for what it started that
   * takes a signal, such as `fetch`. Not when it has returned.
   */
  get signal(): AbortSignal {
    const task = this.#task;
    const made = task.rare?.controller;
    if (made !== undefined) return made.signal;
    const controller = new AbortController();
    task.extra.controller = controller;
    // How it ended is not kept, but that it did.
    if (this.isZombie) controller.abort();
    return controller.signal;
  }

  /**
   * Switches to it at once, whatever its priority, without queueing the caller: see `schedule()`. Whether it
   * is ready stays as it is, so it may run again from the queue later.
   *
   * @throws {UsageError} when it runs, is suspended or has ended
   */
  scheduleTo(): Operation<void> {
    return new SwitchTo(this.#task, false);
  }

  /** Same as `scheduleTo`, with the caller queued before. */
  cedeTo(): Operation<void> {
    return new SwitchTo(this.#task, true);
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
   * @throws what the body threw, and what `options` say
   */
  join(options?: WaitOptions): Operation<T[]> {
    return limited(new Join<T>(this.#task), options);
  }

  /**
   * Calls back when it has ended, with the values, after its clean-up and before those who join; several,
   * last one first. Never called for a thread that had ended before.
   *
   * A pool thread that ends a job has not ended.
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

  /**
   * Lowers its priority by `by`.
   *
   * @returns the new priority
   * @throws {UsageError} when it is no integer
   */
  nice(by: number): number {
    checkPriority(by, `lower priority of ${this}`);
    this.#task.prio = clampPriority(this.#task.prio - by, this.toString());
    return this.#task.prio;
  }

  /**
   * Seconds it may run before `cedeIfDue` gives way; 0.002 unless set. 0: each time.
   *
   * @throws {UsageError} when set to no time, or a negative one
   */
  get timeslice(): number {
    return this.#task.rare?.timeslice ?? TIMESLICE;
  }

  set timeslice(length: Seconds) {
    const slice = seconds(length, `set timeslice of ${this}`);
    if (slice < 0) throw new UsageError(`Cannot set timeslice of ${this}: ${slice} is negative`);
    this.#task.extra.timeslice = slice;
  }

  /** How often it was switched to. */
  get useCount(): number {
    return this.#task.uses;
  }

  /** Seconds it ran while {@linkcode Scheduler.enableTimes} was on, up to its latest switch. */
  times(): number {
    return this.#task.rare?.ran ?? 0;
  }

  /** Anything of its own, under any key. Gone when it has ended. */
  get data(): Map<unknown, unknown> {
    return this.#task.extra.data ??= new Map();
  }

  /** Sets `desc`. @returns the old one @throws {UsageError} when `text` is no string */
  setDesc(text: string | undefined): string | undefined {
    const old = this.desc;
    this.desc = text;
    return old;
  }

  /** What listings show as its description; may be overridden. */
  debugDesc(): string {
    return this.desc ?? "";
  }

  /** What it is, for people; `undefined` until set. @throws {UsageError} when set to what is no string */
  get desc(): string | undefined {
    const desc = this.#task.desc;
    return desc === undefined && (this.#task.flags & MAIN) !== 0 ? "[main::]" : desc;
  }

  set desc(text: string | undefined) {
    if (text !== undefined && typeof text !== "string") {
      throw new UsageError(`Cannot set desc of thread: ${show(text)} is not a string`);
    }
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
    if ((task.flags & MISSED) !== 0) return "resume()";
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

/** See {@linkcode Coro.list}. */
export function listThreads(engine: Engine): Coro[] {
  return [...engine.list(), engine.main].map((task) => coroOf(task));
}

/** @throws {UsageError} when it is no size of a pool */
export function checkPoolSize(size: number): number {
  if (!Number.isSafeInteger(size) || size < 0) {
    throw new UsageError(`Cannot set pool size: ${show(size)} is not an integer from 0`);
  }
  return size;
}

/** See {@linkcode Coro.idle}. */
export function getIdle(engine: Engine): (() => void) | Coro | undefined {
  return engine.idle instanceof Task ? coroOf(engine.idle) : engine.idle;
}

/** See {@linkcode Coro.idle}. */
export function setIdle(engine: Engine, idle: (() => void) | Coro | undefined): void {
  if (idle instanceof Coro) {
    const task = taskOf(idle as Coro<never>);
    if (task === engine.main || task.engine !== engine) {
      throw new UsageError(`Cannot set idle: ${idle} is not a thread of this scheduler`);
    }
    engine.idle = task;
    return;
  }
  if (idle !== undefined && typeof idle !== "function") {
    throw new UsageError(`Cannot set idle: ${show(idle)} is neither a function nor a thread`);
  }
  engine.idle = idle;
}

const handlers = new WeakMap<Engine, (error: unknown, coro: Coro) => void>();

/** See {@linkcode Coro.onUncaught}. */
export function getUncaught(
  engine: Engine,
): ((error: unknown, coro: Coro) => void) | undefined {
  return handlers.get(engine);
}

/** See {@linkcode Coro.onUncaught}. */
export function setUncaught(
  engine: Engine,
  handler: ((error: unknown, coro: Coro) => void) | undefined,
): void {
  if (handler === undefined) {
    handlers.delete(engine);
    engine.onUncaught = undefined;
    return;
  }
  if (typeof handler !== "function") {
    throw new UsageError(`Cannot set onUncaught: ${show(handler)} is not a function`);
  }
  handlers.set(engine, handler);
  engine.onUncaught = (error, task) => handler(error, coroOf(task));
}
