import { type Bridge, defaultLoop, type Operation, setBridge } from "@anyevent/loop";
import { Engine, runningEngine } from "./engine.ts";

let engine: Engine | undefined;

/** The engine on the default loop, made when first asked for. */
export function defaultEngine(): Engine {
  return engine ??= new Engine(defaultLoop());
}

/** The engine of the running thread, else the default one. */
export function currentEngine(): Engine {
  return runningEngine() ?? defaultEngine();
}

/** Calls a callback that must not throw; what it throws goes to `onCallbackError` of the loop. */
export function reportThrow(callback: () => void, what: string): void {
  try {
    callback();
  } catch (error) {
    currentEngine().loop.callbackFailed(error, what);
  }
}

/**
 * Makes awaiting code the main thread. In place from the import on, so that an `await` that begins before
 * there is any thread has its turn among those that come; the engine, and with it the loop, is made by the
 * first `await`.
 */
const main: Bridge = {
  run<T>(op: Operation<T>): Promise<T> {
    return defaultEngine().run(op);
  },
};

setBridge(main);
