import { defaultLoop, setBridge } from "@anyevent/loop";
import { Engine, runningEngine } from "./engine.ts";

let engine: Engine | undefined;

/** The engine on the default loop. When first asked for, it takes over `await`: async code becomes main. */
export function defaultEngine(): Engine {
  if (engine === undefined) {
    engine = new Engine(defaultLoop());
    setBridge(engine);
  }
  return engine;
}

/** The engine of the running thread, else the default one. */
export function currentEngine(): Engine {
  return runningEngine() ?? defaultEngine();
}
