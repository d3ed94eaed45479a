import { Scheduler } from "@anyevent/coro";
import { Loop } from "@anyevent/loop";
import { type ManualEnv, manualEnv } from "../support/manual_env.ts";

/** A scheduler on a loop that is turned by hand, and what the threads of a test print. */
export interface World {
  readonly env: ManualEnv;
  readonly loop: Loop;
  readonly threads: Scheduler;
  readonly printed: string[];
  readonly print: (text: unknown) => void;
  /** Turns until nothing is ready. */
  readonly settle: () => void;
}

/** A fresh one. */
export function world(): World {
  const env = manualEnv();
  const loop = new Loop(env);
  const threads = new Scheduler(loop);
  const printed: string[] = [];
  return {
    env,
    loop,
    threads,
    printed,
    print: (text) => void printed.push(String(text)),
    settle: () => {
      // A batch that was used up waits for the clock.
      while (threads.nready > 0) if (!env.backend.turn()) env.backend.advance(0.002);
    },
  };
}
