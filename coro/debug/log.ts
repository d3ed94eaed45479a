import { type LogLevel, show, UsageError } from "@anyevent/backends/contract";
import type { Loop } from "@anyevent/loop";
import { oneLine } from "./text.ts";

/** Nothing is shown. */
export const OFF = -1;

/** Characters of a message. */
const LONGEST = 2000;

/** Gets what is logged at its level and below. */
export interface LogListener {
  /** From -1 (nothing) to 9. */
  level: number;
  /** Must not throw. */
  readonly print: (text: string) => void;
}

/** @throws {UsageError} when it is none */
export function checkLevel(level: number, least: number, what: string): void {
  if (Number.isInteger(level) && level >= least && level <= 9) return;
  throw new UsageError(
    `Cannot ${what}: level ${show(level)} is not an integer from ${least} to 9`,
  );
}

function stamp(seconds: number): string {
  return new Date(Math.round(seconds * 1000)).toISOString().replace("T", "Z").replace(/Z$/, "");
}

/** The log of Coro::Debug: for its sessions, and for the log of the program. */
export class DebugLog {
  /** Level up to which the program's log gets it, too. */
  outer: number = OFF;
  /** Level that sessions begin with. */
  initial: number = OFF;
  readonly #loop: Loop;
  readonly #listeners = new Set<LogListener>();

  constructor(loop: Loop) {
    this.#loop = loop;
    this.initial = this.#variable("DEFAULT_LOGLEVEL");
    this.outer = this.#variable("STDERR_LOGLEVEL");
  }

  /** Adds a listener. @returns takes it back */
  add(listener: LogListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Whether anybody would see it. */
  wants(level: number): boolean {
    if (level <= this.outer) return true;
    for (const listener of this.#listeners) if (level <= listener.level) return true;
    return false;
  }

  /** Shows a message to whom it concerns. */
  log(level: number, message: string): void {
    if (!this.wants(level)) return;
    const text = oneLine(message.trimEnd(), LONGEST);
    const line = `${stamp(this.#loop.time())} (${level}) ${text}`;
    for (const listener of [...this.#listeners]) {
      if (level <= listener.level) listener.print(line);
    }
    if (level <= this.outer) this.#loop.env.log(Math.max(1, level) as LogLevel, text);
  }

  #variable(name: string): number {
    const { env } = this.#loop;
    for (const full of [`CORO_${name}`, `PERL_CORO_${name}`]) {
      const value = env.host.env(full);
      if (value === undefined) continue;
      if (/^(-1|[0-9])$/.test(value)) return Number(value);
      if (value !== "") env.log(5, `${full}: ${show(value)} is not a level from -1 to 9`);
      return OFF;
    }
    return OFF;
  }
}
