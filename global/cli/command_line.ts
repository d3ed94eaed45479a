/**
 * What the `aemp` command understands: its commands, their options, the help texts.
 *
 * @module
 */
import { type InferValue, object, or } from "@optique/core";
import { runParserSync } from "@optique/core/facade";
import { formatMessage, type Message, message } from "@optique/core/message";
import { multiple, optional } from "@optique/core/modifiers";
import { suggestSync } from "@optique/core/parser";
import { argument, command, constant, option } from "@optique/core/primitives";
import { findSimilar } from "@optique/core/suggestion";
import { string } from "@optique/core/valueparser";
import manifest from "../deno.json" with { type: "json" };
import type { Terminal } from "./terminal.ts";

/** Which configuration file, for every command. */
const FILE = {
  file: optional(option("--file", string({ metavar: "FILE" }), {
    description:
      message`Configuration file. Default: $ANYEVENT_MP_RC, else $PERL_ANYEVENT_MP_RC, else ~/.perl-anyevent-mp.`,
  })),
};

/** Which mesh, for every command that becomes a node. */
const MESH = {
  ...FILE,
  seeds: multiple(option("--seed", string({ metavar: "HOST:PORT" }), {
    description: message`Address of a seed node, instead of those configured. May be repeated.`,
  })),
  secretEnv: optional(option("--secret-env", string({ metavar: "NAME" }), {
    description:
      message`Environment variable that holds the secret, instead of the one configured.`,
  })),
};

const PROFILE = optional(option("--profile", string({ metavar: "NAME" }), {
  description: message`Change this profile. Default: the settings for all.`,
}));

const SHOW_SECRETS = option("--show-secrets", {
  description: message`Show secret and cert, which are hidden otherwise.`,
});

const WORDS = multiple(argument(string({ metavar: "PROFILE|KEY VALUE" }), {
  description:
    message`A profile if their number is odd, then settings; what the configuration file says beats them.`,
}));

const PORT = argument(string({ metavar: "PORT" }), {
  description: message`Id of a port, or of a node.`,
});

const JSON_RULE =
  message`Arguments that start with [, { or " are read as JSON. After -- everything is an argument.`;

const gensecret = command(
  "gensecret",
  object({ name: constant("gensecret"), ...FILE, profile: PROFILE }),
  {
    brief: message`Make a new random secret and store it.`,
    description:
      message`Makes a secret of 64 random bytes and stores it in the configuration file. It is not printed; copy the file to the other hosts.`,
  },
);

const setsecret = command(
  "setsecret",
  object({
    name: constant("setsecret"),
    ...FILE,
    profile: PROFILE,
    secret: optional(argument(string({ metavar: "SECRET" }), {
      description:
        message`The secret. Better left out: other users may see arguments; then it is the first line of standard input.`,
    })),
  }),
  {
    brief: message`Store a secret given on standard input.`,
    description: message`Stores a secret in the configuration file.`,
  },
);

const showconfig = command(
  "showconfig",
  object({ name: constant("showconfig"), ...FILE, showSecrets: SHOW_SECRETS, words: WORDS }),
  {
    brief: message`Show the settings in force, as JSON.`,
    description:
      message`Shows the settings that a node with this profile (default: the name of the host) would have. ${JSON_RULE}`,
  },
);

const showprofile = command(
  "showprofile",
  object({
    name: constant("showprofile"),
    ...FILE,
    showSecrets: SHOW_SECRETS,
    profile: argument(string({ metavar: "NAME" }), { description: message`Name of a profile.` }),
  }),
  {
    brief: message`Show what the file says in one profile, as JSON.`,
    description: message`Shows one profile of the configuration file, without what it inherits.`,
  },
);

