import { show, UsageError } from "@anyevent/backends/contract";
import { type JobContext, type Operation, workerTask } from "@anyevent/loop";
import { checkSignal, limited, type WaitOptions } from "../limited.ts";
import { MulticoreCall } from "./call.ts";

/** How a function is to be called. */
export interface MulticoreFunctionOptions {
  /** It gets a `JobContext` after its arguments. Default: false. */
  readonly context?: boolean;
}

/** Options of a call: limits, which give it up at once, and the following. */
export interface MulticoreCallOptions extends WaitOptions {
  /** What of the arguments moves over instead of being copied, such as an `ArrayBuffer`. */
  readonly transfer?: readonly Transferable[];
  /** Gets what the job gives to `progress` of its context, while it is waited for. */
  readonly progress?: (value: unknown) => void;
}

/** A function whose calls are operations that run it in a worker. */
export interface MulticoreFunction<A extends readonly unknown[], R> {
  /** Calls it, when run. */
  (...args: A): Operation<R>;
  /**
   * Calls it, with options.
   *
   * @throws {UsageError} when an option makes no sense
   */
  with(options: MulticoreCallOptions, ...args: A): Operation<R>;
}

/** The arguments of a function without the context that it gets in the end. */
export type WithoutContext<P extends readonly unknown[]> = P extends
  readonly [...infer A, JobContext] ? A
  : P;

/** Any function, for type parameters. */
export type AnyFunction = (...args: never[]) => unknown;

/**
 * Makes a function run on another core: its calls are operations that run it in a worker, while other threads,
 * and the loop, go on.
 *
 * The function is sent as its source text, so it stands for itself: it sees its arguments and globals, nothing
 * else around it, no imports either; for those give it a module of its own. Arguments and results are copied as by
 * `structuredClone`, when the call's worker is told, or moved (`with({ transfer })`); a `SharedArrayBuffer` is
 * shared. What it throws comes back with name, message, stack, code and cause.
 *
 * There are as many workers as cores, started when first needed and ended when idle for a while. A call goes to
 * the one with the fewest; calls of one turn, and their results, travel together. A worker that dies fails what it
 * was doing with a `PeerError`, and nothing else. Running calls keep the process alive. A worker has the
 * permissions of the program: a function needs no more than what it does, a module besides what an import of it
 * needs (`--allow-read` of its path, for one in a file that nothing imports statically).
 *
 * While a thread waits for a job:
 * - an error thrown into it tells the job to end (by its context), and is thrown when the job has ended: until
 *   then the job may use what it shares with the thread. If the job had not begun it is thrown at once.
 * - `cancel` of the thread tells the job to end, and waits for nothing; its result is discarded, and its worker
 *   busy until then. A job that never ends by itself thus costs a core.
 * - `safeCancel` is refused.
 * - a timeout, or an `AbortSignal`, is as an error that is thrown at once.
 *
 * Disabled (see {@linkcode Multicore}), and on backends without workers (sim, pure without a host), a call runs in
 * place: it holds up everything until it returns or waits for a promise. Then arguments and result are not
 * copied, and what it throws is thrown as it is; the same rules hold while it waits. Progress is told inside it.
 *
 * Follows `Coro::Multicore`, for functions marked so in place of XS code.
 *
 * @param body the function; sync or async
 * @throws {UsageError} for what has no source text
 * @example
 * ```ts
 * import { async, Multicore, multicore } from "@anyevent/coro";
 *
 * const primes = multicore((from: number, to: number): number => {
 *   let found = 0;
 *   for (let n = Math.max(from, 2); n < to; n++) {
 *     let prime = true;
 *     for (let d = 2; d * d <= n && prime; d++) prime = n % d !== 0;
 *     if (prime) found++;
 *   }
 *   return found;
 * });
 * const halves = [[0, 5000], [5000, 10_000]].map(([from, to]) =>
 *   async(function* () {
 *     return yield* primes(from, to);
 *   })
 * );
 * const [[low], [high]] = [await halves[0].join(), await halves[1].join()];
 * console.log(low + high); // 1229
 * Multicore.stop();
 * ```
 */
