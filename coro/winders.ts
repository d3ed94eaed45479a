import { show, UsageError } from "@anyevent/backends/contract";
import { currentEngine } from "./default_engine.ts";
import { type Blocks, type Task, WOUND } from "./task.ts";

/** A block of {@linkcode onEnter} or {@linkcode onLeave}: taken back at the end of a scope by `using`. */
export interface Winder extends Disposable {
  /** Takes it back without running it. Idempotent. */
  cancel(): void;
}

/**
 * Runs `block` now, and each time the running thread is switched in, until taken back. Several run in the
 * order in which they were installed.
 *
 * With {@linkcode onLeave} it keeps something global as the thread wants it, while that runs. The blocks
 * must neither throw nor block. Threads without any pay nothing. Follows `Coro::on_enter`.
 *
 * @throws {UsageError} in main, or when `block` is no function
 * @example
 * ```ts
 * import { async, cede, onEnter, onLeave } from "@anyevent/coro";
 *
 * let colour = "none";
 * const thread = async(function* () {
 *   using _enter = onEnter(() => colour = "red");
 *   using _leave = onLeave(() => colour = "none");
 *   yield* cede();
 *   console.log(colour); // red
 * });
 * await cede();
 * console.log(colour); // none
 * await thread.join();
 * ```
 */
export function onEnter(block: () => void): Winder {
  const task = taskForWinder(block, "onEnter");
  const { extra } = task;
  const enter = extra.enter ??= { all: [] };
  block();
  return new Installed(task, enter, block, false);
}

/**
 * Runs `block` each time the running thread is switched out, and once more when disposed of or, failing
 * that, when the thread ends. Several run in reverse order. See {@linkcode onEnter}. Follows
 * `Coro::on_leave`.
 *
 * A thread that is cancelled is entered once more: its enter blocks run, then its clean-up, then its leave
 * blocks.
 *
 * @throws {UsageError} in main, or when `block` is no function
 * @example
 * ```ts
 * import { async, cede, onLeave } from "@anyevent/coro";
 *
 * const thread = async(function* () {
 *   onLeave(() => console.log("it gives way"));
 *   yield* cede();
 * });
 * await thread.join();
 * ```
 */
export function onLeave(block: () => void): Winder {
  const task = taskForWinder(block, "onLeave");
  return new Installed(task, task.extra.leave ??= { all: [] }, block, true);
}

/**
 * Gives a property the running thread's own value whenever that runs: swapped in now and at each switch to
 * it, and out when it is left, disposed of, or the thread ends. What is assigned meanwhile is the thread's.
 * Follows `swap_sv` of Coro::State.
 *
 * @returns swaps it out for good
 * @throws {UsageError} in main, or when `object` is none
 * @example
 * ```ts
 * import { async, cede, swapProp } from "@anyevent/coro";
 *
 * const settings = { colour: "none" };
 * const thread = async(function* () {
 *   using _colour = swapProp(settings, "colour", "red");
 *   yield* cede();
 *   console.log(settings.colour); // red
 * });
 * await cede();
 * console.log(settings.colour); // none
 * await thread.join();
 * ```
 */
export function swapProp<O extends object, K extends keyof O>(
  object: O,
  key: K,
  value: O[K],
): Disposable {
  if ((typeof object !== "object" && typeof object !== "function") || object === null) {
    throw new UsageError(`Cannot swap property: ${show(object)} is not an object`);
  }
  let other = value;
  const swap = (): void => {
    const mine = object[key];
    object[key] = other;
    other = mine;
  };
  const enter = onEnter(swap);
  const leave = onLeave(swap);
  return {
    [Symbol.dispose](): void {
      enter.cancel();
      leave[Symbol.dispose]();
    },
  };
}

function taskForWinder(block: unknown, what: string): Task {
  if (typeof block !== "function") {
    throw new UsageError(`Cannot install ${what}: ${show(block)} is not a function`);
  }
  const engine = currentEngine();
  if (!engine.inThread) {
    throw new UsageError(`Cannot install ${what} in main: it belongs to a thread`);
  }
  return engine.current;
}

class Installed implements Winder {
  readonly #task: Task;
  readonly #blocks: Blocks;
  /** An object of its own: the same block may be installed twice. */
  readonly #entry: Blocks["all"][number];
  readonly #runs: boolean;

  constructor(task: Task, blocks: Blocks, block: () => void, runs: boolean) {
    this.#task = task;
    this.#blocks = blocks;
    this.#entry = { block };
    this.#runs = runs;
    blocks.all = [...blocks.all, this.#entry];
    task.flags |= WOUND;
  }

  cancel(): void {
    this.#remove();
  }

  [Symbol.dispose](): void {
    const { block } = this.#entry;
    if (this.#remove() && this.#runs) block();
  }

  #remove(): boolean {
    const { all } = this.#blocks;
    if (!all.includes(this.#entry)) return false;
    this.#blocks.all = all.filter((entry) => entry !== this.#entry);
    const rare = this.#task.rare;
    if (!rare?.enter?.all.length && !rare?.leave?.all.length) this.#task.flags &= ~WOUND;
    return true;
  }
}
