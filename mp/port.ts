import { show, UsageError } from "@anyevent/backends/contract";
import { Context, enterContext } from "./context.ts";
import { dieReason, reasonText } from "./errors.ts";
import { MonitorList } from "./monitor.ts";
import type { Node } from "./node.ts";
import type { PortCallback, Reason } from "./types.ts";

/**
 * What runs a generator function that was given as a callback: `mp/coro.ts` puts its runner here.
 *
 * The thread has the port's context; an error kills the port, the death of the port cancels the thread.
 *
 * @param done called when the thread has ended well
 */
export type GeneratorRunner = (
  port: Port,
  callback: PortCallback,
  args: readonly unknown[],
  done?: () => void,
) => void;

let generatorRunner: GeneratorRunner | undefined;

/** Installs what runs generator callbacks. */
export function setGeneratorRunner(runner: GeneratorRunner): void {
  generatorRunner = runner;
}

/** Runs a generator function as a thread of a port. */
export function runGenerator(
  port: Port,
  callback: PortCallback,
  args: readonly unknown[],
  done?: () => void,
): void {
  if (generatorRunner === undefined) {
    throw new UsageError("Cannot run a generator function: a thread needs @anyevent/mp/coro");
  }
  generatorRunner(port, callback, args, done);
}

const GeneratorFunction = Object.getPrototypeOf(function* () {}).constructor as {
  readonly prototype: object;
};

/** Whether a callback is a generator function. */
export function isGeneratorFunction(callback: unknown): boolean {
  return callback instanceof (GeneratorFunction as unknown as new () => object);
}

/** @throws {UsageError} unless `callback` is a function that can be run here */
export function checkCallback(callback: unknown, what: string): asserts callback is PortCallback {
  if (typeof callback !== "function") {
    throw new UsageError(`Cannot ${what}: ${show(callback)} is not a function`);
  }
  if (isAsyncGenerator(callback)) {
    throw new UsageError(`Cannot ${what}: an async generator function is no callback`);
  }
  if (generatorRunner === undefined && isGeneratorFunction(callback)) {
    throw new UsageError(
      `Cannot ${what}: a generator function runs as a thread, which needs @anyevent/mp/coro`,
    );
  }
}

/** A tag is a string, or a number as a string: Perl does not tell them apart. */
export function tagOf(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  return typeof value === "number" ? String(value) : undefined;
}

const AsyncGeneratorFunction = Object.getPrototypeOf(async function* () {}).constructor as {
  readonly prototype: object;
};

/**
 * Checks a callback that belongs to no port, which a thread could run in: for packages that take some.
 *
 * @param callback what was passed
 * @param what it is for, for the error: `Cannot <what>: …`
 * @throws {UsageError} unless `callback` is a function, and no generator function
 * @example
 * ```ts
 * import { checkPlainCallback } from "@anyevent/mp";
 *
 * checkPlainCallback(() => {}, "watch the weather");
 * try {
 *   checkPlainCallback(5, "watch the weather");
 * } catch (error) {
 *   console.log((error as Error).message); // Cannot watch the weather: 5 is not a function
 * }
 * ```
 */
export function checkPlainCallback(callback: unknown, what: string): void {
  if (typeof callback !== "function") {
    throw new UsageError(`Cannot ${what}: ${show(callback)} is not a function`);
  }
  if (isGeneratorFunction(callback) || isAsyncGenerator(callback)) {
    throw new UsageError(
      `Cannot ${what}: a generator function runs as a thread of a port; use psub, or a port`,
    );
  }
}

function isAsyncGenerator(callback: unknown): boolean {
  return callback instanceof (AsyncGeneratorFunction as unknown as new () => object);
}

/** Messages a port may keep for callbacks that are still to be installed. */
export const MAX_STARTING_MESSAGES = 10_000;

function callWith(
  callback: PortCallback,
  context: Context,
  message: readonly unknown[],
  from: number,
): unknown {
  const call = callback as (this: Context, ...args: unknown[]) => unknown;
  switch (message.length - from) {
    case 0:
      return call.call(context);
    case 1:
      return call.call(context, message[from]);
    case 2:
      return call.call(context, message[from], message[from + 1]);
    case 3:
      return call.call(context, message[from], message[from + 1], message[from + 2]);
    default:
      return call.apply(context, message.slice(from));
  }
}

/**
 * A local port: callbacks, monitors, and the context its code runs in.
 *
 * A port ends in two steps. `dying`: its code threw or it is being killed, nothing is delivered any
 * more. `kill`: it is gone and its monitors fire.
 */
