import { show, UsageError } from "@anyevent/backends/contract";
import { type Abort, type Operation, WaitOperation } from "@anyevent/loop";
import { currentEngine } from "./default_engine.ts";
import { BARE, PENDING, type Task, ZOMBIE } from "./task.ts";
import {
  adopt,
  checkBody,
  type Coro,
  taskOf,
  type ThreadBody,
  type ThreadSteps,
} from "./thread.ts";

/**
 * A bare coroutine: switched to by name, never by a scheduler's queue. For own schedulers; {@linkcode Coro}
 * is what others want. Its body must not return; it transfers instead. Follows `Coro::State`.
 *
 * @example
 * ```ts
 * import { async, State } from "@anyevent/coro";
 *
 * const thread = async(function* () {
 *   const here = new State();
 *   const there: State = new State(function* () {
 *     for (const word of ["one", "two"]) {
 *       console.log(word);
 *       yield* there.transfer(here);
 *     }
 *   });
 *   yield* here.transfer(there); // one
 *   yield* here.transfer(there); // two
 *   there.cancel();
 * });
 * await thread.join();
 * ```
 */
export class State {
  #coro: Coro | undefined = undefined;

  /**
   * One that has not run.
   *
   * @param body what it runs when first switched to; without one it is a place to keep who transfers from it
   * @param args what the body gets
   * @throws {UsageError} when `body` is no function, or an async generator function
   */
  constructor(body?: ThreadBody<unknown, never[]>, ...args: unknown[]) {
    if (body === undefined) return;
    checkBody(body);
    const task = currentEngine().create(() => endless(body, args), undefined);
    task.flags |= BARE;
    this.#coro = adopt(task);
  }

  /**
   * Stops here, as this state, and goes on with `next`. Nobody but a later transfer comes back.
   *
   * @throws {UsageError} when this is another's state, or `next` is empty, running or has ended
   */
  transfer(next: State): Operation<void> {
    if (!(next instanceof State)) {
      throw new UsageError(`Cannot transfer to ${show(next)}: it is not a State`);
    }
    return new Transfer((task) => this.#leaveAs(task), () => next.#coro);
  }

  /** Throws `error` into it when it is next switched to. */
  throw(error: unknown): void {
    const task = taskOf(this.#owned("throw into") as Coro<never>);
    if ((task.flags & ZOMBIE) !== 0) return;
    task.flags |= PENDING;
    task.extra.pending = error;
  }

  /** Ends it, running its clean-up. */
  cancel(): void {
    this.#owned("cancel").cancel();
  }

  /** Has never run. */
  get isNew(): boolean {
    return this.#coro?.isNew ?? false;
  }

  /** Has ended. */
  get isZombie(): boolean {
    return this.#coro?.isZombie ?? false;
  }

  #owned(what: string): Coro {
    if (this.#coro === undefined) throw new UsageError(`Cannot ${what} state: it is empty`);
    return this.#coro;
  }

  #leaveAs(coro: Coro): void {
    this.#coro ??= coro;
    if (this.#coro !== coro) {
      throw new UsageError("Cannot transfer: the state is not that of the running thread");
    }
  }
}

function* endless(body: ThreadBody<unknown, never[]>, args: unknown[]): ThreadSteps<never> {
  const steps = body(...args as never[]);
  if (typeof (steps as Partial<ThreadSteps<unknown>>)?.[Symbol.iterator] === "function") {
    yield* steps as ThreadSteps<unknown>;
  }
  throw new UsageError("Cannot return from the body of a State: nobody is there to go on");
}

class Transfer extends WaitOperation<void> {
  readonly #leaveAs: (coro: Coro) => void;
  readonly #next: () => Coro | undefined;
  #task: Task | undefined;
  #over = false;

  constructor(leaveAs: (coro: Coro) => void, next: () => Coro | undefined) {
    super();
    this.#leaveAs = leaveAs;
    this.#next = next;
  }

  describe(): string {
    return "transfer()";
  }

  start(): Abort {
    const task = this.#task;
    this.#task = undefined;
    if (task !== undefined) task.engine.force(task);
    return () => undefined;
  }

  protected poll(): boolean {
    if (this.#over) return true;
    const engine = currentEngine();
    const next = this.#next();
    if (next === undefined) throw new UsageError("Cannot transfer: the next state is empty");
    const task = taskOf(next as Coro<never>);
    const refused = engine === task.engine
      ? engine.cannotForce(task)
      : "it belongs to another scheduler";
    if (refused !== undefined) throw new UsageError(`Cannot transfer to state: ${refused}`);
    const current = engine.inThread ? engine.current : engine.main;
    this.#leaveAs(current.coro ?? adopt(current));
    this.#task = task;
    this.#over = true;
    return false;
  }

  protected result(): void {}
}
