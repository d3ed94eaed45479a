import {
  type Backend,
  type Env,
  type LogLevel,
  show,
  UsageError,
} from "@anyevent/backends/contract";
import { ffiEnv } from "@anyevent/backends/ffi";
import { nativeEnv } from "@anyevent/backends/native";
import { nodeHost, pureEnv } from "@anyevent/backends/pure";
import { simEnv } from "@anyevent/backends/sim";
import { type Callback, toFunction } from "./callback.ts";
import { late } from "./late.ts";
import { toLevel } from "./log/levels.ts";
import { logSettings } from "./log/settings.ts";
import { Loop } from "./loop.ts";
import type { CallbackErrorHandler, Registration } from "./watcher.ts";

/** A backend that can be chosen by name. */
export interface BackendEntry {
  /** As `ANYEVENT_BACKEND` and `use` take it. */
  readonly name: string;
  /** Makes its Env; called once at most, when it was chosen. */
  create(): Env;
}

/**
 * Chooses the backend of a default loop, at the first use.
 *
 * In this order: what `use` was given, the environment variable `ANYEVENT_BACKEND`, the first built-in.
 * Names are looked up in `registry` first, then among the built-ins.
 *
 * Follows model detection in AnyEvent. The program's own is behind {@linkcode defaultLoop} and `AnyEvent`;
 * more of them are of use in tests.
 *
 * @example
 * ```ts
 * import { Detector, Loop } from "@anyevent/loop";
 *
 * import { simEnv } from "@anyevent/backends/sim";
 *
 * const detector = new Detector([{ name: "sim", create: () => simEnv() }]);
 * console.log(detector.model, detector.detect(), detector.model); // undefined sim sim
 * ```
 */
export class Detector {
  /** Backends by third parties: add one before the first use. */
  readonly registry: BackendEntry[] = [];
  readonly #builtIn: readonly BackendEntry[];
  #chosen: string | Env | undefined;
  #loop: Loop | undefined;
  #hooks: { readonly cb: () => unknown }[] = [];
  #onCallbackError: CallbackErrorHandler | undefined;

  /**
   * Nothing is chosen yet.
   *
   * @param builtIn at least one; the first is the default, and says what the environment is
   * @throws {UsageError} when there is none, or one is no backend
   */
  constructor(builtIn: readonly BackendEntry[]) {
    if (!Array.isArray(builtIn)) {
      throw new UsageError(`Cannot make detector: ${show(builtIn)} is no list of backends`);
    }
    if (builtIn.length === 0) throw new UsageError("Cannot make detector: no backend is built in");
    for (const entry of builtIn) {
      if (typeof entry?.name === "string" && typeof entry.create === "function") continue;
      throw new UsageError(`Cannot make detector: ${show(entry)} is no { name, create }`);
    }
    this.#builtIn = builtIn;
  }

  /** Name of the backend; `undefined` before it was chosen. */
  get model(): string | undefined {
    return this.#loop?.env.name;
  }

  /** Gets what callbacks on the default loop throw; see `Loop.onCallbackError`. */
  get onCallbackError(): CallbackErrorHandler | undefined {
    return this.#loop === undefined ? this.#onCallbackError : this.#loop.onCallbackError;
  }

