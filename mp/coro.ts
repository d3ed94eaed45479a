/**
 * Coro::MP: ports with threads that receive selectively, and everything of `@anyevent/mp`.
 *
 * Importing it lets generator functions be callbacks of ports everywhere: they run as threads.
 *
 * @example
 * ```ts
 * import { get, portAsync, snd } from "@anyevent/mp/coro";
 *
 * const p = portAsync(function* () {
 *   const second = yield* get("second", 5);
 *   const first = yield* get("first", 5);
 *   console.log(first, second); // [1] [2]
 * });
 * snd(p, "first", 1);
 * snd(p, "second", 2);
 * ```
 *
 * @module
 */
import { show, UsageError } from "@anyevent/backends/contract";
import {
  Coro,
  defaultScheduler,
  onEnter,
  onLeave,
  type Outcome,
  Scheduler,
  type ThreadSteps,
} from "@anyevent/coro";
import {
  type Abort,
  defaultLoop,
  type Loop,
  type Operation,
  type Seconds,
  WaitOperation,
  type Waker,
} from "@anyevent/loop";
import { type Context, currentContext, enterContext, type Running } from "./context.ts";
import { currentNode } from "./default_node.ts";
import { checkId } from "./id.ts";
import { type Condition, Mailbox, type Matcher, Take } from "./mailbox.ts";
import type { Node } from "./node.ts";
import { type Port, setGeneratorRunner, tagOf } from "./port.ts";
import { timeoutSeconds } from "./timeout.ts";
import type { PortContext, PortId } from "./types.ts";

export * from "./mod.ts";
export type { Condition } from "./mailbox.ts";

/** A generator function run as a thread of a port. */
export type PortThread<R = unknown> = (this: PortContext) => ThreadSteps<R>;

const schedulers = new WeakMap<Loop, Scheduler>();

/** The scheduler on a node's loop. */
function schedulerOf(node: Node): Scheduler {
  if (node.loop === defaultLoop()) return defaultScheduler();
  let scheduler = schedulers.get(node.loop);
  if (scheduler === undefined) {
    scheduler = new Scheduler(node.loop);
    schedulers.set(node.loop, scheduler);
  }
  return scheduler;
}

/** The body with `SELF()` set whenever the thread runs. */
function* inPort<R>(context: Context, body: () => ThreadSteps<R>): ThreadSteps<R> {
  let outer: Running | undefined;
  using _enter = onEnter(() => void (outer = enterContext(context)));
  using _leave = onLeave(() => void enterContext(outer));
  const steps: unknown = body();
  if (typeof (steps as Partial<ThreadSteps<R>> | undefined)?.next !== "function") {
    throw new UsageError("Cannot run thread: its body is not a generator function (function*)");
  }
  return yield* steps as ThreadSteps<R>;
}

/** Starts a thread of a port: it is cancelled when the port dies. */
function startThread<R>(
  port: Port,
  desc: string,
  body: () => ThreadSteps<R>,
  ended: (outcome: Outcome) => void,
): Coro<R> {
  const end = (): void => thread.cancel();
  const thread = schedulerOf(port.node).spawn<R>(() => inPort(port.context, body), {
    desc,
    onEnd: (outcome) => {
      port.ends.delete(end);
      ended(outcome);
    },
  });
  port.ends.add(end);
  return thread;
}

setGeneratorRunner((port, callback, args, done) => {
  const body = callback as unknown as (
    this: PortContext,
    ...args: unknown[]
  ) => ThreadSteps<unknown>;
  startThread(
    port,
    `callback of ${port.id}`,
    () => body.apply(port.context, [...args]),
    (outcome) => {
      if (outcome.kind === "failed") port.die(outcome.error);
      else done?.();
    },
  );
});

const mailboxes = new WeakMap<Port, Mailbox>();
const attached = new WeakMap<Coro, Mailbox>();

function checkThread(body: unknown, what: string): void {
  if (typeof body !== "function") {
    throw new UsageError(`Cannot ${what}: ${show(body)} is not a generator function`);
  }
}

/**
 * Attaches a thread to a local port: it gets all messages that no tag callback takes, by {@linkcode get}
 * and {@linkcode getCond}.
 *
 * `SELF()` is the port whenever the thread runs. When the thread returns the port dies normally; the values
 * of `terminate` or `cancel` become the reason; an error kills it with `die`. The death of the port
 * cancels the thread. Follows Coro::MP's `rcv_async`.
 *
 * @param port typically `SELF()` in an init function of `spawn`
 * @param body the thread
 * @returns the port id
 * @throws {UsageError} for a port of another node, or one that has a thread
 * @example
 * ```ts
 * import { get, mon, NODE, rcvAsync, register, snd, spawn } from "@anyevent/mp/coro";
 *
 * register("demo::greeter", function () {
 *   rcvAsync(this.self, function* () {
 *     const [name] = (yield* get("name", 5)) ?? ["nobody"];
 *     console.log(`hello ${name}`); // hello world
 *   });
 * });
 * const greeter = spawn(NODE(), "demo::greeter");
 * snd(greeter, "name", "world");
 * mon(greeter, () => console.log("ended")); // ended
 * ```
 */
