import {
  type ByteStream,
  ClosedError,
  OPEN_FLAGS,
  type OpenFile,
  PeerError,
  type Processes,
  type Redirection,
  show,
  type SpawnedProcess,
  type Undo,
  UsageError,
} from "@anyevent/backends/contract";
import { type Callback, toFunction } from "../callback.ts";
import { checkLoop } from "../check_loop.ts";
import { CondVar } from "../condvar.ts";
import { errorOf } from "../io/outcome.ts";
import type { Loop } from "../loop.ts";
import { ForwardPump, InputPump, OutputPump, type Pump, StreamFeed } from "./pump.ts";
import {
  type InputSource,
  type OutputTarget,
  type Plan,
  planInput,
  planOutput,
} from "./redirection.ts";

/** Exit code of a child that could not open a redirection, and of one whose program could not be run. */
const CANNOT_OPEN = 125;
const CANNOT_RUN = 126;

/** Options of `runCmd`. */
export interface RunOptions {
  /** Standard input. Default: this process's. */
  readonly stdin?: InputSource;
  /** Standard output. Default: this process's. */
  readonly stdout?: OutputTarget;
  /** Standard error. Default: this process's. */
  readonly stderr?: OutputTarget;
  /** Directory to run in. */
  readonly cwd?: string;
  /** Environment variables, added to this process's. */
  readonly env?: Readonly<Record<string, string>>;
  /** Whether it gets `env` only. */
  readonly clearEnv?: boolean;
  /** Gets the process id when it was started. */
  readonly onPid?: Callback<[pid: number]>;
  /** Cancels it. */
  readonly signal?: AbortSignal;
}

type Stream = "stdin" | "stdout" | "stderr";
const STREAMS: readonly Stream[] = ["stdin", "stdout", "stderr"];

interface Checked {
  readonly command: string | readonly [string, ...string[]];
  readonly options: RunOptions;
  readonly plans: Readonly<Record<Stream, Plan>>;
  readonly onPid: ((pid: number) => unknown) | undefined;
}

/**
 * A command that was started: a condvar that gets the raw wait status, when the process has ended and all
 * its redirected output was read to the end.
 *
 * A `cb` of it is called inside the turn in which that happens. {@linkcode runCmd} makes one.
 *
 * @example
 * ```ts
 * import { runCmd } from "@anyevent/loop";
 *
 * using cmd = runCmd(["deno", "eval", "setTimeout(() => {}, 60_000)"]);
 * console.log(cmd.kill("KILL")); // true
 * console.log(await cmd.recv()); // 9
 * ```
 */
export class Command extends CondVar<[status: number]> {
  readonly #loop: Loop;
  readonly #checked: Checked;
  readonly #running: Set<Command>;
  readonly #pumps = new Set<Pump>();
  readonly #inputs = new Set<Pump>();
  readonly #release: Undo;
  readonly #forget: Undo;
  #unlisten: Undo = () => undefined;
  #process: SpawnedProcess | undefined;
  #status: number | undefined;
  #failure: Error | undefined;
  #over = false;
  /** Files are being opened, or were for the child. */
  #opening = false;

