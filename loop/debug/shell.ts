import {
  type Address,
  type ByteStream,
  checkOptions,
  messageOf,
  show,
  type Undo,
  UsageError,
} from "@anyevent/backends/contract";
import { formatAddress, formatHostport } from "../address.ts";
import type { Loop } from "../loop.ts";
import type { SocketServer } from "../server.ts";
import { socketsOf } from "../sockets.ts";
import type { Watcher } from "../watcher.ts";
import { shellAddress } from "./address.ts";
import { builtInCommand } from "./builtin.ts";
import { checkCommand, findCommand, type ShellCommand, type ShellSession } from "./commands.ts";
import type { Debugger } from "./debugger.ts";
import { evaluate } from "./evaluate.ts";
import { debugLog } from "./log.ts";
import { type LineRunner, Session } from "./session.ts";

/** Options of {@linkcode Debugger.shell}. */
export interface ShellOptions {
  /** Allow addresses that other machines can reach. Default false. */
  readonly remote?: boolean;
  /**
   * Run lines that are no command as JavaScript, with `loop`, `debug`, `session`, `w(id)`, and `$`, an object to
   * keep values in, as names. Default false.
   */
  readonly evaluate?: boolean;
  /** Up to 32 printable ASCII characters. Default: `"> "`. */
  readonly prompt?: string;
  /** Commands that this shell alone has, in the order of its `help`. */
  readonly commands?: ReadonlyMap<string, ShellCommand>;
  /** Told of each session that begins. Must not throw. */
  readonly onSession?: (session: ShellSession) => void;
}

/** Sessions at once. */
const MOST_SESSIONS = 64;

/**
 * A debug shell that listens; `Debug.shell` makes one.
 *
 * It does not keep the process alive unless `ref` was called. Cancelling it closes all its sessions.
 *
 * Follows `shell` of AnyEvent::Debug.
 *
 * @example
 * ```ts
 * import { Debug } from "@anyevent/loop";
 *
 * using shell = Debug.shell("127.0.0.1:0", { prompt: "? " }); // port 0: the system picks one
 * const { address } = shell;
 * console.log(address.transport === "tcp" && address.host); // 127.0.0.1
 * console.log(shell.active, shell.sessions); // true 0
 * ```
 */
export class DebugShell implements Watcher {
  readonly #server: SocketServer;
  readonly #loop: Loop;
  readonly #debug: Debugger;
  readonly #evaluates: boolean;
  readonly #sessions = new Set<Session>();
  readonly #values: Record<string, unknown> = {};
  readonly #runner: LineRunner;
  readonly #prompt: string | undefined;
  readonly #onSession: ((session: ShellSession) => void) | undefined;
  readonly #forget: Undo;

  /**
   * Listens.
   *
   * @param loop where it lives
   * @param debug what it shows
   * @param address see `Debugger.shell`
   * @throws {UsageError} for an address that makes no sense, or is not allowed
   * @throws {PeerError} when it cannot bind
   */
  constructor(loop: Loop, debug: Debugger, address: string, options: ShellOptions = {}) {
    checkOptions(options, "open debug shell");
    for (const name of ["remote", "evaluate"] as const) {
      const value: unknown = options[name];
      if (value === undefined || typeof value === "boolean") continue;
      throw new UsageError(`Cannot open debug shell: ${name} ${show(value)} is not true or false`);
    }
    const { prompt, commands = new Map<string, ShellCommand>(), onSession } = options;
    checkLook(prompt, commands, onSession);
    const { host } = loop.env;
    const [name, service] = shellAddress(address, host.pid, options.remote ?? false);
    this.#loop = loop;
    this.#debug = debug;
    this.#prompt = prompt;
    this.#onSession = onSession;
    this.#runner = {
      commands,
      run: (line, session) => this.#run(line, session),
      ended: (session) => void this.#sessions.delete(session),
    };
    this.#evaluates = options.evaluate ?? false;
    this.#server = socketsOf(loop).tcpServer(name, service, (fh, peer, port) => {
      this.#accepted(fh, formatHostport(peer, port));
    });
    this.#server.unref();
    this.#forget = loop.onDispose(() => this.cancel());
    if (this.#server.address.transport === "unix") restrict(loop, this.#server.address.path);
    debugLog(loop).log(7, () => `debug shell at ${formatAddress(this.address)}`);
  }

  /** Where it listens. */
  get address(): Address {
    return this.#server.address;
  }

  /** How many sessions there are. */
  get sessions(): number {
    return this.#sessions.size;
  }

  /** Whether it listens. */
  get active(): boolean {
    return this.#server.active;
  }

  /** Lets it keep the process alive; its sessions do not. @returns itself */
  ref(): this {
    this.#server.ref();
    return this;
  }

  /** Lets the process end. @returns itself */
  unref(): this {
    this.#server.unref();
    return this;
  }

  /** What it is. */
  describe(): string {
    return `Debug.shell(${formatAddress(this.address)})`;
  }

  /** Listens no more, and closes all sessions. Idempotent. */
  cancel(): void {
    this.#forget();
    this.#server.cancel();
    for (const session of [...this.#sessions]) session.close();
  }

  /** Same as `cancel`. */
  [Symbol.dispose](): void {
    this.cancel();
  }

  #run(line: string, session: Session): unknown {
    const [, name, args] = /^(\S+)\s*([^]*)$/.exec(line)!;
    const builtIn = builtInCommand(name);
    if (builtIn !== undefined) return builtIn.run(args, session, this.#debug);
    const command = session.commands.get(name) ?? findCommand(name);
    if (command !== undefined) return command.run(args, session);
    if (this.#evaluates) return this.#evaluate(name === "eval" ? args : line, session);
    throw new UsageError(`Cannot run ${show(name)}: there is no such command; use 'help'`);
  }

  #evaluate(text: string, session: Session): Promise<string> {
    const debug = this.#debug;
    const w = (id: number): Watcher | undefined => debug.find(id)?.w;
    return evaluate(text, { loop: session.loop, debug, session, w, $: this.#values });
  }

  #accepted(fh: ByteStream, peer: string): void {
    const loop = this.#loop;
    if (this.#sessions.size >= MOST_SESSIONS) {
      fh.close();
      debugLog(loop).log(5, `more than ${MOST_SESSIONS} sessions, refused ${peer}`);
      return;
    }
    const session = new Session(loop, fh, peer, this.#runner, this.#prompt);
    this.#sessions.add(session);
    session.start();
    this.#onSession?.(session);
  }
}

/** @throws {UsageError} for options that make no sense */
function checkLook(
  prompt: unknown,
  commands: ReadonlyMap<string, ShellCommand>,
  on: unknown,
): void {
  if (prompt !== undefined && (typeof prompt !== "string" || !/^[ -~]{1,32}$/.test(prompt))) {
    throw new UsageError(
      `Cannot open debug shell: prompt ${show(prompt)} is not 1 to 32 printable ASCII characters`,
    );
  }
  if (!(commands instanceof Map)) {
    throw new UsageError(`Cannot open debug shell: commands ${show(commands)} are not a Map`);
  }
  for (const [name, command] of commands) checkCommand(name, command);
  if (on !== undefined && typeof on !== "function") {
    throw new UsageError(`Cannot open debug shell: onSession ${show(on)} is not a function`);
  }
}

/** Lets the owner alone connect, where the host can. */
function restrict(loop: Loop, path: string): void {
  loop.env.host.files?.chmod(path, 0o600).then(undefined, (error) => {
    debugLog(loop).log(5, `cannot restrict ${path} to its owner: ${messageOf(error)}`);
  });
}