export class Port {
  /** Full id. */
  readonly id: string;
  /** `this` of its callbacks. */
  readonly context: Context;
  /** Who is told when it dies. */
  readonly monitors: MonitorList = new MonitorList();
  /** False once it has been killed. */
  alive = true;
  /** Set from the moment it cannot take messages any more. */
  dying = false;
  /** Set when a `kil` waits for its turn. */
  killPending = false;
  /** Its attached thread, if any, and other things to end with it. */
  readonly ends: Set<(reason: Reason) => void> = new Set();
  #default: PortCallback | undefined;
  #defaultIsThread = false;
  #tags: Map<string, PortCallback> | undefined;
  #threadTags: Set<string> | undefined;
  #starting: (readonly unknown[])[] | undefined;
  #lenient = false;

  /** @param name on its node */
  constructor(readonly node: Node, readonly name: string) {
    this.id = `${node.id}#${name}`;
    this.context = new Context(this.id, node);
  }

  /** Unmatched messages are dropped silently instead of killing the port. */
  beLenient(): void {
    this.#lenient = true;
  }

  /** Keeps messages until the first callback is installed. */
  startHolding(): void {
    this.#starting = [];
  }

  /** Whether it still waits for its first callback. */
  get holding(): boolean {
    return this.#starting !== undefined;
  }

  /** Replaces the default callback. */
  setDefault(callback: PortCallback): void {
    this.#default = callback;
    this.#defaultIsThread = isGeneratorFunction(callback);
    this.#release();
  }

  /** Sets or, with `undefined`, removes the callback of a tag. */
  setTag(tag: string, callback: PortCallback | undefined): void {
    this.#tags ??= new Map();
    this.#threadTags?.delete(tag);
    if (callback === undefined) {
      this.#tags.delete(tag);
    } else {
      this.#tags.set(tag, callback);
      if (isGeneratorFunction(callback)) (this.#threadTags ??= new Set()).add(tag);
    }
    this.#release();
  }

  #release(): void {
    const held = this.#starting;
    if (held === undefined) return;
    this.#starting = undefined;
    for (const message of held) this.node.defer(() => this.deliver(message, 0));
  }

  /**
   * Runs the callback for a message.
   *
   * @param from index of the tag in `message`
   */
  deliver(message: readonly unknown[], from: number): void {
    if (this.dying) return;
    if (this.#starting !== undefined) {
      if (this.#starting.length >= MAX_STARTING_MESSAGES) {
        this.die(
          new Error(`more than ${MAX_STARTING_MESSAGES} messages before the first callback`),
        );
      } else this.#starting.push(message.slice(from));
      return;
    }
    let callback: PortCallback | undefined;
    let thread = false;
    let first = from;
    if (this.#tags !== undefined && from < message.length) {
      const tag = tagOf(message[from]);
      callback = tag === undefined ? undefined : this.#tags.get(tag);
      if (tag !== undefined && callback !== undefined) {
        first = from + 1;
        thread = this.#threadTags !== undefined && this.#threadTags.has(tag);
      }
    }
    if (callback === undefined) {
      callback = this.#default;
      thread = this.#defaultIsThread;
      if (callback === undefined) {
        if (!this.#lenient) this.die(new Error("received message on port without callback"));
        return;
      }
    }
    if (thread) {
      runGenerator(this, callback, message.slice(first));
      return;
    }
    const previous = enterContext(this.context);
    try {
      const result = callWith(callback, this.context, message, first);
      if (result instanceof Promise) result.catch((thrown) => this.die(thrown));
    } catch (thrown) {
      this.die(thrown);
    } finally {
      enterContext(previous);
    }
  }

  /** The code of this port threw: nothing more is delivered, and it is killed in its turn. */
  die(thrown: unknown): void {
    if (this.dying) return;
    this.dying = true;
    const reason = dieReason(thrown);
    this.node.defer(() => this.kill(reason));
  }

  /** Ends the port now and fires its monitors. */
  kill(reason: Reason): void {
    if (!this.alive) return;
    this.alive = false;
    this.dying = true;
    this.#starting = undefined;
    this.node.forget(this);
    const ends = [...this.ends];
    this.ends.clear();
    for (const end of ends) end(reason);
    const told = this.monitors.fire(reason);
    if (told === 0 && reason.length > 0 && reason[0] !== "shutdown") {
      this.node.log(2, `unmonitored local port ${this.id} died with reason: ${reasonText(reason)}`);
    }
  }
}
