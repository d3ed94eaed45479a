import { addressText, NO_SINK, type Sink, type Source } from "./source.ts";

/** Bytes one read of the host fetches at most. */
export const READ_SIZE = 65536;

/**
 * A `Deno.Conn`.
 *
 * A read of the host cannot be taken back: once `pull` was called, one stays under way until bytes come or
 * the connection is closed. It does not keep the process alive.
 */
export class ConnSource implements Source {
  readonly #conn: Deno.Conn;
  #buffer: Uint8Array | undefined = undefined;
  sink: Sink = NO_SINK;
  readonly local: string;
  readonly remote: string;
  readonly #read = (count: number | null): void => {
    this.sink.pulled(count === null ? null : this.#buffer!.subarray(0, count));
  };
  readonly #readFailed = (thrown: unknown): void => this.sink.failed("r", thrown);
  readonly #wrote = (count: number): void => this.sink.pushed(count);
  readonly #writeFailed = (thrown: unknown): void => this.sink.failed("w", thrown);

  constructor(conn: Deno.Conn) {
    this.#conn = conn;
    this.local = addressText(conn.localAddr);
    this.remote = addressText(conn.remoteAddr);
    conn.unref();
  }

  pull(): void {
    this.#buffer ??= new Uint8Array(READ_SIZE);
    this.#conn.read(this.#buffer).then(this.#read, this.#readFailed);
  }

  unpull(): boolean {
    return false;
  }

  push(bytes: Uint8Array): void {
    this.#conn.write(bytes).then(this.#wrote, this.#writeFailed);
  }

  end(): void {
    // The peer may have closed already, in which case there is nobody to tell.
    this.#conn.closeWrite().catch(() => undefined);
  }

  close(): void {
    try {
      this.#conn.close();
    } catch (thrown) {
      // Its former owner may have closed it.
      if (!(thrown instanceof Deno.errors.BadResource)) throw thrown;
    }
  }

  release(): void {
    this.#conn.ref();
  }

  setNoDelay(on: boolean): void {
    (this.#conn as Partial<Deno.TcpConn>).setNoDelay?.(on);
  }

  setKeepAlive(on: boolean): void {
    (this.#conn as Partial<Deno.TcpConn>).setKeepAlive?.(on);
  }
}

/** What has Deno's `read` and `close`, such as standard input from a file. Read only. */
export class ReaderSource implements Source {
  readonly #reader: { read(into: Uint8Array): Promise<number | null>; close(): void };
  readonly #buffer: Uint8Array = new Uint8Array(READ_SIZE);
  sink: Sink = NO_SINK;
  readonly local = "";
  readonly remote = "";

  constructor(reader: { read(into: Uint8Array): Promise<number | null>; close(): void }) {
    this.#reader = reader;
  }

  pull(): void {
    this.#reader.read(this.#buffer).then(
      (count) => this.sink.pulled(count === null ? null : this.#buffer.subarray(0, count)),
      (thrown) => this.sink.failed("r", thrown),
    );
  }

  unpull(): boolean {
    return false;
  }

  push(_bytes: Uint8Array): void {
    const why = new Error("it can only be read");
    void Promise.resolve().then(() => this.sink.failed("w", why));
  }

  end(): void {}

  close(): void {
    this.#reader.close();
  }

  release(): void {}
  setNoDelay(_on: boolean): void {}
  setKeepAlive(_on: boolean): void {}
}
