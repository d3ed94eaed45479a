import { currentEngine } from "./default_engine.ts";
import type { Task } from "./task.ts";

/**
 * A variable of which each thread has its own: `undefined` until the thread sets it, and not inherited. Main
 * is one thread. Gone with the thread; a pool thread's, with the job. Follows `Coro::Specific`.
 *
 * @typeParam T type of the value
 * @example
 * ```ts
 * import { async, Specific } from "@anyevent/coro";
 *
 * const name = new Specific<string>();
 * name.value = "main";
 * const thread = async(function* () {
 *   const before = name.value;
 *   name.value = "thread";
 *   return [before, name.value];
 * });
 * console.log(await thread.join(), name.value); // [ [ undefined, "thread" ] ] main
 * ```
 */
export class Specific<T> {
  /** The running thread's value. */
  get value(): T | undefined {
    return owner().rare?.specifics?.get(this) as T | undefined;
  }

  set value(value: T | undefined) {
    this.set(value);
  }

  /** Same as `value`. */
  get(): T | undefined {
    return this.value;
  }

  /** Sets the running thread's value. @returns the old one */
  set(value: T | undefined): T | undefined {
    const specifics = owner().extra.specifics ??= new WeakMap();
    const old = specifics.get(this) as T | undefined;
    specifics.set(this, value);
    return old;
  }
}

/** An `await` is too short-lived to own anything: main does. */
function owner(): Task {
  const engine = currentEngine();
  return engine.inThread ? engine.current : engine.main;
}
