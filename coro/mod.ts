/**
 * Cooperative threads that read like straight code: Perl's Coro for Deno.
 *
 * A thread's body is a generator function; every call that may block returns an operation, which a thread
 * runs with `yield*` and other code with `await`. Threads switch nowhere else. The free functions act on
 * the scheduler of the running thread, else on the default one.
 *
 * @example
 * ```ts
 * import { async, cede, Channel } from "@anyevent/coro";
 *
 * const words = new Channel<string>();
 * async(function* () {
 *   for (const word of ["threads", "switch", "here"]) {
 *     yield* words.put(word);
 *     yield* cede();
 *   }
 *   words.shutdown();
 * });
 * for await (const word of words) console.log(word);
 * ```
 *
 * @module
 */
export { Channel } from "./channel.ts";
export { PRIO_HIGH, PRIO_IDLE, PRIO_LOW, PRIO_MAX, PRIO_MIN, PRIO_NORMAL } from "./priority.ts";
export { type RouseCallback, rouseCb, rouseWait } from "./rouse.ts";
export { defaultScheduler, Scheduler, type SpawnOptions } from "./scheduler.ts";
export { Semaphore, type SemaphoreGuard } from "./semaphore.ts";
export { Signal } from "./signal.ts";
export {
  async,
  cede,
  cedeNotself,
  current,
  main,
  nready,
  schedule,
  sleep,
  terminate,
} from "./spawn.ts";
export type { Outcome } from "./task.ts";
export { Coro, type ThreadBody, type ThreadSteps } from "./thread.ts";
export { unblockSub } from "./unblock_sub.ts";
export { onEnter, onLeave, type Winder } from "./winders.ts";
export {
  type Abort,
  type DurationLike,
  type Operation,
  RESUMED,
  type Seconds,
  type Suspension,
  type Waker,
} from "@anyevent/loop";
