import { UsageError } from "@anyevent/backends/contract";
import { type Abort, WaitOperation, type Waker } from "@anyevent/loop";
import { runningEngine } from "./engine.ts";
import type { Task } from "./task.ts";

const NO_ABORT: Abort = () => undefined;

/** Switches straight to a task. */
export class SwitchTo extends WaitOperation<void> {
  readonly #task: Task;
  readonly #queues: boolean;
  #switched = false;

  /** @param queues whether the caller is queued before */
  constructor(task: Task, queues: boolean) {
    super();
    this.#task = task;
    this.#queues = queues;
  }

  describe(): string {
    return `${this.#queues ? "cedeTo" : "scheduleTo"}(${this.#task.desc ?? ""})`;
  }

  start(waker: Waker): Abort {
    if (!this.#switched) {
      this.#switched = true;
      if (this.#queues) waker.wake();
      this.#task.engine.force(this.#task);
    }
    return NO_ABORT;
  }

  protected poll(): boolean {
    if (this.#switched) return true;
    const task = this.#task;
    const running = runningEngine();
    const refused = running !== undefined && running !== task.engine
      ? "it belongs to another scheduler"
      : task.engine.cannotForce(task);
    if (refused !== undefined) throw new UsageError(`Cannot switch to ${task.name}: ${refused}`);
    return false;
  }

  protected result(): void {}
}
