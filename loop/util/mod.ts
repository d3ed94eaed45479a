/**
 * Child processes, pipes and work in other threads: AnyEvent::Util.
 *
 * @module
 */
export { Collector, type CollectorOptions } from "./collector.ts";
export { forkCall, portablePipe, portableSocketpair, runCmd } from "./functions.ts";
export type { InputCallback, InputSource, OutputCallback, OutputTarget } from "./redirection.ts";
export { Command, type RunOptions } from "./run_cmd.ts";
export { Util, utilOf, type UtilStats } from "./util.ts";
export {
  type JobEvents,
  type WorkerJob,
  WorkerPool,
  type WorkerPoolOptions,
  type WorkerPoolStats,
} from "./worker_pool.ts";
export {
  type JobContext,
  type ModuleFunction,
  type TaskOptions,
  type WorkerTask,
  workerTask,
} from "./worker_task.ts";
