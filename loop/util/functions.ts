import type { ByteStream } from "@anyevent/backends/contract";
import type { ResultCallback } from "../io/outcome.ts";
import type { Operation } from "../operation.ts";
import { defaultLoop } from "../registry.ts";
import type { Watcher } from "../watcher.ts";
import type { Command, RunOptions } from "./run_cmd.ts";
import { utilOf } from "./util.ts";
import type { ModuleFunction } from "./worker_task.ts";

/**
 * Runs a command, with its input and output redirected, on the default loop.
 *
 * The result is a condvar that gets the raw wait status, when the process has ended and all output that is
 * redirected to this program was read: the exit code shifted left by eight, or the number of the signal that
 * ended it. A redirection whose file cannot be opened gives `125 << 8`, a program that cannot be run
 * `126 << 8`; the condvar's `failure` then says why. It keeps the process alive until it is over.
 *
 * Permissions: `--allow-run=` the program, `--allow-env`, as the program gets the environment, and what files of
 * redirections need.
 *
 * Follows AnyEvent::Util's `run_cmd`.
 *
 * @param command a string is one for the shell (`/bin/sh`, `cmd`); a list is program and arguments
 * @throws {UsageError} for wrong arguments, and where the host does not permit it
 * @example
 * ```ts
 * import { Collector, runCmd } from "@anyevent/loop";
 *
 * const out = new Collector();
 * const cmd = runCmd(["deno", "eval", "console.log(6 * 7)"], { stdout: out });
 * console.log(await cmd.recv() ?? -1, out.text); // 0 "42\n"
 * ```
 */
export function runCmd(
  command: string | readonly string[],
  options: RunOptions = {},
): Command {
  return utilOf(defaultLoop()).runCmd(command, options);
}

/**
 * A pipe inside this process: what is written to the second is read from the first.
 *
 * Follows AnyEvent::Util's `portable_pipe`.
 *
 * @example
 * ```ts
 * import { portablePipe } from "@anyevent/loop";
 *
 * const [reader, writer] = portablePipe();
 * writer.tryWrite(new TextEncoder().encode("hello"));
 * const into = new Uint8Array(10);
 * console.log(reader.tryRead(into)); // 5
 * ```
 */
export function portablePipe(): [reader: ByteStream, writer: ByteStream] {
  return utilOf(defaultLoop()).portablePipe();
}

/**
 * Two connected streams inside this process: what is written to one is read from the other.
 *
 * Follows AnyEvent::Util's `portable_socketpair`.
 *
 * @returns both ends; close both
 * @example
 * ```ts
 * import { Handle, portableSocketpair } from "@anyevent/loop";
 *
 * const [one, other] = portableSocketpair();
 * using a = new Handle({ fh: one });
 * using b = new Handle({ fh: other });
 * a.pushWrite("hello\n");
 * console.log(await b.read("line")); // hello
 * ```
 */
export function portableSocketpair(): [ByteStream, ByteStream] {
  return utilOf(defaultLoop()).portableSocketpair();
}

/**
 * Calls a function in a worker, while this thread goes on: for work that would hold up the loop.
 *
 * A function is sent as its source text, so it must stand for itself: it sees its arguments and globals, no
 * variables and imports around it (but it may `await import(…)`). Or name what a module exports. Arguments
 * and result are copied as `structuredClone` does. What it throws comes back as an error of the same name,
 * message, code and stack.
 *
 * At most `Util.maxForks` calls run at the same time, 10 by default; more wait in order. Cancelled, one that
 * waits is forgotten and one that runs is ended with its worker (Deno 2.9 cannot stop one that computes without
 * ever coming back to its event loop: its result is dropped, but it goes on). A worker that dies fails its own call only.
 * Workers may serve several calls in turn, and end when there are none.
 *
 * Follows AnyEvent::Util's `fork_call`, with a worker in the place of a child process.
 *
 * @param what the function, or where it is
 * @param args its arguments; unchanged until it begins
 * @returns without a callback an operation, which begins when it is run
 * @throws {UsageError} for wrong arguments, and where there are no workers
 * @example
 * ```ts
 * import { forkCall } from "@anyevent/loop";
 *
 * const slow = (n: number): number => {
 *   let sum = 0;
 *   for (let i = 1; i <= n; i++) sum += i;
 *   return sum;
 * };
 * console.log(await forkCall(slow, [1000])); // 500500
 * ```
 */
export function forkCall<A extends readonly unknown[], R>(
  what: ((...args: A) => R) | ModuleFunction,
  args: A,
): Operation<Awaited<R>>;
/** As above, with a callback, which gets the result, or `undefined` and the error. */
export function forkCall<A extends readonly unknown[], R>(
  what: ((...args: A) => R) | ModuleFunction,
  args: A,
  cb: ResultCallback<Awaited<R>>,
): Watcher;
export function forkCall<A extends readonly unknown[], R>(
  what: ((...args: A) => R) | ModuleFunction,
  args: A,
  cb?: ResultCallback<Awaited<R>>,
): Operation<Awaited<R>> | Watcher {
  const util = utilOf(defaultLoop());
  return cb === undefined ? util.forkCall(what, args) : util.forkCall(what, args, cb);
}
