import type { RESUMED, Suspension } from "@anyevent/loop";
import { PromiseWait } from "./promise_wait.ts";
import { LEAVING, type Task, type TaskSteps, ZOMBIE } from "./task.ts";

/**
 * The steps of a thread whose body is an async function: it waits for the promise. Ended early, it aborts the
 * thread's signal; a `safeCancel` then waits until the function has come to its end.
 */
export function foreign(task: Task, promise: PromiseLike<unknown>): TaskSteps {
  return wait(task, new PromiseWait(promise, "async function"));
}

function* wait(
  task: Task,
  op: PromiseWait<unknown>,
): Generator<Suspension, unknown, typeof RESUMED | undefined> {
  try {
    return yield* op;
  } finally {
    if (!op.settled) {
      task.rare?.controller?.abort();
      op.onLate = (error) => lateError(task, error);
      if ((task.flags & (LEAVING | ZOMBIE)) === LEAVING) yield* op.again();
    }
  }
}

/** Of a function that nobody waits for any more. That it was aborted is no news. */
function lateError(task: Task, error: unknown): void {
  const reason: unknown = task.rare?.controller?.signal.reason;
  if (error === reason || (error as Error | undefined)?.name === "AbortError") return;
  task.engine.cleanUpFailed(error, task);
}
