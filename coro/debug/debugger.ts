import { messageOf, show, UsageError } from "@anyevent/backends/contract";
import {
  debugOf,
  type DebugShell,
  type Registration,
  type ShellCommand,
  type ShellOptions,
  type ShellSession,
} from "@anyevent/loop";
import { currentEngine } from "../default_engine.ts";
import type { Engine } from "../engine.ts";
import { AWAIT, MAIN, type Outcome, type Task, TRACED, type TraceEvent, ZOMBIE } from "../task.ts";
import { Coro, coroOf, taskOf } from "../thread.ts";
import { backtraceOf, COMMANDS, helpText } from "./commands.ts";
import { checkLevel, DebugLog, type LogListener, OFF } from "./log.ts";
import { listing } from "./ps.ts";
import { told } from "./text.ts";

/** What a session asks with. */
const PROMPT = "coro debug> ";
/** Level of traces. */
const TRACE = 5;

function endOf(outcome: Outcome): string {
  return outcome.kind === "failed"
    ? `failed: ${told(() => messageOf(outcome.error))}`
    : outcome.kind;
}

function textOf(event: TraceEvent): string {
  if (event.kind === "resumed") return "resumed";
  return event.kind === "blocked" ? `stops in ${event.on}` : `ended: ${endOf(event.outcome)}`;
}

let given: Engine | undefined;

/** One on any engine. */
export function debuggerFor(engine: Engine): ThreadDebugger {
  given = engine;
  return new ThreadDebugger();
}

/**
 * Coro::Debug on one scheduler; get it with {@linkcode threadDebugOf}. {@linkcode Debug} works on the scheduler
 * of the running thread, else on the default one.
 *
 * @example
 * ```ts
 * import { async, cede, defaultScheduler, schedule, threadDebugOf } from "@anyevent/coro";
 *
 * const debug = threadDebugOf(defaultScheduler());
 * const coro = async(function* () {
 *   yield* schedule(); // sleeps until somebody makes it ready
 * });
 * await cede();
 * console.log(debug.backtrace(coro).split("\n")[0]); // 1 is blocked in schedule()
 * console.log(debug.psListing().split("\n").length); // 3: the heading, main and the thread
 * coro.cancel();
 * ```
 */
export class ThreadDebugger {
  readonly #engine: Engine;
  readonly #log: DebugLog;
  readonly #tracers = new WeakMap<Task, Set<(event: TraceEvent) => void>>();
  readonly #logged = new WeakMap<Task, (event: TraceEvent) => void>();
  readonly #sessions = new WeakMap<ShellSession, LogListener>();

  /** One on the scheduler of the running thread, else on the default one, with logs and traces of its own. */
  constructor() {
    this.#engine = given ?? currentEngine();
    given = undefined;
    this.#log = new DebugLog(this.#engine.loop);
  }

  /**
   * Runs a command line of a debug session: `ps`, `bt`, `trace`, `untrace`, `kill`, `cancel`, `ready`, `times`
   * or `help`.
   *
   * Follows `Coro::Debug::command`, which prints what this returns.
   *
   * @param line the command and its arguments
   * @returns what it prints; a thread that does not exist is told so
   * @throws {UsageError} for an unknown command, arguments that make no sense, and what needs a session
   */
  command(line: string): string {
    if (typeof line !== "string") {
      throw new UsageError(`Cannot run debug command ${show(line)}: it is not a string`);
    }
    return this.run(line, undefined);
  }

  /** Runs a line for a session; for shells. */
  run(line: string, session: ShellSession | undefined): string {
    const [, name, args] = /^(\S*)\s*([^]*)$/.exec(line.trim())!;
    if (name === "help") return helpText();
    const command = COMMANDS.get(name);
    if (command === undefined) {
      throw new UsageError(`Cannot run ${show(name)}: there is no such command; use 'help'`);
    }
    return command.run(args, this, session);
  }

