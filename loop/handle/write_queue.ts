import { UsageError } from "@anyevent/backends/contract";
import type { Watcher } from "../watcher.ts";
import type { HandleCallback } from "./read_queue.ts";
import type { HandleState, Waiting } from "./state.ts";
import { Barrier, WriteBuffer } from "./write_buffer.ts";

/** An operation that waits until all is written. */
export interface DrainWaiting extends Waiting {
  /** It is. */
  drained(): void;
}

/**
 * The writing half of a handle: its buffer, and when it writes.
 *
 * Without autocork it tries to write inside `push`.
 */
export class WriteQueue {
  readonly buffer: WriteBuffer = new WriteBuffer();
  wbufMax: number | undefined;
  autocork = false;
  lowWaterMark = 0;
  readonly #state: HandleState;
  #onDrain: HandleCallback | undefined;
  #watcher: Watcher | undefined;
  #busy = false;

  constructor(state: HandleState) {
    this.#state = state;
  }

  /** Whether there is so little left that `onDrain` is called. */
  get drained(): boolean {
    const { buffer } = this;
    return this.#state.stream !== undefined && buffer.barriers === 0 &&
      buffer.size <= this.lowWaterMark;
  }

  /** Sets the callback; it is called at once when there is nothing to wait for. */
  setOnDrain(cb: HandleCallback | undefined): void {
    this.#onDrain = cb;
    if (this.drained) this.#state.call(cb);
  }

  /** There is a stream now. */
  begin(): void {
    try {
      if (this.drained) this.#state.call(this.#onDrain);
    } finally {
      this.flush(!this.autocork);
    }
  }

  /** Adds bytes, which are copied when they cannot be written now. */
  push(bytes: Uint8Array): void {
    const state = this.#state;
    if (bytes.length === 0) return;
    if (this.#busy || this.autocork || !this.buffer.empty || state.stream === undefined) {
      this.buffer.push(bytes);
      // While one waits for the stream there is no use in trying.
      this.flush(!this.autocork && this.#watcher === undefined);
      return;
    }
    const count = this.#tryWrite(bytes);
    if (count === undefined) return;
    if (count < bytes.length) this.buffer.push(bytes.subarray(count));
    if (count > 0) {
      state.activity("w");
      this.#tellDrained();
    }
    if (!state.destroyed) this.#settle();
  }

  /** Adds a place that nothing passes until it is opened. */
  barrier(reached: (barrier: Barrier) => void, dropsRest: boolean): Barrier {
    const barrier = new Barrier(reached, dropsRest);
    this.buffer.push(barrier);
    this.flush(true);
    return barrier;
  }

  /** Opens a barrier; `bytes` are written in its place. */
  open(barrier: Barrier, bytes?: Uint8Array): void {
    barrier.bytes = bytes;
    barrier.open = true;
    this.flush(true);
  }

  /** Writes what can be written now, if `now`; then waits for the stream when something is left. */
  flush(now: boolean): void {
    const state = this.#state;
    if (this.#busy || state.destroyed) return;
    if (now && state.stream !== undefined) this.#write();
    if (!state.destroyed) this.#settle();
  }

  /** Stops writing and forgets what was to be written. */
  clear(): void {
    this.stop();
    this.buffer.clear();
  }

  /** Follows `holds` of the state. */
  hold(): void {
    if (this.#state.holds) this.#watcher?.ref();
    else this.#watcher?.unref();
  }

  /** Stops writing. */
  stop(): void {
    this.#watcher?.cancel();
    this.#watcher = undefined;
  }

  #write(): void {
    const state = this.#state;
    this.#busy = true;
    try {
      for (;;) {
        const before = this.buffer.barriers;
        const count = this.#writeOut();
        if (count === undefined || state.destroyed) return;
        if (count > 0) state.activity("w");
        if (count === 0 && this.buffer.barriers === before) return;
        // A callback may have written again: that is written here too, not deeper inside.
        this.#tellDrained();
        if (state.destroyed || this.buffer.empty || this.autocork) return;
      }
    } finally {
      this.#busy = false;
      if (!state.destroyed) this.#rewatch();
    }
  }

  /** @returns bytes written; `undefined`: the stream is broken, which was told */
  #writeOut(): number | undefined {
    let total = 0;
    for (let head = this.buffer.head(); head !== undefined; head = this.buffer.head()) {
      if (head instanceof Barrier) {
        if (!head.told) {
          head.told = true;
          head.reached(head);
        }
        if (this.#state.destroyed) return undefined;
        if (!head.open) return total;
        continue;
      }
      const count = this.#tryWrite(head);
      if (count === undefined) return undefined;
      if (count === 0) break;
      this.buffer.took(count);
      total += count;
    }
    return total;
  }

  #tryWrite(bytes: Uint8Array): number | undefined {
    const state = this.#state;
    try {
      return state.stream!.tryWrite(bytes);
    } catch (error) {
      if (error instanceof UsageError) throw error;
      this.stop();
      state.broken(error, "write to");
      return undefined;
    }
  }

  #tellDrained(): void {
    const state = this.#state;
    if (!this.drained) return;
    for (const waiting of [...state.drainers]) (waiting as DrainWaiting).drained();
    const busy = this.#busy;
    this.#busy = true;
    try {
      state.call(this.#onDrain);
    } finally {
      this.#busy = busy;
      if (!busy && !state.destroyed) this.#rewatch();
    }
    // What the callback has written.
    if (!busy && !this.buffer.empty) this.flush(!this.autocork);
  }

  #settle(): void {
    const state = this.#state;
    this.#rewatch();
    if (this.wbufMax !== undefined && this.buffer.size > this.wbufMax) {
      const doing = `write to ${state.name}: more than ${this.wbufMax} bytes unwritten`;
      state.fail(doing, "ENOSPC", true);
    }
  }

  #rewatch(): void {
    const { stream, loop } = this.#state;
    const head = this.buffer.head();
    if (head === undefined || stream === undefined || (head instanceof Barrier && head.told)) {
      return this.stop();
    }
    if (this.#watcher !== undefined) return;
    this.#watcher = loop.addIo(stream, "w", () => this.flush(true));
    if (!this.#state.holds) this.#watcher.unref();
  }
}
