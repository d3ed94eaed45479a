import type { RESUMED, Suspension } from "@anyevent/loop";
import { FAILED, type Task, ZOMBIE } from "./task.ts";
import { QueuedOperation } from "./wait_list.ts";

/** Waits for the end of a task. Without class fields, as its base says. */
export class Join<T> extends QueuedOperation<T[]> {
  declare readonly task: Task;
  declare queued: boolean;

  constructor(task: Task) {
    super();
    this.task = task;
    this.queued = false;
  }

  describe(): string {
    return `join(${this.task.desc ?? ""})`;
  }

  override next(resumed?: typeof RESUMED): IteratorResult<Suspension, T[]> {
    if (resumed === undefined) this.begin();
    if (this.poll()) return { done: true, value: this.result() };
    return { done: false, value: this };
  }

  protected poll(): boolean {
    return (this.task.flags & ZOMBIE) !== 0;
  }

  protected result(): T[] {
    const { flags, rare, value } = this.task;
    if ((flags & FAILED) === 0) return value as T[];
    if (rare !== undefined) rare.untaken = undefined;
    throw value;
  }

  protected enqueue(): void {
    if (this.queued) return;
    this.queued = true;
    const { task } = this;
    if (task.joiner === undefined) task.joiner = this.waker;
    else (task.extra.joiners ??= []).push(this.waker!);
  }

  abandon(): void {
    const { task } = this;
    const rare = task.rare;
    this.queued = false;
    if (task.joiner === this.waker) {
      task.joiner = rare?.joiners?.shift();
      return;
    }
    const { untaken } = rare ?? {};
    const list = untaken ?? rare?.joiners;
    const at = list?.indexOf(this.waker!) ?? -1;
    if (at >= 0) list!.splice(at, 1);
    // The last of those who were to throw the error does not.
    if (untaken === undefined || untaken.length > 0) return;
    rare!.untaken = undefined;
    if ((task.flags & FAILED) !== 0) task.engine.uncaught(task.value, task);
  }
}
