import { show, type Undo, UsageError } from "@anyevent/backends/contract";
import type { Loop } from "../loop.ts";
import type { Registration } from "../watcher.ts";

/** One connection to a debug shell, as its commands see it. */
export interface ShellSession {
  /** The loop that the shell runs on. */
  readonly loop: Loop;
  /** Who is connected, as `host:port`. */
  readonly peer: string;
  /** Whether it is over: what is printed goes nowhere. */
  readonly closed: boolean;
  /** Prints a text, at any time; adds a newline when it does not end with one. Very long ones are cut. */
  print(text: string): void;
  /** Calls back when it is over, soon when it is already. @returns takes it back */
  onClose(cb: () => void): Undo;
  /** Calls back once, when the next line has come, before that is done; also an empty one. @returns takes it back */
  onLine(cb: () => void): Undo;
  /** Ends it; what was printed is still sent. */
  close(): void;
}

/** A command of the debug shell. */
export interface ShellCommand {
  /** The arguments, for `help`: `"[pid]"`. Default: none. */
  readonly usage?: string;
  /** What it does, for `help`: a few words. */
  readonly help: string;
  /**
   * Does it. What it throws is shown, and the session goes on. The next command of the session waits until a
   * promise or operation that it returns has ended.
   *
   * @param args all behind the name, without the spaces around it
   * @returns what is printed, when it is a string
   */
  run(args: string, session: ShellSession): unknown;
}

const registered = new Map<string, ShellCommand>();
const taken = new Set<string>();

/** Keeps names for the shell itself. */
export function reserveNames(names: Iterable<string>): void {
  for (const name of names) taken.add(name);
}

/** The registered command of a name. */
export function findCommand(name: string): ShellCommand | undefined {
  return registered.get(name);
}

/** All registered commands, by name. */
export function registeredCommands(): [name: string, command: ShellCommand][] {
  return [...registered].sort(([a], [b]) => a < b ? -1 : 1);
}

/** @throws {UsageError} when it is no command, or may not have the name */
export function checkCommand(name: string, command: ShellCommand): void {
  if (typeof name !== "string" || !/^[A-Za-z][\w-]{0,31}$/.test(name)) {
    throw new UsageError(
      `Cannot register command ${
        show(name)
      }: a name is a letter and up to 31 letters, digits, "_" or "-"`,
    );
  }
  const { usage = "", help, run } = (command ?? {}) as Partial<ShellCommand>;
  if (typeof run !== "function") {
    throw new UsageError(`Cannot register command ${name}: run ${show(run)} is not a function`);
  }
  if (typeof help !== "string" || typeof usage !== "string") {
    throw new UsageError(`Cannot register command ${name}: usage and help are not both strings`);
  }
  if (taken.has(name)) throw new UsageError(`Cannot register command ${name}: it exists`);
}

/** See `Debug.register`. */
export function registerCommand(name: string, command: ShellCommand): Registration {
  checkCommand(name, command);
  if (registered.has(name)) throw new UsageError(`Cannot register command ${name}: it exists`);
  registered.set(name, command);
  const cancel = (): void => {
    if (registered.get(name) === command) registered.delete(name);
  };
  return { cancel, [Symbol.dispose]: cancel };
}
