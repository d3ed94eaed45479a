import { checkOptions, show, UsageError } from "@anyevent/backends/contract";

const DEFAULT_LIMIT = 2 ** 28;

/** Options of {@linkcode Collector}. */
export interface CollectorOptions {
  /** Most bytes that are kept. Default 2²⁸. */
  readonly limit?: number;
}

/**
 * Takes what a command prints: give it to `runCmd` as `stdout`, as `stderr`, or as both.
 *
 * It takes the place of a reference to a Perl scalar, to which `run_cmd` appends.
 *
 * @example
 * ```ts
 * import { Collector, runCmd } from "@anyevent/loop";
 *
 * const out = new Collector({ limit: 5 });
 * await runCmd(["deno", "eval", "console.log('hello world')"], { stdout: out }).recv();
 * console.log(out.text, out.truncated); // hello true
 * ```
 */
export class Collector {
  readonly #limit: number;
  #chunks: Uint8Array[] = [];
  #length = 0;
  #truncated = false;

  /**
   * An empty one.
   *
   * @throws {UsageError} when the limit is no number of bytes
   */
  constructor(options: CollectorOptions = {}) {
    checkOptions(options, "make collector");
    const { limit = DEFAULT_LIMIT } = options;
    if (typeof limit !== "number" || !(limit >= 0)) {
      throw new UsageError(`Cannot make collector: limit ${show(limit)} is no number of bytes`);
    }
    this.#limit = limit;
  }

  /** Bytes kept. */
  get length(): number {
    return this.#length;
  }

  /** Whether there were more than the limit allows; those were dropped. */
  get truncated(): boolean {
    return this.#truncated;
  }

  /** All that was appended. */
  get bytes(): Uint8Array {
    const all = new Uint8Array(this.#length);
    let at = 0;
    for (const chunk of this.#chunks) {
      all.set(chunk, at);
      at += chunk.length;
    }
    this.#chunks = [all];
    return all;
  }

  /** The same as text, from UTF-8. */
  get text(): string {
    return new TextDecoder().decode(this.bytes);
  }

  /**
   * Adds a copy of `bytes`.
   *
   * @throws {UsageError} when they are not a `Uint8Array`
   */
  append(bytes: Uint8Array): void {
    if (!(bytes instanceof Uint8Array)) {
      throw new UsageError(`Cannot append to collector: ${show(bytes)} is not a Uint8Array`);
    }
    const room = this.#limit - this.#length;
    if (bytes.length > room) this.#truncated = true;
    const kept = bytes.slice(0, Math.max(0, Math.min(room, bytes.length)));
    if (kept.length === 0) return;
    this.#chunks.push(kept);
    this.#length += kept.length;
  }
}
