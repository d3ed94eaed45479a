/** A loop in virtual time with sockets in memory, and files as the test wants them. */
import { memoryEnv } from "@anyevent/backends/memory";
import { type Env, Loop, type Operation, PeerError } from "@anyevent/loop";
import { type ManualBackend, manualEnv, type ManualOptions } from "../../support/manual_env.ts";

export interface World {
  readonly env: Env;
  readonly backend: ManualBackend;
  readonly loop: Loop;
  readonly logged: { readonly level: number; readonly message: string }[];
  /** Runs an operation and up to `seconds` of time. */
  run<T>(operation: Operation<T>, seconds?: number): Promise<T>;
}

export function world(
  options: ManualOptions & { readonly files?: Readonly<Record<string, string>> } = {},
): World {
  const base = manualEnv({ ...options, env: { ANYEVENT_VERBOSE: "9", ...options.env } });
  const { backend, logged } = base;
  const host = {
    ...base.host,
    readTextFile: (path: string): Promise<string> => {
      const text = options.files?.[path];
      if (text !== undefined) return Promise.resolve(text);
      return Promise.reject(new PeerError(`Cannot read ${path}: no such file`, "ENOENT"));
    },
  };
  const env = { ...memoryEnv(base), host };
  return {
    env,
    backend,
    loop: new Loop(env),
    logged,
    async run<T>(operation: Operation<T>, seconds = 60): Promise<T> {
      let over = false;
      const done = Promise.resolve(operation);
      const ended = (): void => void (over = true);
      done.then(ended, ended);
      await backend.settle();
      // Second by second, so that no more time passes than it takes.
      for (let at = 0; !over && at < seconds; at += 0.25) await backend.run(0.25);
      return await done;
    },
  };
}
