/**
 * Modules of the host, loaded at first use: importing this package must load none of them.
 */
import type * as NodeNet from "node:net";
import type * as NodeTls from "node:tls";
import type * as NodeStream from "node:stream";
import type * as NodeTty from "node:tty";
import { UsageError } from "../contract/errors.ts";

interface Builtins {
  "node:net": typeof NodeNet;
  "node:tls": typeof NodeTls;
  "node:stream": typeof NodeStream;
  "node:tty": typeof NodeTty;
}

/** A built-in module. @throws {UsageError} on a host without it */
export function builtin<K extends keyof Builtins>(name: K): Builtins[K] {
  const process = (globalThis as {
    process?: { getBuiltinModule?: (name: string) => unknown };
  }).process;
  const found = process?.getBuiltinModule?.(name);
  if (found === undefined) {
    throw new UsageError(`Cannot load ${name}: this host does not have it`);
  }
  return found as Builtins[K];
}
