import { show, UsageError } from "@anyevent/backends/contract";
import { registeredCommands, reserveNames, type ShellCommand } from "./commands.ts";
import type { Debugger } from "./debugger.ts";
import type { Session } from "./session.ts";
import type { WrappedWatcher } from "./wrapped.ts";

/** A command of the shell itself. */
interface BuiltIn extends Omit<ShellCommand, "run"> {
  run(args: string, session: Session, debug: Debugger): string | void;
}

/** Characters of a prompt. */
const LONGEST_PROMPT = 32;

function idsOf(args: string, what: string): number[] {
  const words = args.split(/[\s,]+/).filter((word) => word !== "");
  return words.map((word) => {
    if (!/^\d{1,15}$/.test(word)) {
      throw new UsageError(`Cannot ${what} ${show(word)}: it is not the id of a watcher; use wl`);
    }
    return Number(word);
  });
}

/** One line, or some, for each id. */
function forEach(
  args: string,
  debug: Debugger,
  what: string,
  line: (watcher: WrappedWatcher) => string,
): string {
  const ids = idsOf(args, what);
  if (ids.length === 0) throw new UsageError(`Cannot ${what}: no id is given`);
  const wrapped = new Map(debug.wrapped.map((watcher) => [watcher.id, watcher]));
  return ids.map((id) => {
    const watcher = wrapped.get(id);
    return watcher === undefined ? `${id}: no such wrapped watcher` : line(watcher);
  }).join("\n");
}

function trace(on: boolean, args: string, debug: Debugger): string {
  const does = on ? "trace" : "untrace";
  const state = on ? "enabled" : "disabled";
  if (args === "") {
    debug.trace = on;
    return `tracing for newly created watchers is now ${state}.`;
  }
  return forEach(args, debug, does, (watcher) => {
    watcher.trace(on);
    return `tracing for watcher ${watcher.id} is now ${state}.`;
  });
}

/** Also the names of commands that no table can hold. */
export const COMMANDS: ReadonlyMap<string, BuiltIn> = new Map<string, BuiltIn>([
  ["wr", {
    usage: "[level]",
    help: "sets the wrap level (0, 1, 2), or toggles it",
    run: (args, _session, debug) =>
      `wrap level now ${debug.wrap(args === "" ? undefined : Number(args))}`,
  }],
  ["v", {
    usage: "[level]",
    help: "sets the verbosity of the log (0 to 9), or toggles it",
    run(args, { loop: { log } }) {
      log.verbose = args === "" ? (log.verbose < 9 ? 9 : 0) : Number(args);
      return `verbosity now ${log.verbose}`;
    },
  }],
  ["wl", {
    usage: "[regex]",
    help: "prints wrapped watchers that match",
    run(args, _session, debug) {
      const pattern = new RegExp(args.replace(/^(['"])(.*)\1$/, "$2"));
      const found = debug.wrapped.filter((watcher) => pattern.test(String(watcher)));
      return found.map((watcher) => `${watcher.id} ${watcher}`).join("\n");
    },
  }],
  ["i", {
    usage: "id,...",
    help: "prints watchers in more detail",
    run: (args, _session, debug) =>
      forEach(args, debug, "show", (watcher) => `${watcher}\n${watcher.verbose()}\n`),
  }],
  ["t", {
    usage: "[id,...]",
    help: "traces watchers, or all newly created ones (default)",
    run: (args, _session, debug) => trace(true, args, debug),
  }],
  ["u", {
    usage: "[id,...]",
    help: "does not trace them any more",
    run: (args, _session, debug) => trace(false, args, debug),
  }],
  ["w", {
    usage: "id,...",
    help: "prints what watchers wait for; evaluated, w(id) is the watcher",
    run: (args, _session, debug) =>
      forEach(args, debug, "show", ({ id, w }) => `${id} ${w.describe()}`),
  }],
  ["prompt", {
    usage: "[text]",
    help: "sets the prompt, for programs; without text there is none",
    run(args, session) {
      session.prompt = args.slice(0, LONGEST_PROMPT);
    },
  }],
  ["commands", {
    help: "prints the names of all commands, for programs",
    run: (_args, session) => names(session).join("\n"),
  }],
  ["help", { help: "prints this", run: (_args, session) => help(session) }],
  ["quit", { help: "ends the session", run: (_args, session) => session.close() }],
]);

/** Upstream's name of `u`, and what hands expect. */
const ALIASES: ReadonlyMap<string, string> = new Map([["ut", "u"], ["exit", "quit"]]);

/** The command of the shell itself that has a name. */
export function builtInCommand(name: string): BuiltIn | undefined {
  return COMMANDS.get(ALIASES.get(name) ?? name);
}

reserveNames([...COMMANDS.keys(), ...ALIASES.keys(), "eval"]);

/** Those of the session's shell first. */
function commandsOf(session: Session): [name: string, Omit<ShellCommand, "run">][] {
  return [...session.commands, ...COMMANDS, ...registeredCommands()];
}

function names(session: Session): string[] {
  return [...new Set(commandsOf(session).map(([name]) => name))];
}

function help(session: Session): string {
  const rows = commandsOf(session).map(([name, { usage = "", help }]) =>
    [`${name} ${usage}`.trim(), help] as const
  );
  const width = Math.max(...rows.map(([call]) => call.length));
  return rows.map(([call, help]) => `${call.padEnd(width)}  ${help}`).join("\n");
}
