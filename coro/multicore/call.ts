import {
  type Abort,
  type CallOutcome,
  type JobEvents,
  LOOK,
  type Suspension,
  WaitOperation,
  type Waker,
  type WorkerJob,
  type WorkerTask,
} from "@anyevent/loop";
import { currentEngine } from "../default_engine.ts";
import { limitReached } from "../limited.ts";
import type { Task } from "../task.ts";
import { controlsOf } from "./controls.ts";
import { type InlineCall, runInline } from "./inline.ts";

/** What is called, and how. */
export interface CallPlan {
  readonly task: WorkerTask;
  /** The function itself, where there is one. */
  readonly call: ((...args: never[]) => unknown) | undefined;
  readonly progress: ((value: unknown) => void) | undefined;
}

/** A call in a worker or in place, decided when it is run. */
export class MulticoreCall<T> extends WaitOperation<T> implements JobEvents {
  readonly #plan: CallPlan;
  #job: WorkerJob | InlineCall | undefined;
  #outcome: CallOutcome<unknown> | { readonly thrown: unknown } | undefined;
  #waker: Waker | undefined;
  #waited = false;
  /** Thrown into the thread while the job goes on. */
  #pending: { readonly error: unknown } | undefined;
  /** The thread that must not be cancelled safely meanwhile. */
  #pinned: Task | undefined;

  constructor(plan: CallPlan) {
    super();
    this.#plan = plan;
  }

  describe(): string {
    return `multicore(${this.#plan.task.label})`;
  }

  start(waker: Waker): Abort {
    this.#waker = waker;
    this.#waited = true;
    // Whether it is given up, or goes on and throws in the end, `throw` and `return` know.
    return () => {
      this.#waker = undefined;
    };
  }

  override throw(error: unknown): { readonly done: false; readonly value: Suspension } {
    if (this.#outcome === undefined && this.#job !== undefined) {
      // In the clean-up of a cancelled thread nobody waits.
      if (limitReached() || !this.#waited) this.#job.cancel();
      else if (!this.#job.withdraw()) {
        this.#pending = { error };
        this.#job.abort();
        return { done: false, value: this };
      }
    }
    this.#over();
    throw this.#pending === undefined ? error : this.#pending.error;
  }

  override return(value: T): IteratorResult<Suspension, T> {
    if (value as unknown === LOOK) return super.return(value);
    if (this.#outcome === undefined) this.#job?.cancel();
    this.#over();
    return { done: true, value };
  }

  /** For the pool. */
  settled(outcome: CallOutcome<unknown> | { readonly thrown: unknown }): void {
    this.#outcome = outcome;
    this.#waker?.wake();
  }

  /** For the pool. */
  progress(value: unknown): void {
    this.#plan.progress?.(value);
  }

  protected poll(): boolean {
    if (this.#job === undefined) this.#begin();
    return this.#outcome !== undefined;
  }

  protected result(): T {
    this.#over();
    if (this.#pending !== undefined) throw this.#pending.error;
    const outcome = this.#outcome!;
    if ("thrown" in outcome) throw outcome.thrown;
    if ("error" in outcome) throw outcome.error;
    return outcome.value as T;
  }

  #begin(): void {
    const engine = currentEngine();
    const controls = controlsOf(engine.loop);
    this.#job = controls.enabled
      ? controls.pool.run(this.#plan.task, this)
      : runInline(engine.loop, this.#plan, (outcome) => this.settled(outcome));
    if (this.#outcome !== undefined || !engine.inThread) return;
    this.#pinned = engine.current;
    this.#pinned.extra.pins++;
  }

  #over(): void {
    if (this.#pinned !== undefined) this.#pinned.extra.pins--;
    this.#pinned = undefined;
  }
}
