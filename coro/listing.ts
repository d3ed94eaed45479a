/**
 * What threads look like in listings, in the manner of Coro::Debug.
 *
 * @module
 */
import { told } from "./debug/text.ts";
import { MISSED, NEW, READY, SUSPENDED, type Task } from "./task.ts";

/** N new, U running, R ready, S suspended, - blocked. */
function stateOf(task: Task, current: Task): string {
  if (task === current) return "U";
  if ((task.flags & NEW) !== 0) return "N";
  if ((task.flags & READY) !== 0) return "R";
  return (task.flags & SUSPENDED) !== 0 ? "S" : "-";
}

/** Number, state, uses, description, what it waits for. */
export function lineOf(task: Task, current: Task): string {
  const desc = told(() => task.coro?.debugDesc());
  const where = task === current || (task.flags & (NEW | READY)) !== 0
    ? ""
    : (task.flags & MISSED) !== 0
    ? "resume()"
    : told(() => task.suspension?.describe());
  return `${task.id} ${stateOf(task, current)} ${task.uses} ${desc} ${where}`.trimEnd();
}