export function rcvAsync<P>(port: PortId<P>, body: PortThread): PortId<P> {
  checkThread(body, "attach a thread");
  checkId(port, "port");
  const node = currentNode();
  const existing = node.localPort(port);
  if (existing !== undefined && mailboxes.has(existing)) {
    throw new UsageError(`Cannot attach a thread to ${port}: it has one`);
  }
  const mailbox = new Mailbox(node.loop);
  node.rcv(port, (...message: unknown[]) => mailbox.put(message));
  const entry = node.localPort(port)!;
  mailboxes.set(entry, mailbox);
  const thread = startThread(
    entry,
    `thread of ${entry.id}`,
    () => body.call(entry.context),
    (outcome) => {
      if (outcome.kind === "failed") {
        entry.die(outcome.error);
        return;
      }
      const reason = outcome.kind === "cancelled" ? outcome.values : [];
      entry.dying = true;
      node.defer(() => entry.kill(reason));
    },
  );
  attached.set(thread as Coro, mailbox);
  return port;
}

/**
 * Makes a port with a thread attached; see {@linkcode rcvAsync}. Follows Coro::MP's `port_async`.
 *
 * @param body the thread; without one it is a plain port
 * @returns the port id
 * @throws {UsageError} when it is no function
 * @example
 * ```ts
 * import { get, mon, portAsync, snd } from "@anyevent/mp/coro";
 *
 * const p = portAsync(function* () {
 *   const pair = yield* get("pair", 5);
 *   console.log(pair); // [ 1, 2 ]
 * });
 * mon(p, (...reason) => console.log("ended", reason)); // ended []
 * snd(p, "pair", 1, 2);
 * ```
 */
export function portAsync<P = unknown>(body?: PortThread): PortId<P> {
  if (body !== undefined) checkThread(body, "make a port with a thread");
  const port = currentNode().port<P>();
  return body === undefined ? port : rcvAsync(port, body);
}

function ownMailbox(what: string): Mailbox {
  const mailbox = attached.get(Coro.current);
  if (mailbox === undefined) {
    throw new UsageError(`Cannot ${what}: called from a thread that is not attached to any port`);
  }
  return mailbox;
}

/**
 * Takes the next message with a tag; messages with other tags stay queued, in order.
 *
 * Follows Coro::MP's `get`.
 *
 * @param tag first element of the message
 * @param timeout seconds to wait; 0: only look; none: for ever
 * @returns the message without its tag, `undefined` on timeout
 * @throws {UsageError} outside of a thread that is attached to a port
 * @example
 * ```ts
 * import { get, portAsync, snd } from "@anyevent/mp/coro";
 *
 * const p = portAsync(function* () {
 *   console.log(yield* get("b"), yield* get("a")); // [ 2 ] [ 1 ]
 *   console.log(yield* get("c", 0.01)); // undefined
 * });
 * snd(p, "a", 1);
 * snd(p, "b", 2);
 * ```
 */
export function get(tag: string, timeout?: Seconds): Operation<readonly unknown[] | undefined> {
  if (typeof tag !== "string") throw new UsageError(`Cannot get ${show(tag)}: a tag is a string`);
  const match: Matcher = (message) =>
    message.length > 0 && tagOf(message[0]) === tag ? () => message.slice(1) : undefined;
  return new Take(ownMailbox("get"), `get(${JSON.stringify(tag)})`, match, timeout);
}

/**
 * Takes the next message for which a condition is true; the others stay queued, in order.
 *
 * When the condition gives a function, that is called with the message after it was taken. What the
 * condition throws is thrown here. Follows Coro::MP's `get_cond`.
 *
 * @param condition gets the elements of each message; none: any message
 * @param timeout seconds to wait; 0: only look; none: for ever
 * @returns the whole message, `undefined` on timeout
 * @throws {UsageError} outside of a thread that is attached to a port
 * @example
 * ```ts
 * import { getCond, portAsync, snd } from "@anyevent/mp/coro";
 *
 * const p = portAsync(function* () {
 *   console.log(yield* getCond((_tag, n) => Number(n) > 1)); // [ "n", 2 ]
 *   console.log(yield* getCond()); // [ "n", 1 ]
 * });
 * snd(p, "n", 1);
 * snd(p, "n", 2);
 * ```
 */
