/** Two connected streams in virtual time, a handle on one of them, and a check that nothing is left. */
import assert from "node:assert/strict";
import { memoryEnv } from "@anyevent/backends/memory";
import { type ByteStream, Handle, type HandleOptions, Loop, streamPair } from "@anyevent/loop";
import { type ManualEnv, manualEnv } from "../../support/manual_env.ts";

export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function text(data: Uint8Array): string {
  return new TextDecoder().decode(data);
}

/** A loop in virtual time. Dispose of it when all handles are destroyed. */
export class World implements Disposable {
  readonly env: ManualEnv;
  readonly loop: Loop;
  /** What callbacks threw into the loop. */
  readonly thrown: unknown[] = [];
  /** Told by `log`. */
  readonly events: string[] = [];
  readonly #handles: Handle[] = [];

  constructor() {
    const base = manualEnv();
    const { net } = memoryEnv(base);
    this.env = { ...base, net };
    this.loop = new Loop(this.env, { onCallbackError: (error) => void this.thrown.push(error) });
  }

  /** Makes a callback that notes its name and arguments. */
  log(name: string): (h: Handle, ...args: unknown[]) => void {
    return (_h, ...args) =>
      void this.events.push(
        [name, ...args.map((arg) => arg instanceof Uint8Array ? text(arg) : arg)].map(String).join(
          " ",
        ),
      );
  }

  /** The events since the last look. */
  take(): string[] {
    return this.events.splice(0);
  }

  /** Runs all that is due now. */
  run(seconds = 0): void {
    this.env.backend.advance(seconds);
  }

  /** A handle that is destroyed in the end. */
  handle(options: HandleOptions): Handle {
    const handle = new Handle({ loop: this.loop, ...options });
    this.#handles.push(handle);
    return handle;
  }

  /** A handle, and the stream at the other end. */
  pair(options: HandleOptions = {}, capacity?: number): [Handle, ByteStream] {
    const [a, b] = streamPair(this.env.backend, { capacity, names: ["a", "b"] });
    return [this.handle({ fh: a, ...options }), b];
  }

  /** All that has arrived at a stream. */
  received(stream: ByteStream): string {
    const buffer = new Uint8Array(1 << 20);
    let out = "";
    for (let n = stream.tryRead(buffer); n; n = stream.tryRead(buffer)) {
      out += text(buffer.subarray(0, n));
    }
    return out;
  }

  [Symbol.dispose](): void {
    for (const handle of this.#handles) handle.destroy();
    this.run(10);
    assert.deepEqual(this.thrown, []);
    assert.deepEqual(this.loop.stats(), {
      timers: 0,
      ios: 0,
      signals: 0,
      children: 0,
      idles: 0,
      held: 0,
    });
    assert.deepEqual(this.env.net.stats().attempts, 0);
    this.loop.dispose();
  }
}
