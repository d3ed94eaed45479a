import {
  type Abort,
  driving,
  LOOK,
  type Operation,
  RESUMED,
  type Suspension,
  WaitOperation,
} from "@anyevent/loop";
import { UsageError } from "@anyevent/backends/contract";
import type { Task } from "./task.ts";
import { runningEngine } from "./engine.ts";
import { CEDED } from "./switching.ts";
import { TIMESLICE } from "./thread.ts";

const NO_ABORT: Abort = () => undefined;
const DONE: IteratorReturnResult<void> = { value: undefined, done: true };

/** One for all, as it keeps its state in the thread. */
class CedeIfDue extends WaitOperation<void> {
  override get optional(): boolean {
    return true;
  }

  describe(): string {
    return "cedeIfDue()";
  }

  override next(resumed?: typeof RESUMED): IteratorResult<Suspension, void> {
    if (resumed === RESUMED) return DONE;
    if (resumed as unknown === LOOK) {
      LOOK.seen();
      return CEDED;
    }
    if (driving.depth === 0) {
      throw new UsageError(
        "Cannot run cedeIfDue(): use `yield*` in a thread or `await` elsewhere",
      );
    }
    const engine = runningEngine();
    if (engine === undefined || !engine.inThread) return CEDED;
    if (!isOver(engine.current, engine.loop.time())) return DONE;
    engine.lookSoon();
    return CEDED;
  }

  start(): Abort {
    return NO_ABORT;
  }

  protected poll(): boolean {
    return true;
  }

  protected result(): void {}
}

function isOver(task: Task, now: number): boolean {
  const { extra } = task;
  if (extra.sliceUse !== task.uses) {
    extra.sliceUse = task.uses;
    extra.sliceStart = now;
  }
  return now - extra.sliceStart >= (extra.timeslice ?? TIMESLICE);
}

const CEDE_IF_DUE = new CedeIfDue();

/**
 * Gives way, as `cede()` does, once the thread has run for its `timeslice`, counted from its first
 * `cedeIfDue()` since it was switched to; else goes on at once. For loops that compute long. Costs a look at
 * the clock. Outside threads it always gives way.
 *
 * @example
 * ```ts
 * import { async, cedeIfDue } from "@anyevent/coro";
 *
 * const thread = async(function* () {
 *   let sum = 0;
 *   for (let i = 0; i < 10_000; i++) {
 *     sum += i;
 *     yield* cedeIfDue();
 *   }
 *   return sum;
 * });
 * console.log(await thread.join()); // [ 49995000 ]
 * ```
 */
export function cedeIfDue(): Operation<void> {
  return CEDE_IF_DUE;
}