export function getCond(
  condition?: Condition,
  timeout?: Seconds,
): Operation<readonly unknown[] | undefined> {
  if (condition !== undefined && typeof condition !== "function") {
    throw new UsageError(`Cannot get with condition ${show(condition)}: it is not a function`);
  }
  const mailbox = ownMailbox("get");
  const match: Matcher = (message) => {
    const verdict = condition === undefined ? true : condition(...message);
    if (!verdict) return undefined;
    return () => {
      if (typeof verdict === "function") verdict(...message);
      return message;
    };
  };
  return new Take(mailbox, "getCond()", match, timeout);
}

/** The reply of a call. */
class Reply extends WaitOperation<readonly unknown[] | undefined> {
  #done = false;
  #reply: readonly unknown[] | undefined;
  #waker: Waker | undefined;
  readonly #port: PortId;

  constructor(node: Node, timeout: number | undefined, port: PortId, message: readonly unknown[]) {
    super();
    this.#port = port;
    const answered = (...reply: unknown[]): void => {
      this.#done = true;
      if (reply.length > 0) this.#reply = reply;
      this.#waker?.wake();
    };
    node.cal(port, ...message, answered, timeout);
  }

  protected poll(): boolean {
    return this.#done;
  }

  protected result(): readonly unknown[] | undefined {
    return this.#reply;
  }

  describe(): string {
    return `syncal(${this.#port})`;
  }

  start(waker: Waker): Abort {
    this.#waker = waker;
    return () => void (this.#waker = undefined);
  }
}

/**
 * Sends a message with a reply port appended, and waits for the reply. The message is sent when this is
 * called; only the waiting happens when it is run. Works in any thread, and with `await`.
 *
 * Follows Coro::MP's `syncal`.
 *
 * @param timeout seconds; `undefined`: for ever, but until the target dies
 * @param port whom to ask
 * @param message the request, to which the id of the reply port is appended
 * @returns the reply, `undefined` when there is none (timeout, dead target, empty reply)
 * @throws {UsageError} (at once) for what is no port or no time, or cannot be sent
 * @example
 * ```ts
 * import { port, type PortId, rcv, snd, syncal } from "@anyevent/mp/coro";
 *
 * const doubler = port();
 * rcv(doubler, "double", (n: number, reply: PortId) => snd(reply, 2 * n));
 * console.log(await syncal(5, doubler, "double", 21)); // [ 42 ]
 * console.log(await syncal(0.01, port(() => {}), "anybody?")); // undefined
 * ```
 */
export function syncal(
  timeout: Seconds | undefined,
  port: PortId,
  ...message: unknown[]
): Operation<readonly unknown[] | undefined> {
  checkId(port, "port");
  return new Reply(currentNode(), timeoutSeconds(timeout, `call ${port}`), port, message);
}

/**
 * Runs a thread in the context of a port: an error kills the port, the death of the port cancels the
 * thread, its end does nothing to the port. It cannot `get`.
 *
 * Follows Coro::MP's `peval_async`.
 *
 * @param port a local port; may be left out for the running one
 * @param body the thread
 * @returns the thread
 * @throws {UsageError} for no port, or one of another node
 * @example
 * ```ts
 * import { sleep } from "@anyevent/loop";
 * import { kil, pevalAsync, port, SELF } from "@anyevent/mp/coro";
 *
 * const p: string = port();
 * const thread = pevalAsync(p, function* () {
 *   yield* sleep(0.01);
 *   return SELF() === p;
 * });
 * console.log(await thread.join()); // [ true ]
 * kil(p);
 * ```
 */
export function pevalAsync<R>(body: PortThread<R>): Coro<R>;
/** The same, in the context of a given port. */
export function pevalAsync<R>(port: PortId, body: PortThread<R>): Coro<R>;
export function pevalAsync<R>(first: PortId | PortThread<R>, second?: PortThread<R>): Coro<R> {
  const id = typeof first === "string" ? first : currentContext()?.self;
  const body = typeof first === "function" ? first : second;
  if (id === undefined) throw new UsageError("Cannot run a thread in the port: no port is running");
  checkThread(body, `run a thread in ${id}`);
  const node = currentNode();
  const port = node.localPort(id);
  if (port === undefined) {
    throw new UsageError(`Cannot run a thread in ${id}: it is not a port of node ${node.id}`);
  }
  return startThread(port, `in ${id}`, () => body!.call(port.context), (outcome) => {
    if (outcome.kind === "failed") port.die(outcome.error);
  });
}
