/**
 * The functions peers may name: registered ones, and exports of modules below configured prefixes.
 * Nothing else a peer sends is ever run.
 *
 * @module
 */
import { show, UsageError } from "@anyevent/backends/contract";
import type { PortContext } from "./types.ts";

/** A function peers may call by name: `this.self` is the new port when spawned. */
export type RemoteFunction = (this: PortContext, ...args: never[]) => unknown;

/** Where a name leads: a function now, or after its module has been loaded. */
export type Resolution = RemoteFunction | Promise<RemoteFunction> | undefined;

const NAME = /^(?:[A-Za-z_]\w*)?(?:::[A-Za-z_]\w*)+$/;

/** @throws {UsageError} unless `name` is a qualified function name, as in `mymod::init` or `::init` */
export function checkFunctionName(name: unknown): asserts name is string {
  if (typeof name !== "string" || !NAME.test(name)) {
    throw new UsageError(
      `Cannot use function name ${
        show(name)
      }: it must be qualified, as in "mymod::init" or "::init"`,
    );
  }
}

/** A table of named functions, with an optional one behind it. */
export class FunctionTable {
  readonly #functions = new Map<string, RemoteFunction>();
  readonly #loaded = new Map<string, Promise<Record<string, unknown>>>();
  #prefixes: readonly (readonly [prefix: string, base: string])[] = [];

  /** @param behind is asked for names this table does not have */
  constructor(readonly behind?: FunctionTable) {}

  /** @throws {UsageError} for a bad name, something that is no function, or a name that is taken */
  register(name: string, callback: RemoteFunction): () => void {
    checkFunctionName(name);
    if (typeof callback !== "function") {
      throw new UsageError(`Cannot register ${name}: ${show(callback)} is not a function`);
    }
    const before = this.#functions.get(name);
    if (before !== undefined && before !== callback) {
      throw new UsageError(`Cannot register ${name}: the name is taken`);
    }
    this.#functions.set(name, callback);
    return () => {
      if (this.#functions.get(name) === callback) this.#functions.delete(name);
    };
  }

  /**
   * Lets peers reach the exports of modules: `a::b::f` with the prefix `a::` is the export `f` of
   * `BASEb.ts`.
   *
   * @param prefixes prefix (ending in `::`) to the URL of a folder (ending in `/`)
   */
  setModules(prefixes: Readonly<Record<string, string>>): void {
    for (const [prefix, base] of Object.entries(prefixes)) {
      if (!/^(?:[A-Za-z_]\w*::)+$/.test(prefix)) {
        throw new UsageError(
          `Cannot use module prefix ${show(prefix)}: it must read like "mymod::"`,
        );
      }
      if (typeof base !== "string" || !base.endsWith("/")) {
        throw new UsageError(
          `Cannot use module folder ${show(base)} of ${prefix}: it must be a URL that ends in "/"`,
        );
      }
    }
    this.#prefixes = Object.entries(prefixes);
  }

  /** The function of that name, if peers may call it. */
  resolve(name: string): Resolution {
    const found = this.#functions.get(name) ?? this.behind?.resolve(name);
    if (found !== undefined || !NAME.test(name)) return found;
    for (const [prefix, base] of this.#prefixes) {
      if (!name.startsWith(prefix)) continue;
      const parts = name.slice(prefix.length).split("::");
      const exported = parts.pop()!;
      if (parts.length === 0) continue;
      return this.load(base + parts.join("/") + ".ts").then((module) => {
        const value = Object.hasOwn(module, exported) ? module[exported] : undefined;
        if (typeof value !== "function") throw new UsageError(`Cannot find function ${show(name)}`);
        return value as RemoteFunction;
      });
    }
    return undefined;
  }

  /** Loads the module a name like `mymod::service::` stands for. */
  loadModule(name: string): Promise<unknown> {
    for (const [prefix, base] of this.#prefixes) {
      if (!name.startsWith(prefix) || name === prefix) continue;
      const parts = name.slice(prefix.length, -2).split("::");
      if (parts.every((part) => /^[A-Za-z_]\w*$/.test(part))) {
        return this.load(base + parts.join("/") + ".ts");
      }
    }
    return Promise.reject(
      new UsageError(`Cannot load module ${show(name)}: it is below no configured prefix`),
    );
  }

  load(url: string): Promise<Record<string, unknown>> {
    let module = this.#loaded.get(url);
    if (module === undefined) {
      module = import(url) as Promise<Record<string, unknown>>;
      this.#loaded.set(url, module);
    }
    return module;
  }
}

/** Functions every node of this process offers. */
export const sharedFunctions: FunctionTable = new FunctionTable();

/**
 * Lets peers call a function by name on every node of this process: as the init function of `spawn`,
 * or as a plain call.
 *
 * Register only what any authenticated peer may run. Follows what AnyEvent::MP does for any Perl
 * function; here nothing is reachable unless registered.
 *
 * @param name qualified, as in `mymod::init` or `::init`
 * @param callback gets the arguments of `spawn`; `SELF()` and `this.self` are the new port
 * @returns takes the registration back
 * @throws {UsageError} for a bad name, something that is no function, or a name that is taken
 * @example
 * ```ts
 * import { NODE, rcv, register, SELF, snd, spawn } from "@anyevent/mp";
 *
 * register("demo::greeter", (name: string) => {
 *   rcv(SELF()!, () => console.log(`hello, ${name}`));
 * });
 * snd(spawn(NODE(), "demo::greeter", "you"), "hi"); // hello, you
 * ```
 */
export function register(name: string, callback: RemoteFunction): () => void {
  return sharedFunctions.register(name, callback);
}
