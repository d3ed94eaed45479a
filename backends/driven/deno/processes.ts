import type { Backend } from "../../contract/backend.ts";
import { show, UsageError } from "../../contract/errors.ts";
import type { Processes, SpawnedProcess, SpawnOptions } from "../../contract/processes.ts";
import { nodeProcesses } from "../node/processes.ts";
import { registerChild } from "./child.ts";

/** Deno's `node:child_process` does not tell a missing permission from a missing program. */
function spawn(options: SpawnOptions, backend: Backend): SpawnedProcess {
  const { command } = options;
  try {
    return nodeProcesses.spawn(options, backend);
  } catch (thrown) {
    const program = typeof command !== "string"
      ? command[0]
      : Deno.build.os === "windows"
      ? "cmd"
      : "/bin/sh";
    const state = Deno.permissions.querySync({ name: "run", command: program }).state;
    if (state === "granted" || thrown instanceof UsageError) throw thrown;
    throw new UsageError(
      `Cannot start ${show(program)}: it is not permitted (--allow-run=${program})`,
      { cause: thrown },
    );
  }
}

/** Child processes on Deno; they can be watched by their process ids, as those of `Deno.Command`. */
export const denoProcesses: Processes = {
  spawn(options: SpawnOptions, backend: Backend): SpawnedProcess {
    const spawned = spawn(options, backend);
    const { pid } = spawned;
    const status = spawned.status.then((raw) => {
      const signal = raw & 127;
      return signal === 0
        ? { success: raw === 0, code: raw >> 8, signal: null }
        : { success: false, code: 128 + signal, signal: "SIGTERM" as const };
    });
    // All that is looked at of a child.
    registerChild({ pid, status, unref: () => undefined } as unknown as Deno.ChildProcess);
    return spawned;
  },
};