export function multicore<A extends readonly unknown[], R>(
  body: (...args: A) => R,
): MulticoreFunction<A, Awaited<R>>;
/** The same, for a function with a context. */
export function multicore<P extends readonly unknown[], R>(
  body: (...args: P) => R,
  options: MulticoreFunctionOptions & { readonly context: true },
): MulticoreFunction<WithoutContext<P>, Awaited<R>>;
/** The same, without one. */
export function multicore<A extends readonly unknown[], R>(
  body: (...args: A) => R,
  options: MulticoreFunctionOptions,
): MulticoreFunction<A, Awaited<R>>;
/**
 * The same, for a function that a module exports.
 *
 * @typeParam F the type of the function: `typeof import("./jobs.ts").hash`
 * @param module its complete address: `new URL("./jobs.ts", import.meta.url)`
 * @param name of the export. Default `"default"`
 */
export function multicore<F extends AnyFunction>(
  module: string | URL,
  name?: string,
  options?: MulticoreFunctionOptions,
): MulticoreFunction<WithoutContext<Parameters<F>>, Awaited<ReturnType<F>>>;
export function multicore(
  what: AnyFunction | string | URL,
  name?: string | MulticoreFunctionOptions,
  more: MulticoreFunctionOptions = {},
): MulticoreFunction<unknown[], unknown> {
  const call = typeof what === "function" ? what : undefined;
  const options = call !== undefined && name !== undefined ? name : more;
  if (typeof options !== "object" || options === null) {
    throw new UsageError(`Cannot make multicore function: options ${show(options)} are no object`);
  }
  const kind = Object.prototype.toString.call(call);
  if (kind.endsWith("GeneratorFunction]")) {
    throw new UsageError(
      `Cannot make multicore function: ${show(call)} is a generator function, which no worker runs`,
    );
  }
  const { context = false } = options;
  if (typeof context !== "boolean") {
    throw new UsageError(`Cannot make multicore function: context ${show(context)} is no boolean`);
  }
  const isAddress = typeof what === "string" || what instanceof URL;
  if (call === undefined && !(isAddress && URL.canParse(what))) {
    throw new UsageError(
      `Cannot make multicore function: ${show(what)} is neither a function nor a complete URL`,
    );
  }
  const base = workerTask(
    call ?? { module: what as string | URL, ...nameOf(name) },
    [],
    { context },
  );
  const { label, source, module, name: exported } = base;
  const made = (...args: unknown[]): Operation<unknown> =>
    new MulticoreCall({
      task: { label, source, module, name: exported, args, transfer: NOTHING, context },
      call,
      progress: undefined,
    });
  const withOptions = (given: MulticoreCallOptions, ...args: unknown[]): Operation<unknown> => {
    const { transfer, progress } = checkOptions(given, base.label);
    const task = { ...base, args, transfer: [...transfer ?? []] };
    return limited(new MulticoreCall({ task, call, progress }), given);
  };
  return Object.assign(made, { with: withOptions });
}

const NOTHING: readonly Transferable[] = [];

function nameOf(name: unknown): { readonly name?: string } {
  return name === undefined ? {} : { name: name as string };
}

function checkOptions(options: MulticoreCallOptions, label: string): MulticoreCallOptions {
  const why = (what: string): UsageError => new UsageError(`Cannot call ${label}: ${what}`);
  if (typeof options !== "object" || options === null) {
    throw why(`options ${show(options)} are no object`);
  }
  const { transfer, progress, signal } = options;
  if (transfer !== undefined && !Array.isArray(transfer)) {
    throw why(`transfer ${show(transfer)} is no array`);
  }
  if (progress !== undefined && typeof progress !== "function") {
    throw why(`progress ${show(progress)} is not a function`);
  }
  if (signal !== undefined) checkSignal(signal, `call ${label}`);
  return options;
}