  set onCallbackError(handler: CallbackErrorHandler | undefined) {
    if (handler !== undefined && typeof handler !== "function") {
      throw new UsageError(`Cannot set onCallbackError: ${show(handler)} is not a function`);
    }
    this.#onCallbackError = handler;
    if (this.#loop !== undefined) this.#loop.onCallbackError = handler;
  }

  /**
   * Chooses the backend, before the first use.
   *
   * @param backend a name, or an Env
   * @throws {UsageError} when there is no such backend, or the choice was made
   */
  use(backend: string | Env): void {
    if (this.#loop !== undefined) {
      throw new UsageError(
        `Cannot use backend ${nameOf(backend)}: ${this.#loop.env.name} is in use already`,
      );
    }
    if (typeof backend === "string") this.#entry(backend);
    else if (typeof backend?.backend?.timer !== "function") {
      throw new UsageError(`Cannot use backend ${show(backend)}: it is neither a name nor an Env`);
    }
    this.#chosen = backend;
  }

  /** Chooses now, if that has not happened. @returns the backend's name */
  detect(): string {
    return this.defaultLoop().env.name;
  }

  /**
   * Calls back after the choice, in order; at once when it was made.
   *
   * @returns takes it back; `undefined` when it was called at once
   */
  postDetect(cb: Callback): Registration | undefined {
    const call = toFunction(cb, "add post-detect hook");
    if (this.#loop !== undefined) {
      call();
      return undefined;
    }
    const hook = { cb: call };
    this.#hooks.push(hook);
    const cancel = (): void => {
      this.#hooks = this.#hooks.filter((other) => other !== hook);
    };
    return { cancel, [Symbol.dispose]: cancel };
  }

  /**
   * The default loop.
   *
   * @throws {UsageError} when `ANYEVENT_BACKEND` names a backend that does not exist, or `ANYEVENT_LOG` or
   * `ANYEVENT_VERBOSE` makes no sense
   */
  defaultLoop(): Loop {
    return this.#loop ?? this.#make();
  }

  /** A backend of the host's own that belongs to no loop; nothing is chosen by it. */
  hostBackend(): Backend {
    return this.#builtIn[0].create().backend;
  }

  /** Logs where the default loop does; nothing is chosen by it. */
  log(level: LogLevel, message: string): void {
    toLevel(level, "log");
    if (this.#loop !== undefined) this.#loop.log.ctx("AnyEvent::Strict").log(level, message);
    else this.#builtIn[0].create().log(level, message);
  }

  #make(): Loop {
    const env = this.#env();
    // Whoever asks for messages and misspells it is told now, not by the lack of messages.
    logSettings(env.host);
    const loop = new Loop(env, { onCallbackError: this.#onCallbackError });
    this.#loop = loop;
    // A hook may take back one that follows.
    for (let hook = this.#hooks.shift(); hook !== undefined; hook = this.#hooks.shift()) {
      try {
        hook.cb();
      } catch (error) {
        loop.callbackFailed(error, "postDetect()");
      }
    }
    return loop;
  }

  #env(): Env {
    const chosen = this.#chosen;
    if (typeof chosen === "object") return chosen;
    if (typeof chosen === "string") return this.#entry(chosen).create();
    const first = this.#builtIn[0];
    const env = first.create();
    const name = env.host.env("ANYEVENT_BACKEND");
    // An empty one counts as unset.
    if (!name || (name === first.name && !this.registry.some((entry) => entry.name === name))) {
      return env;
    }
    return this.#entry(name, "ANYEVENT_BACKEND: ").create();
  }

  #entry(name: string, source = ""): BackendEntry {
    const all = [...this.registry, ...this.#builtIn];
    const entry = all.find((entry) => entry.name === name);
    if (entry === undefined) {
      throw new UsageError(
        `Cannot use backend ${show(name)}: ${source}there is none of that name, only ` +
          all.map((entry) => entry.name).join(", "),
      );
    }
    return entry;
  }
}

function nameOf(backend: unknown): string {
  return typeof backend === "string" ? backend : (backend as Partial<Env>)?.name ?? show(backend);
}

const native: BackendEntry = { name: "native", create: () => nativeEnv() };
// Where the host is not like Node either, the adapter says so when it is first needed.
const pure: BackendEntry = { name: "pure", create: () => pureEnv({ host: nodeHost() }) };

// On another host than Deno on Linux, and without its permission, it says so when it is chosen.
const ffi: BackendEntry = { name: "ffi", create: () => ffiEnv() };

// Virtual time: for tests, never chosen but by name.
const sim: BackendEntry = { name: "sim", create: () => simEnv() };

/** The program's own choice of backend: native where the host is Deno, else pure. */
export const detector: Detector = new Detector(
  // Asked before there is any Env: which host this is decides which Env there can be.
  // deno-lint-ignore anyevent/no-host
  typeof Deno === "undefined" ? [pure, native, ffi, sim] : [native, pure, ffi, sim],
);

late.loop = defaultLoop;
late.hostBackend = (): Backend => detector.hostBackend();
late.log = (level, message): void => detector.log(level, message);

/**
 * The default loop of the program; the first call chooses its backend.
 *
 * @example
 * ```ts
 * import { defaultLoop } from "@anyevent/loop";
 *
 * using timer = defaultLoop().timer({ after: 1, cb: () => console.log("never: it is cancelled") });
 * ```
 */
export function defaultLoop(): Loop {
  return detector.defaultLoop();
}
