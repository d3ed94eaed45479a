import { messageOf, show, UsageError } from "@anyevent/backends/contract";
import { environment } from "../environment.ts";
import { Loop } from "../loop.ts";
import { defaultLoop, detector } from "../registry.ts";
import { Strict } from "../strict/strict.ts";
import type { Registration } from "../watcher.ts";
import { registerCommand, type ShellCommand } from "./commands.ts";
import { Debugger } from "./debugger.ts";
import { debugLog } from "./log.ts";
import type { DebugShell, ShellOptions } from "./shell.ts";
import type { WrappedWatcher } from "./wrapped.ts";

const debuggers = new WeakMap<Loop, Debugger>();

/**
 * AnyEvent::Debug on a loop, always the same for the same one.
 *
 * @param loop whose watchers to observe
 * @returns the same for the same loop; for the default loop, what {@linkcode Debug} uses
 * @throws {UsageError} when it is no loop
 * @example
 * ```ts
 * import { debugOf, Loop } from "@anyevent/loop";
 * import { simEnv } from "@anyevent/backends/sim";
 *
 * const loop = new Loop(simEnv());
 * debugOf(loop).wrap(1);
 * using _w = loop.timer({ after: 1, cb: function tick() {} });
 * console.log(debugOf(loop).wrapped.length); // 1
 * ```
 */
export function debugOf(loop: Loop): Debugger {
  if (!(loop instanceof Loop)) throw new UsageError(`Cannot debug ${show(loop)}: it is no Loop`);
  let found = debuggers.get(loop);
  if (found === undefined) {
    found = new Debugger(loop);
    debuggers.set(loop, found);
  }
  return found;
}

/** The type of {@linkcode Debug}. */
export interface DebugApi {
  /** See {@linkcode Debugger.wrap}. */
  wrap(this: void, level?: number): number;
  /** See {@linkcode Debugger.wrapped}. */
  readonly wrapped: WrappedWatcher[];
  /** See {@linkcode Debugger.find}. */
  find(this: void, id: number): WrappedWatcher | undefined;
  /** See {@linkcode Debugger.trace}. */
  trace: boolean;
  /** See {@linkcode Debugger.shell}. */
  shell(this: void, address: string, options?: ShellOptions): DebugShell;
  /**
   * Adds a command to all debug shells of the program, those that listen already too.
   *
   * @param name of a letter and up to 31 letters, digits, `_` or `-`
   * @param command what it does
   * @returns takes it back
   * @throws {UsageError} when the name is taken
   */
  register(this: void, name: string, command: ShellCommand): Registration;
}

/**
 * AnyEvent::Debug on the default loop: observes watchers, and lets one look into a running program.
 *
 * `ANYEVENT_DEBUG_WRAP=1` (or 2) wraps from the first watcher of the default loop on;
 * `ANYEVENT_DEBUG_SHELL=/tmp/shell.$$` (or `host:port`, on loopback) opens a shell there. `path2mod` of
 * AnyEvent::Debug has no counterpart: modules have no names here but their paths.
 *
 * @example Which watchers there are, and where they were made
 * ```ts
 * import { AE, Debug } from "@anyevent/loop";
 *
 * Debug.wrap(1);
 * const w = AE.timer(10, 0, function tick() {});
 * Debug.wrap(0);
 * for (const wrapped of Debug.wrapped) console.log(`${wrapped.id} ${wrapped}`); // 1 …:4()>timer>tick
 * w.cancel();
 * ```
 * @example A shell with a command of your own
 * ```ts
 * import { connectTcp, Debug, Handle } from "@anyevent/loop";
 *
 * using _command = Debug.register("hello", { help: "greets", run: (args) => `hello ${args}` });
 * using shell = Debug.shell("127.0.0.1:0");
 * const { address } = shell;
 * if (address.transport === "tcp") {
 *   using h = new Handle({ fh: await connectTcp(address.host, address.port) });
 *   console.log(await h.read("line")); // Welcome, 127.0.0.1:…, use 'help' for more info!
 *   h.pushWrite("hello world\n");
 *   console.log(await h.read("line")); // > hello world
 * }
 * ```
 */
export const Debug: DebugApi = {
  wrap: (level) => debugOf(defaultLoop()).wrap(level),
  get wrapped(): WrappedWatcher[] {
    return debugOf(defaultLoop()).wrapped;
  },
  find: (id) => debugOf(defaultLoop()).find(id),
  get trace(): boolean {
    return debugOf(defaultLoop()).trace;
  },
  set trace(on: boolean) {
    debugOf(defaultLoop()).trace = on;
  },
  shell: (address, options) => debugOf(defaultLoop()).shell(address, options),
  register: registerCommand,
};

/** Does what the environment asks for; what it asks in vain is told, and the program goes on. */
function followEnvironment(loop: Loop): void {
  const { host } = loop.env;
  const attempt = (name: string, act: (value: string) => void): void => {
    const variable = environment(host, name);
    if (variable === undefined || variable.value === "") return;
    try {
      act(variable.value);
    } catch (error) {
      debugLog(loop).log(3, `${variable.name}: ${messageOf(error)}`);
    }
  };
  attempt("STRICT", (value) => {
    if (value !== "0") Strict.enable();
  });
  attempt("DEBUG_WRAP", (value) => void debugOf(loop).wrap(Number(value)));
  attempt("DEBUG_SHELL", (value) => void debugOf(loop).shell(value));
}

detector.postDetect(() => followEnvironment(detector.defaultLoop()));
