/**
 * Child processes of a host.
 *
 * @module
 */
import type { Backend } from "./backend.ts";
import type { OpenFile } from "./files.ts";
import type { ByteStream } from "./stream.ts";

/**
 * Where one of a child's standard streams leads: to this process by a stream, to nothing, to the same as
 * this process's, or to a file that the host's own {@linkcode Files} opened.
 */
export type Redirection = "piped" | "null" | "inherit" | { readonly file: OpenFile };

/** What to run, and how. */
export interface SpawnOptions {
  /** Program and arguments; a string is a command for the host's shell. */
  readonly command: string | readonly [program: string, ...args: string[]];
  /** Directory to run in. */
  readonly cwd?: string;
  /** Environment variables, added to this process's. */
  readonly env?: Readonly<Record<string, string>>;
  /** Whether it gets none of this process's environment. */
  readonly clearEnv?: boolean;
  /** Standard input. */
  readonly stdin: Redirection;
  /** Standard output. */
  readonly stdout: Redirection;
  /** Standard error. */
  readonly stderr: Redirection;
}

/** A child process. It does not keep this one alive. */
export interface SpawnedProcess {
  /** Process id. */
  readonly pid: number;
  /** Raw wait status, when it has ended: exit code shifted left by eight, or the signal's number. */
  readonly status: Promise<number>;
  /** What it reads, where piped. */
  readonly stdin: ByteStream | undefined;
  /** What it prints, where piped. */
  readonly stdout: ByteStream | undefined;
  /** What it prints as errors, where piped. */
  readonly stderr: ByteStream | undefined;
  /**
   * Sends a signal.
   *
   * @param signal name without `SIG`
   * @returns false: it has ended
   * @throws {UsageError} for a name that is no signal
   */
  kill(signal: string): boolean;
}

/** The child processes of a {@linkcode Host}. Arguments have been checked by the caller. */
export interface Processes {
  /**
   * Starts one, before it returns.
   *
   * @param backend calls the watchers of its streams
   * @throws {PeerError} when it cannot be started, with the system's code
   * @throws {UsageError} when the host's permission is missing
   */
  spawn(options: SpawnOptions, backend: Backend): SpawnedProcess;
}
