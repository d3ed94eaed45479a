import type { ChildProcess, SpawnOptions as NodeSpawnOptions } from "node:child_process";
import type { Duplex, Writable } from "node:stream";
import type { Backend } from "../../contract/backend.ts";
import { messageOf, PeerError, show, UsageError } from "../../contract/errors.ts";
import type {
  Processes,
  Redirection,
  SpawnedProcess,
  SpawnOptions,
} from "../../contract/processes.ts";
import type { ByteStream } from "../../contract/stream.ts";
import { registerNodeChild } from "./child.ts";
import { fdOf } from "./files.ts";
import { isRefused, nodeError, nodeModule, nodeProcess } from "./node_modules.ts";
import { NodeStream } from "./node_stream.ts";

function stdio(to: Redirection): "pipe" | "ignore" | "inherit" | number {
  if (typeof to === "object") return fdOf(to.file);
  return to === "piped" ? "pipe" : to === "null" ? "ignore" : "inherit";
}

/** Why nothing was started: the host itself tells only later, and some by an event alone. */
function reasonOf(options: SpawnOptions): string {
  const { accessSync, constants, statSync } = nodeModule("node:fs");
  const codeOf = (look: () => void): string | undefined => {
    try {
      look();
      return undefined;
    } catch (thrown) {
      const { code } = thrown as { code?: unknown };
      return isRefused(thrown) ? undefined : typeof code === "string" ? code : "";
    }
  };
  const { cwd, command } = options;
  const missing = cwd === undefined ? undefined : codeOf(() => void statSync(cwd));
  if (missing !== undefined) return missing;
  const program = command[0];
  if (typeof command === "string" || !/[/\\]/.test(program)) return "ENOENT";
  return codeOf(() => accessSync(program, constants.X_OK)) ?? "EACCES";
}

function nothing(): void {}

/**
 * A child's input as a duplex that is never read: on Deno it would be at its end, and would then end itself.
 */
function writeOnly(pipe: Writable & { ref?(): void; unref?(): void }): Duplex {
  const only = {
    readableEnded: false,
    destroyed: pipe.destroyed,
    on(event: string, listener: (thrown: Error) => void): unknown {
      if (event === "error" || event === "close") pipe.on(event, listener);
      return only;
    },
    write: pipe.write.bind(pipe),
    end: pipe.end.bind(pipe),
    destroy: () => pipe.destroy(),
    pause: nothing,
    resume: nothing,
    ref: () => pipe.ref?.(),
    unref: () => pipe.unref?.(),
  };
  return only as unknown as Duplex;
}

/** A child process of `node:child_process`. */
class NodeProcess implements SpawnedProcess {
  readonly pid: number;
  readonly status: Promise<number>;
  readonly stdin: ByteStream | undefined;
  readonly stdout: ByteStream | undefined;
  readonly stderr: ByteStream | undefined;
  readonly #child: ChildProcess;

  constructor(child: ChildProcess, backend: Backend) {
    this.#child = child;
    this.pid = child.pid!;
    const { signals } = nodeModule("node:os").constants;
    const numbers = signals as Readonly<Record<string, number>>;
    this.status = new Promise((resolve) => {
      child.once("exit", (code, signal) => {
        resolve(signal === null ? ((code ?? 0) & 255) << 8 : numbers[signal] ?? 0);
      });
    });
    const take = (pipe: unknown): ByteStream | undefined =>
      pipe ? new NodeStream(backend, pipe as Duplex) : undefined;
    this.stdin = take(child.stdin && writeOnly(child.stdin));
    this.stdout = take(child.stdout);
    this.stderr = take(child.stderr);
    registerNodeChild(child);
  }

  kill(signal: string): boolean {
    const name = `SIG${signal}`;
    if (!(name in nodeModule("node:os").constants.signals)) {
      throw new UsageError(
        `Cannot kill process ${this.pid}: this host knows no signal ${show(signal)}`,
      );
    }
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return false;
    try {
      return this.#child.kill(name as NodeJS.Signals);
    } catch (thrown) {
      if ((thrown as { code?: unknown }).code === "ESRCH") return false;
      throw nodeError(`kill process ${this.pid}`, thrown);
    }
  }
}

/** Child processes by `node:child_process`, which Deno has, too, with its permissions. */
export const nodeProcesses: Processes = {
  spawn(options: SpawnOptions, backend: Backend): SpawnedProcess {
    const { command, cwd, env, clearEnv, stdin, stdout, stderr } = options;
    const shell = typeof command === "string";
    const name = shell ? command : command[0];
    const doing = `start ${show(name)}`;
    const how: NodeSpawnOptions = {
      cwd,
      stdio: [stdio(stdin), stdio(stdout), stdio(stderr)],
      windowsHide: true,
    };
    if (clearEnv) how.env = { ...env };
    else if (env !== undefined) how.env = { ...allVariables(doing), ...env };
    const { spawn } = nodeModule("node:child_process");
    let child: ChildProcess;
    try {
      child = shell ? spawn(name, { ...how, shell: true }) : spawn(name, command.slice(1), how);
    } catch (thrown) {
      if (isRefused(thrown)) {
        throw new UsageError(`Cannot ${doing}: ${messageOf(thrown)}`, { cause: thrown });
      }
      throw nodeError(doing, thrown);
    }
    // What it is about was found out below; a kill that fails is told by `kill`.
    child.on("error", nothing);
    if (child.pid === undefined) {
      const code = reasonOf(options);
      throw new PeerError(
        `Cannot ${doing}: ${code === "EACCES" ? "it is not executable" : "it is not there"}`,
        code,
      );
    }
    return new NodeProcess(child, backend);
  },
};

/** This process's environment, as a whole. @throws {UsageError} when it is not permitted to read it */
function allVariables(doing: string): Record<string, string | undefined> {
  try {
    return { ...nodeProcess().env };
  } catch (thrown) {
    if (!isRefused(thrown)) throw thrown;
    throw new UsageError(
      `Cannot ${doing}: adding to the environment takes the permission to read all of it, or clearEnv`,
      { cause: thrown },
    );
  }
}
