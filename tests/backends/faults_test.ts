/**
 * Hostile use at random: callbacks that throw, close, undo and register in the middle of everything, on
 * every backend. Whatever happens, the rules hold, no byte is lost or swapped, and nothing is left.
 */
import assert from "node:assert/strict";
import {
  type ByteStream,
  type Env,
  type IoMode,
  seededRandom,
  streamPair,
  type Undo,
} from "@anyevent/backends/contract";
import { ffiEnv } from "@anyevent/backends/ffi";
import { memoryEnv } from "@anyevent/backends/memory";
import { nativeEnv } from "@anyevent/backends/native";
import { nodeHost, pureEnv } from "@anyevent/backends/pure";
import { simWorld } from "@anyevent/backends/sim";
import { waitsOver } from "./ffi_support.ts";

/** One end of a connection, and what went through it. */
interface End {
  readonly stream: ByteStream;
  other: End;
  sent: number;
  got: number;
  closed: boolean;
  shut: boolean;
}

interface Registration {
  live: boolean;
  undo: Undo;
}

class Chaos {
  readonly #env: Env;
  readonly #random: () => number;
  readonly #ends: End[] = [];
  readonly #registrations: Registration[] = [];
  #left: number;
  #inCall = false;
  thrown = 0;
  calls = 0;
  readonly broken: string[] = [];

  constructor(env: Env, seed: number, actions: number) {
    this.#env = env;
    const random = seededRandom(seed);
    this.#random = () => random.float();
    this.#left = actions;
  }

  /** Until all actions have been spent. */
  async run(): Promise<void> {
    const { backend, net } = this.#env;
    backend.hold(true);
    for (let i = 0; i < 3; i++) this.#add(streamPair(backend, { capacity: 500 }));
    const listener = net.listen({ transport: "tcp", host: "127.0.0.1", port: 0 }, (stream) => {
      accepted.push(stream);
    });
    const accepted: ByteStream[] = [];
    for (let i = 0; i < 3; i++) {
      const client = await new Promise<ByteStream>((resolve, reject) =>
        net.connect(listener.address, (error, made) => made ? resolve(made) : reject(error))
      );
      while (accepted.length === 0) await this.#turn();
      this.#add([client, accepted.shift()!]);
    }
    listener.close();
    while (this.#left > 0) {
      for (let i = 0; i < 5; i++) this.#act();
      await this.#turn();
      if (this.#random() < 0.2) {
        await new Promise<void>((resolve) => void backend.timer(0.001, resolve));
      }
    }
    for (const each of this.#registrations) this.#undo(each);
    for (const end of this.#ends) this.#close(end);
    for (let i = 0; i < 5; i++) await this.#turn();
    backend.hold(false);
  }

  #turn(): Promise<void> {
    return new Promise((resolve) => this.#env.backend.post(resolve));
  }

  #add([a, b]: [ByteStream, ByteStream]): void {
    const made = [a, b].map((stream) => ({ stream, sent: 0, got: 0, closed: false, shut: false }));
    const [one, two] = made as End[];
    one.other = two;
    two.other = one;
    this.#ends.push(one, two);
  }

  #pick<T>(all: readonly T[]): T {
    return all[Math.floor(this.#random() * all.length)];
  }

  /** Registers something whose callback is as hostile as the rest. */
  #register(start: (cb: () => void) => Undo, allowed: () => boolean, once: boolean): void {
    const own: Registration = { live: true, undo: () => {} };
    this.#inCall = true;
    own.undo = start(() => {
      this.calls++;
      if (this.#inCall) this.broken.push("called inside a call that registers");
      if (!own.live) this.broken.push("called after its undo");
      if (!allowed()) this.broken.push("called after its stream was closed");
      if (once) own.live = false;
      this.#act();
      if (this.#random() < 0.1) {
        this.thrown++;
        throw new Error("chaos");
      }
    });
    this.#inCall = false;
    this.#registrations.push(own);
  }

  #undo(each: Registration): void {
    each.live = false;
    each.undo();
  }

  #close(end: End): void {
    end.closed = true;
    end.stream.close();
  }

