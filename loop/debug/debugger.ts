import { type LogLevel, messageOf, show, type Undo, UsageError } from "@anyevent/backends/contract";
import type { MadeWatcher } from "../intercept.ts";
import { checkLoop } from "../check_loop.ts";
import type { Loop } from "../loop.ts";
import { debugLog } from "./log.ts";
import { DebugShell, type ShellOptions } from "./shell.ts";
import { takeTrace } from "./site.ts";
import { WrappedWatcher, type Wrapping } from "./wrapped.ts";

/** Level of the log for what callbacks throw, and for calls. */
const ERROR = 4;
const TRACE = 9;

/**
 * AnyEvent::Debug on one loop; get it with {@linkcode debugOf}. {@linkcode Debug} works on the default loop.
 *
 * @example
 * ```ts
 * import { debugOf, Loop } from "@anyevent/loop";
 * import { simEnv } from "@anyevent/backends/sim";
 *
 * const loop = new Loop(simEnv());
 * const debug = debugOf(loop);
 * debug.wrap(1);
 * using _w = loop.timer({ after: 1, interval: 1, cb: function tick() {} });
 * debug.wrap(0);
 * await loop.sleep(3.5);
 * for (const { type, called } of debug.wrapped) console.log(type, called); // timer 3
 * ```
 */
export class Debugger {
  readonly #loop: Loop;
  readonly #wrapping: Wrapping;
  readonly #known = new WeakMap<object, WrappedWatcher>();
  #level = 0;
  #trace = true;
  #ids = 0;
  #undo: Undo | undefined;

  /**
   * Nothing is wrapped yet.
   *
   * @param loop whose watchers to observe
   */
  constructor(loop: Loop) {
    this.#loop = checkLoop(loop, "make debugger");
    const log = (level: LogLevel, message: string): void => void debugLog(loop).log(level, message);
    this.#wrapping = {
      current: undefined,
      now: () => loop.now(),
      trace: (message) => log(TRACE, message),
      failed(watcher, error) {
        const stack = error instanceof Error ? error.stack : undefined;
        log(ERROR, `callback of ${watcher} failed: ${stack ?? messageOf(error)}`);
      },
    };
  }

  /** 0: new watchers are not wrapped; 1: they are; 2: with stack traces. */
  get level(): number {
    return this.#level;
  }

  /** Whether the calls of watchers that are wrapped from now on are traced. Default true. */
  get trace(): boolean {
    return this.#trace;
  }

  set trace(on: boolean) {
    if (typeof on !== "boolean") {
      throw new UsageError(`Cannot set trace: ${show(on)} is neither true nor false`);
    }
    this.#trace = on;
  }

  /**
   * Wraps all watchers that are made from now on, of each kind, or no more: what was made before stays as it is.
   *
   * A wrapped watcher knows where it was made, and counts its calls. What its callback throws is kept (the
   * first ten) and logged in place of being handed to `onCallbackError`; the program goes on. Each call is
   * logged at level trace. It costs some 80 µs to make one; while the level is 0 nothing is slower than without.
   *
   * Follows `AnyEvent::Debug::wrap`.
   *
   * @param level 0: no more; 1: wraps; 2: keeps stack traces, too. Default: 1 when it is 0, else 0
   * @returns the level that is set
   * @throws {UsageError} for another level, or when something else intercepts the loop's watchers
   */
  wrap(level: number = this.#level === 0 ? 1 : 0): number {
    if (level !== 0 && level !== 1 && level !== 2) {
      throw new UsageError(`Cannot wrap watchers: level ${show(level)} is none of 0, 1 and 2`);
    }
    if (level === 0) {
      this.#undo?.();
      this.#undo = undefined;
    } else this.#undo ??= this.#loop.intercept((watcher) => this.#made(watcher));
    this.#level = level;
    return level;
  }

  /** The wrapped watchers that are active, oldest first. */
  get wrapped(): WrappedWatcher[] {
    return this.#loop.watchers().flatMap((watcher) => this.#known.get(watcher) ?? []);
  }

  /** The active wrapped watcher of an id. */
  find(id: number): WrappedWatcher | undefined {
    return this.wrapped.find((watcher) => watcher.id === id);
  }

  /**
   * Listens for debug sessions on a Unix socket or a loopback address. It does not keep the process alive, and
   * ends with the loop.
   *
   * Everybody who can connect can look into the program, and with `evaluate` do anything it can: on a loopback
   * address every user of the machine, on a Unix socket who may write to it, by default its owner (where the
   * host can set that). So prefer Unix sockets.
   *
   * A session reads lines: `help` lists the commands. Lines are done one after the other; sessions do not
   * disturb each other. One whose client does not read what it asked for is dropped at 1 MiB.
   *
   * Follows `AnyEvent::Debug::shell`. The package's `./shell` is a client; `nc` and `socat` do, too.
   *
   * @param address `host:port` (port 0: the system picks one), or the absolute path of a Unix socket; `$$` in
   * it stands for the process id
   * @returns cancelling it closes all sessions
   * @throws {UsageError} for an address beyond loopback without `remote`, and what is none
   * @throws {PeerError} when it cannot bind
   */
  shell(address: string, options: ShellOptions = {}): DebugShell {
    return new DebugShell(this.#loop, this, address, options);
  }

  #made(watcher: MadeWatcher): (...args: number[]) => unknown {
    const wrapped = new WrappedWatcher(++this.#ids, watcher, takeTrace(), this.#wrapping, {
      level: this.#level,
      trace: this.#trace,
    });
    this.#known.set(watcher, wrapped);
    return (...args) => wrapped.call(args);
  }
}