const run = command(
  "run",
  object({
    name: constant("run"),
    ...MESH,
    json: option("--json", {
      description: message`One line of JSON for each event: ready, up, down.`,
    }),
    exitWithStdin: option("--exit-with-stdin", {
      description: message`Also end when standard input closes.`,
    }),
    words: WORDS,
  }),
  {
    brief: message`Run a node, for instance a seed.`,
    description:
      message`Runs a node as configured until SIGINT or SIGTERM (a second one ends it at once), and prints "node ID listens on [...]" when it is ready. ${JSON_RULE}`,
  },
);

const snd = command(
  "snd",
  object({
    name: constant("snd"),
    ...MESH,
    port: PORT,
    message: multiple(argument(string({ metavar: "ARG" }), {
      description: message`Elements of the message.`,
    })),
  }),
  {
    brief: message`Send a message to a port.`,
    description:
      message`Sends a message, then waits up to 5 seconds until the node of the port says that it has got it. ${JSON_RULE}`,
  },
);

const mon = command("mon", object({ name: constant("mon"), ...MESH, port: PORT }), {
  brief: message`Wait until a port dies, and say why.`,
  description:
    message`Monitors a port and prints the reason of its death, an empty line for a normal end. Fails when the node of the port was never reached.`,
});

const parser = or(gensecret, setsecret, showconfig, showprofile, run, snd, mon);

/** What was asked for. */
export type Command = InferValue<typeof parser>;

/** The options of a command that becomes a node. */
export interface MeshOptions {
  /** Configuration file. */
  readonly file?: string;
  /** Addresses that replace the configured seeds. */
  readonly seeds: readonly string[];
  /** Environment variable with the secret. */
  readonly secretEnv?: string;
}

const DESCRIPTION =
  message`Makes and shows configurations, and talks to the nodes of a mesh. snd and mon join as an anonymous node with profile aemp; seeds and secret come from the configuration or from options.`;

const FOOTER =
  message`Permissions: --allow-read and --allow-write for the configuration file and its folder, --allow-env for its place and --secret-env; run, snd and mon: --allow-net, and --allow-sys=hostname,networkInterfaces where an address is *, or no profile is named. Exit codes: 0 done, 1 failed, 2 used wrongly.`;

/** A message of the parser as one line of plain text. */
function oneLine(error: Message): string {
  return formatMessage(error, { colors: false, quotes: true }).replace(/\s*\n\s*/g, " ").trim();
}

/** The parser proposes commands; this does so for the options of a command. */
function hint(args: readonly string[]): string {
  const end = args.indexOf("--");
  const options = (end < 0 ? args : args.slice(0, end)).filter((arg) => arg.startsWith("-"))
    .map((arg) => arg.replace(/=.*/, ""));
  const known = suggestSync(parser, [args[0], "--"])
    .flatMap((suggestion) => suggestion.kind === "literal" ? [suggestion.text] : []);
  const unknown = options.find((arg) => !known.includes(arg));
  const [similar] = unknown === undefined ? [] : findSimilar(unknown, known);
  return similar === undefined ? "" : ` Did you mean \`${similar}\`?`;
}

/**
 * Reads the command line.
 *
 * @param args arguments after the program's name
 * @param terminal gets help and errors
 * @returns the command, or the exit code when there is nothing more to do
 */
export function parseCommandLine(args: readonly string[], terminal: Terminal): Command | number {
  if (args.length === 0) args = ["--help"];
  let exit: number | undefined;
  const shown = (code: number): undefined => void (exit = code);
  const command = runParserSync(parser, "aemp", args, {
    colors: terminal.colors,
    maxWidth: terminal.width,
    description: DESCRIPTION,
    footer: FOOTER,
    help: { command: true, option: true, onShow: shown },
    version: { value: manifest.version, option: true, onShow: () => shown(0) },
    completion: { command: true, onShow: () => shown(0) },
    aboveError: "none",
    stdout: (output) => terminal.out(output),
    stderr: () => undefined,
    onError: (_code, error) => {
      const line = oneLine(error);
      terminal.err(`aemp: ${line}${line.includes("Did you mean") ? "" : hint(args)}`);
      exit = 2;
      return undefined as never;
    },
  });
  return exit ?? command;
}