  #act(): void {
    if (this.#left-- <= 0) return;
    const { backend } = this.#env;
    const dice = this.#random();
    const end = this.#pick(this.#ends);
    const { stream } = end;
    if (dice < 0.15) {
      this.#register((cb) => backend.timer(this.#random() * 0.003 - 0.001, cb), () => true, true);
    } else if (dice < 0.2) backend.post(() => this.#act());
    else if (dice < 0.23 && backend.idle) {
      this.#register((cb) => backend.idle!(cb), () => true, false);
    } else if (dice < 0.5) {
      if (end.closed) return;
      const mode: IoMode = this.#random() < 0.7 ? "r" : "w";
      this.#register((cb) => backend.io(stream, mode, cb), () => !end.closed, false);
    } else if (dice < 0.62) this.#write(end);
    else if (dice < 0.8) this.#read(end);
    else if (dice < 0.94) {
      if (this.#registrations.length > 0) this.#undo(this.#pick(this.#registrations));
    } else if (dice < 0.95) {
      if (end.closed) return;
      end.shut = true;
      stream.shutdown();
    } else if (dice < 0.965) this.#close(end);
    else backend.nowUpdate();
  }

  #write(end: End): void {
    if (end.closed || end.shut) return;
    const bytes = Uint8Array.from(
      { length: 1 + Math.floor(this.#random() * 700) },
      (_, i) => (end.sent + i) % 251,
    );
    try {
      end.sent += end.stream.tryWrite(bytes);
    } catch (thrown) {
      this.#expectBroken(end, thrown);
    }
  }

  #read(end: End): void {
    if (end.closed) return;
    const into = new Uint8Array(1 + Math.floor(this.#random() * 500));
    try {
      const count = end.stream.tryRead(into);
      if (count === null) {
        if (!end.other.shut && !end.other.closed) this.broken.push("an end that nobody made");
        return;
      }
      for (let i = 0; i < count; i++) {
        if (into[i] !== end.got++ % 251) return void this.broken.push("bytes were lost or swapped");
      }
      if (end.got > end.other.sent) this.broken.push("bytes that nobody sent");
    } catch (thrown) {
      this.#expectBroken(end, thrown);
    }
  }

  /** A connection breaks only when the other end was closed. */
  #expectBroken(end: End, thrown: unknown): void {
    const { name } = thrown as Error;
    if (name !== "PeerError" || !end.other.closed) this.broken.push(`${thrown}`);
  }
}

type Maker = (onError: (thrown: unknown) => void) => Env;

const BACKENDS: Readonly<Record<string, Maker>> = {
  native: (onError) => nativeEnv({ onError }),
  pure: (onError) => pureEnv({ host: nodeHost(), onError }),
  "pure in memory": (onError) => memoryEnv(pureEnv({ onError })),
  ...(Deno.build.os === "linux"
    ? {
      ffi: (onError) => ffiEnv({ onError }),
      "ffi spinning": (onError) => ffiEnv({ onError, spin: 0.0005 }),
    } satisfies Record<string, Maker>
    : {}),
  sim: (onError) => simWorld({ onError, moving: true }).env("host"),
};

const SEEDS = 6;

for (const [name, make] of Object.entries(BACKENDS)) {
  Deno.test(`${name}: the rules hold under hostile callbacks`, async () => {
    let calls = 0;
    for (let seed = 1; seed <= SEEDS; seed++) {
      let faults = 0;
      const env = make((thrown) => {
        assert.equal(
          (thrown as Error).message,
          "chaos",
          `seed ${seed}: ${(thrown as Error).stack}`,
        );
        faults++;
      });
      const chaos = new Chaos(env, seed, 1500);
      await chaos.run();
      assert.deepEqual([...new Set(chaos.broken)], [], `seed ${seed}`);
      calls += chaos.calls;
      assert.equal(faults, chaos.thrown, `seed ${seed}: faults told`);
      const { timers, ios, signals, children, idles } = env.backend.stats();
      assert.deepEqual([timers, ios, signals, children, idles], [0, 0, 0, 0, 0], `seed ${seed}`);
      assert.deepEqual(env.net.stats(), { streams: 0, listeners: 0, attempts: 0 }, `seed ${seed}`);
      env.backend.dispose();
    }
    if (name.startsWith("ffi")) await waitsOver();
    assert(calls > SEEDS * 100, `${calls} calls only`);
  });
}
