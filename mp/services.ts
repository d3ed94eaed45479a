import { show, UsageError } from "@anyevent/backends/contract";
import type { FunctionTable } from "./functions.ts";
import type { Node } from "./node.ts";

/**
 * Runs the services of a configuration: `"mod::"` loads a module, `"mod::f"` calls a function,
 * `["mod::f", ...args]` calls it with arguments. Errors end `configure`.
 */
export async function runServices(
  node: Node,
  functions: FunctionTable,
  services: readonly (string | readonly unknown[])[],
): Promise<void> {
  for (const service of services) {
    const [name, ...args] = typeof service === "string" ? [service] : service;
    if (typeof name !== "string") {
      throw new UsageError(`Cannot run service ${show(service)}: it has no name`);
    }
    if (name.endsWith("::")) {
      await functions.loadModule(name);
      continue;
    }
    const found = await functions.resolve(name);
    if (found === undefined) {
      throw new UsageError(`Cannot run service ${show(name)}: no such function is registered`);
    }
    await node.outside(() => found.apply({ self: node.id, node }, args as never[]));
  }
}
