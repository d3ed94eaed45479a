import { checkOptions, show, UsageError } from "@anyevent/backends/contract";

/** A function that a module exports, by name (default: `default`). */
export interface ModuleFunction {
  /** Address of the module, complete: `new URL("./jobs.ts", import.meta.url)`. */
  readonly module: string | URL;
  /** Name of the export. Default `"default"`. */
  readonly name?: string;
}

/** What a job gets as its last argument, if its task says so. */
export interface JobContext {
  /** Aborted when the job is to end: for one that waits. */
  readonly signal: AbortSignal;
  /** Whether it is to end: for one that never waits; it may look any time. */
  readonly cancelled: boolean;
  /** Tells how far it is. */
  progress(value: unknown, transfer?: readonly Transferable[]): void;
  /** What of the result moves over instead of being copied. */
  transfer(...list: Transferable[]): void;
}

/** Options of {@linkcode workerTask}. */
export interface TaskOptions {
  /** What of the arguments moves over instead of being copied. */
  readonly transfer?: readonly Transferable[];
  /** Whether it gets a {@linkcode JobContext} after its arguments. Default: false. */
  readonly context?: boolean;
}

/** Something to be done by a worker. */
export interface WorkerTask {
  /** For descriptions. */
  readonly label: string;
  /** Source of a function, which closes over nothing. */
  readonly source?: string;
  /** Or address of a module, */
  readonly module?: string;
  /** and name of its export. */
  readonly name?: string;
  /** Arguments. */
  readonly args: readonly unknown[];
  /** What of them moves over. */
  readonly transfer: readonly Transferable[];
  /** Whether it gets a context. */
  readonly context: boolean;
}

/**
 * Makes a task of a function or of what a module exports.
 *
 * @param what a function is sent as its source text, so it must stand for itself: it sees its arguments and
 * globals, and nothing else around it, no imports either (but it may `await import(…)`)
 * @param args cloned when the job is sent to its worker; unchanged until then
 * @param options what moves over, and whether it gets a {@linkcode JobContext}
 * @returns for {@linkcode WorkerPool.run}
 * @throws {UsageError} for what has no source text or is no address of a module
 * @example
 * ```ts
 * import { workerTask } from "@anyevent/loop";
 *
 * console.log(workerTask((n: number) => n * n, [12]).args); // [ 12 ]
 * const task = workerTask({ module: "file:///srv/jobs.ts", name: "resize" }, ["cat.png"]);
 * console.log(task.label); // resize of file:///srv/jobs.ts
 * ```
 */
export function workerTask(
  what: ((...args: never[]) => unknown) | ModuleFunction,
  args: readonly unknown[],
  options: TaskOptions = {},
): WorkerTask {
  if (!Array.isArray(args)) {
    throw new UsageError(`Cannot make job: arguments ${show(args)} are not an array`);
  }
  checkOptions(options, "make job");
  const { transfer = [], context = false } = options;
  if (!Array.isArray(transfer)) {
    throw new UsageError(`Cannot make job: transfer ${show(transfer)} is not an array`);
  }
  const rest = { args: [...args], transfer: [...transfer], context };
  if (typeof what === "function") {
    const source = Function.prototype.toString.call(what);
    if (/\{\s*\[native code\]\s*\}\s*$/.test(source)) {
      throw new UsageError(`Cannot make job: ${show(what)} has no source text to be sent`);
    }
    if (/^\s*class\b/.test(source)) {
      throw new UsageError(`Cannot make job: ${show(what)} is a class`);
    }
    return { label: what.name || "function", source, ...rest };
  }
  const { module, name = "default" } = (what ?? {}) as Partial<ModuleFunction>;
  let address: string;
  try {
    address = new URL(module as string | URL).href;
  } catch (cause) {
    throw new UsageError(
      `Cannot make job: ${show(what)} is neither a function nor { module: a complete URL }`,
      { cause },
    );
  }
  if (typeof name !== "string" || name === "") {
    throw new UsageError(`Cannot make job: ${show(name)} is no name of an export`);
  }
  return { label: `${name} of ${address}`, module: address, name, ...rest };
}
