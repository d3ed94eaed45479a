/**
 * The `aemp` command: makes configurations, runs nodes, talks to the nodes of a mesh.
 *
 * ```sh
 * aemp gensecret                               # once, then copy the configuration file
 * aemp run seed binds '["*:4040"]'             # a seed node
 * aemp snd 'chat#room' join alice --seed host:4040
 * aemp mon 'chat#room' --seed host:4040
 * ```
 *
 * Permissions: `--allow-read --allow-write` for the configuration file and its folder, `--allow-env`;
 * `run`, `snd` and `mon` also `--allow-net --allow-sys=hostname,networkInterfaces`.
 *
 * Follows the `aemp` of AnyEvent::MP.
 *
 * @module
 */
import { messageOf, show, UsageError } from "@anyevent/backends/contract";
import { defaultLoop, type Env } from "@anyevent/loop";
import { type Command, parseCommandLine } from "./command_line.ts";
import { generateSecret, setSecret, showConfig, showProfile } from "./config_commands.ts";
import { monitorPort, sendMessage } from "./node_commands.ts";
import { runNode } from "./run_command.ts";
import { processTerminal, type Terminal } from "./terminal.ts";

export type { Terminal } from "./terminal.ts";

async function execute(command: Command, env: Env, terminal: Terminal): Promise<void> {
  switch (command.name) {
    case "gensecret":
      return await generateSecret(env, terminal, command);
    case "setsecret":
      return await setSecret(env, terminal, command);
    case "showconfig":
      return await showConfig(env, terminal, command);
    case "showprofile":
      return await showProfile(env, terminal, command);
    case "run":
      return await runNode(env, terminal, command);
    case "snd":
      return await sendMessage(env, terminal, command);
    case "mon":
      return await monitorPort(env, terminal, command);
  }
}

/**
 * Runs one command. What goes wrong is one line on standard error.
 *
 * @param args arguments after the program's name
 * @param env platform to run on
 * @param terminal what it prints to and reads from; default: that of the process
 * @returns exit code: 0 done, 1 failed, 2 used wrongly
 * @throws {UsageError} when `args` are no strings
 * @example
 * ```ts
 * import { main } from "@anyevent/global/cli";
 * import { defaultLoop } from "@anyevent/loop";
 *
 * console.log(await main(["--version"], defaultLoop().env)); // 0
 * ```
 */
export async function main(
  args: readonly string[],
  env: Env,
  terminal: Terminal = processTerminal,
): Promise<number> {
  if (!Array.isArray(args) || !args.every((arg) => typeof arg === "string")) {
    throw new UsageError(`Cannot run aemp with ${show(args)}: it needs a list of strings`);
  }
  const command = parseCommandLine(args, terminal);
  if (typeof command === "number") return command;
  try {
    await execute(command, env, terminal);
    return 0;
  } catch (error) {
    terminal.err(`aemp: ${messageOf(error).replace(/\s*\n\s*/g, " ")}`);
    return error instanceof UsageError ? 2 : 1;
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args, defaultLoop().env));
