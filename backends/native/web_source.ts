import { NO_SINK, type Sink, type Source } from "./source.ts";

/**
 * A `ReadableStream`, a `WritableStream` or one of each, such as the pipes of a `Deno.ChildProcess`.
 *
 * A pull is taken back with `releaseLock`: what arrives afterwards stays in the stream.
 */
export class WebSource implements Source {
  readonly #readable: ReadableStream<Uint8Array> | undefined;
  readonly #writable: WritableStream<Uint8Array> | undefined;
  #reader: ReadableStreamDefaultReader<Uint8Array> | undefined = undefined;
  #writer: WritableStreamDefaultWriter<Uint8Array> | undefined = undefined;
  sink: Sink = NO_SINK;
  readonly local = "";
  readonly remote = "";

  constructor(
    readable: ReadableStream<Uint8Array> | undefined,
    writable: WritableStream<Uint8Array> | undefined,
  ) {
    this.#readable = readable;
    this.#writable = writable;
  }

  pull(): void {
    if (this.#readable === undefined) {
      const why = new Error("it can only be written");
      void Promise.resolve().then(() => this.sink.failed("r", why));
      return;
    }
    const reader = this.#reader ??= this.#readable.getReader();
    reader.read().then(
      (next) => {
        // An empty chunk would look like "would block".
        if (next.done) this.sink.pulled(null);
        else if (next.value.length === 0) this.pull();
        else this.sink.pulled(next.value);
      },
      (thrown) => {
        // A released reader rejects what it was asked for; that was wanted.
        if (this.#reader === reader) this.sink.failed("r", thrown);
      },
    );
  }

  unpull(): boolean {
    const reader = this.#reader;
    this.#reader = undefined;
    reader?.releaseLock();
    return true;
  }

  push(bytes: Uint8Array): void {
    if (this.#writable === undefined) {
      const why = new Error("it can only be read");
      void Promise.resolve().then(() => this.sink.failed("w", why));
      return;
    }
    const writer = this.#writer ??= this.#writable.getWriter();
    const count = bytes.length;
    // A web stream may keep what it was given after the promise, so it gets bytes of its own.
    writer.write(bytes.slice()).then(
      () => this.sink.pushed(count),
      (thrown) => this.sink.failed("w", thrown),
    );
  }

  end(): void {
    if (this.#writable === undefined) return;
    const writer = this.#writer ??= this.#writable.getWriter();
    // A reader that is gone needs no end of file.
    writer.close().catch(() => undefined);
  }

  close(): void {
    if (this.#readable !== undefined) {
      const reader = this.#reader ??= this.#readable.getReader();
      // Closing is final whatever the stream answers.
      reader.cancel().catch(() => undefined);
      this.#reader = undefined;
    }
    if (this.#writable !== undefined) {
      const writer = this.#writer ??= this.#writable.getWriter();
      writer.closed.catch(() => undefined);
      // As above; it may be closed already.
      writer.close().catch(() => writer.abort().catch(() => undefined));
    }
  }

  release(): void {
    this.#reader?.releaseLock();
    this.#writer?.releaseLock();
    this.#reader = undefined;
    this.#writer = undefined;
  }

  setNoDelay(_on: boolean): void {}
  setKeepAlive(_on: boolean): void {}
}
