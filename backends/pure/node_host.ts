import type { Backend, Undo } from "../contract/backend.ts";
import type { Host } from "../contract/env.ts";
import { messageOf, show, UsageError } from "../contract/errors.ts";
import type { Net } from "../contract/net.ts";
import { checkText } from "../contract/options.ts";
import type { PureHost } from "./host.ts";
import { openAppend } from "../driven/node/append_file.ts";
import { watchNodeChild, watchNodeChildren } from "../driven/node/child.ts";
import { NodeFiles } from "../driven/node/files.ts";
import { isRefused, nodeError, nodeModule, nodeProcess } from "../driven/node/node_modules.ts";
import { nodeProcesses } from "../driven/node/processes.ts";
import { nodeWorkers } from "../driven/node/workers.ts";
import { NodeNet } from "./node_net.ts";

function orElse<T>(read: () => T, otherwise: T): T {
  try {
    return read();
  } catch (thrown) {
    if (isRefused(thrown)) return otherwise;
    throw thrown;
  }
}

const host: Host = {
  env(name: string): string | undefined {
    checkText(name, "read variable");
    return orElse(() => nodeProcess().env[name], undefined);
  },
  hostname: () => orElse(() => nodeModule("node:os").hostname(), "localhost"),
  async readTextFile(path: string): Promise<string> {
    checkText(path, "read");
    try {
      return await nodeModule("node:fs/promises").readFile(path, "utf8");
    } catch (thrown) {
      throw nodeError(`read ${path}`, thrown);
    }
  },
  async writeTextFile(path: string, text: string): Promise<void> {
    checkText(path, "write");
    const fs = nodeModule("node:fs/promises");
    const part = `${path}.${nodeProcess().pid}.${nodeModule("node:crypto").randomUUID()}~`;
    try {
      // Not through the final name, so that a reader never sees half of it.
      await fs.writeFile(part, text, { mode: 0o600, flag: "wx" });
      await fs.rename(part, path);
    } catch (thrown) {
      await fs.rm(part, { force: true }).catch(() => undefined);
      throw nodeError(`write ${path}`, thrown);
    }
  },
  async resolve(name: string): Promise<readonly string[]> {
    checkText(name, "resolve");
    if (nodeModule("node:net").isIP(name) !== 0) return [name];
    try {
      const found = await nodeModule("node:dns/promises").lookup(name, { all: true });
      return [...new Set(found.map((each) => each.address))];
    } catch (thrown) {
      throw nodeError(`resolve ${name}`, thrown);
    }
  },
  interfaceAddresses(): readonly { readonly address: string; readonly internal: boolean }[] {
    const found = orElse(() => nodeModule("node:os").networkInterfaces(), {});
    const all = Object.values(found).flatMap((each) => each ?? []);
    if (all.length === 0) return [{ address: "127.0.0.1", internal: true }];
    return all.map(({ address, internal }) => ({ address, internal }));
  },
  get pid(): number {
    return nodeProcess().pid;
  },
  openAppend,
  exit: (code) => nodeProcess().exit(code),
  files: new NodeFiles("Node"),
  processes: nodeProcesses,
  workers: nodeWorkers,
};

function watchSignal(name: string, received: () => void): Undo {
  if (typeof name !== "string" || !/^[A-Z][A-Z0-9]*$/.test(name) || name.startsWith("SIG")) {
    throw new UsageError(
      `Cannot watch signal ${show(name)}: give its name without SIG, as in "INT"`,
    );
  }
  const signal = `SIG${name}` as NodeJS.Signals;
  if (!(signal in nodeModule("node:os").constants.signals)) {
    throw new UsageError(`Cannot watch signal ${show(name)}: this host knows none of that name`);
  }
  const listener = (): void => received();
  const process = nodeProcess();
  try {
    process.on(signal, listener);
  } catch (cause) {
    throw new UsageError(`Cannot watch signal ${show(name)}: ${messageOf(cause)}`, { cause });
  }
  return () => void process.off(signal, listener);
}

/**
 * The host adapter of the pure backend for Node's modules: it runs on Node 20.16 and up, and on Deno.
 *
 * Sockets by `node:net`, encryption by `node:tls`, signals by `process`, files and names by `node:fs`,
 * `node:os` and `node:dns`. A child is a `ChildProcess` of `node:child_process`, or the pid of one that
 * was watched before or given to `registerNodeChild`.
 *
 * `listen` binds inside the call through `net._createServerHandle`, which both hosts have for their own
 * `cluster`.
 *
 * A process that has run out of descriptors serves again when there are some: Node closes the connections
 * that come meanwhile. On Deno this adapter's listeners do not come back (its `node:net` stops accepting):
 * the native backend's do.
 *
 * Backends: pure. Permissions: as the modules need them when used.
 *
 * @returns the adapter; it loads nothing before it is used
 *
 * @example
 * ```ts
 * import { nodeHost, pureEnv } from "@anyevent/backends/pure";
 *
 * const { net } = pureEnv({ host: nodeHost() });
 * const listener = net.listen({ transport: "tcp", host: "127.0.0.1", port: 0 }, (stream) => {
 *   stream.tryWrite(new TextEncoder().encode("hello\n"));
 *   stream.shutdown();
 * });
 * listener.close();
 * ```
 */
export function nodeHost(): PureHost {
  return {
    name: "node",
    host,
    net: (backend: Backend): Net => new NodeNet(backend),
    signal: watchSignal,
    child: watchNodeChild,
    children: watchNodeChildren,
    exhausted(cb: () => void): Undo {
      const process = nodeProcess();
      const listener = (): void => cb();
      process.on("beforeExit", listener);
      return () => void process.off("beforeExit", listener);
    },
  };
}
