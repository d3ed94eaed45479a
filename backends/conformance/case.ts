import type { Env } from "../contract/env.ts";
import { show, TimeoutError, UsageError } from "../contract/errors.ts";
import { checkOptions } from "../contract/options.ts";
import { check, equal } from "./expect.ts";

/**
 * What a backend needs for a case to make sense: sockets, UDP sockets, TLS, signals, children, all children
 * at once, idle callbacks, blocking turns, that the tests see what callbacks threw, or can set the wall clock.
 */
export type Need =
  | "net"
  | "udp"
  | "tls"
  | "signal"
  | "child"
  | "children"
  | "idle"
  | "block"
  | "faults"
  | "clock";

/** What the suite cannot do by itself, because it names no host. */
export interface Support {
  /** Starts a child that ends at once, in the given way. @returns what `Backend.child` accepts */
  spawn?(end: { readonly code: number } | { readonly signal: string }): unknown;
  /** Waits until such a child has ended. */
  ended?(child: unknown): Promise<void>;
  /** Sends this process a signal, named without `SIG`. */
  raise?(signal: string): void;
  /** Sets the wall clock forward, or back when negative, by some seconds. The case sets it right again. */
  stepClock?(seconds: number): void;
  /** Collects what the backend's `onError` gets. */
  readonly faults?: unknown[];
}

/** One rule of the contract, as code. */
export interface Case {
  /** The rule, in a few words; unique. */
  readonly name: string;
  /** What it needs. */
  readonly needs: readonly Need[];
  /** Fails by throwing. It leaves nothing registered. Run it with {@linkcode runCase}. */
  run(env: Env, support: Support): Promise<void> | void;
}

/** Seconds of loop time a case may take. */
export const CASE_LIMIT = 20;

/**
 * Runs one case and checks that nothing of it is left: every counter of the loop and its sockets is zero,
 * and no callback threw unnoticed.
 *
 * @param one the case
 * @param env the platform under test; nothing may be registered on it
 * @param support what the case's needs call for
 * @throws {ConformanceError} when the backend breaks the rule
 * @throws {TimeoutError} when it takes more than {@linkcode CASE_LIMIT} seconds
 *
 * @example
 * ```ts
 * import { nativeEnv } from "@anyevent/backends";
 * import { conformanceCases, runCase } from "@anyevent/backends/conformance";
 *
 * for (const one of conformanceCases) {
 *   if (one.needs.length === 0) await runCase(one, nativeEnv());
 * }
 * ```
 */
export async function runCase(one: Case, env: Env, support: Support = {}): Promise<void> {
  if (typeof one?.run !== "function" || !Array.isArray(one.needs)) {
    throw new UsageError(`Cannot run case ${show(one)}: it is none`);
  }
  const backend = env?.backend;
  if (typeof backend?.timer !== "function") {
    throw new UsageError(`Cannot run case "${one.name}": ${show(env)} is no Env with a backend`);
  }
  checkOptions(support, "run case");
  const { faults } = support;
  if (faults === undefined && one.needs.includes("faults")) {
    throw new UsageError(`Cannot run case "${one.name}": support.faults is missing`);
  }
  if (faults !== undefined) faults.length = 0;
  backend.hold(true);
  let late: (() => void) | undefined;
  try {
    await Promise.race([
      one.run(env, support),
      new Promise<never>((_resolve, reject) => {
        late = backend.timer(CASE_LIMIT, () => {
          reject(new TimeoutError(`Cannot finish case "${one.name}": ${CASE_LIMIT} s have passed`));
        });
      }),
    ]);
  } finally {
    late?.();
    backend.hold(false);
  }
  await settled(env);
  equal(faults ?? [], [], "faults of callbacks");
  equal(
    backend.stats(),
    { timers: 0, ios: 0, posted: 0, signals: 0, children: 0, idles: 0 },
    "left registered",
  );
  equal(env.net.stats(), { streams: 0, listeners: 0, attempts: 0 }, "left open");
}

/** A few turns, in which closing may finish. */
async function settled(env: Env): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await turned(env);
}

/** Until the next turn. */
export function turned(env: Env): Promise<void> {
  return new Promise((resolve) => env.backend.post(resolve));
}

/** Until `seconds` have passed. */
export function elapsed(env: Env, seconds: number): Promise<void> {
  return new Promise((resolve) => void env.backend.timer(seconds, resolve));
}

/** Runs `body` inside a turn and gives its result. */
export function inTurn<T>(env: Env, body: () => T): Promise<T> {
  return new Promise((resolve, reject) => {
    env.backend.post(() => {
      try {
        resolve(body());
      } catch (thrown) {
        reject(thrown);
      }
    });
  });
}

/** A promise that the case settles when it has seen what it waits for. */
export interface Deferred<T> {
  readonly promise: Promise<T>;
  resolve(value: T): void;
  reject(reason: unknown): void;
}

/** Makes a {@linkcode Deferred}. */
export function deferred<T = void>(): Deferred<T> {
  let resolve!: (value: T) => void;
  let reject!: (reason: unknown) => void;
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}

/** A member that a need promises. */
export function needed<T>(member: T | undefined, what: string): T {
  check(member !== undefined, `the backend under test has no ${what}`);
  return member as T;
}