  /**
   * The list of threads, oldest first, with the columns of Coro::Debug.
   *
   * PID is the thread's number (0: main). S is `N` new, `U` running, `R` ready, `S` suspended, `-` blocked; C is
   * `T` when it is traced. RSS is always `-`, as a JavaScript engine does not tell. USES: how often it was switched
   * to. With {@linkcode ThreadDebugger.times} on, t_real is the seconds that it ran. Where: the place of its
   * call, and what it waits for. The first 1000 are listed.
   *
   * Nothing is kept for it while threads run, so it costs nothing when it is not called; then some 0.1 ms a thread.
   *
   * @param flags `w`: wide, whole descriptions and paths; `v`: verbose, with all calls of each thread
   * @throws {UsageError} for other flags
   */
  psListing(flags = ""): string {
    if (typeof flags !== "string" || !/^[wv]*$/.test(flags)) {
      throw new UsageError(`Cannot list threads: ${show(flags)} are not flags of w and v`);
    }
    return listing(this.#engine, { wide: flags.includes("w"), verbose: flags.includes("v") });
  }

  /** The thread of a number, as `ps` shows it; 0 is main. Those that have ended are not found. */
  findCoro(pid: number): Coro | undefined {
    const { main } = this.#engine;
    const found = pid === main.id ? main : this.#engine.list().find(({ id }) => id === pid);
    return found === undefined ? undefined : coroOf(found);
  }

  /**
   * Where a thread is: a line that says what it waits for, then its calls, the innermost first, through all
   * its `yield*`. For what cannot be seen, such as an async function, it says so.
   *
   * @throws {UsageError} when it is no thread of this scheduler
   */
  backtrace(coro: Coro): string {
    this.#task(coro, "trace back");
    return backtraceOf(coro);
  }

  /**
   * Tells what a thread does from now on: each time it goes on, stops to wait, and its end. A traced thread
   * switches slower, all others do not.
   *
   * Follows `Coro::Debug::trace`, which tells of lines and calls; a JavaScript program does not see those.
   *
   * @param callback called inside the switch; what it throws goes to `onCallbackError` of the loop. Default:
   * logs at level 5, see {@linkcode ThreadDebugger.log}
   * @returns takes it back
   * @throws {UsageError} when it is no thread of this scheduler, or main, or `callback` is no function
   */
  trace(coro: Coro, callback?: (event: TraceEvent) => void): Registration {
    const task = this.#task(coro, "trace");
    if ((task.flags & (MAIN | AWAIT)) !== 0) {
      throw new UsageError("Cannot trace main: it is the code outside threads");
    }
    if (callback !== undefined && typeof callback !== "function") {
      throw new UsageError(`Cannot trace ${coro}: ${show(callback)} is not a function`);
    }
    if (callback === undefined) {
      const logged = this.#logged.get(task);
      if (logged !== undefined && this.#tracers.get(task)?.has(logged)) {
        return this.#undo(task, logged);
      }
    }
    const tracer = callback === undefined
      ? (event: TraceEvent): void =>
        this.#log.log(TRACE, `[${task.id}] ${told(() => textOf(event))}`)
      : (event: TraceEvent): void => callback(event);
    if (callback === undefined) this.#logged.set(task, tracer);
    this.#add(task, tracer);
    return this.#undo(task, tracer);
  }

  /**
   * Takes back all traces of a thread.
   *
   * @throws {UsageError} when it is no thread of this scheduler
   */
  untrace(coro: Coro): void {
    this.#stop(this.#task(coro, "untrace"));
  }

  /**
   * Logs a message: sessions whose `loglevel` is at least `level` show it, and the log of the program does when
   * {@linkcode ThreadDebugger.stderrLoglevel} is. Follows `Coro::Debug::log`.
   *
   * @param level from 0 to 9
   * @throws {UsageError} for another level, or when `message` is no string
   */
  log(level: number, message: string): void {
    checkLevel(level, 0, "log");
    if (typeof message !== "string") {
      throw new UsageError(`Cannot log ${show(message)}: it is not a string`);
    }
    this.#log.log(level, message);
  }

  /** The `loglevel` that sessions begin with; -1, or `CORO_DEFAULT_LOGLEVEL`: nothing is shown. */
  get sessionLoglevel(): number {
    return this.#log.initial;
  }

  set sessionLoglevel(level: number) {
    checkLevel(level, OFF, "set sessionLoglevel");
    this.#log.initial = level;
  }

  /** Up to which level the log of the program gets messages, too; -1, or `CORO_STDERR_LOGLEVEL`: none. */
  get stderrLoglevel(): number {
    return this.#log.outer;
  }

  set stderrLoglevel(level: number) {
    checkLevel(level, OFF, "set stderrLoglevel");
    this.#log.outer = level;
  }

  /** Whether the time of each thread is taken; it costs two looks at the clock a switch. */
  get times(): boolean {
    return this.#engine.timing;
  }

  set times(on: boolean) {
    if (typeof on !== "boolean") {
      throw new UsageError(`Cannot set times: ${show(on)} is neither true nor false`);
    }
    if (on !== this.#engine.timing) this.#engine.timing = on;
  }

  /**
   * Listens for debug sessions: a debug shell of the loop with the commands for threads, and `coro debug> ` as
   * its prompt. Who may connect, and what is bounded, is said at `Debug.shell` of `@anyevent/loop`; so is the
   * client.
   *
   * @param address `host:port` on loopback, or the absolute path of a Unix socket
   * @throws {UsageError} for an address beyond loopback without `remote`, and what is none
   * @throws {PeerError} when it cannot bind
   */
  shell(address: string, options: Pick<ShellOptions, "remote" | "evaluate"> = {}): DebugShell {
    return debugOf(this.#engine.loop).shell(address, {
      ...options,
      prompt: PROMPT,
      commands: this.#commands(),
      onSession: (session) => {
        if (this.#log.initial > OFF) this.setLevelOf(session, this.#log.initial);
      },
    });
  }

  /** Listens on a Unix socket: {@linkcode ThreadDebugger.shell}. Follows `new_unix_server`. */
  unixServer(path: string): DebugShell {
    return this.shell(path);
  }

  /** Listens on a port of 127.0.0.1 (0: the system picks one). Follows `new_tcp_server`. */
  tcpServer(port: number): DebugShell {
    if (!Number.isInteger(port) || port < 0 || port > 65535) {
      throw new UsageError(`Cannot open debug shell: ${show(port)} is not a port`);
    }
    return this.shell(`127.0.0.1:${port}`);
  }

  /** The `loglevel` of a session; for its commands. */
  levelOf(session: ShellSession): number {
    return this.#sessions.get(session)?.level ?? OFF;
  }

  /** Sets it. @throws {UsageError} when it is none */
  setLevelOf(session: ShellSession, level: number): void {
    checkLevel(level, OFF, "set loglevel");
    const known = this.#sessions.get(session);
    if (known !== undefined) {
      known.level = level;
      return;
    }
    const listener: LogListener = { level, print: (text) => session.print(text) };
    this.#sessions.set(session, listener);
    session.onClose(this.#log.add(listener));
  }

  #commands(): ReadonlyMap<string, ShellCommand> {
    return new Map([...COMMANDS].map(([name, { usage, help }]) => {
      const run = (args: string, session: ShellSession): string =>
        this.run(`${name} ${args}`, session);
      return [name, { usage, help, run }];
    }));
  }

  #task(coro: Coro, what: string): Task {
    if (!(coro instanceof Coro)) {
      throw new UsageError(`Cannot ${what} ${show(coro)}: it is not a thread`);
    }
    const task = taskOf(coro as Coro<never>);
    if (task.engine !== this.#engine) {
      throw new UsageError(`Cannot ${what} ${coro}: it belongs to another scheduler`);
    }
    return task;
  }

  #add(task: Task, tracer: (event: TraceEvent) => void): void {
    if ((task.flags & ZOMBIE) !== 0) return;
    const known = this.#tracers.get(task);
    if (known !== undefined) {
      known.add(tracer);
      return;
    }
    const tracers = new Set([tracer]);
    this.#tracers.set(task, tracers);
    task.flags |= TRACED;
    task.extra.trace = (event) => {
      if (event.kind === "ended") this.#tracers.delete(task);
      for (const each of [...tracers]) {
        try {
          each(event);
        } catch (error) {
          this.#engine.loop.callbackFailed(error, "trace() of a thread");
        }
      }
    };
  }

  #undo(task: Task, tracer: (event: TraceEvent) => void): Registration {
    const cancel = (): void => {
      const tracers = this.#tracers.get(task);
      if (tracers?.delete(tracer) && tracers.size === 0) this.#stop(task);
    };
    return { cancel, [Symbol.dispose]: cancel };
  }

  #stop(task: Task): void {
    this.#tracers.get(task)?.clear();
    this.#tracers.delete(task);
    task.flags &= ~TRACED;
    if (task.rare !== undefined) task.rare.trace = undefined;
  }
}
