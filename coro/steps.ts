/**
 * What runs in a thread: the iterators of bodies, and what may be done to them.
 *
 * @module
 */
import { UsageError } from "@anyevent/backends/contract";
import type { Operation, RESUMED, Suspension } from "@anyevent/loop";
import { DOOMED, type Task, type TaskSteps } from "./task.ts";

/** A thread that goes on blocking in its clean-up is told so this often, then abandoned. */
const MAX_CLEANUP_TRAPS = 100;

type Resume = (this: TaskSteps, resumed: typeof RESUMED) => IteratorResult<Suspension, unknown>;

/** What all generators inherit. */
export const generatorPrototype = Object.getPrototypeOf(function* () {}).prototype as {
  next: Resume;
  return: (this: TaskSteps, value?: unknown) => IteratorResult<Suspension, unknown>;
};

/**
 * `next` of all generators. Found once and called directly: each generator function has a prototype of
 * its own, so looking it up on threads of many kinds would be slow.
 */
export const resume: Resume = generatorPrototype.next;

/** Whether it is what a generator function returns. */
export function isGenerator(
  value: object,
): value is Generator<Suspension, unknown, typeof RESUMED> {
  return Object.prototype.isPrototypeOf.call(generatorPrototype, value);
}

/** Whether it can be driven as an operation. */
export function isOperation(value: object): value is Operation<unknown> {
  return Symbol.iterator in value && "describe" in value && "then" in value;
}

/** A body that does nothing but run an operation. */
export function* drive(
  op: Operation<unknown>,
): Generator<Suspension, unknown, typeof RESUMED | undefined> {
  return yield* op;
}

/**
 * Throws into a body, from where it waits.
 *
 * A `yield*` of a list, a text or some other iterable that is no operation cannot be thrown into, which is all
 * that JavaScript says then: what was to be thrown says why.
 */
export function throwIn(steps: TaskSteps, error: unknown): IteratorResult<Suspension, unknown> {
  try {
    return steps.throw!(error);
  } catch (thrown) {
    const hidden = error instanceof UsageError && thrown instanceof TypeError &&
      /'throw' method/.test(thrown.message);
    throw hidden ? error : thrown;
  }
}

/** Ends a body, running what cleans up; that may not block, but may end itself once more. */
export function finish(task: Task, steps: TaskSteps): void {
  let result = steps.return!();
  for (let traps = 0; !result.done; traps++) {
    const what = result.value?.describe?.() ?? "nothing";
    const error = new UsageError(`Cannot block in clean-up of a cancelled thread: ${what}`);
    if (traps === MAX_CLEANUP_TRAPS) throw error;
    if ((task.flags & DOOMED) !== 0) {
      task.flags &= ~DOOMED;
      result = steps.return!();
    } else {
      result = steps.throw!(error);
    }
  }
}
