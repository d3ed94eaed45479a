import { ClosedError, type Env, show, UsageError } from "@anyevent/backends/contract";
import { Loop } from "../loop.ts";

/** A child process that a {@linkcode Support} started. */
export interface SpawnedChild {
  /** Process id. */
  readonly pid: number;
  /** What `Loop.child` gets: the object of the host, or the pid. */
  readonly child: { readonly pid: number } | number;
  /** Ends it with SIGKILL. */
  kill(): void;
  /** Resolves when it has ended. */
  readonly ended: Promise<unknown>;
}

/** What a few cases need of the host the suite runs on; the suite itself names none. */
export interface Support {
  /** Starts a child that ends by itself with this exit code; `undefined`: it stays until killed. */
  spawn(code: number | undefined): SpawnedChild;
  /** Sends this process a signal, named without `SIG`. */
  raise(signal: string): void;
  /**
   * Sets the wall clock forward, or back when negative, by some seconds; the case sets it right again. Absent
   * where that cannot be simulated.
   */
  stepClock?(seconds: number): void;
}

/** What a case needs beyond timers, posts and io on streams in memory. */
export type Need = "signal" | "child" | "block" | "clock";

/** One rule, as code. */
export interface Case {
  /** The rule. */
  readonly name: string;
  /** What the Env (and the {@linkcode Support}) must have; skip the case otherwise. */
  readonly needs: readonly Need[];
  /** Fails by throwing, or by rejecting. */
  run(env: Env, support?: Support): Promise<void> | void;
}

/**
 * The case's own failure: the platform under test broke the rule.
 *
 * @example
 * ```ts
 * import { ConformanceError, loopCases } from "@anyevent/loop/conformance";
 * import { simEnv } from "@anyevent/backends/sim";
 *
 * const env = simEnv();
 * const stop = env.backend.timer(60, () => {}); // a case tells if anything is left at its end
 * try {
 *   await loopCases[0].run(env);
 * } catch (error) {
 *   console.log(error instanceof ConformanceError); // true
 * }
 * stop();
 * ```
 */
export class ConformanceError extends Error {
  /** Always `"ConformanceError"`. */
  override readonly name = "ConformanceError";
}

/** Throws unless both have the same JSON text. */
export function same(actual: unknown, expected: unknown, what: string): void {
  const [a, b] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (a !== b) throw new ConformanceError(`${what}: got ${a}, expected ${b}`);
}

/** Throws unless it holds. */
export function check(holds: boolean, what: string): void {
  if (!holds) throw new ConformanceError(what);
}

/**
 * The needs of a case that an Env cannot meet; empty: the case can run.
 *
 * @param it the case
 * @param env the platform under test
 * @param support what the suite cannot do by itself
 * @returns the needs, in the order of the case
 * @example
 * ```ts
 * import { loopCases, missing } from "@anyevent/loop/conformance";
 * import { nativeEnv } from "@anyevent/backends/native";
 *
 * const it = loopCases.find(({ needs }) => needs.includes("signal"))!;
 * console.log(missing(it, nativeEnv())); // [ "signal" ], as there is nothing that could raise one
 * ```
 */
export function missing(it: Case, env: Env, support?: Support): Need[] {
  if (typeof it?.needs?.filter !== "function") {
    throw new UsageError(`Cannot check needs of ${show(it)}: it is no case`);
  }
  const backend = env?.backend;
  if (typeof backend?.timer !== "function") {
    throw new UsageError(`Cannot check needs: ${show(env)} is no Env with a backend`);
  }
  const has: Record<Need, boolean> = {
    signal: backend.signal !== undefined && support !== undefined,
    child: backend.child !== undefined && support !== undefined,
    block: backend.runUntil !== undefined && backend.runOnce !== undefined,
    clock: support?.stepClock !== undefined,
  };
  return it.needs.filter((need) => !has[need]);
}

/** What the body of a case gets. */
export type Body = (loop: Loop, support: Support) => Promise<void> | void;

const noSupport: Support = {
  spawn: () => {
    throw new ClosedError("Cannot spawn: the suite was given no support");
  },
  raise: () => {
    throw new ClosedError("Cannot raise signal: the suite was given no support");
  },
};

/** Makes a case over a fresh loop, and checks that the case leaves nothing behind. */
export function rule(name: string, body: Body, ...needs: Need[]): Case {
  return {
    name,
    needs,
    async run(env: Env, support: Support = noSupport): Promise<void> {
      const loop = new Loop(env);
      try {
        await body(loop, support);
        same(
          loop.stats(),
          { timers: 0, ios: 0, signals: 0, children: 0, idles: 0, held: 0 },
          "watchers left at the end",
        );
        // A stream in memory may still have posted that nobody watches it any more.
        for (let turns = 0; turns < 5 && env.backend.stats().posted > 0; turns++) {
          await new Promise<void>((resolve) => env.backend.post(resolve));
        }
        same(
          env.backend.stats(),
          { timers: 0, ios: 0, posted: 0, signals: 0, children: 0, idles: 0 },
          "registrations left with the backend at the end",
        );
        same(
          env.net.stats(),
          { streams: 0, listeners: 0, attempts: 0 },
          "sockets left open at the end",
        );
      } finally {
        loop.dispose();
      }
    },
  };
}
