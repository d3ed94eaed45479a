/**
 * A backend broke a rule of the contract.
 *
 * @example
 * ```ts
 * import { simEnv } from "@anyevent/backends/sim";
 * import { conformanceCases, ConformanceError, runCase } from "@anyevent/backends/conformance";
 *
 * const env = simEnv();
 * const stop = env.backend.timer(60, () => {}); // counts as left behind by the case
 * try {
 *   await runCase(conformanceCases.find(({ needs }) => needs.length === 0)!, env);
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

/** Throws unless `ok`. */
export function check(ok: boolean, what: string): void {
  if (!ok) throw new ConformanceError(what);
}

/** Throws unless both are the same, compared as JSON (bytes as arrays). */
export function equal(actual: unknown, expected: unknown, what: string): void {
  const got = text(actual);
  const want = text(expected);
  if (got !== want) throw new ConformanceError(`${what}: got ${cut(got)}, expected ${cut(want)}`);
}

/** The error of the named class that `call` throws. */
export function throws(call: () => void, name: string, what: string): Error {
  try {
    call();
  } catch (thrown) {
    const got = thrown instanceof Error ? thrown.name : String(thrown);
    if (got !== name) throw new ConformanceError(`${what}: threw ${got}, expected ${name}`);
    return thrown as Error;
  }
  throw new ConformanceError(`${what}: did not throw ${name}`);
}

function text(value: unknown): string {
  return JSON.stringify(value, (_key, each) => each instanceof Uint8Array ? [...each] : each) ??
    String(value);
}

function cut(long: string): string {
  return long.length > 300 ? `${long.slice(0, 300)}...` : long;
}
