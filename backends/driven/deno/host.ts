import type { AppendFile, Host, Random } from "../../contract/env.ts";
import { show, UsageError } from "../../contract/errors.ts";
import { checkText } from "../../contract/options.ts";
import { openAppend } from "../node/append_file.ts";
import { NodeFiles } from "../node/files.ts";
import { nodeWorkers } from "../node/workers.ts";
import { hostError, peerError } from "./host_error.ts";
import { denoProcesses } from "./processes.ts";

/** Whether a permission has been granted already; never asks the user. */
function granted(descriptor: Deno.PermissionDescriptor): boolean {
  return Deno.permissions.querySync(descriptor).state === "granted";
}

const LOOPBACK: readonly { readonly address: string; readonly internal: boolean }[] = [
  { address: "127.0.0.1", internal: true },
  { address: "::1", internal: true },
];

/** Chance from the host's cryptographic generator. */
export const nativeRandom: Random = {
  bytes(count: number): Uint8Array {
    if (!Number.isSafeInteger(count) || count < 0) {
      throw new UsageError(`Cannot make ${show(count)} random bytes: it is not a count`);
    }
    const out = new Uint8Array(count);
    // The host fills at most this many at once.
    for (let at = 0; at < count; at += 65536) crypto.getRandomValues(out.subarray(at, at + 65536));
    return out;
  },
  float(): number {
    return Math.random();
  },
};

/** The host as Deno shows it. Nothing here makes Deno ask for a permission. */
export const nativeHost: Host = {
  env(name: string): string | undefined {
    checkText(name, "read variable");
    // No variable can have such a name, and the host refuses it.
    if (!/^[^=\0]+$/.test(name)) return undefined;
    if (!granted({ name: "env", variable: name })) return undefined;
    return Deno.env.get(name);
  },
  hostname(): string {
    return granted({ name: "sys", kind: "hostname" }) ? Deno.hostname() : "localhost";
  },
  async readTextFile(path: string): Promise<string> {
    checkText(path, "read");
    const doing = `read ${path}`;
    if (!granted({ name: "read", path })) throw missing(doing, `--allow-read=${path}`);
    try {
      return await Deno.readTextFile(path);
    } catch (thrown) {
      throw hostError(doing, thrown);
    }
  },
  async writeTextFile(path: string, text: string): Promise<void> {
    checkText(path, "write");
    const doing = `write ${path}`;
    const part = `${path}.${Deno.pid}.${Date.now().toString(36)}~`;
    if (!granted({ name: "write", path: part }) || !granted({ name: "read", path })) {
      throw missing(doing, "--allow-read and --allow-write of its folder");
    }
    try {
      await Deno.writeTextFile(part, text, { mode: 0o600, createNew: true });
      await Deno.rename(part, path);
    } catch (thrown) {
      // It may not have been made at all.
      await Deno.remove(part).catch(() => undefined);
      throw hostError(doing, thrown);
    }
  },
  async resolve(name: string): Promise<readonly string[]> {
    checkText(name, "resolve");
    const doing = `resolve ${name}`;
    if (/^[0-9.]+$/.test(name) || name.includes(":")) return [name];
    if (!granted({ name: "net", host: name })) throw missing(doing, `--allow-net=${name}`);
    const { lookup } = await import("node:dns/promises");
    let found: { address: string }[];
    try {
      found = await lookup(name, { all: true });
    } catch (thrown) {
      throw peerError(doing, thrown);
    }
    return [...new Set(found.map((each) => each.address))];
  },
  interfaceAddresses(): readonly { readonly address: string; readonly internal: boolean }[] {
    if (!granted({ name: "sys", kind: "networkInterfaces" })) return LOOPBACK;
    return Deno.networkInterfaces().map(({ address }) => ({
      address,
      internal: address.startsWith("127.") || address === "::1",
    }));
  },
  get pid(): number {
    return Deno.pid;
  },
  openAppend(path: string): AppendFile {
    if (granted({ name: "write", path })) return openAppend(path);
    throw missing(`append to ${path}`, `--allow-write=${path}`);
  },
  exit(code: number): void {
    Deno.exit(code);
  },
  files: new NodeFiles("Deno"),
  processes: denoProcesses,
  workers: nodeWorkers,
};

function missing(doing: string, flag: string): UsageError {
  return new UsageError(`Cannot ${doing}: it is not permitted (${flag})`);
}
