/**
 * Everything the library takes from its platform, in one value.
 *
 * `loop`, `coro`, `mp` and `global` reach time, chance, sockets, files and names through an
 * {@linkcode Env} only, so that a test can hand in another one.
 *
 * @module
 */
import type { Backend } from "./backend.ts";
import type { Files } from "./files.ts";
import type { Net } from "./net.ts";
import type { Processes } from "./processes.ts";
import type { Workers } from "./workers.ts";

/** Chance. */
export interface Random {
  /** `count` unpredictable bytes (unpredictable only where the Env is a real one). */
  bytes(count: number): Uint8Array;
  /** A number in [0, 1). */
  float(): number;
}

/** A file that is appended to; see {@linkcode Host.openAppend}. */
export interface AppendFile {
  /** Writes the whole text at the end, inside the call. @throws {PeerError} with the system's code */
  write(text: string): void;
  /** Closes it. Idempotent. */
  close(): void;
}

/** Files, processes and names of the host. */
export interface Host {
  /** An environment variable; `undefined` when unset, or when reading it is not permitted. */
  env(name: string): string | undefined;
  /** The host's name, as `uname -n` prints it; `"localhost"` when reading it is not permitted. */
  hostname(): string;
  /** The whole of a text file. @throws {PeerError} with the system's code */
  readTextFile(path: string): Promise<string>;
  /** Replaces a text file in one step: a reader sees the old or the new text. @throws {PeerError} with the system's code */
  writeTextFile(path: string, text: string): Promise<void>;
  /** All addresses of a name, as literals. @throws {PeerError} when it has none */
  resolve(name: string): Promise<readonly string[]>;
  /** Addresses of this host's interfaces; loopback ones only when reading them is not permitted. */
  interfaceAddresses(): readonly { readonly address: string; readonly internal: boolean }[];
  /** Numeric process id. */
  readonly pid: number;
  /**
   * Opens a file to append to, made when there is none, inside the call: for logs. Absent where the host has
   * no files. @throws {PeerError} with the system's code; @throws {UsageError} when that is not permitted
   */
  openAppend?(path: string): AppendFile;
  /** Ends the process with this code, and does not return. Absent where there is none to end. */
  exit?(code: number): void;
  /** All one can do with files; absent where there are none. */
  readonly files?: Files;
  /** Child processes; absent where there are none. */
  readonly processes?: Processes;
  /** Workers; absent where there are none. */
  readonly workers?: Workers;
}

/** Level as in AnyEvent::Log: 1 fatal … 4 error, 5 warn, 6 note, 7 info, 8 debug, 9 trace. */
export type LogLevel = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9;

/**
 * Takes one message. It must not throw.
 *
 * `line` is the message as people are to see it: with time, level and origin, one or several lines, each
 * ended, safe for a terminal. It is there when the message passed the filters of a log already.
 */
export type LogSink = (level: LogLevel, message: string, line?: string) => void;

/** A platform: a loop, its sockets, and what else the library needs of its host. */
export interface Env {
  /** Name of the backend. */
  readonly name: string;
  /** The event loop. */
  readonly backend: Backend;
  /** Its sockets. */
  readonly net: Net;
  /** Its host. */
  readonly host: Host;
  /** Chance. */
  readonly random: Random;
  /** Where messages for people go. */
  readonly log: LogSink;
}