  /** Starts it; `runCmd` does this. */
  constructor(
    loop: Loop,
    running: Set<Command>,
    command: string | readonly string[],
    options: RunOptions,
  ) {
    const checked = check(command, options);
    const { processes } = checkLoop(loop, "run command").env.host;
    if (processes === undefined) {
      throw new UsageError(
        `Cannot run command: backend ${loop.env.name} has no child processes here`,
      );
    }
    super(undefined, loop);
    this.#loop = loop;
    this.#checked = checked;
    this.#running = running;
    this.#release = loop.hold();
    this.#forget = loop.onDispose(() => this.#abort("the loop was disposed of"));
    running.add(this);
    this.#listen(options.signal);
    if (this.#over) return;
    const files = STREAMS.flatMap((stream) => {
      const plan = checked.plans[stream];
      return plan.kind === "file" ? [[stream, plan.path] as const] : [];
    });
    if (files.length > 0) void this.#openAll(processes, files);
    else {
      try {
        this.#start(processes, new Map());
      } catch (thrown) {
        this.#finish();
        throw thrown;
      }
    }
  }

  /** Process id; `undefined` before it was started, which takes a while when there are files to be opened. */
  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** Why it could not be started, when the status is 125 or 126 shifted left by eight. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /**
   * Sends it a signal.
   *
   * @param signal name without `SIG`
   * @returns false: it was not started yet, or has ended
   * @throws {UsageError} for a name that is no signal
   */
  kill(signal = "TERM"): boolean {
    if (
      typeof signal !== "string" || !/^[A-Z][A-Z0-9]*$/.test(signal) || signal.startsWith("SIG")
    ) {
      throw new UsageError(
        `Cannot kill command: signal ${show(signal)} is not a name such as "TERM"`,
      );
    }
    return this.#over || this.#status !== undefined ? false : this.#process?.kill(signal) ?? false;
  }

  /**
   * Kills it, closes its redirections and calls their callbacks no more; who waits gets a `ClosedError`.
   * Idempotent; no effect when it is over.
   */
  cancel(): void {
    this.#abort("it was cancelled");
  }

  /** Same as `cancel`. */
  [Symbol.dispose](): void {
    this.cancel();
  }

  /** As in `runCmd("make")`. */
  describe(): string {
    const { command } = this.#checked;
    return `runCmd(${show(typeof command === "string" ? command : command.join(" "))})`;
  }

  #listen(signal: AbortSignal | undefined): void {
    if (signal === undefined) return;
    const abort = (): void =>
      this.#abort("it was aborted", signal.reason instanceof Error ? signal.reason : undefined);
    if (signal.aborted) return abort();
    signal.addEventListener("abort", abort);
    this.#unlisten = () => signal.removeEventListener("abort", abort);
  }

