/** A terminal of strings, and platforms with files in memory. */
import type { Env } from "@anyevent/backends/contract";
import { PeerError } from "@anyevent/backends/contract";
import { main, type Terminal } from "@anyevent/global/cli";
import { type ManualEnv, manualEnv } from "../../support/manual_env.ts";

/** Remembers what is printed. */
export class FakeTerminal implements Terminal {
  readonly colors = false;
  readonly width = undefined;
  readonly printed: string[] = [];
  readonly errors: string[] = [];
  /** Closes standard input. */
  readonly input: PromiseWithResolvers<void> = Promise.withResolvers();
  prompts = 0;

  constructor(readonly line = "") {}

  out(text: string): void {
    this.printed.push(text);
  }

  err(text: string): void {
    this.errors.push(text);
  }

  readLine(): Promise<string> {
    this.prompts++;
    return Promise.resolve(this.line);
  }

  inputClosed(): Promise<void> {
    return this.input.promise;
  }

  /** All that was printed anywhere. */
  get all(): string {
    return [...this.printed, ...this.errors].join("\n");
  }
}

/** Path of the configuration file of {@linkcode withFiles}. */
export const RC = "/home/me/.perl-anyevent-mp";

/** A platform like `env` with the given files, which `files` shows as they are. */
export function withFiles<E extends Env>(
  env: E,
  files: Map<string, string> = new Map(),
  variables: Readonly<Record<string, string>> = {},
): E & { readonly files: Map<string, string> } {
  const all: Readonly<Record<string, string>> = { HOME: "/home/me", ...variables };
  const host = {
    ...env.host,
    env: (name: string) => all[name],
    hostname: () => "myhost",
    readTextFile: (path: string): Promise<string> => {
      const text = files.get(path);
      if (text !== undefined) return Promise.resolve(text);
      return Promise.reject(new PeerError(`Cannot read ${path}: No such file`, "ENOENT"));
    },
    writeTextFile: (path: string, text: string): Promise<void> => {
      files.set(path, text);
      return Promise.resolve();
    },
  };
  return { ...env, host, files };
}

/** What came of one command. */
export interface Outcome {
  readonly code: number;
  readonly terminal: FakeTerminal;
  /** The configuration file afterwards. */
  readonly rc: string | undefined;
}

/** Runs a command that needs no network. @param rc configuration file, if there is one */
export async function aemp(
  args: readonly string[],
  rc?: string,
  terminal: FakeTerminal = new FakeTerminal(),
): Promise<Outcome> {
  const env: ManualEnv = manualEnv();
  const files = new Map(rc === undefined ? [] : [[RC, rc]]);
  const code = await main(args, withFiles(env, files), terminal);
  return { code, terminal, rc: files.get(RC) };
}
