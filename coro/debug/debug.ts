import { show, UsageError } from "@anyevent/backends/contract";
import {
  Debug as LoopDebug,
  type DebugShell,
  type Loop,
  type Registration,
  type ShellOptions,
} from "@anyevent/loop";
import { currentEngine, defaultEngine } from "../default_engine.ts";
import type { Engine } from "../engine.ts";
import { engineOf, Scheduler } from "../scheduler.ts";
import type { TraceEvent } from "../task.ts";
import type { Coro } from "../thread.ts";
import { debuggerFor, type ThreadDebugger } from "./debugger.ts";

const debuggers = new WeakMap<Engine, ThreadDebugger>();
/** The first one that was made on a loop. */
const onLoops = new WeakMap<Loop, ThreadDebugger>();

function debuggerOf(engine: Engine): ThreadDebugger {
  let found = debuggers.get(engine);
  if (found === undefined) {
    found = debuggerFor(engine);
    debuggers.set(engine, found);
    if (!onLoops.has(engine.loop)) onLoops.set(engine.loop, found);
  }
  return found;
}

/**
 * Coro::Debug on a scheduler, always the same for the same one.
 *
 * @param scheduler whose threads to look at
 * @throws {UsageError} when it is no scheduler
 * @example
 * ```ts
 * import { cede, defaultScheduler, threadDebugOf } from "@anyevent/coro";
 *
 * const threads = defaultScheduler();
 * const coro = threads.async(function* () {
 *   yield* cede();
 * });
 * using _trace = threadDebugOf(threads).trace(coro, (event) => console.log(event.kind));
 * await coro.join(); // resumed, blocked, resumed, ended
 * ```
 */
export function threadDebugOf(scheduler: Scheduler): ThreadDebugger {
  if (!(scheduler instanceof Scheduler)) {
    throw new UsageError(`Cannot debug ${show(scheduler)}: it is no Scheduler`);
  }
  return debuggerOf(engineOf(scheduler));
}

/** The type of {@linkcode Debug}. */
export interface ThreadDebugApi {
  /** See {@linkcode ThreadDebugger.command}. */
  command(this: void, line: string): string;
  /** See {@linkcode ThreadDebugger.psListing}. */
  psListing(this: void, flags?: string): string;
  /** See {@linkcode ThreadDebugger.findCoro}. */
  findCoro(this: void, pid: number): Coro | undefined;
  /** See {@linkcode ThreadDebugger.backtrace}. */
  backtrace(this: void, coro: Coro): string;
  /** See {@linkcode ThreadDebugger.trace}. */
  trace(this: void, coro: Coro, callback?: (event: TraceEvent) => void): Registration;
  /** See {@linkcode ThreadDebugger.untrace}. */
  untrace(this: void, coro: Coro): void;
  /** See {@linkcode ThreadDebugger.log}. */
  log(this: void, level: number, message: string): void;
  /** See {@linkcode ThreadDebugger.sessionLoglevel}. */
  sessionLoglevel: number;
  /** See {@linkcode ThreadDebugger.stderrLoglevel}. */
  stderrLoglevel: number;
  /** See {@linkcode ThreadDebugger.times}. */
  times: boolean;
  /** See {@linkcode ThreadDebugger.shell}. */
  shell(
    this: void,
    address: string,
    options?: Pick<ShellOptions, "remote" | "evaluate">,
  ): DebugShell;
  /** See {@linkcode ThreadDebugger.unixServer}. */
  unixServer(this: void, path: string): DebugShell;
  /** See {@linkcode ThreadDebugger.tcpServer}. */
  tcpServer(this: void, port: number): DebugShell;
}

function current(): ThreadDebugger {
  return debuggerOf(currentEngine());
}

/**
 * Coro::Debug: shows what the threads of a running program do, and lets one act on them; in the program, or from
 * outside in a session.
 *
 * It acts on the scheduler of the running thread, else on the default one. In debug shells of the loop
 * (`ANYEVENT_DEBUG_SHELL`, `Debug.shell` of `@anyevent/loop`) the command `coro` runs these commands: `coro ps`.
 * `eval` of Coro::Debug has no counterpart: the variables of a function cannot be reached from outside.
 *
 * @example What all threads do
 * ```ts
 * import { async, cede, Coro, Debug, Semaphore } from "@anyevent/coro";
 *
 * const lock = new Semaphore(0);
 * const thread = async(function* () {
 *   Coro.current.desc = "numero uno";
 *   yield* lock.down();
 * });
 * await cede();
 * console.log(Debug.command("ps")); // … 1 -- - 1 numero uno [….ts:6] semaphore.down()
 * thread.cancel();
 * ```
 * @example A session from outside: `deno run -N jsr:@anyevent/loop/shell 127.0.0.1:…`
 * ```ts
 * import { Debug } from "@anyevent/coro";
 * import { main } from "@anyevent/loop/shell";
 *
 * using shell = Debug.tcpServer(0);
 * const { address } = shell;
 * if (address.transport === "tcp") {
 *   console.log(await main([`${address.host}:${address.port}`, "ps"])); // the list, and 0
 * }
 * ```
 */
export const Debug: ThreadDebugApi = {
  command: (line) => current().command(line),
  psListing: (flags) => current().psListing(flags),
  findCoro: (pid) => current().findCoro(pid),
  backtrace: (coro) => current().backtrace(coro),
  trace: (coro, callback) => current().trace(coro, callback),
  untrace: (coro) => current().untrace(coro),
  log: (level, message) => current().log(level, message),
  get sessionLoglevel(): number {
    return current().sessionLoglevel;
  },
  set sessionLoglevel(level: number) {
    current().sessionLoglevel = level;
  },
  get stderrLoglevel(): number {
    return current().stderrLoglevel;
  },
  set stderrLoglevel(level: number) {
    current().stderrLoglevel = level;
  },
  get times(): boolean {
    return current().times;
  },
  set times(on: boolean) {
    current().times = on;
  },
  shell: (address, options) => current().shell(address, options),
  unixServer: (path) => current().unixServer(path),
  tcpServer: (port) => current().tcpServer(port),
};

/** Whose threads a shell on a loop shows. */
function debuggerOn(loop: Loop): ThreadDebugger {
  const found = onLoops.get(loop);
  if (found !== undefined) return found;
  const engine = defaultEngine();
  if (engine.loop === loop) return debuggerOf(engine);
  throw new UsageError(
    "Cannot look at threads: threadDebugOf() was not called for those of this loop",
  );
}

LoopDebug.register("coro", {
  usage: "<command>",
  help: "runs a command for threads: ps, bt, …; coro help lists them",
  run: (args, session) => debuggerOn(session.loop).run(args === "" ? "help" : args, session),
});
