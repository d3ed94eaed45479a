import * as priority from "./priority.ts";
import * as tasks from "./task.ts";

// Constants of this file are folded into the machine code, imports looked up at each use.
const { PRIO_MAX, PRIO_MIN } = priority;
const { ZOMBIE } = tasks;
type Task = tasks.Task;

const LEVELS = PRIO_MAX - PRIO_MIN + 1;

/**
 * The threads that can run: one list a priority, first in, first out.
 *
 * The lists go through the tasks themselves, so queueing allocates nothing. A thread that ends while it
 * is queued stays in its list until its turn comes, and is skipped then; `size` does not count it.
 */
export class ReadyQueue {
  /** How many can run. */
  size = 0;
  /** Bit `prio - PRIO_MIN` is set when that list is not empty. */
  #levels = 0;
  readonly #heads: (Task | undefined)[] = new Array(LEVELS).fill(undefined);
  readonly #tails: (Task | undefined)[] = new Array(LEVELS).fill(undefined);

  /** Appends at the tail of its priority. The caller has set the READY flag. */
  push(task: Task): void {
    const level = task.prio - PRIO_MIN;
    const tail = this.#tails[level];
    if (tail === undefined) {
      this.#heads[level] = task;
      this.#levels |= 1 << level;
    } else {
      tail.next = task;
    }
    this.#tails[level] = task;
    this.size++;
  }

  /**
   * Removes the head of the highest priority. It may have ended: then it is to be skipped, and was not
   * counted in `size` any more.
   */
  shift(): Task | undefined {
    if (this.#levels === 0) return undefined;
    const level = 31 - Math.clz32(this.#levels);
    const task = this.#heads[level]!;
    const next = task.next;
    this.#heads[level] = next;
    if (next === undefined) {
      this.#tails[level] = undefined;
      this.#levels &= ~(1 << level);
    } else {
      task.next = undefined;
    }
    if ((task.flags & ZOMBIE) === 0) this.size--;
    return task;
  }

  /** A queued task is ending: it is not counted from now on. */
  forget(): void {
    this.size--;
  }
}