  async #openAll(
    processes: Processes,
    files: readonly (readonly [Stream, string])[],
  ): Promise<void> {
    this.#opening = true;
    const open = new Map<Stream, OpenFile>();
    const { O_RDONLY, O_WRONLY, O_CREAT, O_TRUNC } = OPEN_FLAGS;
    try {
      try {
        for (const [stream, path] of files) {
          const flags = stream === "stdin" ? O_RDONLY : O_WRONLY | O_CREAT | O_TRUNC;
          open.set(stream, await this.#loop.env.host.files!.open(path, flags, 0o666));
        }
      } catch (thrown) {
        if (!this.#over) this.#later(() => this.#failed(CANNOT_OPEN, thrown));
        return;
      }
      if (!this.#over) this.#start(processes, open);
    } catch (thrown) {
      this.#later(() => {
        this.#finish();
        this.croak(errorOf(thrown));
      });
    } finally {
      // The child has its own.
      for (const file of open.values()) await file.close().catch(() => undefined);
      this.#opening = false;
      if (this.#over) this.#running.delete(this);
    }
  }

  #later(cb: () => void): void {
    this.#loop.env.backend.post(() => {
      if (!this.#over) cb();
    });
  }

  #start(processes: Processes, open: ReadonlyMap<Stream, OpenFile>): void {
    const { command, options: { cwd, env, clearEnv }, plans, onPid } = this.#checked;
    const to = (stream: Stream): Redirection => {
      const plan = plans[stream];
      if (plan.kind === "direct") return plan.to;
      return plan.kind === "file" ? { file: open.get(stream)! } : "piped";
    };
    const { backend } = this.#loop.env;
    let started: SpawnedProcess;
    try {
      started = processes.spawn({
        command,
        cwd,
        env,
        clearEnv,
        stdin: to("stdin"),
        stdout: to("stdout"),
        stderr: to("stderr"),
      }, backend);
    } catch (thrown) {
      if (!(thrown instanceof PeerError)) throw thrown;
      this.#later(() => this.#failed(CANNOT_RUN, thrown));
      return;
    }
    this.#process = started;
    if (onPid !== undefined) {
      this.#later(() => this.#call(() => onPid(started.pid)));
    }
    void started.status.then((status) =>
      this.#later(() => {
        this.#status = status;
        for (const input of [...this.#inputs]) input.cancel();
        this.#inputs.clear();
        this.#settle();
      })
    );
    for (const stream of STREAMS) {
      const pipe = started[stream];
      if (pipe !== undefined) this.#pump(stream, pipe, plans[stream]);
    }
  }

  #pump(stream: Stream, pipe: ByteStream, plan: Plan): void {
    const loop = this.#loop;
    const pumps = stream === "stdin" ? this.#inputs : this.#pumps;
    const parts = {
      loop,
      what: `${this.describe()} ${stream}`,
      done: () => {
        pumps.delete(pump);
        this.#settle();
      },
    };
    let pump: Pump;
    if (plan.kind === "sink") pump = new OutputPump(pipe, plan.sink, parts);
    else if (plan.kind === "feed") pump = new InputPump(pipe, plan.feed, parts);
    else if (plan.kind !== "stream") return pipe.close();
    else if (stream !== "stdin") pump = new ForwardPump(pipe, plan.stream, parts);
    else {
      const feed = new StreamFeed(loop, plan.stream);
      pump = new InputPump(pipe, () => feed.next(), parts, () => feed.cancel());
    }
    pumps.add(pump);
  }

  /** As if a child had been started that could do nothing but exit. */
  #failed(code: number, thrown: unknown): void {
    this.#failure = errorOf(thrown);
    for (const stream of STREAMS) {
      const plan = this.#checked.plans[stream];
      if (plan.kind === "sink") this.#call(() => plan.sink(undefined));
      // It may have cancelled.
      if (this.#over) return;
    }
    this.#status = code << 8;
    this.#settle();
  }

  #call(cb: () => unknown): void {
    try {
      const result = cb();
      if (result instanceof Promise) {
        result.catch((error) => this.#loop.callbackFailed(error, this.describe()));
      }
    } catch (error) {
      this.#loop.callbackFailed(error, this.describe());
    }
  }

  #settle(): void {
    if (this.#over || this.#status === undefined || this.#pumps.size > 0) return;
    this.#finish();
    this.#call(() => this.send(this.#status!));
  }

  #abort(why: string, cause?: Error): void {
    if (this.#over) return;
    const ended = this.#status !== undefined;
    this.#finish();
    if (!ended) this.#process?.kill("KILL");
    const error = cause ?? new ClosedError(`Cannot go on with ${this.describe()}: ${why}`);
    this.#call(() => this.croak(error));
  }

  #finish(): void {
    this.#over = true;
    for (const pump of [...this.#pumps, ...this.#inputs]) pump.cancel();
    this.#pumps.clear();
    this.#inputs.clear();
    this.#unlisten();
    this.#forget();
    this.#release();
    if (!this.#opening) this.#running.delete(this);
  }
}

function check(command: string | readonly string[], options: RunOptions): Checked {
  const bad = (name: string, value: unknown, why: string): UsageError =>
    new UsageError(`Cannot run command: ${name} ${show(value)} ${why}`);
  const isText = (value: unknown): boolean => typeof value === "string" && !value.includes("\0");
  if (Array.isArray(command)) {
    if (command.length === 0 || !command.every(isText) || command[0] === "") {
      throw bad("command", command, "is no list of program and arguments");
    }
  } else if (!isText(command) || command === "") {
    throw bad("command", command, "is neither a command for the shell nor a list of words");
  }
  if (typeof options !== "object" || options === null) {
    throw bad("options", options, "are not an object");
  }
  const { stdin, stdout, stderr, cwd, env, onPid, signal } = options;
  if (cwd !== undefined && (!isText(cwd) || cwd === "")) throw bad("cwd", cwd, "is not a path");
  if (env !== undefined) {
    if (typeof env !== "object" || env === null) throw bad("env", env, "is not an object");
    for (const [name, value] of Object.entries(env)) {
      if (!isText(value)) throw bad(`env.${name}`, value, "is not a string without NUL");
      if (name === "" || /[=\0]/.test(name)) throw bad("name in env", name, "is no variable's");
    }
  }
  if (signal !== undefined && typeof signal?.addEventListener !== "function") {
    throw bad("signal", signal, "is not an AbortSignal");
  }
  return {
    command: typeof command === "string"
      ? command
      : [...command] as unknown as readonly [string, ...string[]],
    options,
    plans: {
      stdin: planInput(stdin),
      stdout: planOutput(stdout, "stdout"),
      stderr: planOutput(stderr, "stderr"),
    },
    onPid: onPid === undefined ? undefined : toFunction<[number]>(onPid, "run command: onPid"),
  };
}
