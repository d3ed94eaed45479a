/** Threads on each platform, with a check that nothing is left. */
import assert from "node:assert/strict";
import type { Env } from "@anyevent/backends/contract";
import { ffiEnv } from "@anyevent/backends/ffi";
import { nativeEnv } from "@anyevent/backends/native";
import { nodeHost, pureEnv } from "@anyevent/backends/pure";
import { simEnv } from "@anyevent/backends/sim";
import { CoroHandle, type CoroHandleOptions, Scheduler, type ThreadSteps } from "@anyevent/coro";
import { type ByteStream, defaultLoop, Loop, streamPair } from "@anyevent/loop";

const MAKERS: Readonly<Record<string, () => Env>> = {
  native: () => nativeEnv(),
  pure: () => pureEnv({ host: nodeHost() }),
  sim: () => simEnv(),
  ...Deno.build.os === "linux" ? { ffi: () => ffiEnv() } : {},
};

/** One of them. */
export class Place {
  readonly env: Env;
  readonly loop: Loop;
  readonly threads: Scheduler;
  readonly printed: string[] = [];
  readonly #streams: ByteStream[] = [];

  constructor(readonly name: string) {
    this.env = MAKERS[name]();
    this.loop = new Loop(this.env);
    this.threads = new Scheduler(this.loop);
  }

  /** Notes something. */
  readonly print = (...items: readonly unknown[]): void => void this.printed.push(items.join(" "));

  /** A handle on one end of a pipe, and the other end. */
  pair(options: CoroHandleOptions = {}, capacity?: number): [CoroHandle, ByteStream] {
    const [a, b] = streamPair(this.env.backend, { capacity, names: ["a", "b"] });
    this.#streams.push(b);
    return [new CoroHandle(a, { loop: this.loop, ...options }), b];
  }

  /** What is registered. */
  get left(): Record<string, number> {
    const { timers, ios, idles } = this.env.backend.stats();
    const { streams, listeners, attempts } = this.env.net.stats();
    return { timers, ios, idles, held: this.loop.stats().held, streams, listeners, attempts };
  }

  /** Runs a body in a thread; what it throws is thrown, and then nothing must be left. */
  async run(body: (place: Place) => ThreadSteps<unknown>): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const hold = this.loop.hold();
    this.threads.spawn(() => body(this), {
      onEnd: (outcome) => outcome.kind === "failed" ? reject(outcome.error) : resolve(),
    });
    try {
      await promise;
      hold();
      for (const stream of this.#streams) stream.close();
      const nothing = Object.fromEntries(Object.keys(this.left).map((key) => [key, 0]));
      // What was closed may still be on its way out.
      for (let look = 0; look < 1000; look++) {
        if (Object.values(this.left).every((count) => count === 0)) break;
        await this.threads.run(this.loop.sleep(0.002));
      }
      assert.deepEqual(this.left, nothing);
    } finally {
      this.loop.dispose();
      this.env.backend.dispose();
    }
  }
}

/** Waits until nothing of the default loop is in use: what was closed may still be on its way out. */
export async function quiet(): Promise<void> {
  while (defaultLoop().stats().held > 0) await defaultLoop().sleep(0.001);
}

/** Makes a test for each platform, or those named. */
export function onEach(
  name: string,
  body: (place: Place) => ThreadSteps<unknown>,
  only: readonly string[] = Object.keys(MAKERS),
): void {
  for (const each of only) {
    if (each in MAKERS) Deno.test(`${name} (${each})`, () => new Place(each).run(body));
  }
}

/** Makes a test in virtual time. */
export function inSim(name: string, body: (place: Place) => ThreadSteps<unknown>): void {
  Deno.test(name, () => new Place("sim").run(body));
}

export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function text(data: Uint8Array | undefined): string | undefined {
  return data === undefined ? undefined : new TextDecoder().decode(data);
}
