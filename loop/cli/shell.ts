/**
 * A client for the debug shells of running programs (`Debug.shell`).
 *
 * ```sh
 * deno run -N jsr:@anyevent/loop/shell 127.0.0.1:4567      # history, completion
 * deno run -N -R -W jsr:@anyevent/loop/shell /tmp/shell.4711 wl timer
 * echo help | deno run -N jsr:@anyevent/loop/shell 127.0.0.1:4567
 * ```
 *
 * Permissions: `-N` to connect; for a Unix socket also `-R` and `-W`.
 *
 * @module
 */
import { messageOf, show, UsageError } from "@anyevent/backends/contract";
import { Client } from "./client.ts";
import { processTerminal, type Terminal } from "./terminal.ts";

export type { Terminal } from "./terminal.ts";

const HELP = `Usage: shell [--help] ADDRESS [COMMAND…]

Talks to the debug shell of a running program, at HOST:PORT or at the path of a Unix socket.
With a COMMAND it runs that and exits, else it reads commands from standard input: with history
and completion when a person types them. \`help\` lists the commands, \`quit\` ends.

Exit status: 0 done; 1 the shell cannot be reached or was lost; 2 used wrongly.`;

/** Whether a line ends the session. */
function isLast(line: string): boolean {
  return /^\s*(quit|exit)\s*$/.test(line);
}

/** The names of the commands there are. */
async function commandsOf(client: Client, hear: (to: (text: string) => void) => void) {
  let text = "";
  hear((part) => void (text += part));
  await client.send("commands");
  return text.split("\n").filter((name) => name !== "");
}

async function talk(address: string, command: string, terminal: Terminal): Promise<void> {
  const print = (text: string): void => terminal.out(text);
  let output = print;
  const client = await Client.connect(address, (text) => output(text));
  try {
    if (command !== "") {
      if (!isLast(command)) await client.send(command);
      return;
    }
    let words: readonly string[] = [];
    if (terminal.interactive) {
      words = await commandsOf(client, (to) => void (output = to));
      output = print;
      terminal.err(client.banner);
    }
    for await (const line of terminal.lines(() => words, client.prompt)) {
      if (isLast(line)) break;
      await client.send(line);
    }
  } finally {
    client.close();
  }
}

/**
 * Runs the client. What goes wrong is one line on standard error.
 *
 * @param args arguments after the program's name
 * @param terminal what it prints to and reads from; default: that of the process
 * @returns exit code: 0 done, 1 the shell cannot be reached or was lost, 2 used wrongly
 * @throws {UsageError} when `args` are no strings
 * @example
 * ```ts
 * import { Debug } from "@anyevent/loop";
 * import { main } from "@anyevent/loop/shell";
 *
 * using shell = Debug.shell("127.0.0.1:0");
 * const { address } = shell;
 * if (address.transport === "tcp") {
 *   console.log(await main([`${address.host}:${address.port}`, "help"])); // the commands, and 0
 * }
 * ```
 */
export async function main(
  args: readonly string[],
  terminal: Terminal = processTerminal,
): Promise<number> {
  if (!Array.isArray(args) || !args.every((arg) => typeof arg === "string")) {
    throw new UsageError(`Cannot run shell with ${show(args)}: it needs a list of strings`);
  }
  const [address, ...command] = args;
  if (address === "--help" || address === "-h") {
    terminal.out(`${HELP}\n`);
    return 0;
  }
  if (address === undefined || address.startsWith("-")) {
    const why = address === undefined ? "no address is given" : `there is no option ${address}`;
    terminal.err(`shell: ${why}\n\n${HELP}`);
    return 2;
  }
  try {
    await talk(address, command.join(" "), terminal);
    return 0;
  } catch (error) {
    terminal.err(`shell: ${messageOf(error).replace(/\s*\n\s*/g, " ")}`);
    return error instanceof UsageError ? 2 : 1;
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args));
