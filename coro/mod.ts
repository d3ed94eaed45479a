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
export { Channel, type ChannelStats } from "./channel.ts";
export * from "./debug/mod.ts";
export { CancelRefused } from "./errors.ts";
export * from "./io/mod.ts";
export { type WaitOptions, within } from "./limited.ts";
export * from "./multicore/mod.ts";
export { pin } from "./pin.ts";
export { PRIO_HIGH, PRIO_IDLE, PRIO_LOW, PRIO_MAX, PRIO_MIN, PRIO_NORMAL } from "./priority.ts";
export { wait } from "./promise.ts";
export { type RouseCallback, rouseCb, rouseWait } from "./rouse.ts";
export { RWLock, type RWLockStats } from "./rwlock.ts";
export { defaultScheduler, Scheduler, type ThreadOptions } from "./scheduler.ts";
export {
  Semaphore,
  type SemaphoreGuard,
  type SemaphoreStats,
  type WaitCallback,
} from "./semaphore.ts";
export { SemaphoreSet, type SemaphoreSetStats } from "./semaphore_set.ts";
export { Signal, type SignalStats } from "./signal.ts";
export {
  async,
  asyncPool,
  cede,
  cedeNotself,
  current,
  killall,
  main,
  nready,
  schedule,
  sleep,
  terminate,
} from "./spawn.ts";
export { Specific } from "./specific.ts";
export { State } from "./state.ts";
export {
  type Emit,
  iterate,
  produce,
  readableFrom,
  type ThreadIterator,
  writableTo,
} from "./streams.ts";
export type { Outcome, TraceEvent } from "./task.ts";
export { Coro, type ThreadBody, type ThreadSteps } from "./thread.ts";
export { timeout, type TimeoutFlag } from "./timer.ts";
export { cedeIfDue } from "./timeslice.ts";
export { unblockSub } from "./unblock_sub.ts";
export { onEnter, onLeave, swapProp, type Winder } from "./winders.ts";
export {
  type Abort,
  type DurationLike,
  type Guard,
  guard,
  type JobContext,
  type Operation,
  RESUMED,
  type Seconds,
  type Suspension,
  type Waker,
} from "@anyevent/loop";
