import { parseArgs } from "node:util";
import { UsageError } from "@anyevent/loop";

/** An option of one program: `--name VALUE` when `value` is given, else a switch. */
export interface Option {
  readonly value?: string;
  readonly help: string;
}

/** What a program says about itself; its `--help` and its errors come from this. */
export interface About {
  /** File name. */
  readonly name: string;
  /** One sentence. */
  readonly does: string;
  /** The permissions it needs, as flags of `deno run`. */
  readonly permissions?: string;
  /** Names of its arguments; all are required. */
  readonly args?: readonly string[];
  /** Its own options. */
  readonly options?: Readonly<Record<string, Option>>;
  /** For programs that are a node: the defaults of `--node`, `--bind` and `--seed`. */
  readonly node?: { readonly node: string; readonly bind: string; readonly seed?: string };
}

/** What was given on the command line. */
export interface Given {
  readonly args: readonly string[];
  readonly values: Readonly<Record<string, string | boolean | undefined>>;
}

function allOptions(about: About): Record<string, Option> {
  const own = about.options ?? {};
  const help = { help: { help: "show this" } };
  if (about.node === undefined) return { ...own, ...help };
  const { node, bind, seed } = about.node;
  return {
    ...own,
    node: { value: "ID", help: `node id; anon/ for a random one (${node})` },
    bind: { value: "HOST:PORT", help: `where to listen; port 0 for any (${bind})` },
    seed: { value: "HOST:PORT", help: `a node that lets us in (${seed ?? "none"})` },
    json: { help: "events as JSON lines instead of text" },
    "exit-with-stdin": { help: "end when standard input is closed" },
    ...help,
  };
}

function usage(about: About): string {
  const args = about.args === undefined ? "" : ` ${about.args.join(" ")}`;
  const flags = about.permissions === undefined ? "" : `${about.permissions} `;
  const lines = Object.entries(allOptions(about)).map(([name, { value, help }]) =>
    `  --${name}${value === undefined ? "" : ` ${value}`}`.padEnd(24) + help
  );
  return `deno run ${flags}examples/${about.name} [OPTIONS]${args}\n\n${about.does}\n\n` +
    `${lines.join("\n")}\n`;
}

/**
 * Reads the command line. `--help` prints and ends the program; so does a mistake, with exit code 2.
 *
 * @param about what the program takes
 */
export function readOptions(about: About): Given {
  const options = Object.fromEntries(
    Object.entries(allOptions(about)).map(([name, { value }]) =>
      [name, { type: value === undefined ? "boolean" : "string" }] as const
    ),
  );
  try {
    const { values, positionals } = parseArgs({
      args: Deno.args,
      options,
      allowPositionals: true,
    });
    if (values.help === true) {
      console.log(usage(about));
      Deno.exit(0);
    }
    const wanted = about.args ?? [];
    const missing = wanted[positionals.length];
    if (missing !== undefined) throw new UsageError(`${missing} is missing`);
    if (positionals.length > wanted.length) {
      throw new UsageError(`unexpected argument "${positionals[wanted.length]}"`);
    }
    return { args: positionals, values: values as Given["values"] };
  } catch (error) {
    refuse(about, error);
  }
}

/** Ends the program for a mistake on its command line. */
export function refuse(about: About, error: unknown): never {
  const why = error instanceof Error ? error.message : String(error);
  console.error(`Cannot run ${about.name}: ${why}\nSee --help.`);
  Deno.exit(2);
}
