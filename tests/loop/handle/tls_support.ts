/** Real sockets on several backends, and certificates for them. */
import assert from "node:assert/strict";
import { ffiEnv } from "@anyevent/backends/ffi";
import { nativeEnv } from "@anyevent/backends/native";
import { nodeHost, pureEnv } from "@anyevent/backends/pure";
import {
  type ByteStream,
  type Env,
  Handle,
  type HandleOptions,
  type Listener,
  Loop,
} from "@anyevent/loop";
import { generate } from "npm:selfsigned@5.5.0";

/** A key and its certificate, in PEM. */
export interface Pair {
  readonly key: string;
  readonly cert: string;
}

const KIND = { keyType: "ec", curve: "P-256", algorithm: "sha256" } as const;

/** An authority. */
export async function authority(name: string): Promise<Pair> {
  const made = await generate([{ name: "commonName", value: name }], {
    ...KIND,
    extensions: [
      { name: "basicConstraints", cA: true, critical: true },
      { name: "keyUsage", keyCertSign: true, digitalSignature: true },
    ],
  });
  return { key: made.private, cert: made.cert };
}

/** A certificate of an authority for some host names. @param shift days until it is valid */
export async function certificate(
  ca: Pair,
  cn: string,
  names: readonly string[],
  shift = 0,
): Promise<Pair> {
  const from = Date.now() + (shift - 1) * 86_400_000;
  const altNames = names.map((value) =>
    /^[\d.]+$/.test(value) ? { type: 7 as const, ip: value } : { type: 2 as const, value }
  );
  const made = await generate([{ name: "commonName", value: cn }], {
    ...KIND,
    ca,
    notBeforeDate: new Date(from),
    notAfterDate: new Date(from + 2 * 86_400_000),
    extensions: [
      { name: "basicConstraints", cA: false },
      ...altNames.length > 0 ? [{ name: "subjectAltName" as const, altNames }] : [],
    ],
  });
  return { key: made.private, cert: made.cert };
}

/** The backends with real sockets that there are here. */
export const BACKENDS: readonly (readonly [string, () => Env])[] = [
  ["native", () => nativeEnv()],
  ["pure", () => pureEnv({ host: nodeHost() })],
  ...Deno.build.os === "linux" ? [["ffi", () => ffiEnv()] as const] : [],
];

/** A loop, handles on it whose callbacks note what happens, and a check that nothing is left. */
export class Real implements AsyncDisposable {
  readonly thrown: unknown[] = [];
  readonly loop: Loop;
  readonly events: string[] = [];
  readonly #waits = new Set<() => void>();
  readonly #handles: Handle[] = [];
  readonly #listeners: Listener[] = [];

  constructor(readonly env: Env) {
    this.loop = new Loop(env, {
      onCallbackError: (error) => {
        this.thrown.push(error);
        this.#look();
      },
    });
  }

  #look(): void {
    for (const wait of [...this.#waits]) wait();
  }

  /** Resolves when something holds; looked at after each event. */
  until(condition: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (!condition()) return;
        this.#waits.delete(look);
        resolve();
      };
      this.#waits.add(look);
      look();
    });
  }

  /** The events, when there are so many; they are forgotten. */
  async take(count: number): Promise<string[]> {
    await this.until(() => this.events.length >= count);
    return this.events.splice(0).sort();
  }

  note(event: string): void {
    this.events.push(event);
    this.#look();
  }

  /** A handle that notes errors and the end of its handshake. */
  handle(name: string, options: HandleOptions): Handle {
    const handle = new Handle({
      loop: this.loop,
      onError: (_h, fatal, message, error) =>
        this.note(`${name} error ${fatal} ${error.code} ${message}`),
      onStarttls: (_h, success, message) => this.note(`${name} ${success} ${message}`),
      ...options,
    });
    this.#handles.push(handle);
    return handle;
  }

  listen(accepted: (stream: ByteStream) => void): number {
    const on = { transport: "tcp", host: "127.0.0.1", port: 0 } as const;
    const listener = this.env.net.listen(on, accepted);
    this.#listeners.push(listener);
    return listener.address.transport === "tcp" ? listener.address.port : 0;
  }

  /** Two connected handles. */
  async pair(client: HandleOptions, server: HandleOptions): Promise<[Handle, Handle]> {
    const { promise, resolve } = Promise.withResolvers<Handle>();
    const port = this.listen((fh) => resolve(this.handle("server", { fh, ...server })));
    const one = this.handle("client", { connect: ["127.0.0.1", port], ...client });
    return [one, await promise];
  }

  /** A handle, and the stream at the other end, without TLS. */
  async against(options: HandleOptions): Promise<[Handle, ByteStream]> {
    const { promise, resolve } = Promise.withResolvers<ByteStream>();
    const port = this.listen(resolve);
    const one = this.handle("handle", { connect: ["127.0.0.1", port], ...options });
    return [one, await promise];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const handle of this.#handles) handle.destroy();
    for (const listener of this.#listeners) listener.close();
    while (this.env.net.stats().streams > 0 || this.loop.stats().timers > 0) {
      await this.loop.sleep(0.001);
    }
    assert.deepEqual(this.thrown, []);
    assert.equal(this.loop.stats().held, 0);
    assert.equal(this.loop.stats().ios, 0);
    assert.equal(this.env.net.stats().attempts, 0);
    this.loop.dispose();
  }
}
