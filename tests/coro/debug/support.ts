/** What the tests of Coro::Debug share. */
import assert from "node:assert/strict";
import { nativeEnv } from "@anyevent/backends/native";
import { Scheduler, type ThreadDebugger, threadDebugOf } from "@anyevent/coro";
import { type Env, Loop } from "@anyevent/loop";
import type { Terminal } from "@anyevent/loop/shell";

/**
 * Finds lines of a test by their marks: `at("x")` is the place of the line that ends with the comment `@x`,
 * as listings show it.
 */
export async function marks(url: string): Promise<(mark: string) => string> {
  const lines = (await Deno.readTextFile(new URL(url))).split("\n");
  const name = url.slice(url.lastIndexOf("/") + 1);
  return (mark) => {
    const index = lines.findIndex((line) => line.endsWith(`// @${mark}`));
    assert.ok(index >= 0, mark);
    return `[${name}:${index + 1}]`;
  };
}

/** A row of a listing, without the C column. */
export function row(
  pid: number,
  state: string,
  uses: number,
  desc: string,
  where: string,
): string {
  const columns = [
    String(pid).padStart(20),
    state.padEnd(2, "-"),
    "   -",
    String(uses).padStart(4),
  ];
  return `${columns.join(" ")} ${desc.padEnd(24)} ${where}`;
}

/** The first line of a listing. */
export const HEADER = `${"PID".padStart(20)} SC  RSS USES ${"Description".padEnd(24)} Where`;

/** Threads on a loop of their own, with sockets. */
export interface Sessions {
  readonly loop: Loop;
  readonly threads: Scheduler;
  readonly debug: ThreadDebugger;
  /** What was logged. */
  readonly logged: string[];
}

/** Runs a test with real sockets, and looks whether all of it is gone afterwards. */
export async function withSessions(body: (sessions: Sessions) => Promise<void>): Promise<void> {
  const env: Env = nativeEnv();
  const logged: string[] = [];
  const loop = new Loop({ ...env, log: (_level, message) => void logged.push(message) });
  const threads = new Scheduler(loop);
  try {
    await body({ loop, threads, debug: threadDebugOf(threads), logged });
    for (let i = 0; i < 100 && env.net.stats().streams > 0; i++) await loop.sleep(0.01);
  } finally {
    threads.killall();
    loop.dispose();
  }
  const { streams, listeners } = env.net.stats();
  assert.deepEqual([streams, listeners], [0, 0]);
  assert.equal(loop.stats().held, 0);
  env.backend.dispose();
}

/** A person who types lines. */
export class Typist implements Terminal {
  readonly interactive = true;
  text = "";
  errors = "";
  words: readonly string[] = [];
  prompt: string | undefined;
  constructor(readonly typed: readonly string[]) {}
  out(text: string): void {
    this.text += text;
  }
  err(text: string): void {
    this.errors += text;
  }
  async *lines(complete: () => readonly string[], prompt?: string): AsyncGenerator<string> {
    this.words = complete();
    this.prompt = prompt;
    for (const line of this.typed) yield await Promise.resolve(line);
  }
}
