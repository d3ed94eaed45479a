import { type ByteStream, show, streamPair, UsageError } from "@anyevent/backends/contract";
import { environment } from "../environment.ts";
import { perform, type Request, type ResultCallback } from "../io/outcome.ts";
import { checkLoop } from "../check_loop.ts";
import type { Loop } from "../loop.ts";
import type { Operation } from "../operation.ts";
import type { Watcher } from "../watcher.ts";
import { Command, type RunOptions } from "./run_cmd.ts";
import { WorkerPool, type WorkerPoolStats } from "./worker_pool.ts";
import { type ModuleFunction, workerTask } from "./worker_task.ts";

const DEFAULT_MAX_FORKS = 10;

/** What of `Util` is under way; all zero when nothing is left. */
export interface UtilStats {
  /** Commands that have not ended, or whose files are not closed yet. */
  readonly commands: number;
  /** Calls of `forkCall`, and their workers. */
  readonly forks: WorkerPoolStats;
}

/**
 * AnyEvent::Util on one loop; get it with {@linkcode utilOf}. The functions of the same names work on the
 * default loop.
 *
 * @example
 * ```ts
 * import { defaultLoop, utilOf } from "@anyevent/loop";
 *
 * const util = utilOf(defaultLoop());
 * util.maxForks = 2; // for forkCall
 * const calls = [1, 2, 3].map((n) => util.forkCall((n: number) => n * n, [n]));
 * console.log(await Promise.all(calls)); // [ 1, 4, 9 ]
 * console.log(util.stats().commands); // 0
 * ```
 */
export class Util {
  readonly #loop: Loop;
  readonly #commands = new Set<Command>();
  #pool: WorkerPool | undefined;
  #maxForks: number | undefined;

  /**
   * Uses nothing yet.
   *
   * @throws {UsageError} when it is no loop
   */
  constructor(loop: Loop) {
    this.#loop = checkLoop(loop, "make Util");
  }

  /** See {@linkcode runCmd}. */
  runCmd(command: string | readonly string[], options: RunOptions = {}): Command {
    return new Command(this.#loop, this.#commands, command, options);
  }

  /** See {@linkcode portablePipe}. */
  portablePipe(): [reader: ByteStream, writer: ByteStream] {
    const [reader, writer] = streamPair(this.#loop.env.backend);
    reader.shutdown();
    return [reader, writer];
  }

  /** See {@linkcode portableSocketpair}. */
  portableSocketpair(): [ByteStream, ByteStream] {
    return streamPair(this.#loop.env.backend);
  }

  /**
   * Most calls of `forkCall` at the same time: as set, else as `ANYEVENT_MAX_FORKS` says, else 10.
   *
   * @throws {UsageError} when set to what is not 1 or more
   */
  get maxForks(): number {
    return this.#maxForks ??= this.#maxForksOfHost();
  }

  set maxForks(count: number) {
    if (!Number.isInteger(count) || count < 1) {
      throw new UsageError(`Cannot set maxForks: ${show(count)} is not 1 or more`);
    }
    this.#maxForks = count;
  }

  /** See {@linkcode forkCall}. */
  forkCall<A extends readonly unknown[], R>(
    what: ((...args: A) => R) | ModuleFunction,
    args: A,
  ): Operation<Awaited<R>>;
  /** As above, with a callback. */
  forkCall<A extends readonly unknown[], R>(
    what: ((...args: A) => R) | ModuleFunction,
    args: A,
    cb: ResultCallback<Awaited<R>>,
  ): Watcher;
  forkCall<A extends readonly unknown[], R>(
    what: ((...args: A) => R) | ModuleFunction,
    args: A,
    cb?: ResultCallback<Awaited<R>>,
  ): Operation<Awaited<R>> & Watcher {
    const task = workerTask(what as ((...args: never[]) => unknown) | ModuleFunction, args);
    const { host, name } = this.#loop.env;
    if (host.workers === undefined) {
      throw new UsageError(`Cannot call in a worker: backend ${name} has no workers here`);
    }
    const request: Request<Awaited<R>> = {
      what: () => `forkCall(${task.label})`,
      begin: (settle) => {
        this.#pool ??= new WorkerPool(this.#loop, { size: () => this.maxForks });
        const job = this.#pool.run(task, {
          settled: (outcome) =>
            settle("value" in outcome ? { value: outcome.value as Awaited<R> } : outcome),
        });
        return () => job.terminate();
      },
    };
    return perform(this.#loop, request, cb);
  }

  /** What is under way on this loop, for leak checks. */
  stats(): UtilStats {
    const forks = this.#pool?.stats() ?? { workers: 0, running: 0, queued: 0 };
    return { commands: this.#commands.size, forks };
  }

  #maxForksOfHost(): number {
    const { host, log } = this.#loop.env;
    const { name, value: text } = environment(host, "MAX_FORKS") ?? { name: "", value: "" };
    // An empty one counts as unset.
    if (!text) return DEFAULT_MAX_FORKS;
    if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
    log(5, `${name} ${show(text)} is not 1 or more`);
    return DEFAULT_MAX_FORKS;
  }
}

const known = new WeakMap<Loop, Util>();

/**
 * AnyEvent::Util on a loop of your own.
 *
 * @param loop any
 * @returns the same for the same loop
 * @example
 * ```ts
 * import { Loop, utilOf } from "@anyevent/loop";
 * import { simEnv } from "@anyevent/backends/sim";
 *
 * const util = utilOf(new Loop(simEnv()));
 * const [reader, writer] = util.portablePipe();
 * writer.tryWrite(Uint8Array.of(1, 2, 3));
 * console.log(reader.tryRead(new Uint8Array(10))); // 3
 * ```
 */
export function utilOf(loop: Loop): Util {
  let util = known.get(loop);
  if (util === undefined) {
    util = new Util(loop);
    known.set(loop, util);
  }
  return util;
}
